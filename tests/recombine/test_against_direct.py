"""Recombined events beside the same ones simulated as a whole, and the tools that compare them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import resolved

from fcn.assemble import build_datamodule
from fcn.batch import Batch, Targets
from fcn.cache import cached_store
from fcn.config import build
from fcn.recombine.noise import NoiseBank
from fcn.report import __main__ as command
from fcn.report.direct import DirectSimulation
from fcn.report.event_features import (
    MEASURES,
    Regression,
    StationTable,
    event_features,
    feature_names,
    measure,
)
from fcn.report.examples.comparison import Comparison, decay, figures_of
from fcn.report.examples.recombination import telling_table
from fcn.report.two_sample import auc, tell_apart
from fcn.seeding import Purpose
from fcn.store.reader import BaseStore

RATE_HZ = 20.0


def configuration(store: Path, *overrides: str) -> dict:
    small = ("store=smoke", "data.velocity.count=2", f"store.path={store}")
    return resolved("recombination", *small, *overrides)


def simulation(store: Path, **changes) -> DirectSimulation:
    recipe = build(configuration(store)["store"]["recipe"]["recipe"])
    return DirectSimulation(recipe, NoiseBank(BaseStore.open(store), "train"), lead_s=5.0, seed=1, **changes)


@pytest.fixture(scope="module")
def batch(toy_store) -> Batch:
    module = build_datamodule(configuration(toy_store), toy_store)
    return module.recombined(Purpose.TRAIN, "train").__getitems__([(0, i) for i in range(6)])


@pytest.fixture(scope="module")
def direct(batch, toy_store) -> Batch:
    return simulation(toy_store).like(batch, 0)


def test_direct_events_have_the_same_network_and_first_p(batch, direct):
    assert direct.waveforms.shape == batch.waveforms.shape
    assert torch.equal(direct.station_km, batch.station_km)
    assert torch.equal(direct.targets.magnitude, batch.targets.magnitude)
    assert direct.waveforms[~batch.mask].abs().sum() == 0
    first = [
        b.targets.p_arrival_s[..., 0].masked_fill(~b.mask, torch.inf).amin(dim=1) for b in (batch, direct)
    ]
    torch.testing.assert_close(first[0], first[1], atol=0.5 / RATE_HZ + 1e-3, rtol=0)


def test_direct_events_begin_at_their_p(direct):
    """Before it there is noise alone, of at most 1e-7 m/s; the events are thousands of times larger."""
    p_s = direct.targets.p_arrival_s[..., 0]
    loud = 1e-3 * direct.waveforms.abs().amax(dim=(2, 3))
    onset_s = (direct.waveforms.abs().amax(dim=2) > loud[..., None]).float().argmax(dim=-1) / RATE_HZ
    clear = direct.mask & (loud > 6e-7)
    assert clear.sum() > 15
    late_s = (onset_s - p_s)[clear]
    assert 0.0 < float(late_s.median()) < 0.2  # the band's upper edge delays by a tenth of a second
    assert float(late_s.quantile(0.05)) > -0.06


def test_a_direct_event_depends_on_its_number_alone(batch, direct, toy_store):
    rows = slice(4, 6)
    fields = ("waveforms", "waveforms_broad", "station_km", "mask", "now_s")
    cut = {name: value[rows] for name, value in vars(batch.targets).items()}
    part = replace(
        batch,
        targets=replace(batch.targets, **cut),
        travel_time=batch.travel_time[torch.tensor([4, 5])],
        **{name: getattr(batch, name)[rows] for name in fields},
    )
    again = simulation(toy_store).like(part, 4)
    torch.testing.assert_close(again.waveforms, direct.waveforms[rows], rtol=1e-4, atol=1e-9)
    other = simulation(toy_store).like(part, 5)
    assert not torch.allclose(other.waveforms, direct.waveforms[rows], rtol=0.1, atol=1e-9)


def test_full_wave_events_are_those_of_a_layered_earth(batch, toy_store):
    stochastic = simulation(toy_store)
    law = replace(stochastic.recipe.full_wave, share=1.0)
    full = replace(stochastic, recipe=replace(stochastic.recipe, full_wave=law))
    motion = full.motion(batch, 0, 0)
    peak = np.abs(motion.velocity_mps).max(axis=(1, 2))
    plain = np.abs(stochastic.motion(batch, 0, 0).velocity_mps).max(axis=(1, 2))
    assert np.median(np.abs(np.log10(peak / plain))) < 0.7  # the same earthquake in another Earth
    p_sample = motion.arrival_s[:, 0].numpy() * RATE_HZ - motion.start_sample
    for record, p in zip(motion.velocity_mps, p_sample, strict=True):
        assert np.abs(record[:, : int(p) - 2]).max() < 0.02 * np.abs(record).max()


def pulse_table(scale: float = 1.0) -> StationTable:
    """One station: P of 1e-4 m/s on the vertical at 10 s, S of 3e-4 m/s at 15 s, both at 4 Hz."""
    time_s = np.arange(800) / RATE_HZ
    narrow = 1e-9 * np.random.default_rng(0).standard_normal((1, 1, 3, 800))

    def burst(at_s: float) -> np.ndarray:
        since_s = time_s - at_s
        return np.where((since_s >= 0) & (since_s < 1.0), np.sin(8 * np.pi * since_s), 0.0)

    narrow[0, 0, 0] += 1e-4 * scale * burst(10.0)
    narrow[0, 0, 1] += 3e-4 * scale * burst(15.0)
    waveforms = torch.from_numpy(narrow).float()
    arrival = torch.full((1, 1, 1), 10.0)
    zero = torch.zeros(1)
    fields = {name: torch.zeros(1, 1) for name in ("event_magnitude", "event_origin_time_s")}
    targets = Targets(
        source_km=torch.zeros(1, 3),
        magnitude=zero + 5,
        origin_time_s=zero,
        elapsed_s=zero + 30,
        is_event=torch.ones(1, dtype=torch.bool),
        event_km=torch.zeros(1, 1, 3),
        event_exists=torch.ones(1, 1, dtype=torch.bool),
        p_arrival_s=arrival,
        s_arrival_s=arrival + 5,
        p_snr=arrival,
        widened=zero,
        **fields,
    )
    station_km = torch.tensor([[[30.0, 40.0, 0.0]]])
    mask = torch.ones(1, 1, dtype=torch.bool)
    return measure(Batch(waveforms, waveforms, station_km, mask, _NoTimes(), zero.double(), targets), RATE_HZ)


class _NoTimes:
    def between(self, source_km, station_km):
        raise AssertionError("not needed")

    def to(self, device):
        return self


def test_measures_of_a_known_record():
    table = pulse_table()
    named = dict(zip(MEASURES, table.values[0, 0], strict=True))
    assert table.used.all()
    assert named["log_p"] == pytest.approx(np.log10(1e-4), abs=0.03)
    assert named["log_s"] == pytest.approx(np.log10(3e-4), abs=0.03)
    assert named["log_peak"] == pytest.approx(named["log_s"], abs=1e-6)
    assert named["log_p_over_s"] == pytest.approx(np.log10(1 / 3), abs=0.01)
    assert 10 ** named["log_centroid"] == pytest.approx(4.0, abs=0.2)
    assert named["log_broad_over_narrow"] == pytest.approx(0.0, abs=1e-6)
    assert 5.0 < 10 ** named["log_duration"] < 6.0  # nine tenths of the energy are in the S burst
    assert table.distance_km[0, 0] == pytest.approx(50.0)
    assert table.s_minus_p_s[0, 0] == pytest.approx(5.0)


def test_records_below_the_noise_are_not_used():
    assert not pulse_table(scale=1e-5).used.any()


def made_table(rng: np.random.Generator, within: float, between: float, decay_: float = -1.5) -> StationTable:
    """150 events at 10 stations whose log amplitudes have these scatters; all measures are one."""
    shape = (150, 10)
    distance_km, magnitude = rng.uniform(10, 90, shape), rng.uniform(3.5, 6, 150)
    log_peak = magnitude[:, None] + decay_ * np.log10(distance_km) + between * rng.standard_normal((150, 1))
    log_peak = log_peak + within * rng.standard_normal(shape)
    return StationTable(
        values=np.repeat(log_peak[..., None], len(MEASURES), axis=2),
        used=np.ones(shape, bool),
        distance_km=distance_km,
        azimuth_rad=rng.uniform(-3, 3, shape),
        station_km=rng.uniform(-50, 50, (*shape, 3)),
        polarity=rng.choice([-1.0, 1.0], shape),
        s_minus_p_s=distance_km / 8,
        envelope=rng.standard_normal((*shape, 120)),
        magnitude=magnitude,
        depth_km=rng.uniform(2, 20, 150),
    )


def test_scatter_within_and_between_events_is_found_again():
    table = made_table(np.random.default_rng(0), within=0.2, between=0.1)
    found = figures_of(table)
    assert found["within-event deviation"] == pytest.approx(0.2, rel=0.05)
    assert found["between-event deviation"] == pytest.approx(0.1, rel=0.15)
    assert decay(table) == pytest.approx(-1.5, abs=0.05)


def test_what_differs_between_populations_is_named():
    rng = np.random.default_rng(1)
    comparison = Comparison.of(made_table(rng, 0.1, 0.2), made_table(rng, 0.3, 0.1))
    features = comparison.features()
    named = {row[0]: row[1] for row in telling_table(features).rows}
    assert float(named["log_peak: deviation"]) > 0.9
    assert "polarities agree" not in named
    assert all(v.low > 0.8 for v in tell_apart(*features.values(), seed=0))


def test_equal_populations_cannot_be_told_apart():
    rng = np.random.default_rng(2)
    tables = [made_table(rng, 0.2, 0.1) for _ in range(2)]
    features = Comparison.of(*tables).features()
    for verdict in tell_apart(*features.values(), seed=0):
        assert verdict.low < 0.5 < verdict.high + 0.02
        assert verdict.high - verdict.low < 0.15


def test_too_few_pairs_are_refused():
    x = np.zeros((3, 2))
    with pytest.raises(ValueError, match="need at least 10 pairs"):
        tell_apart(x, x, seed=0)


def test_auc_by_hand():
    assert auc(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == 1.0
    assert auc(np.array([1.0, 3.0]), np.array([2.0, 4.0])) == 0.75
    assert auc(np.array([1.0, 1.0]), np.array([1.0, 1.0])) == 0.5


def test_events_with_few_stations_have_no_features():
    table = made_table(np.random.default_rng(3), 0.2, 0.1)
    few = replace(table, used=table.used & (np.arange(10) < np.where(np.arange(150) < 5, 3, 10)[:, None]))
    features, enough = event_features(few, Regression.fit(few))
    assert (~enough).sum() == 5
    assert features.shape == (150, len(feature_names()))
    assert not features[~enough].any()
    assert len(Comparison.of(few, table)) == 145


def test_tables_of_different_networks_are_joined():
    table = made_table(np.random.default_rng(4), 0.2, 0.1)
    station_rows = {name: value[:, :6] for name, value in vars(table).items() if value.ndim > 1}
    joined = StationTable.join([replace(table, **station_rows), table])
    assert joined.used.shape == (300, 10)
    assert not joined.used[:150, 6:].any()
    np.testing.assert_array_equal(joined.values[150:], table.values)


def test_the_command_writes_page_figure_and_tables(toy_store, tmp_path):
    page = command.recombination(configuration(toy_store, "scenes=24"), tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "all data simulated" in text
    assert "Told apart" in text
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*") if path.is_file()}
    csv = {f"{name}.csv" for name in ("populations", "verdicts", "features")}
    assert found == {"report.html", "figures/comparison.png", *csv}


@pytest.mark.slow
def test_recombined_events_decay_and_scatter_as_directly_simulated_ones(tmp_path):
    """From a small simulated store: 192 events of each kind."""
    overrides = ("store=smoke", "store.recipe.n_records=7680", f"cache={tmp_path}", "data.velocity.count=4")
    config = resolved("recombination", *overrides)
    store = cached_store(config["store"], tmp_path)
    made = build_datamodule(config, store).recombined(Purpose.TRAIN, "train")
    direct = DirectSimulation(
        build(config["store"]["recipe"]["recipe"]), NoiseBank(BaseStore.open(store), "train"), 5.0, seed=1
    )
    tables: tuple[list[StationTable], list[StationTable]] = ([], [])
    for first in range(0, 192, 16):
        batch = made.__getitems__([(0, i) for i in range(first, first + 16)])
        for part, found in zip((direct.like(batch, first), batch), tables, strict=True):
            found.append(measure(part, RATE_HZ))
    comparison = Comparison.of(*(StationTable.join(part) for part in tables))
    direct_, recombined = (figures_of(table) for table in comparison.populations.values())
    name = "amplitude decay (log10 per log10 R)"
    assert recombined[name] == pytest.approx(direct_[name], abs=0.2)
    assert recombined["scatter of amplitudes"] == pytest.approx(direct_["scatter of amplitudes"], rel=0.15)
    within = recombined["within-event deviation"] / direct_["within-event deviation"]
    assert 0.8 < within < 1.2
    assert recombined["between-event deviation"] == pytest.approx(direct_["between-event deviation"], rel=0.4)
    for name, tolerance in (
        ("P over S, median of log10", 0.06),
        ("S minus P over distance (s/km), median", 0.004),
        ("spectral centroid (Hz), median", 0.3),
        ("duration of 75 % of the energy (s), median", 0.7),
    ):
        assert recombined[name] == pytest.approx(direct_[name], abs=tolerance), name
