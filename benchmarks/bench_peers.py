"""An hour of 12 stations, simulated: packets to updates, beside JMA-PhaseNet + PyOcto on the same record.

The peer reads the whole record at once, offline, and gives no magnitudes; what it takes is no latency. It
runs in an environment of its own (the extra [peers]): FCN_PEERS_PYTHON is its interpreter, FCN_PEERS_WEIGHTS
the file of weights (experiments/recorded/README.md says where they come from).
Run: FCN_PEERS_PYTHON=... FCN_PEERS_WEIGHTS=... pytest benchmarks/bench_peers.py
"""

import json
import os
from pathlib import Path

import pytest
from rows import row
from streams import network_of, passed, replay_of
from trees import REPOSITORY, child

from fcn.checkpoint import load
from fcn.waveform.folder import write_sequence_folder

N_STATIONS = 12
GIVEN = ("FCN_PEERS_PYTHON", "FCN_PEERS_WEIGHTS")


@pytest.fixture(scope="module")
def peer() -> tuple[str, str]:
    """Interpreter and weights; skips, saying so, where they are not there."""
    for name in GIVEN:
        path = os.environ.get(name)
        if path is None:
            pytest.skip(f"{name} is not set: JMA-PhaseNet + PyOcto are not timed")
        if not Path(path).is_file():
            pytest.skip(f"{name}: no file {path}")
    python, weights = (os.environ[name] for name in GIVEN)
    done = child(REPOSITORY, python, "-c", "import pyocto, seisbench.models")
    if done.returncode:
        pytest.skip(f"{python} has no extra [peers]: {done.stderr.strip().splitlines()[-1]}")
    return python, weights


def test_an_hour(benchmark, peer, short, tmp_path):
    """Both on one core, without imports and reading of weights; theirs with reading the record."""
    python, weights = peer
    seconds = 60.0 if short else 3600.0
    made = network_of(N_STATIONS, seconds)
    watched, stream = made
    write_sequence_folder(tmp_path / "made", stream, watched.inventory)
    script = str(REPOSITORY / "benchmarks" / "peers_pass.py")
    done = child(REPOSITORY, python, script, str(tmp_path / "made"), weights)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout.splitlines()[-1])
    replay = replay_of(load("generalized"), made)
    ours = benchmark.pedantic(passed, args=(replay, seconds), rounds=1)
    what = f"{N_STATIONS} stations, {seconds:.0f} s, simulated"
    total_s = theirs["picks_s"] + theirs["association_s"]
    row(
        f"{what}, packets to updates",
        f"{ours.took_s:.1f} s, {ours.real_time:.1f} x real time",
        f"JMA-PhaseNet + PyOcto {total_s:.1f} s: picks {theirs['picks_s']:.1f}, association "
        f"{theirs['association_s']:.1f}",
    )
    row(f"{what}, declared", f"{ours.n_declared}", f"JMA-PhaseNet + PyOcto {theirs['n_events']}")
