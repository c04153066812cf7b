"""Pulses at several stations at once are told from waves by what is left of them, whatever place they fit."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_streams import SPEC, NoTravelTimes
from omegaconf import OmegaConf
from scipy import signal

from fcn.batch import Batch
from fcn.config import build
from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.pulses import Pulses, is_gone
from fcn.waveform.preprocess import ToVelocity

N, RATE_HZ, AT_S, START_S = 4, 20.0, 20.0, 1.6e9
NOISE_MPS = 1e-8


@pytest.fixture
def pulses() -> Pulses:
    conf = OmegaConf.load(Path(__file__).parents[3] / "conf" / "scheme" / "migration.yaml")
    return Pulses(build(OmegaConf.to_container(conf.reading.moveout)))


def pulse(measurement: str, lasts_s: float = 0.05) -> torch.Tensor:
    """What the preprocessing makes of one, at 2 to 8 Hz; it comes at AT_S."""
    time_s = np.arange(0, 30, 0.01)
    counts = ((time_s >= AT_S) & (time_s < AT_S + lasts_s)).astype(float)
    velocity = ToVelocity(SPEC, 100.0, measurement, 1.0).whole(0.0, counts[None]).velocity_mps[0]
    band = SPEC.narrow
    sos = signal.butter(band.order, (band.low_hz, band.high_hz), "bandpass", fs=RATE_HZ, output="sos")
    made = torch.from_numpy(signal.sosfilt(sos, velocity)).float()[:600]
    return 300 * NOISE_MPS * made / made.abs().max()


def wave(decay_s: float = 1.5) -> torch.Tensor:
    """P and its coda."""
    since_s = torch.arange(600) / RATE_HZ - AT_S
    noise = torch.randn(600, generator=torch.Generator().manual_seed(5))
    return 300 * NOISE_MPS * noise * (since_s >= 0) * torch.exp(-since_s.clamp_min(0) / decay_s)


def window(*records: torch.Tensor, now_s: float = START_S + 30.0, ends_s: float = 30.0) -> Batch:
    """Noise and the records, on one component, known up to `ends_s` of it."""
    noise = torch.randn(1, N, 3, 600, generator=torch.Generator().manual_seed(7))
    waveforms = NOISE_MPS * noise
    for row, record in enumerate(records):
        waveforms[0, row, row % 3] += record
    known = (torch.arange(600) < ends_s * RATE_HZ).expand(1, N, 3, 600)
    return Batch(
        waveforms=waveforms * known,
        waveforms_broad=waveforms,
        station_km=10.0 * torch.eye(N)[None, :, :3],
        mask=torch.ones(1, N, dtype=torch.bool),
        known=known,
        background_mps=torch.full((1, N, 2, 600), NOISE_MPS),
        peaks=torch.zeros(1, N, 6, 800),
        travel_time=NoTravelTimes(),
        now_s=torch.tensor([now_s], dtype=torch.float64),
    )


def picks(*time_s: float, first: int = 0) -> Picks:
    """One at each station."""
    times_s = torch.tensor(time_s)
    return Picks(torch.arange(first, first + len(times_s)), times_s, torch.full_like(times_s, 0.9))


ALL = picks(AT_S, AT_S + 0.02, AT_S - 0.04, AT_S + 0.01)


@pytest.mark.parametrize("measurement", ["velocity", "acceleration"])
def test_a_pulse_is_gone_a_second_later_and_p_is_not(measurement):
    found = is_gone(ALL, window(pulse(measurement), pulse(measurement), wave(), wave(0.8)), RATE_HZ)
    assert found.tolist() == [True, True, False, False]


@pytest.mark.parametrize(("ends_s", "is_so"), [(AT_S + 1.4, False), (AT_S + 1.6, True)])
def test_what_is_to_come_is_not_taken_for_silence(ends_s, is_so):
    records = [pulse("velocity")] * N
    assert is_gone(ALL, window(*records, ends_s=ends_s), RATE_HZ).all() == is_so
    later = picks(*(float(each) + 30.0 - ends_s for each in ALL.time_s))  # nor at the end of a window
    assert (
        is_gone(later, window(*(each.roll(round(20 * (30.0 - ends_s))) for each in records)), RATE_HZ).all()
        == is_so
    )


def test_components_that_are_heard_on_say_nothing_of_one_that_is_not():
    batch = window(*[wave()] * N)  # each on one component: packets of components end when they are full
    known = batch.known.clone()
    for row in range(N):
        known[0, row, row % 3, round((AT_S + 0.9) * RATE_HZ) :] = False
    cut = replace(batch, waveforms=batch.waveforms * known, known=known)
    assert not is_gone(ALL, cut, RATE_HZ).any()
    known[0, :, 1:] = False  # nor does one that never was there
    known[0, :, 0, : round((AT_S + 3.0) * RATE_HZ)] = True
    alone = window(*[pulse("velocity")] * N)
    rows = alone.waveforms.amax(dim=2, keepdim=True) * known
    assert is_gone(ALL, replace(alone, waveforms=rows, known=known), RATE_HZ).all()


def test_a_pulse_at_several_stations_is_no_pick_as_long_as_it_is_in_the_window(pulses):
    batch = window(*[pulse("velocity")] * N)
    kept = pulses.told(ALL, batch, START_S, RATE_HZ)[0]
    assert len(kept) == 0
    later = window(now_s=START_S + 35.0)  # in which two of its picks are left, and another that is none of it
    left = picks(AT_S - 5.0, AT_S - 5.03, AT_S - 4.5)
    assert pulses.told(left, later, START_S + 5.0, RATE_HZ)[0].station.tolist() == [2]
    gone = window(now_s=START_S + 60.0)
    assert len(pulses.told(left, gone, START_S + 30.0, RATE_HZ)[0]) == 3


@pytest.mark.parametrize(
    ("records", "given"),
    [
        ([wave()] * N, ALL),
        ([wave(0.8)] * N, picks(AT_S, AT_S + 0.5, AT_S - 0.1)),
        ([pulse("velocity")] * N, picks()),
    ],
)
def test_everything_else_is_left_alone(pulses, records, given):
    kept, spikes = pulses.told(given, window(*records), START_S, RATE_HZ)
    assert kept.time_s.tolist() == given.time_s.tolist()
    assert len(spikes) == 0
    assert pulses.state() == {"at_s": []}


def test_spikes_at_one_station_or_two_are_counted(pulses):
    batch = window(pulse("velocity", 0.01), pulse("acceleration", 0.01), wave(), wave())
    kept, spikes = pulses.told(ALL, batch, START_S, RATE_HZ)
    assert (len(kept), spikes.station.tolist()) == (4, [0, 1])  # it may be a small event next to them
    assert pulses.state() == {"at_s": []}  # two stations have no pattern


def test_stations_next_to_one_another_are_no_pattern(pulses):
    """All of a small event among them may be over within a second."""
    batch = window(*[pulse("velocity")] * N)
    near = replace(batch, station_km=batch.station_km / 5)
    kept, spikes = pulses.told(ALL, near, START_S, RATE_HZ)
    assert (len(kept), len(spikes)) == (4, 4)


def test_a_hole_filled_with_the_last_value_is_not_silence(pulses):
    batch = window(*[wave()] * N)
    batch.waveforms[..., round(20 * (AT_S + 0.7)) :] = 0.0
    assert not is_gone(ALL, batch, RATE_HZ).any()


def test_what_was_seen_is_kept_over_a_restart(pulses):
    pulses.told(ALL, window(*[pulse("velocity")] * N), START_S, RATE_HZ)
    again = Pulses(pulses.law)
    again.restore(json.loads(json.dumps(pulses.state())))
    assert again.state() == pulses.state()
    left = picks(AT_S, AT_S + 0.01)
    assert len(again.told(left, window(), START_S, RATE_HZ)[0]) == 0
    with pytest.raises(ValueError, match="at_s of pulses"):
        again.restore({"at_s": ["x"]})
