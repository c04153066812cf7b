"""Spoilt inputs end in an error that names the file and what is wrong, or do no harm; nothing else.

A mutated input: one of a kind's sound files with one or two mutations (`mutation.py`). Harmless is what every
number that entered shows (`kinds.py`).
"""

from collections import Counter

import pytest
from fuzz.attack import Outcome, attack
from fuzz.kinds import KINDS, Target, kind_of, spoilt
from fuzz.mutation import Mutation
from hypothesis import HealthCheck, given, settings

QUICK, THOROUGH = 3, 110  # examples of each kind


Done = tuple[tuple[Target, Mutation], ...]


def attacked(name: str, count: int) -> dict[Done, Outcome]:
    """Outcomes by what was done, the same in every run."""
    kind, outcomes = kind_of(name), {}
    same = settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    @same
    @given(kind.mutations())
    def one(done: Done) -> None:
        outcomes[done] = attack(spoilt(kind, done), kind.read, kind.nonsense)

    one()
    return outcomes


def told(outcomes: dict[Done, Outcome]) -> str:
    """The faults, one of each sort, after how often each outcome came."""
    lines, seen = [str(dict(Counter(outcome.kind for outcome in outcomes.values())))], set()
    for done, outcome in outcomes.items():
        sort = (outcome.kind, outcome.text[:40])
        if outcome.is_fault and sort not in seen:
            seen.add(sort)
            what = [(target.file, mutation) for target, mutation in done]
            lines.append(f"{outcome.kind}: {outcome.text[:300]}\n    {what}")
    return "\n".join(lines)


@pytest.mark.parametrize("name", KINDS)
def test_sound_inputs_are_read(name):
    kind = kind_of(name)
    outcome = attack(spoilt(kind, ()), kind.read, kind.nonsense)
    assert outcome == Outcome("harmless", "")


@pytest.mark.parametrize("name", KINDS)
def test_a_few_spoilt_inputs(name):
    outcomes = attacked(name, QUICK)
    assert not any(outcome.is_fault for outcome in outcomes.values()), told(outcomes)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_many_spoilt_inputs(name):
    outcomes = attacked(name, THOROUGH)
    assert not any(outcome.is_fault for outcome in outcomes.values()), told(outcomes)
