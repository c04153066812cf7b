"""From miniSEED to estimates and events without torch: what fcn says of the same files."""

import json
import re

import pytest
from made_edge import run

from fcn.assemble import TimesTo, build_replay
from fcn.data.sequences import Sequence
from fcn.earth.travel_time import TravelTimeTable

ESTIMATES = """
import json, sys
from pathlib import Path
from fcn_edge.warn import Watch

watch = Watch(Path(sys.argv[1]))
said, own = [], watch.estimates
watch.estimates = lambda *given: said.extend(own(*given)) or []
list(watch.updates([Path(each) for each in sys.argv[2:]], 1.0))
heavy = [name for name in ("torch", "scipy", "obspy", "pyproj", "h5py", "hydra") if name in sys.modules]
said = [dict(each.plain) for each in said]
print(json.dumps({"said": said, "heavy": heavy, "fcn": sys.modules["fcn"].__file__}))
"""


def test_windows_are_read_as_fcn_reads_them(made, edge_path):
    """Every number of every estimate; nothing heavy is imported on the way."""
    done = run(edge_path, "-c", ESTIMATES, str(made.exported.root), *made.files)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["heavy"] == []
    assert answer["fcn"].startswith(str(edge_path))
    expected = list(estimates(made))
    assert len(expected) > 10
    assert len(answer["said"]) == len(expected)
    for own, other in zip(expected, answer["said"], strict=True):
        assert set(own) == set(other)
        for name, value in own.items():
            if isinstance(value, float):
                assert other[name] == pytest.approx(value, abs=2e-3, rel=1e-4), name
            elif name != "covariance_km2":
                assert other[name] == value, name
        for one, two in zip(own["covariance_km2"], other["covariance_km2"], strict=True):
            assert two == pytest.approx(one, rel=1e-3, abs=1e-2)


def estimates(made):
    """What the network's own scheme says, in torch, of the windows of a replay."""
    restored = made.restored
    sequence = Sequence.load(made.sequence, restored.preprocess)
    (model, *_) = restored.velocity_models.values()
    replay = build_replay(
        sequence,
        restored.module.network,
        restored.module.scheme,
        partial=False,
        preprocess=restored.preprocess,
        travel_times=TimesTo(model, restored.config["data"]["table"], sequence.frame),
        declare=restored.declare,
        matching=restored.config["matching"],
        window_s=restored.window_s,
        step_s=1.0,
    )
    assert isinstance(next(iter(replay)).travel_time, TravelTimeTable)
    for batch in replay:
        for each in restored.module.scheme.estimates(restored.module.network, batch, [])[0]:
            yield dict(each.plain)


def test_graphs_are_timed(made, edge_path):
    done = run(edge_path, "-m", "fcn_edge", "bench", str(made.exported.root), "--repeats", "3")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told["graphs"]) == {"image", "reading"}
    assert all(0 < each["p50_ms"] <= each["p99_ms"] for each in told["graphs"].values())
    assert told["resident_most_mb"] > told["resident_before_mb"] > 0
    assert told["torch_imported"] is False


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda root, files: (root / "nowhere", files),
            "no .*network.json: write it with python -m",
        ),
        (lambda root, files: (root, [str(root / "network.json")]), "network.json cannot be read as miniSEED"),
    ],
)
def test_what_cannot_be_done_is_said_on_one_line(made, edge_path, change, told):
    root, files = change(made.exported.root, made.files)
    done = run(edge_path, "-m", "fcn_edge", "run", str(root), *files)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("fcn_edge: ")
    assert re.search(told, line)


def test_only_alarm_rules_are_built(edge_path):
    """A folder is data: it names no other class."""
    script = "from fcn_edge.warn import build; build({'_target_': 'os.system', 'command': 'true'})"
    done = run(edge_path, "-c", script)
    assert "ValueError: declare: os.system is no part of an alarm rule" in done.stderr


def test_one_process_has_one_fcn(edge_path):
    done = run(edge_path, "-c", "import sys; sys.modules['fcn'] = sys; import fcn_edge")
    assert "fcn is imported already" in done.stderr


EPOCHS = """
import json
import numpy as np
from fcn_edge.motion import _turned
from fcn_edge.motion import motion_of, spec_of
rng = np.random.default_rng(1)
true = rng.standard_normal((2, 3, 40))
along, valid = np.zeros((2, 6, 40)), np.zeros((6, 40), bool)
for epoch, part in enumerate((slice(0, 20), slice(20, 40))):
    along[:, 3 * epoch : 3 * epoch + 3, part], valid[3 * epoch : 3 * epoch + 3, part] = true[:, :, part], True
valid[4, 30:], along[:, 4, 30:] = False, 0.0
turned = _turned(along, valid, np.tile(np.eye(3), (2, 1)))
true[:, 1, 30:] = 0.0
print(float(np.abs(turned - true).max()))
"""


def test_a_channel_of_two_epochs_is_one(edge_path):
    """Each counts while it lasts; a component that is missing takes nothing from the others."""
    done = run(edge_path, "-c", EPOCHS)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1e-12


@pytest.mark.parametrize("step_s", ["0.02", "-0.5", "0.0", "nan", "0.07"])
def test_steps_that_never_end_are_refused(made, edge_path, step_s):
    done = run(edge_path, "-m", "fcn_edge", "run", str(made.exported.root), *made.files, f"--step-s={step_s}")
    assert done.returncode == 1
    assert "--step-s must be a whole number of samples of 0.05 s" in done.stderr


RATES = """
import json, logging, sys
from pathlib import Path
from fcn_edge import motion
from fcn_edge.records import Segment
from fcn_edge.warn import Watch
import numpy as np
watch = Watch(Path(sys.argv[1]))
channels = watch.stations[0]["channels"]
counts = np.random.default_rng(1).standard_normal(4000)
def valid(rate_hz):
    segments = {each["seed_id"]: [Segment(1460636790.0, rate_hz, counts)] for each in channels}
    made = motion.motion_of(channels, segments, watch.spec)
    return None if made is None else int(made.valid.sum())
print(json.dumps([valid(rate_hz) for rate_hz in (100.0, 100.0005, 62.5)]))
"""


def test_rates_that_were_not_exported_end_nothing(made, edge_path):
    """Headers that are off by a hair are of a rate that was; channels of others are left out, and named."""
    done = run(edge_path, "-c", RATES, str(made.exported.root))
    assert done.returncode == 0, done.stderr
    same, nearly, other = json.loads(done.stdout)
    assert same == nearly > 0
    assert other is None
    assert "left out: no to_velocity filter was exported" in done.stderr


DECLARED = """
import json, sys
from pathlib import Path
from fcn_edge.warn import Watch
from fcn.catalogue.event import WindowEstimate
watch = Watch(Path(sys.argv[1]))
one = dict(detection_score=0.99, location_score=0.9, east_km=3.0, north_km=-4.0, depth_km=9.0, magnitude=4.5,
    horizontal_uncertainty_km=1.0, depth_uncertainty_km=2.0, magnitude_uncertainty=0.2)
for step in range(40):
    now_s = 1.46e9 + 0.5 * step
    times = dict(now_s=now_s, first_p_time_s=1.46e9 - 2.0, origin_time_s=1.46e9 - 4.0)
    for update in watch.declarer.process(now_s, [WindowEstimate(**one, **times)]):
        print(json.dumps(update.plain))
"""


def test_its_rule_declares_what_stands(made, edge_path):
    """Estimates that agree for 20 s are one event, where they say."""
    done = run(edge_path, "-c", DECLARED, str(made.exported.root))
    assert done.returncode == 0, done.stderr
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert events
    assert {each["event_id"] for each in events} == {events[0]["event_id"]}
    assert events[-1]["magnitude"] == pytest.approx(4.5, abs=0.01)
    assert events[-1]["depth_km"] == pytest.approx(9.0, abs=0.01)
