"""Spoilt inputs end in an error that names the file and what is wrong, or do no harm; nothing else.

A mutated input: one of a kind's sound files with one or two mutations (`mutation.py`). Harmless is what every
number that entered shows (`kinds.py`).
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from fuzz.attack import Outcome, attack
from fuzz.commands import NAMES, commands
from fuzz.examined import examined
from fuzz.kinds import KINDS, Kind, Target, kind_of, spoilt
from fuzz.mutation import Mutation
from fuzz.overrides import COMMANDS, Override, nonsense, overrides, start

QUICK, THOROUGH, COMMAND = 3, 110, 20  # examples of each kind


Done = tuple[tuple[Target, Mutation], ...]


def attacked(kind: Kind, count: int) -> dict[Done, Outcome]:
    """Files of a kind, spoilt."""

    def attack_one(done: Done) -> Outcome:
        return attack(spoilt(kind, done), kind.read, kind.nonsense)

    return examined(count, kind.mutations(), attack_one)


def overridden(entry: str, count: int) -> dict[Override, Outcome]:
    """Values of a command line, spoilt."""

    def attack_one(override: Override) -> Outcome:
        names = [str(part) for part in override.key if not isinstance(part, int)]
        return attack({}, lambda _: start(override), nonsense, names[-2:])

    return examined(count, overrides(entry), attack_one)


def told(outcomes: Mapping[Any, Outcome]) -> str:
    """The faults, one of each sort, after how often each outcome came."""
    lines, seen = [str(dict(Counter(outcome.kind for outcome in outcomes.values())))], set()
    for done, outcome in outcomes.items():
        sort = (outcome.kind, outcome.text[:40])
        if outcome.is_fault and sort not in seen:
            seen.add(sort)
            what = done if isinstance(done, Override) else [(target.file, how) for target, how in done]
            lines.append(f"{outcome.kind}: {outcome.text[:300]}\n    {what}")
    return "\n".join(lines)


@pytest.mark.parametrize("name", KINDS)
def test_sound_inputs_are_read(name):
    kind = kind_of(name)
    outcome = attack(spoilt(kind, ()), kind.read, kind.nonsense)
    assert outcome == Outcome("harmless", "")


@pytest.mark.parametrize("name", KINDS)
def test_a_few_spoilt_inputs(name):
    outcomes = attacked(kind_of(name), QUICK)
    assert not any(outcome.is_fault for outcome in outcomes.values()), told(outcomes)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_many_spoilt_inputs(name):
    outcomes = attacked(kind_of(name), THOROUGH)
    assert not any(outcome.is_fault for outcome in outcomes.values()), told(outcomes)


@pytest.mark.parametrize("entry", COMMANDS)
def test_a_few_spoilt_overrides(entry):
    outcomes = overridden(entry, QUICK)
    assert not any(outcome.is_fault for outcome in outcomes.values()), told(outcomes)


@pytest.mark.slow
@pytest.mark.parametrize("entry", COMMANDS)
def test_many_spoilt_overrides(entry):
    outcomes = overridden(entry, THOROUGH)
    assert not any(outcome.is_fault for outcome in outcomes.values()), told(outcomes)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_commands_with_spoilt_inputs(name):
    kind = commands()[name]
    assert attack(spoilt(kind, ()), kind.read, kind.nonsense) == Outcome("harmless", "")
    outcomes = attacked(kind, COMMAND)
    assert not any(outcome.is_fault for outcome in outcomes.values()), told(outcomes)
