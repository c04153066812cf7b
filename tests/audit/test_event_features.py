"""Measures of stations and figures of events."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from audited import RATE_HZ, made_table

from fcn.audit.event_features import (
    MEASURES,
    Regression,
    StationTable,
    event_features,
    feature_names,
    measure,
)
from fcn.batch import Batch, Targets


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
    names = ("event_magnitude", "event_origin_time_s", "event_released_magnitude")
    fields = {name: torch.zeros(1, 1) for name in names}
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
    batch = Batch(
        waveforms=waveforms,
        waveforms_broad=waveforms,
        station_km=station_km,
        mask=mask,
        known=torch.ones_like(waveforms, dtype=torch.bool),
        background_mps=torch.ones_like(waveforms[:, :, :2]),
        peaks=torch.zeros(1, 1, 6, 1),
        travel_time=_NoTimes(),
        now_s=zero.double(),
        targets=targets,
    )
    return measure(batch, RATE_HZ)


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


def test_events_with_few_stations_have_no_features():
    table = made_table(np.random.default_rng(3), 0.2, 0.1)
    few = replace(table, used=table.used & (np.arange(10) < np.where(np.arange(150) < 5, 3, 10)[:, None]))
    features, enough = event_features(few, Regression.fit(few))
    assert (~enough).sum() == 5
    assert features.shape == (150, len(feature_names()))
    assert not features[~enough].any()


def test_tables_of_different_networks_are_joined():
    table = made_table(np.random.default_rng(4), 0.2, 0.1)
    station_rows = {name: value[:, :6] for name, value in vars(table).items() if value.ndim > 1}
    joined = StationTable.join([replace(table, **station_rows), table])
    assert joined.used.shape == (300, 10)
    assert not joined.used[:150, 6:].any()
    np.testing.assert_array_equal(joined.values[150:], table.values)
