"""From miniSEED to estimates and events without torch: what fcn says of the same files."""

import json
import sys

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
    pytest.importorskip("re").search(told, line)


def test_only_alarm_rules_are_built(edge_path):
    """A folder is data: it names no other class."""
    script = "from fcn_edge.warn import build; build({'_target_': 'os.system', 'command': 'true'})"
    done = run(edge_path, "-c", script)
    assert "ValueError: declare: os.system is no part of an alarm rule" in done.stderr


def test_one_process_has_one_fcn(edge_path):
    done = run(edge_path, "-c", "import sys; sys.modules['fcn'] = sys; import fcn_edge")
    assert "fcn is imported already" in done.stderr
    assert sys.executable  # the same interpreter
