"""What simulated records look like beside real ones of the same magnitude, distance and depth."""

import math

import numpy as np
import pytest
from scipy import signal
from simulated_records import build, simulate

from fcn.simulate.ensemble.earth import to_store_rate

pytestmark = [pytest.mark.realdata, pytest.mark.slow]
RATE_HZ = 20.0
DEEPEST_KM = 50.0

# Feature: (unit, largest difference of the medians that passes). Ratios and durations in natural logarithms.
TOLERANCES = {
    "log P(Z)/S(H)": 0.55,
    "log P(H)/P(Z)": 0.5,
    "log S(Z)/S(H)": 0.5,
    "log duration 5-75 %": 0.5,
    "dB 10 s after S": 4.0,
    "dB 20 s after S": 4.0,
    "dB P coda before S": 6.0,
}


def band(waveform, low_hz, high_hz):
    sections = signal.butter(3, (low_hz, high_hz), "bandpass", fs=RATE_HZ, output="sos")
    return signal.sosfilt(sections, waveform, axis=-1)


def features(waveform, p_sample, s_sample):
    """Peak ratios in 0.5-9 Hz, significant duration, envelope of 2-8 Hz relative to its peak after S."""
    broad, narrow = band(waveform, 0.5, 9.0), band(waveform, 2.0, 8.0)
    p, s = round(p_sample), round(s_sample)
    in_p, in_s = slice(p, max(s - 4, p + 4)), slice(s, s + 300)

    def peak(component, window):
        return np.abs(broad[component, window]).max()

    p_z, s_z = peak(0, in_p), peak(0, in_s)
    p_h, s_h = (math.sqrt(peak(1, window) * peak(2, window)) for window in (in_p, in_s))
    energy = np.cumsum((broad[1:, p : p + 1200] ** 2).sum(0))
    t5, t75 = np.searchsorted(energy / energy[-1], (0.05, 0.75)) / RATE_HZ
    envelope = np.sqrt(np.convolve((narrow[1:] ** 2).sum(0), np.ones(40) / 40, "same"))
    level = 20 * np.log10(envelope / envelope[s : s + 200].max())

    def after_s(seconds):
        at = s + round(seconds * RATE_HZ)
        return level[at] if at < len(level) else math.nan

    p_level = level[p : p + 40].max()
    return (
        math.log(p_z / s_h),
        math.log(p_h / p_z),
        math.log(s_z / s_h),
        math.log(t75 - t5),
        after_s(10.0),
        after_s(20.0),
        level[s - 24] - p_level if s - p > 80 else math.nan,
    )


@pytest.fixture(scope="module")
def differences(shared_dir, recipe, jma2001):
    """Real minus median simulated features, one row per real record."""
    root = shared_dir / "realdata" / "knet_kiknet"
    source = build("source.knet", ["source=knet", f"source.knet.root={root}"])
    rows = []
    for record in source.records(lambda *_: None):
        if record.category == "noise" or record.source_depth_km > DEEPEST_KM:
            continue
        made = simulate(
            recipe,
            jma2001,
            record.source_magnitude,
            record.path_ep_distance_km,
            record.source_depth_km,
            n=12,
            seed=len(rows),
        )
        samples = (RATE_HZ * float(made.p_at_s[0]), RATE_HZ * made.s_at_s)
        simulated = [features(each, *samples) for each in to_store_rate(recipe, made.waveforms)]
        real = features(record.waveform_mps, record.p_arrival_sample, record.s_arrival_sample)
        rows.append(np.array(real) - np.median(simulated, axis=0))
    return np.array(rows)


@pytest.mark.parametrize("name", TOLERANCES)
def test_medians_agree_with_kik_net(differences, name):
    assert len(differences) >= 15
    column = differences[:, list(TOLERANCES).index(name)]
    assert abs(np.nanmedian(column)) < TOLERANCES[name], (
        f"real minus simulated {name}: {np.nanmedian(column):.2f}"
    )
