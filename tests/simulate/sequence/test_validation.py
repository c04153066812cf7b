import csv
import re
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import obspy
import pytest
import torch
from toy import resolved
from validation_example import CONFIG, SHIPPED, dataset, make

from fcn.catalogue.event import DeclaredEvent, Update
from fcn.catalogue.io import read_quakeml
from fcn.config import build
from fcn.data.sequences import Sequence
from fcn.earth.travel_time import TravelTimeTable
from fcn.metrics.matching import MatchTolerance, match_events
from fcn.simulate.sequence.validation import ValidationSequence

B, SEISMICITY = "dataset.builder.", "dataset.builder.region.seismicity."
SHORT = (
    "dataset=validation",
    f"{B}duration_s=150",
    f"{B}region.network.count=[6,6]",
    f"{B}recording.sampling_rate_hz=50",
    f"{SEISMICITY}n_background=[1,1]",
    f"{SEISMICITY}n_bursts=[1,1]",
    f"{SEISMICITY}n_aftershocks=[3,3]",
    f"{SEISMICITY}main_magnitudes=[[4.5,5.0]]",
    f"{SEISMICITY}burst_at=[0.3,0.4]",
    f"{SEISMICITY}omori_c_s=[10,20]",
    f"{SEISMICITY}distant.n_events=[1,1]",
    f"{SEISMICITY}distant.magnitude=[4.5,5.0]",
    f"{SEISMICITY}distant.quiet_s=40",
)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """The builder of two and a half minutes, and the folder it made."""
    builder = build(dataset(*SHORT)["builder"])
    root = tmp_path_factory.mktemp("sequences") / "short"
    builder.build(root)
    return builder, root


@pytest.fixture(scope="module")
def loaded(short, recipe):
    return Sequence.load(short[1], recipe.preprocess)


@pytest.fixture(scope="module")
def shipped():
    return [make(index) for index in SHIPPED]


def test_folder_is_an_ordinary_archive(short, loaded):
    builder, _ = short
    assert loaded.simulated
    assert loaded.name == "validation-0"
    assert len(loaded.network) == 6
    assert loaded.box == (41.0, 50.0)
    assert loaded.frame == builder.frame
    assert loaded.n_samples == pytest.approx(builder.duration_s * 20.0, abs=2)
    assert 0.5 < loaded.valid.mean() < 1.0  # gaps


@pytest.mark.parametrize("index", range(6))
def test_large_main_shocks_come_in_three_classes_in_turn(index):
    """Uniform in each; by generators and seeds of their own, with the first aftershocks."""
    config = dataset("dataset=validation_large", f"dataset.index={index}")
    shocks = build(config["builder"]).shocks()
    low, high = ((6.0, 6.5), (6.5, 7.0), (7.0, 8.0))[index % 3]
    largest = max(shock.magnitude for shock in shocks)
    assert low <= largest <= high
    assert sum(shock.magnitude > largest - 1.0 for shock in shocks) == 1
    assert shocks[0].magnitude == largest
    assert 40.0 < shocks[0].origin_time_s < 60.0
    assert len(shocks) > 1


def test_it_is_known_how_the_moment_of_a_finite_rupture_came_out(tmp_path, recipe):
    large = (f"{SEISMICITY}main_magnitudes=[[5.6,5.7]]", f"{SEISMICITY}n_aftershocks=[1,1]")
    config = dataset(*SHORT, *large)
    builder = build(config["builder"])
    builder.build(tmp_path / "large")
    catalogue = Sequence.load(tmp_path / "large", recipe.preprocess).catalogue
    (main,) = (event for event in catalogue if event.magnitude >= 5.5)
    released = catalogue.released[main.event_id]
    assert set(catalogue.released) == {main.event_id}  # points are out at once
    assert released.magnitude[-1] == pytest.approx(main.magnitude, abs=1e-6)
    assert 0.0 < released.after_origin_s[0] < 2.0
    assert 1.0 < released.after_origin_s[-1] < 30.0


def test_what_lies_in_the_box_is_catalogued_and_the_rest_is_kept_apart(short, loaded):
    builder, root = short
    outside = read_quakeml(root / "outside.xml")
    assert len(loaded.catalogue) + len(outside) == len(builder.shocks()) == 6
    assert len(outside) == 1
    for catalogue, within in ((loaded.catalogue, True), (outside, False)):
        for event in catalogue:
            place = np.array([event.latitude_deg]), np.array([event.longitude_deg])
            (east_km,), (north_km,) = builder.frame.to_local_km(*place)
            assert (abs(east_km) <= 41.0 and abs(north_km) <= 50.0) == within
    assert "not to be declared" in outside[0].note
    assert all("outside" not in event.note for event in loaded.catalogue)


def test_declaring_an_earthquake_outside_the_box_is_a_false_alarm(short, loaded):
    (event,) = read_quakeml(short[1] / "outside.xml")
    declared = DeclaredEvent(event.event_id, [Update(event.origin_time_s + 60.0, event, 1.0, 1.0)])
    matching = match_events([declared.final.event], loaded.catalogue.events, MatchTolerance(4.0, 25.0, 1.0))
    assert matching.pairs == ()
    assert matching.unmatched_declared == (0,)


def test_the_model_stated_is_the_operators_not_the_earths(short, loaded):
    builder, _ = short
    assert loaded.velocity_model == builder.regional_model
    true, stated = builder.region.velocity_model, builder.regional_model
    factors = np.log(np.array(true.vp_kmps) / np.array(stated.vp_kmps))
    assert 0.0 < np.abs(factors).max() < 5 * 0.02


def test_arrivals_do_not_follow_the_stated_model(short, loaded):
    table = TravelTimeTable.build(
        loaded.velocity_model, max_depth_km=30.0, max_distance_km=150.0, step_km=1.0
    )
    late_s = np.concatenate([residuals_s(table, loaded, event) for event in picked(short[1])])
    assert 0.02 < late_s[:, 0].std() < 0.5
    assert late_s[:, 1].std() > late_s[:, 0].std()


def picked(root: Path) -> list:
    return list(obspy.read_events(str(root / "catalogue.xml")))


def residuals_s(table, sequence, event):
    """True minus predicted P and S of one event at every station."""
    origin = event.preferred_origin()
    place = np.array([origin.latitude]), np.array([origin.longitude])
    east_km, north_km = sequence.frame.to_local_km(*place)
    source_km = np.array([[east_km[0], north_km[0], origin.depth / 1000]])
    predicted_s = table.between(*map(as_tensor, (source_km, sequence.station_km)))[:, 0].numpy()
    times = {(pick.waveform_id.station_code, pick.phase_hint): pick.time for pick in event.picks}
    true_s = [[times[station.code, phase] - origin.time for phase in "PS"] for station in sequence.network]
    return np.array(true_s) - predicted_s


def as_tensor(array):
    return torch.from_numpy(array).float()


def test_the_ground_starts_to_move_at_the_true_p(short):
    builder, _ = short
    motion = builder.ground().motion(builder.shocks()[0])
    rate_hz = builder.recording.sampling_rate_hz
    for record, start, (p_s, s_s) in zip(
        motion.velocity_mps, motion.start_sample, motion.arrival_s, strict=True
    ):
        assert p_s < s_s
        level = np.abs(record).max(0)
        p = round(p_s * rate_hz) - int(start)
        assert level[: p - 1].max() < 1e-3 * level.max()
        assert level[p : p + round(2 * rate_hz)].max() > 1e-3 * level.max()


def test_faults_are_listed_and_happened(short, loaded):
    _, root = short
    with (root / "faults.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = {"clipped", "reversed", "step", "spike", "dead", "channel gap", "station gap", "network gap"}
    assert {row["kind"] for row in rows} == kinds
    stations = {f"SY.{station.code}" for station in loaded.network}
    assert {".".join(row["channel"].split(".")[:2]) for row in rows} <= stations
    outage = next(row for row in rows if row["kind"] == "network gap")
    start, end = (
        obspy.UTCDateTime(outage[f"{key}_time_utc"]).timestamp - loaded.start_time_s
        for key in ("start", "end")
    )
    assert not loaded.valid[:, round(20 * start) + 2 : round(20 * end) - 2].any()


def test_rebuilt_from_its_seed_it_is_the_same_and_nothing_is_left_of_an_earlier_attempt(short, tmp_path):
    builder, root = short
    left = tmp_path / ".again.0123abcd.partial"
    left.mkdir()
    (left / "stale").write_text("")
    builder.build(tmp_path / "again")
    first, second = (
        {path.relative_to(top): content(path) for path in sorted(top.rglob("*")) if path.is_file()}
        for top in (root, tmp_path / "again")
    )
    assert len(first) == 18 + 5
    assert first == second
    assert not left.exists()
    assert not list(root.parent.glob("*.partial"))


def content(path: Path) -> bytes:
    """Bytes of a file, of a QuakeML without the random ids of its parts."""
    found = path.read_bytes()
    return re.sub(rb"smi:local/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"", found)


def test_shipped_sequences_differ_in_all_that_is_drawn(shipped):
    counts = [len(builder.network) for builder in shipped]
    assert min(counts) <= 8
    assert max(counts) >= 22
    assert all(6 <= count <= 24 for count in counts)
    assert len({builder.region.network.layout.func for builder in shipped}) == 3
    assert {builder.region.crust.scattering.coda_law for builder in shipped} == {"single", "diffusion"}
    assert len({builder.recording.noise for builder in shipped}) == 3
    assert {sum(type(p).__name__ == "Aftershocks" for p in b.seismicity) for b in shipped} == {1, 2}
    ends_s = [(b.start_time_s, b.start_time_s + b.duration_s) for b in shipped]
    assert all(before[1] < after[0] for before, after in pairwise(ends_s))


def test_aftershocks_overlap(shipped):
    for builder in shipped:
        times_s = np.array([shock.origin_time_s for shock in builder.shocks()])
        assert (np.diff(times_s) < 15.0).sum() >= 10
        assert times_s.max() <= builder.duration_s - 30.0


def test_nonsense_is_refused():
    parts = {key: build(node) if isinstance(node, dict) else node for key, node in CONFIG.items()}
    del parts["_target_"]
    with pytest.raises(ValueError, match="index of a validation sequence"):
        ValidationSequence(**{**parts, "index": -1})
    law = replace(parts["region"], avoid_km=25_000.0)
    with pytest.raises(ValueError, match="lower avoid_km"):
        law.draw_centre(np.random.default_rng(0))


def test_an_index_is_all_it_takes():
    third = dataset("dataset=validation", "dataset.index=3")
    assert third["name"] == third["builder"]["name"] == "validation-3"
    assert third["builder"] == {**CONFIG, "name": "validation-3", "index": 3}


def test_no_class_of_main_shocks_has_a_noise_of_its_own():
    """Nine large ones: every class with every ambient once."""
    config = dataset("dataset=validation_large")["builder"]
    parts = {key: build(config[key]) for key in ("region", "recording")}
    laws = parts["recording"].ambients
    seen = set()
    for index in range(9):
        made = ValidationSequence(
            **{**{k: v for k, v in config.items() if k != "_target_"}, **parts, "index": index}
        )
        (burst,) = (each for each in made.seismicity if hasattr(each, "main_magnitude"))
        (ambient,) = (name for name, law in laws.items() if law == made.recording.noise)
        seen.add((min(int(2 * burst.main_magnitude), 14), ambient))
    assert len(seen) == 9


@pytest.mark.parametrize(("name", "indices"), [("full", list(SHIPPED)), ("quick", [0, 1])])
def test_training_takes_several_at_once(name, indices):
    sequences = resolved("train", "experiment=smoke", f"validation={name}")["validation"]["sequences"]
    own = [each for key, each in sequences.items() if key != "smoke"]
    assert [each["builder"]["index"] for each in own] == indices
    assert [each["name"] for each in own] == [f"validation-{index}" for index in indices]
    assert isinstance(build(own[-1]["builder"]), ValidationSequence)


@pytest.mark.slow
def test_an_hour_is_built_in_three_minutes_of_one_core(shipped, tmp_path):
    largest = max(shipped, key=lambda builder: len(builder.network) * len(builder.shocks()))
    before_s = time.process_time()
    largest.build(tmp_path / "hour")
    assert time.process_time() - before_s < 180.0
