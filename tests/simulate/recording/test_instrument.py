import numpy as np
import pytest

from fcn.simulate.recording.instrument import (
    LARGEST_COUNT,
    Accelerometer,
    Instrument,
    Sensor,
    acceleration_mps2,
)

RATE_HZ = 100.0
SENSOR = {
    "sensitivity_counts_per_mps": 1e8,
    "clip_mps": 0.01,
    "corner_hz": 0.1,
    "damping": 0.7,
    "self_noise_mps": 0.0,
}


def rng():
    return np.random.default_rng(2)


def sine(hertz, amplitude_mps=1e-4, seconds=60.0):
    return amplitude_mps * np.sin(2 * np.pi * hertz * np.arange(0, seconds, 1 / RATE_HZ))[None]


def test_counts_are_velocity_times_sensitivity_in_the_passband():
    counts = Instrument(**SENSOR).record_counts(sine(5.0), RATE_HZ, rng())
    assert counts.dtype == np.int32
    assert np.abs(counts[0, 3000:]).max() == pytest.approx(1e4, rel=2e-3)


def test_corner_is_where_the_response_has_fallen():
    counts = Instrument(**SENSOR).record_counts(sine(0.1, seconds=200.0), RATE_HZ, rng())
    assert np.abs(counts[0, 10000:]).max() == pytest.approx(1e4 / 1.4, rel=0.02)  # 1 / (2 damping)


def test_strong_motion_is_clipped():
    counts = Instrument(**SENSOR).record_counts(sine(2.0, 0.05), RATE_HZ, rng())
    assert counts.max() == 1_000_000
    assert (counts == 1_000_000).mean() > 0.3


def test_digitiser_never_overflows():
    sensor = Instrument(**{**SENSOR, "clip_mps": 100.0})
    assert sensor.record_counts(sine(2.0, 50.0), RATE_HZ, rng()).max() == LARGEST_COUNT


def test_silence_holds_the_noise_floor():
    sensor = Instrument(**{**SENSOR, "self_noise_mps": 1e-7})
    assert sensor.record_counts(np.zeros((3, 20_000)), RATE_HZ, rng()).std() == pytest.approx(10.0, rel=0.02)
    assert not Instrument(**SENSOR).record_counts(np.zeros((3, 200)), RATE_HZ, rng()).any()


@pytest.mark.parametrize("name", ["sensitivity_counts_per_mps", "clip_mps", "corner_hz", "damping"])
def test_nonsense_is_refused(name):
    with pytest.raises(ValueError, match=name):
        Instrument(**{**SENSOR, name: 0.0})


STRONG_MOTION = {
    "range_g": 2.0,
    "resolution_mps2": 1e-5,
    "self_noise_mps2": 0.0,
    "offset_mps2": 0.0,
    "tilt_share": 0.0,
    "tilt_from_mps2": 0.5,
}


def test_both_say_what_they_are():
    both = Instrument(**SENSOR), Accelerometer(**STRONG_MOTION)
    assert all(isinstance(each, Sensor) for each in both)
    assert [each.code for each in both] == ["H", "N"]
    assert [each.sensitivity.measurement for each in both] == ["velocity", "acceleration"]
    assert [each.sensitivity.value for each in both] == pytest.approx([1e8, 1e5])


@pytest.mark.parametrize(("hertz", "error"), [(0.02, 1e-6), (1.0, 1e-6), (10.0, 1e-3)])
def test_acceleration_is_the_derivative(hertz, error):
    velocity = sine(hertz, 1.0)
    expected = 2 * np.pi * hertz * np.cos(2 * np.pi * hertz * np.arange(velocity.shape[1]) / RATE_HZ)
    found = acceleration_mps2(velocity, RATE_HZ)
    assert np.abs(found[0] - expected)[5:-5].max() < error * 2 * np.pi * hertz


def test_accelerometer_writes_counts_of_acceleration_up_to_its_range():
    counts = Accelerometer(**STRONG_MOTION).record_counts(sine(2.0, 0.1), RATE_HZ, rng())
    assert counts.dtype == np.int32
    assert np.abs(counts[0, 10:-10]).max() == pytest.approx(0.1 * 4 * np.pi * 1e5, rel=2e-3)
    clipped = Accelerometer(**STRONG_MOTION).record_counts(sine(2.0, 3.0), RATE_HZ, rng())
    assert np.abs(clipped).max() == pytest.approx(2.0 * 9.80665e5, abs=1.0)


def test_a_coarse_accelerometer_does_not_see_weak_motion():
    sensor = Accelerometer(**{**STRONG_MOTION, "resolution_mps2": 1e-2})
    assert not sensor.record_counts(sine(2.0, 1e-4), RATE_HZ, rng()).any()


def test_baselines_are_off_and_step_with_strong_shaking():
    sensor = Accelerometer(**{**STRONG_MOTION, "offset_mps2": 0.01, "tilt_share": 1e-3})
    weak, strong = (sine(2.0, amplitude).repeat(64, 0) for amplitude in (0.01, 0.2))
    for velocity, steps in ((weak, False), (strong, True)):
        counts = sensor.record_counts(velocity, RATE_HZ, rng()) * 1e-5
        peak = np.abs(acceleration_mps2(velocity, RATE_HZ))[0].argmax()
        rest = counts - acceleration_mps2(velocity, RATE_HZ)
        before, after = rest[:, :peak].mean(1), rest[:, peak:].mean(1)
        assert before.std() == pytest.approx(0.01, rel=0.3)
        expected = 1e-3 * 0.2 * 4 * np.pi if steps else 0.0
        assert (after - before).std() == pytest.approx(expected, rel=0.3, abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"range_g": 0.0}, "range_g"),
        ({"tilt_share": -1.0}, "tilt_share"),
        ({"resolution_mps2": 1e-7}, "24 bits"),
    ],
)
def test_an_impossible_accelerometer_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Accelerometer(**{**STRONG_MOTION, **changes})
