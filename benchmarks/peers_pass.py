"""What JMA-PhaseNet and PyOcto take on a sequence, seconds, by experiments/recorded/peers.py: a line of JSON.

python benchmarks/peers_pass.py SEQUENCE WEIGHTS, in the environment of the extra [peers].
"""

import json
import sys
import time
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "experiments" / "recorded"))

import peers  # noqa: E402
from known import read_model  # noqa: E402

from fcn.geometry.network import Network  # noqa: E402
from fcn.geometry.projection import LocalFrame  # noqa: E402
from fcn.waveform.archive import read_sds  # noqa: E402
from fcn.waveform.folder import STATIONS, WAVEFORMS  # noqa: E402
from fcn.waveform.inventory import read_stations  # noqa: E402


def main() -> None:
    """Time both parts."""
    sequence, weights = (Path(each) for each in sys.argv[1:])
    torch.set_num_threads(1)
    network = Network.from_inventory(read_stations(sequence / STATIONS))
    model, frame = read_model(sequence, "iasp91"), LocalFrame(*network.centre())
    picker = peers.read_picker(weights)
    began_s = time.perf_counter()
    picks = peers.pick(picker, read_sds(sequence / WAVEFORMS))
    picked_s = time.perf_counter()
    events, _ = peers.associate(picks, network, frame, model, peers.MAX_DEPTH_KM)
    done_s = time.perf_counter()
    told = {"picks_s": picked_s - began_s, "association_s": done_s - picked_s, "n_events": len(events)}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
