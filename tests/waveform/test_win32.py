"""WIN32 files written from the published format are read back exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from win32_files import table_line, win32_channel, win32_file, win32_frame

from fcn.waveform.nied_channels import read_channel_table
from fcn.waveform.response import Sensitivity
from fcn.waveform.win32 import read_win32

START_S = 1_460_636_400.0  # 2016-04-14 12:20:00 UTC, 21:20:00 JST


@pytest.fixture(scope="module")
def channels(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "01.ch"
    lines = [table_line(0x6033 + i, "N.KMNH", component) for i, component in enumerate("UNE")]
    path.write_text("\n".join(lines))
    return read_channel_table(path)


def write(path, frames):
    path.write_bytes(win32_file(frames))
    return path


@pytest.mark.parametrize("n_samples", [1, 2, 20, 99, 100])
@pytest.mark.parametrize(
    ("size", "largest"), [(0, 8), (1, 128), (2, 2**15), (3, 2**23), (4, 2**29), (5, 2**30)]
)
def test_every_sample_size(tmp_path, channels, n_samples, size, largest):
    rng = np.random.default_rng(size)
    steps = rng.integers(-largest, largest, n_samples)
    steps[:2] = (-largest, largest - 1)[: len(steps[:2])]
    seconds = [np.cumsum(np.roll(steps, k) if size < 4 else steps // 128) for k in range(3)]
    frames = [
        win32_frame(START_S + k, [win32_channel(0x6033, counts, size)]) for k, counts in enumerate(seconds)
    ]
    (trace,) = read_win32([write(tmp_path / "a.cnt", frames)], channels)
    np.testing.assert_array_equal(trace.data, np.concatenate(seconds))
    assert trace.data.dtype == np.int32
    assert trace.stats.sampling_rate == n_samples
    assert trace.stats.starttime.timestamp == START_S
    assert trace.id == "BO.KMNH..EHZ"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.integers(-(2**30), 2**30), min_size=1, max_size=30).map(np.array), min_size=1, max_size=5
    )
)
def test_any_counts_survive(tmp_path_factory, channels, seconds):
    frames = [win32_frame(START_S + k, [win32_channel(0x6034, counts)]) for k, counts in enumerate(seconds)]
    path = write(tmp_path_factory.mktemp("win32") / "a.cnt", frames)
    found = read_win32([path], channels)
    np.testing.assert_array_equal(np.concatenate([trace.data for trace in found]), np.concatenate(seconds))


def test_channels_rates_and_unknown_numbers_mix(tmp_path, channels):
    rng = np.random.default_rng(0)
    fast, slow = rng.integers(-5, 5, (4, 100)), rng.integers(-500, 500, (4, 20))
    other = rng.integers(-5, 5, 50)
    frames = [
        win32_frame(
            START_S + k,
            [win32_channel(0x6033, fast[k]), win32_channel(0x1234, other), win32_channel(0x6035, slow[k])],
        )
        for k in range(4)
    ]
    found = read_win32([write(tmp_path / "a.cnt", frames)], channels)
    assert [(trace.id, trace.stats.sampling_rate) for trace in found] == [
        ("BO.KMNH..EHZ", 100.0),
        ("BO.KMNH..EHE", 20.0),
    ]
    np.testing.assert_array_equal(found[0].data, fast.ravel())
    np.testing.assert_array_equal(found[1].data, slow.ravel())


def test_missing_frames_start_a_new_trace_and_repeated_ones_count_once(tmp_path, channels):
    seconds = {k: np.full(10, k) for k in (0, 1, 2, 5, 6)}
    frame = {k: win32_frame(START_S + k, [win32_channel(0x6033, counts)]) for k, counts in seconds.items()}
    one = write(tmp_path / "a.cnt", [frame[0], frame[1], frame[2]])
    other = write(tmp_path / "b.cnt", [frame[2], frame[6], frame[5]])
    found = read_win32([other, one], channels)
    assert [trace.stats.starttime.timestamp - START_S for trace in found] == [0.0, 5.0]
    np.testing.assert_array_equal(found[0].data, np.repeat([0, 1, 2], 10))
    np.testing.assert_array_equal(found[1].data, np.repeat([5, 6], 10))


def test_frames_of_other_lengths_and_fractions(tmp_path, channels):
    counts = np.arange(30)
    frames = [
        win32_frame(START_S + 0.25 + 6.0 * k, [win32_channel(0x6033, counts)], tenths=60) for k in range(2)
    ]
    (trace,) = read_win32([write(tmp_path / "a.cnt", frames)], channels)
    assert trace.stats.sampling_rate == 5.0
    assert trace.stats.starttime.timestamp == pytest.approx(START_S + 0.25, abs=1e-6)
    assert trace.stats.npts == 60


def test_a_change_of_rate_starts_a_new_trace(tmp_path, channels):
    frames = [
        win32_frame(START_S + k, [win32_channel(0x6033, np.arange(n))]) for k, n in enumerate((10, 20, 20))
    ]
    found = read_win32([write(tmp_path / "a.cnt", frames)], channels)
    assert [(t.stats.sampling_rate, t.stats.npts) for t in found] == [(10.0, 10), (20.0, 40)]


def test_nothing_of_ours_is_an_empty_stream(tmp_path, channels):
    frames = [win32_frame(START_S, [win32_channel(0x1234, np.arange(10))])]
    assert len(read_win32([write(tmp_path / "a.cnt", frames)], channels)) == 0


GOOD = win32_frame(START_S, [win32_channel(0x6033, np.arange(100) * 1000)])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no WIN32 file"),
        (b"\x0a\x02\0\0" + GOOD, "is no WIN32 file: it does not begin with four zero bytes"),
        (b"\0\0\0\0" + GOOD[:10], "is truncated: it ends in the header of a frame"),
        (b"\0\0\0\0" + GOOD[:-7], r"is truncated in the frame of 2016-04-14T12:20:00"),
        (b"\0\0\0\0" + GOOD + GOOD[:30], r"is truncated in the frame of 2016-04-14T12:20:00"),
        (b"\0\0\0\0" + b"\xff" * 8 + GOOD[8:], "ffffffffffffffff is no time of a WIN32 frame"),
        (b"\0\0\0\0" + b"\x20\x16\x13" + GOOD[3:], "is no time of a WIN32 frame"),
        (b"\0\0\0\0" + GOOD[:8] + b"\0\0\0\0" + GOOD[12:], "has no length"),
        (b"\0\0\0\0" + GOOD[:20] + b"\xf0" + GOOD[21:], "channel 6033 at .* has sample size 15"),
        (b"\0\0\0\0" + GOOD[:20] + b"\x40" + GOOD[21:], "do not fill their frame"),
        (win32_file([win32_frame(START_S, [b"\x01\x01\x60"])]), "do not fill their frame"),
    ],
)
def test_broken_files_are_named(tmp_path, channels, content, message):
    (tmp_path / "a.cnt").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.cnt.*{message}"):
        read_win32([tmp_path / "a.cnt"], channels)


def test_a_missing_file_is_named(tmp_path, channels):
    with pytest.raises(FileNotFoundError, match=r"no WIN32 file .*a\.cnt"):
        read_win32([tmp_path / "a.cnt"], channels)


# ------------------------------------------------------------------ channel table


def test_the_channel_table_of_hinet(tmp_path):
    path = tmp_path / "a.ch"
    lines = [
        "# comment",
        "",
        table_line(0x6033, "N.KMNH", "U"),
        table_line(0x6034, "N.KMNH", "N", gain="20"),
        table_line(0x6035, "N.FNTH", "EB", period="120", latitude="33.1"),
        table_line(0x6036, "N.FNTH", "NS", unit="m/s/s"),
        table_line(0x6037, "N.KMNH", "X", unit="rad"),
    ]
    path.write_bytes("\n".join(lines).encode() + " 熊本\n".encode("euc-jp"))
    channels = read_channel_table(path)
    assert sorted(channels) == [0x6033, 0x6034, 0x6035, 0x6036]
    up = channels[0x6033]
    assert up.seed_id == "BO.KMNH..EHZ"
    assert (up.station.latitude_deg, up.station.longitude_deg, up.station.elevation_m) == (32.8, 130.8, 483.0)
    assert up.sensitivity.measurement == "velocity"
    assert up.sensitivity.value == pytest.approx(175.60 / 1.023e-7)
    assert channels[0x6034].sensitivity.value == pytest.approx(10.0 * up.sensitivity.value)
    assert channels[0x6035].seed_id == "BO.FNTH.B.HHE"
    assert channels[0x6036].seed_id == "BO.FNTH.S.HNN"
    assert channels[0x6036].sensitivity == Sensitivity(175.60 / 1.023e-7, "acceleration")


@pytest.mark.parametrize(
    ("unit", "measurement", "per_si"),
    [("gal", "acceleration", 100.0), ("cm/s", "velocity", 100.0), ("M/S^2", "acceleration", 1.0)],
)
def test_units_are_those_of_station_lists(tmp_path, unit, measurement, per_si):
    (tmp_path / "a.ch").write_text(table_line(1, "N.A", "U", unit=unit))
    found = read_channel_table(tmp_path / "a.ch")[1].sensitivity
    assert found.measurement == measurement
    assert found.value == pytest.approx(per_si * 175.60 / 1.023e-7)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "shift_jis", "euc-jp", "iso2022_jp"])
def test_names_may_be_in_any_encoding(tmp_path, encoding):
    text = f"{table_line(1, 'N.A', 'U')} 熊本\r\n# 表\r\n{table_line(2, 'N.A', 'N')} 能\r\n"
    (tmp_path / "a.ch").write_bytes(text.encode(encoding))
    assert sorted(read_channel_table(tmp_path / "a.ch")) == [1, 2]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            " ".join(table_line(1, "N.A", "U").split()[:13]),
            "13 columns; latitude, longitude and height are columns",
        ),
        (table_line(1, "N.A", "U", latitude="0", longitude="0"), "station N.A has no coordinates"),
        (table_line(1, "N.A", "U", latitude="nan"), "station BO.A has no latitude_deg"),
        (table_line(1, "N.A", "U", step="0"), "A/D step 0.0 V"),
        (table_line(1, "N.A", "U", sensitivity="0"), "sensitivity 0.0"),
        (table_line(1, "N.A", "U", sensitivity="much"), "much"),
        (table_line(1, "N.A", "U", step="nan"), "A/D step nan V"),
        (table_line(1, "N.A", "U", gain="inf"), "gain inf dB"),
    ],
)
def test_lines_that_make_no_sense_are_named(tmp_path, line, message):
    (tmp_path / "a.ch").write_text("# first\n" + line + "\n")
    with pytest.raises(ValueError, match=rf"a\.ch, line 2: .*{message}"):
        read_channel_table(tmp_path / "a.ch")


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (table_line(1, "N.B", "U"), r"number 0001 is BO\.B\.\.EHZ, and before it BO\.A\.\.EHZ"),
        (table_line(1, "N.A", "U", gain="20"), r"number 0001 is BO\.A\.\.EHZ, and before it other values"),
    ],
)
def test_a_number_is_one_channels(tmp_path, second, message):
    first = table_line(1, "N.A", "U")
    (tmp_path / "a.ch").write_text(f"{first}\n{first}\n{second}\n")
    with pytest.raises(ValueError, match=rf"a\.ch, line 3: {message}"):
        read_channel_table(tmp_path / "a.ch")
    (tmp_path / "a.ch").write_text(f"{first}\n{first}\n")
    assert sorted(read_channel_table(tmp_path / "a.ch")) == [1]


def test_tables_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="no channel table"):
        read_channel_table(tmp_path / "a.ch")
    (tmp_path / "a.ch").write_text("# nothing\n")
    with pytest.raises(ValueError, match="lists no channels of velocity or acceleration"):
        read_channel_table(tmp_path / "a.ch")
