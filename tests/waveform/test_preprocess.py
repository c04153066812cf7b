"""One causal preprocessing: chunked equals whole, gaps, responses, delays."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from fcn.waveform.preprocess import Band, Banded, Bands, Chunk, LongPeriod, ToVelocity, joined
from fcn.waveform.window_bands import filter_windows

START_S = 1_460_636_400.0  # 2016-04-14 12:20:00 UTC


def sweep(n, rate_hz, n_channels=3):
    """Noise about an offset, the same in every test."""
    rng = np.random.default_rng(int(rate_hz))
    return (
        1000.0 * rng.standard_normal((n_channels, n)) + np.array([[125_303.0], [-40.0], [0.0]])[:n_channels]
    )


def bands_of(spec, chunks):
    """`Banded` of chunks, on their common axis."""
    bands = Bands(spec, len(chunks[0].velocity_mps))
    found = [bands.process(chunk) for chunk in chunks]
    return Banded(
        *(
            joined(
                [replace(chunk, velocity_mps=band) for chunk, band in zip(chunks, each, strict=True)]
            ).velocity_mps
            for each in zip(*found, strict=True)
        )
    )


def preprocess_whole(converter, start_s, samples):
    """Velocity and the bands of a whole recording."""
    chunks = [*converter.process(start_s, samples), *converter.flush()]
    return joined(chunks), *bands_of(converter.spec, chunks)


def in_chunks(converter, start_s, samples, cuts):
    parts = []
    for first, end in zip([0, *cuts], [*cuts, samples.shape[1]], strict=True):
        parts += converter.process(start_s + first / converter.input_rate_hz, samples[:, first:end])
    return [*parts, *converter.flush()]


def as_chunk(velocity):
    """Velocity known from its first sample to its last."""
    return Chunk(0, velocity, np.ones(velocity.shape[1], dtype=bool), fresh=True)


@settings(max_examples=60, deadline=None)
@given(
    rate_hz=st.sampled_from([20.0, 31.25, 40.0, 100.0, 200.0]),
    measurement=st.sampled_from(["velocity", "acceleration"]),
    shift_s=st.sampled_from([0.0, 0.005, 0.0371]),
    cuts=st.lists(st.integers(0, 900), max_size=12).map(sorted),
    gap=st.one_of(st.none(), st.tuples(st.integers(0, 900), st.integers(1, 400))),
)
def test_chunked_equals_whole(spec, rate_hz, measurement, shift_s, cuts, gap):
    samples = sweep(900, rate_hz)
    if gap is not None:
        samples[1, gap[0] : gap[0] + gap[1]] = np.nan
    make = lambda: ToVelocity(spec, rate_hz, measurement, 1e6, 3)  # noqa: E731
    whole, *bands = preprocess_whole(make(), START_S + shift_s, samples)
    parts = in_chunks(make(), START_S + shift_s, samples, cuts)
    found = joined(parts)
    assert found.start_sample == whole.start_sample
    np.testing.assert_array_equal(found.valid, whole.valid)
    for chunked, expected in zip(
        (found.velocity_mps, *bands_of(spec, parts)), (whole.velocity_mps, *bands), strict=True
    ):
        peak = np.abs(expected).max() + 1e-30
        np.testing.assert_allclose(chunked, expected, rtol=0, atol=1e-5 * peak)  # a clock in POSIX seconds


@pytest.mark.parametrize("rate_hz", [20.0, 50.0, 100.0, 200.0])
@pytest.mark.parametrize("shift_s", [0.0, 0.013])
def test_nothing_is_known_before_it_comes(spec, rate_hz, shift_s):
    samples = sweep(800, rate_hz)
    changed = samples.copy()
    changed[:, 500:] += 1e5
    one, other = (
        preprocess_whole(ToVelocity(spec, rate_hz, "velocity", 1e6, 3), START_S + shift_s, data)
        for data in (samples, changed)
    )
    time_s = (one[0].start_sample + np.arange(one[0].valid.size)) / 20.0
    # Interpolation looks two input samples ahead, and emits a sample only when they have come.
    early = time_s <= START_S + shift_s + (500 - 2.001) / rate_hz
    assert early.sum() > 10
    for a, b in zip((one[0].velocity_mps, *one[1:]), (other[0].velocity_mps, *other[1:]), strict=True):
        np.testing.assert_array_equal(a[:, early], b[:, early])
        assert not np.array_equal(a, b)


@pytest.mark.parametrize("rate_hz", [20.0, 100.0, 200.0])
def test_samples_on_the_grid_come_at_once(spec, rate_hz):
    converter = ToVelocity(spec, rate_hz, "velocity", 1e6, 3)
    per_output = round(rate_hz / 20.0)
    for k in range(5):
        (chunk,) = converter.process(START_S + k / 20.0, sweep(per_output, rate_hz))
        assert chunk.valid.size == 1
        assert chunk.fresh == (k == 0)
        assert chunk.start_sample == round(START_S * 20) + k + (rate_hz == 20.0)  # samples_ahead


@pytest.mark.parametrize("rate_hz", [20.0, 25.0, 31.25, 40.0, 50.0, 80.0, 200.0])
def test_the_same_ground_is_as_late_at_any_rate(spec, rate_hz):
    """Slow channels need no low-pass, or a short one: P of theirs was 0.06 s early beside others'."""
    moments_s = []
    for each_hz in (rate_hz, 100.0):
        time_s = np.arange(round(20.0 * each_hz)) / each_hz - 10.0
        squared = (np.pi * 3.0 * time_s) ** 2
        wavelet = ((1.0 - 2.0 * squared) * np.exp(-squared))[None]
        chunk, narrow, *_ = preprocess_whole(ToVelocity(spec, each_hz, "velocity", 1.0), START_S, wavelet)
        energy = narrow[0] ** 2
        at_s = (chunk.start_sample + np.arange(energy.size)) / 20.0 - START_S
        moments_s.append((at_s * energy).sum() / energy.sum())
    assert moments_s[0] == pytest.approx(moments_s[1], abs=0.02)


def tone(rate_hz, frequency_hz, duration_s=60.0):
    return np.arange(round(duration_s * rate_hz)) / rate_hz, lambda t: np.sin(2.0 * np.pi * frequency_hz * t)


@pytest.mark.parametrize("rate_hz", [25.0, 40.0, 100.0, 200.0])
@pytest.mark.parametrize("frequency_hz", [0.3, 1.0, 4.0, 7.0])
def test_velocity_passes_unchanged(spec, rate_hz, frequency_hz):
    times, wave = tone(rate_hz, frequency_hz)
    converter = ToVelocity(spec, rate_hz, "velocity", 2.0)
    chunk, *_ = preprocess_whole(converter, START_S, 2.0 * wave(times)[None])
    amplitude = np.sqrt(2.0) * chunk.velocity_mps[0, 600:].std()
    assert amplitude == pytest.approx(1.0, abs=0.03 if rate_hz > 25 else 0.25)


@pytest.mark.parametrize("frequency_hz", [0.5, 2.0, 6.0])
def test_acceleration_is_integrated(spec, frequency_hz):
    times, wave = tone(100.0, frequency_hz, duration_s=300.0)
    acceleration = 2.0 * np.pi * frequency_hz * np.cos(2.0 * np.pi * frequency_hz * times) + 3.0
    converter = ToVelocity(spec, 100.0, "acceleration", 1.0)
    chunk, *_ = preprocess_whole(converter, START_S, acceleration[None])
    grid_s = np.arange(chunk.valid.size) / 20.0
    late = grid_s > 200.0  # the first sample, taken for the offset, is forgotten
    in_phase = 2.0 * np.mean(chunk.velocity_mps[0, late] * wave(grid_s[late]))
    quadrature = 2.0 * np.mean(chunk.velocity_mps[0, late] * np.cos(2 * np.pi * frequency_hz * grid_s[late]))
    assert np.hypot(in_phase, quadrature) == pytest.approx(1.0, abs=0.03)
    assert abs(chunk.velocity_mps[0, late].mean()) < 3e-3  # the offset of 3 m/s2 has not become a ramp


@pytest.mark.parametrize(("frequency_hz", "alias_hz"), [(11.5, 8.5), (15.0, 5.0), (18.0, 2.0), (37.0, 3.0)])
def test_what_would_alias_is_40_db_down(spec, frequency_hz, alias_hz):
    times, wave = tone(100.0, frequency_hz)
    converter = ToVelocity(spec, 100.0, "velocity", 1.0)
    chunk, *_ = preprocess_whole(converter, START_S, wave(times)[None])
    assert np.sqrt(2.0) * chunk.velocity_mps[0, 600:].std() < 0.011


@pytest.mark.parametrize("offset", [0.0, 1.0, -125_303.0])
def test_an_offset_leaves_no_trace(spec, offset):
    for measurement in ("velocity", "acceleration"):
        chunk, narrow, broad, *_ = preprocess_whole(
            ToVelocity(spec, 100.0, measurement, 1e5, 3), START_S, np.full((3, 5000), offset)
        )
        assert np.abs(chunk.velocity_mps).max() <= 1e-9
        assert np.abs(narrow).max() <= 1e-9
        assert np.abs(broad).max() <= 1e-9


def test_bands_pass_and_stop(spec):
    bands = Bands(spec, 1)
    impulse = np.zeros((1, 4000))
    impulse[0, 0] = 1.0
    narrow, broad = (np.abs(np.fft.rfft(band[0])) for band in bands.process(as_chunk(impulse))[:2])
    frequency_hz = np.fft.rfftfreq(4000, 0.05)
    at = lambda response, f: 20.0 * np.log10(response[np.argmin(np.abs(frequency_hz - f))])  # noqa: E731
    for response, low_hz, high_hz in ((narrow, 2.0, 8.0), (broad, 0.5, 9.0)):
        assert at(response, low_hz) == pytest.approx(-3.0, abs=0.1)
        assert at(response, high_hz) == pytest.approx(-3.0, abs=0.1)
        assert at(response, np.sqrt(low_hz * high_hz)) == pytest.approx(0.0, abs=0.01)
        assert at(response, low_hz / 4) < -45.0
        assert at(response, 9.9) < -40.0


@pytest.mark.parametrize(("rate_hz", "limit_s"), [(20.0, 0.11), (100.0, 0.16), (200.0, 0.16)])
def test_an_onset_is_late_by_no_more_than_three_samples(spec, rate_hz, limit_s):
    """A step in velocity at 30 s: when the narrow band first exceeds 10 % of its peak."""
    times = np.arange(round(40 * rate_hz)) / rate_hz
    converter = ToVelocity(spec, rate_hz, "velocity", 1.0)
    chunk, narrow, *_ = preprocess_whole(converter, START_S, (times >= 30.0).astype(float)[None])
    grid_s = chunk.start_sample / 20.0 - START_S + np.arange(chunk.valid.size) / 20.0
    onset_s = grid_s[np.argmax(np.abs(narrow[0]) > 0.1 * np.abs(narrow[0]).max())]
    assert 30.0 <= onset_s <= 30.0 + limit_s


def test_the_grid_is_global(spec):
    """Two sensors with different rates and odd starts see the same wave at the same samples."""
    found = []
    for rate_hz, shift_s in ((100.0, 0.0), (100.0, 0.0137), (200.0, 0.002), (125.0, 0.0313)):
        times = shift_s + np.arange(round(60 * rate_hz)) / rate_hz
        wave = np.sin(2 * np.pi * 3.0 * times)
        converter = ToVelocity(spec, rate_hz, "velocity", 1.0)
        chunk, *_ = preprocess_whole(converter, START_S + shift_s, wave[None])
        first = 1_000 - (chunk.start_sample - round(START_S * 20))
        found.append(chunk.velocity_mps[0, first : first + 100])
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=0.05)


def test_a_short_gap_is_bridged_and_flagged(spec):
    samples = np.repeat(np.sin(2 * np.pi * 1.0 * np.arange(6000) / 100.0)[None], 3, axis=0)
    broken = samples.copy()
    broken[0, 3000:3040] = np.nan
    whole = preprocess_whole(ToVelocity(spec, 100.0, "velocity", 1e6, 3), START_S, samples)
    chunk, narrow, broad, *_ = preprocess_whole(ToVelocity(spec, 100.0, "velocity", 1e6, 3), START_S, broken)
    missing = np.flatnonzero(~chunk.valid)
    assert missing[0] == 600
    assert missing[-1] == 607
    assert missing.size == 8
    assert not narrow[:, missing].any()
    assert not broad[:, missing].any()
    assert np.abs(chunk.velocity_mps).max() < 1.5
    late = slice(1000, None)
    np.testing.assert_allclose(chunk.velocity_mps[:, late], whole[0].velocity_mps[:, late], atol=0.02)


@pytest.mark.parametrize("how", ["missing", "never sent"])
def test_a_long_gap_restarts_the_filters(spec, how):
    """What came before an outage rings into nothing that comes after it."""
    samples = sweep(6000, 100.0)
    samples[:, 3000:] += 5e6  # another offset, as after a reboot
    make = lambda: ToVelocity(spec, 100.0, "velocity", 1e6, 3)  # noqa: E731
    converter = make()
    if how == "missing":
        samples[:, 2000:3000] = np.nan
        chunks = converter.process(START_S, samples)
    else:
        chunks = converter.process(START_S, samples[:, :2000])
        chunks += converter.process(START_S + 30.0, samples[:, 3000:])
    chunks += converter.flush()
    whole, bands = joined(chunks), bands_of(spec, chunks)
    assert not whole.valid[400:600].any()
    assert whole.valid[600:].all()
    alone, *expected = preprocess_whole(make(), START_S + 30.0, samples[:, 3000:])
    for found, after in zip((whole.velocity_mps, *bands), (alone.velocity_mps, *expected), strict=True):
        assert not found[:, 400:600].any()
        np.testing.assert_array_equal(found[:, 600:], after)


def test_a_late_start_is_a_gap(spec):
    samples = sweep(4000, 100.0)
    with_nan = samples.copy()
    with_nan[:, 2000:2050] = np.nan
    expected, *_ = preprocess_whole(ToVelocity(spec, 100.0, "velocity", 1e6, 3), START_S, with_nan)
    converter = ToVelocity(spec, 100.0, "velocity", 1e6, 3)
    found = joined(
        [
            *converter.process(START_S, samples[:, :2000]),
            *converter.process(START_S + 20.5, samples[:, 2050:]),
            *converter.flush(),
        ]
    )
    assert not expected.valid.all()
    np.testing.assert_allclose(found.velocity_mps, expected.velocity_mps, atol=1e-12)
    np.testing.assert_array_equal(found.valid, expected.valid)


def test_repeated_samples_are_dropped(spec):
    samples = sweep(4000, 100.0)
    expected, *_ = preprocess_whole(ToVelocity(spec, 100.0, "velocity", 1e6, 3), START_S, samples)
    converter = ToVelocity(spec, 100.0, "velocity", 1e6, 3)
    found = joined(
        [
            *converter.process(START_S, samples[:, :2000]),
            *converter.process(START_S + 15.0, samples[:, 1500:3000]),
            *converter.process(START_S + 5.0, samples[:, 500:600]),
            *converter.process(START_S + 30.0, samples[:, 3000:]),
            *converter.flush(),
        ]
    )
    np.testing.assert_array_equal(found.velocity_mps, expected.velocity_mps)


def test_a_clock_that_is_a_little_off_is_not_a_gap(spec):
    converter = ToVelocity(spec, 100.0, "velocity", 1e6, 3)
    samples = sweep(4000, 100.0)
    parts = [converter.process(START_S + i * 1.0003, samples[:, i * 100 : (i + 1) * 100]) for i in range(10)]
    assert joined([chunk for part in parts for chunk in part]).valid.all()


def test_nothing_makes_no_chunk(spec):
    converter = ToVelocity(spec, 100.0, "velocity", 1e6, 3)
    assert converter.flush() == []
    assert converter.process(START_S, np.zeros((3, 0))) == []
    assert converter.process(START_S, np.full((3, 500), np.nan)) == []
    (chunk,) = converter.process(START_S + 5.0, sweep(500, 100.0))
    assert chunk.start_sample == round((START_S + 5.0) * 20)
    with pytest.raises(ValueError, match="no sample is known"):
        ToVelocity(spec, 100.0, "velocity", 1e6, 3).whole(START_S, np.full((3, 500), np.nan))


@pytest.mark.parametrize(("measurement", "largest"), [("velocity", 10.0), ("acceleration", 100.0)])
@pytest.mark.parametrize("absurd", [2.0, 1e28, 3e38, -1e300])
def test_what_the_ground_cannot_do_is_missing(spec, measurement, largest, absurd):
    samples = sweep(2000, 100.0)
    missing = samples.copy()
    samples[1, 700:705] = absurd * largest * 1e6
    missing[1, 700:705] = np.nan
    converter = ToVelocity(spec, 100.0, measurement, 1e6, 3)
    found = preprocess_whole(converter, START_S, samples)
    expected = preprocess_whole(ToVelocity(spec, 100.0, measurement, 1e6, 3), START_S, missing)
    assert converter.n_absurd == 5
    np.testing.assert_array_equal(found[0].valid, expected[0].valid)
    for one, other in zip(
        (found[0].velocity_mps, *found[1:]), (expected[0].velocity_mps, *expected[1:]), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    samples[1, 700:705] = 0.99 * largest * 1e6
    converter.whole(START_S, samples)
    assert converter.n_absurd == 5


@pytest.mark.parametrize(
    ("value", "missing"),
    [(-(2**31), 5), (2**31 - 1, 5), (np.float32(2**31 - 1), 5), (2**31 - 2, 0), (2.5e9, 0), (-2.5e9, 0)],
)
def test_an_end_of_32_bits_is_missing(spec, value, missing):
    """Of a digitizer so sensitive that it stands for a metre a second; floats in nm/s2 go on beyond."""
    samples = sweep(2000, 100.0)
    samples[0, 700:705] = value
    converter = ToVelocity(spec, 100.0, "velocity", 2e9, 3)
    converter.whole(START_S, samples)
    assert converter.n_absurd == missing


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((10.0, "velocity", 1.0), "input at 10.0 Hz cannot give 20.0 Hz"),
        ((float("nan"), "velocity", 1.0), "input at nan Hz cannot give 20.0 Hz"),
        (
            (100.0, "displacement", 1.0),
            "measurement is 'displacement', must be one of velocity, acceleration",
        ),
        ((100.0, "velocity", 0.0), "sensitivity must be finite and not zero: 0.0"),
        ((100.0, "velocity", float("nan")), "sensitivity must be finite"),
    ],
)
def test_wrong_sensors_are_refused(spec, arguments, message):
    with pytest.raises(ValueError, match=message):
        ToVelocity(spec, *arguments)


def test_the_wrong_number_of_components_is_refused(spec):
    with pytest.raises(ValueError, match="expected 3 components"):
        ToVelocity(spec, 100.0, "velocity", 1.0, 3).process(START_S, np.zeros((2, 10)))


@pytest.mark.parametrize("shape", [(600,), (4, 3, 600), (2, 5, 3, 1200)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_windows_are_filtered_like_the_stream(spec, shape, dtype):
    rng = np.random.default_rng(0)
    waveforms = rng.standard_normal(shape) * np.exp(-(np.linspace(-3, 3, shape[-1]) ** 2))
    waveforms[..., -1] = 5.0  # an end that would ring into the beginning
    found = filter_windows(spec, torch.from_numpy(waveforms).to(dtype))
    flat = waveforms.reshape(-1, shape[-1])
    *bands, _ = Bands(spec, len(flat)).process(as_chunk(flat))
    long = signal.sosfilt(spec.filters[3].sos(), flat)  # of which a stream withholds some
    for band, expected in zip(found, (*bands, long), strict=True):
        assert band.dtype == dtype
        difference = np.abs(band.numpy().reshape(flat.shape) - expected).max()
        assert difference < 1e-5 * np.abs(expected).max()


def test_windows_agree_with_scipy(spec):
    waveform = np.random.default_rng(1).standard_normal(700)
    sos = signal.butter(4, (2.0, 8.0), "bandpass", fs=20.0, output="sos")
    narrow, *_ = filter_windows(spec, torch.from_numpy(waveform))
    np.testing.assert_allclose(narrow.numpy(), signal.sosfilt(sos, waveform), atol=1e-6)


def test_impossible_specs_are_refused(spec):
    with pytest.raises(ValueError, match=r"bands must end below 10.0 Hz"):
        replace(spec, broad=Band(0.5, 12.0, 4))
    with pytest.raises(ValueError, match="max_gap_s"):
        replace(spec, max_gap_s=-1.0)
    with pytest.raises(ValueError, match="highpass_hz > 0 and order >= 2"):
        LongPeriod(0.075, 1)
    with pytest.raises(ValueError, match="0 < low_hz < high_hz"):
        Band(8.0, 2.0, 4)


def test_the_end_of_a_short_gap_is_no_onset(spec):
    """A slow swell goes on across a lost second; a value held would end in a step."""
    swell = 1e-5 * np.sin(2 * np.pi * 0.15 * np.arange(6000) / 100.0)[None]
    lost = swell.copy()
    lost[:, 3000:3100] = np.nan
    _, narrow, *_ = preprocess_whole(ToVelocity(spec, 100.0, "velocity", 1.0), START_S, lost)
    held = swell.copy()
    held[:, 3000:3100] = swell[:, 2999:3000]
    _, stepped, *_ = preprocess_whole(ToVelocity(spec, 100.0, "velocity", 1.0), START_S, held)
    after = slice(620, 660)
    assert np.abs(narrow[:, after]).max() < 0.1 * np.abs(stepped[:, after]).max()


@pytest.mark.parametrize("rise_s", [0.01, 5.0])
def test_a_tilt_or_step_of_an_accelerometer_is_no_earthquake(spec, rise_s):
    """1 mm/s2: a millimetre of long-period displacement, a twentieth of it half a minute later."""
    times = np.arange(20_000) / 100.0
    acceleration = 1e-3 * np.clip((times - 100.0) / rise_s, 0.0, 1.0) + 0.3
    _, narrow, broad, displacement, long = preprocess_whole(
        ToVelocity(spec, 100.0, "acceleration", 1.0), START_S, acceleration[None]
    )
    assert 5e-4 < np.abs(long).max() < 1.5e-3
    assert np.abs(long[:, 2600:]).max() < 1e-4
    assert np.abs(displacement).max() < 3e-5
    assert np.abs(broad).max() < 1e-4
    assert np.abs(narrow).max() < 3e-5


@pytest.mark.parametrize("measurement", ["velocity", "acceleration"])
def test_a_start_in_shaking_gives_no_displacement_that_is_not_there(spec, measurement):
    """5 Hz, 1 cm/s: 0.3 mm. What the unknown offset leaves is metres per m/s2."""
    times = np.arange(10_000) / 100.0
    omega = 2.0 * np.pi * 5.0
    ground = 0.01 * np.cos(omega * times + 0.3)
    if measurement == "acceleration":
        ground *= omega
    chunk = ToVelocity(spec, 100.0, measurement, 1.0).whole(START_S, ground[None])
    long = np.abs(Bands(spec, 1).process(chunk).long[0])
    left = np.abs(signal.sosfilt(spec.filters[3].sos(), chunk.velocity_mps[0]))
    assert left.max() > 8 * 0.01 / omega
    assert not long[:600].any()
    assert long[600:].max() < (3 if measurement == "velocity" else 60) * 0.01 / omega


def test_displacement_that_grows_beyond_what_a_start_leaves_is_read(spec):
    """Shaking of 1 mm/s at the start, and ten seconds later the ground moves by 10 cm."""
    times = np.arange(6_000) / 100.0
    ground = 1e-3 * np.sin(20.0 * times) + 0.1 * np.exp(-0.5 * ((times - 12.0) / 0.8) ** 2) / 2.0
    chunk = ToVelocity(spec, 100.0, "velocity", 1.0).whole(START_S, ground[None])
    long = np.abs(Bands(spec, 1).process(chunk).long[0])
    unmasked = np.abs(signal.sosfilt(spec.filters[3].sos(), chunk.velocity_mps[0]))
    assert not long[:200].any()
    assert long.max() == unmasked.max() > 0.02


def test_shipped_checkpoints_have_no_long_period_band(spec):
    before = replace(spec, long=None)
    chunk = as_chunk(np.random.default_rng(0).standard_normal((2, 500)))
    *bands, long = Bands(before, 2).process(chunk)
    assert not long.any()
    for band, expected in zip(bands, Bands(spec, 2).process(chunk)[:3], strict=True):
        np.testing.assert_array_equal(band, expected)
    assert not filter_windows(before, torch.from_numpy(chunk.velocity_mps)).long.any()


def test_narrow_and_broad_are_the_papers_bands(spec):
    chunk = as_chunk(np.random.default_rng(0).standard_normal((2, 500)))
    narrow, broad, *_ = Bands(spec, 2).process(chunk)
    for band, edges_hz in ((narrow, (2.0, 8.0)), (broad, (0.5, 9.0))):
        sos = signal.butter(4, edges_hz, "bandpass", fs=20.0, output="sos")
        np.testing.assert_array_equal(band, signal.sosfilt(sos, chunk.velocity_mps))
