"""Intensity of whole records."""

import numpy as np
import obspy
import pytest
from made_networks import make_site, make_trace

from fcn.shaking.recorded import recorded_intensity
from fcn.waveform.inventory import make_inventory
from fcn.waveform.response import Sensitivity

REAL_TIME = {"window_s": 60.0, "max_gap_s": 1.0}
RATE_HZ = 100.0
N = 2000


def recorded(rate_hz=RATE_HZ, **motion):
    """Intensities of stations by the peak, m/s, of their 2 Hz of velocity; 24-bit counts at 4e8 per m/s."""
    wave = np.sin(2 * np.pi * 2.0 * np.arange(N) / rate_hz)
    sites = [make_site(name) for name in motion]
    stream = obspy.Stream(
        make_trace(f"{site.id}..HH{letter}", np.clip(4e8 * peak * wave, -(2**23), 2**23).round(), rate_hz)
        for site, peak in zip(sites, motion.values(), strict=True)
        for letter in "ZNE"
    )
    stated = {trace.id: Sensitivity(4e8, "velocity") for trace in stream}
    return recorded_intensity(stream, make_inventory(sites, stream, stated), **REAL_TIME)


def test_ten_times_the_motion_is_two_degrees_more():
    found = recorded(S1=0.001, S2=0.01)
    weak, strong = (float(np.nanmax(found[f"XX.{name}"].intensity)) for name in ("S1", "S2"))
    assert strong - weak == pytest.approx(2.0, abs=0.01)
    assert found["XX.S1"].step_s == 1 / RATE_HZ


def test_what_clipped_is_said_to_be():
    found = recorded(S1=0.01, S2=0.05)
    assert {name: each.is_clipped for name, each in found.items()} == {"XX.S1": False, "XX.S2": True}


def test_stations_without_acceleration_are_named(caplog):
    assert recorded(rate_hz=20.0, S1=0.01) == {}
    assert "XX.S1 records no intensity: " in caplog.text
    assert "slower than 80 Hz" in caplog.text
