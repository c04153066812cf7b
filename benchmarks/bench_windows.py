"""Windows of 12, 65 and 300 stations, packets to updates, as they come one after the other.

Beside: the same stream with every window encoded as a whole and nothing kept of the one before; and what
`fcn.test` of the old commit says a window of a like sequence takes.
Run: pytest benchmarks/bench_windows.py
"""

import json
import statistics
import sys

import pytest
from rows import row
from streams import Passed, network_of, passed, replay_of, settled_volumes, shares
from trees import OLD, REPOSITORY

from fcn.checkpoint import Restored, load

STATIONS = (12, 65, 300)
SECONDS = {12: 90.0, 65: 45.0, 300: 36.0}


@pytest.fixture(scope="module")
def restored() -> Restored:
    return load("generalized")


@pytest.mark.parametrize("n", STATIONS)
def test_a_stream(benchmark, restored, short, n):
    """Rows of a window, and of real time; rounds alternate, so that what else runs meets both."""
    if short and n > STATIONS[0]:
        pytest.skip("little")
    seconds = 14.0 if short else SECONDS[n]
    made = network_of(n, seconds)
    replays = {kind: replay_of(restored, made, kind) for kind in ("as it is", "anew")}
    found: dict[str, list[Passed]] = {kind: [] for kind in replays}

    def both() -> None:
        for kind, replay in replays.items():
            found[kind].append(passed(replay, seconds))

    benchmark.pedantic(both, rounds=3 if n == STATIONS[0] else 1)

    def middle(kind: str, what: str) -> float:
        return statistics.median(getattr(each, what) for each in found[kind])

    for what, name in (("median_ms", "median"), ("p99_ms", "99 %")):
        ours, anew = (middle(kind, what) for kind in replays)
        beside = f"anew {anew:.0f} ms, {anew / ours:.2f} times"
        row(f"{n} stations, a window, {name}", f"{ours:.0f} ms", beside)
    ours, anew = (middle(kind, "real_time") for kind in replays)
    beside = f"anew {anew:.1f}, {ours / anew:.2f} times"
    row(f"{n} stations, 100 Hz, step 0.5 s", f"{ours:.1f} x real time", beside)
    assert [each.n_declared for each in found["as it is"]] == [each.n_declared for each in found["anew"]]


@pytest.mark.parametrize("n", STATIONS[:2])
def test_a_test_of_the_old_commit(benchmark, in_tree, old_tree, tmp_path, short, n):
    """The same command in both trees, each with its own checkpoint, on the smoke sequence of n stations."""
    if short and n > STATIONS[0]:
        pytest.skip("little")
    found = {}

    def both() -> None:
        for name, tree in (("ours", REPOSITORY), (OLD, old_tree)):
            folder = tmp_path / name
            asked = (
                *("ckpt=generalized", "dataset=smoke", f"dataset.builder.region.network.n_stations={n}"),
                *(f"cache={tmp_path}/cache-{name}", f"hydra.run.dir={folder}", "logger=csv"),
                *("trainer.enable_progress_bar=false", "trainer.precision=32-true"),
            )
            in_tree(tree, sys.executable, "-m", "fcn.test", *asked)
            found[name] = json.loads((folder / "metrics.json").read_text())

    benchmark.pedantic(both, rounds=1)
    for what, name in (("p50", "median"), ("p99", "99 %")):
        ours, old = (found[tree][f"compute_ms_per_window_{what}"] for tree in ("ours", OLD))
        beside = f"{OLD} {old:.0f} ms, {old / ours:.2f} times"
        row(f"{n} stations, fcn.test, {name}", f"{ours:.0f} ms", beside)


def test_shares(benchmark, restored, short):
    """Of 12 stations; a profile, under which Python's own share is larger than it is."""
    seconds = 14.0 if short else 60.0
    replay = replay_of(restored, network_of(12, seconds))
    found = benchmark.pedantic(shares, args=(replay,), rounds=1)
    for name, share in found.items():
        row(
            f"12 stations, share of {name}",
            "no longer there" if share is None else f"{share:.0%}",
            "of a pass",
        )


def test_coarse_volumes_that_could_be_kept(benchmark, restored, short):
    """Of 12 stations: docs/decisions/021 says why none is."""
    replay = replay_of(restored, network_of(12, 14.0 if short else 90.0))
    settled, n = benchmark.pedantic(settled_volumes, args=(replay, restored.module.network), rounds=1)
    row("12 stations, coarse volumes that new data change nothing of", f"{settled}", f"of {n}")
