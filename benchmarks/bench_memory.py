"""Memory of a replay by length, of twelve stations at 100 Hz, beside the commit that held it whole.

In processes of their own, their largest resident memory: a sequence loaded and gone through in windows.
"""

import sys
from pathlib import Path

import pytest
from made_networks import make_network
from rows import row
from trees import OLD, REPOSITORY

from fcn.waveform.folder import write_sequence_folder

N_STATIONS = 12
MINUTES = (10, 60)

LOAD = """
import sys
from hydra.utils import instantiate
from omegaconf import OmegaConf
from fcn.data.sequences import Sequence
spec = instantiate(OmegaConf.load("conf/preprocess/default.yaml"), _convert_="all")
sequence = Sequence.load(sys.argv[1], spec)
"""
PASS = """
import torch
sys.path.insert(0, "tests")
from made_alarms import declarer
from made_streams import Listener, replay_of
class Deaf(Listener):
    def estimates(self, network, batch, known):
        return [[]]
replay = replay_of(sequence, Deaf(), declarer, 1.0, step_s=5.0)
for batch in replay:
    replay.read(batch)
"""
# not getrusage, which of a child has what the process that began it had; Linux alone has this
SAY = """
(most,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(most) / 1024)
"""


@pytest.fixture(scope="module")
def roots(tmp_path_factory, short) -> list[tuple[int, Path]]:
    """Sequences of noise, by minutes."""
    made = []
    for minutes in (1, 3) if short else MINUTES:
        root = tmp_path_factory.mktemp("long") / f"{minutes}"
        _, stream, inventory = make_network(N_STATIONS, seconds=60.0 * minutes)
        write_sequence_folder(root, stream, inventory)
        made.append((minutes, root))
    return made


@pytest.mark.parametrize("name", ["loaded", "loaded and replayed"])
def test_memory(benchmark, in_tree, old_tree, roots, name):
    """The commit's replays were made otherwise: of it, what loading takes."""

    def grown_mb(tree: Path, script: str) -> float:
        low, high = (
            float(in_tree(tree, sys.executable, "-c", script, str(root)).split()[-1]) for _, root in roots
        )
        return high - low

    script = LOAD + (PASS if name != "loaded" else "") + SAY
    found = benchmark.pedantic(grown_mb, args=(REPOSITORY, script), rounds=1)
    try:
        old_mb = f"{grown_mb(old_tree, LOAD + SAY):.0f} MB at {OLD}, loaded alone"
    except pytest.skip.Exception as why:
        old_mb = str(why)[:60]
    first, last = (minutes for minutes, _ in roots)
    row(f"memory, {last} minutes for {first}, {name}", f"{found:+.0f} MB", old_mb)
