"""Motion of a station from all its channels: epochs by time, components on their own, failing over."""

import copy
import logging

import numpy as np
import obspy
import pytest
from made_networks import COUNTS_PER_MPS, START_S, make_network, make_site, make_trace

from fcn.waveform.inventory import make_inventory
from fcn.waveform.preprocess import Bands, ToVelocity
from fcn.waveform.response import Sensitivity, direction
from fcn.waveform.station import StationInParts, station_motion

GAIN = {"velocity": COUNTS_PER_MPS, "acceleration": 2e5}


def described(stream, measurement="velocity"):
    """StationXML for the stream's channels."""
    stated = {trace.id: Sensitivity(COUNTS_PER_MPS, measurement) for trace in stream}
    return make_inventory([make_site("A")], stream, stated)


def oriented(azimuths_deg, codes="Z12", gains=(1.0, 1.0, 1.0)):
    """Motion Z, N, E seen by channels of these azimuths, and their StationXML."""
    motion = 1e-5 * np.random.default_rng(1).standard_normal((3, 3000))
    dips = [-90.0 if code == "Z" else 0.0 for code in codes]
    vectors = np.array([direction(a, d) for a, d in zip(azimuths_deg, dips, strict=True)])
    counts = np.array(gains)[:, None] * COUNTS_PER_MPS * (vectors @ motion)
    stream = obspy.Stream([make_trace(f"XX.A..HH{c}", row) for c, row in zip(codes, counts, strict=True)])
    inventory = described(stream)
    for found in inventory[0][0]:
        i = codes.index(found.code[-1])
        found.azimuth, found.dip = azimuths_deg[i], dips[i]
        found.response.instrument_sensitivity.value *= gains[i]
    return motion, stream, inventory


@pytest.mark.parametrize(
    "azimuths_deg", [(0.0, 0.0, 90.0), (0.0, 37.0, 127.0), (0.0, 200.0, 110.0), (0.0, 20.0, 75.0)]
)
def test_any_orientation_gives_the_same_motion(spec, azimuths_deg):
    motion, stream, inventory = oriented(azimuths_deg, gains=(1.0, -2.0, 0.5))
    found = station_motion(stream, inventory, spec)
    chunks = ToVelocity(spec, 100.0, "velocity", 1.0, 3)
    whole = chunks.whole(START_S, motion)
    assert found.start_sample == whole.start_sample
    assert found.valid.all()
    np.testing.assert_allclose(found.velocity_mps, whole.velocity_mps, atol=1e-12)
    (first, *_) = ToVelocity(spec, 100.0, "velocity", 1.0, 3).process(START_S, motion)
    for band, expected in zip(
        (found.narrow_mps, found.broad_mps, found.displacement_m, found.long_m),
        Bands(spec, 3).process(first),
        strict=True,
    ):
        np.testing.assert_allclose(band[:, : expected.shape[1]], expected, atol=1e-12)


def test_of_parallel_channels_one_is_used_and_it_says_so(spec, caplog):
    """As of a borehole whose azimuths nobody has found out, and StationXML states as 0."""
    motion, stream, inventory = oriented((0.0, 0.0, 0.0))
    found = station_motion(stream, inventory, spec)
    assert found.valid.all(axis=1).tolist() == [True, True, False]
    whole = ToVelocity(spec, 100.0, "velocity", 1.0, 3).whole(START_S, motion)
    np.testing.assert_allclose(found.velocity_mps[:2], whole.velocity_mps[:2], atol=1e-12)
    for channel in (
        "HHZ (azimuth 0, dip -90 deg)",
        "HH1 (azimuth 0, dip 0 deg)",
        "HH2 (azimuth 0, dip 0 deg)",
    ):
        assert f"XX.A..{channel}" in caplog.text


@pytest.mark.parametrize("later_deg", [127.0, 37.0])
def test_directions_of_each_epoch_are_compared(spec, caplog, later_deg):
    _, stream, inventory = oriented((0.0, 37.0, 127.0))
    (east,) = (channel for channel in inventory[0][0] if channel.code == "HH2")
    east.end_date = obspy.UTCDateTime(START_S + 15.0)
    again = copy.deepcopy(east)
    again.start_date, again.end_date, again.azimuth = east.end_date, None, later_deg
    inventory[0][0].channels.append(again)
    station_motion(stream, inventory, spec)
    assert ("XX.A..HH2 (azimuth 37, dip 0 deg) do not point in different directions" in caplog.text) == (
        later_deg == 37
    )


def test_missing_components_are_zero_and_said(spec, caplog):
    _, stream, inventory = oriented((0.0, 0.0), codes="ZN", gains=(1.0, 1.0))
    found = station_motion(stream, inventory, spec)
    assert found.station_id == "XX.A"
    assert found.valid.all(axis=1).tolist() == [True, True, False]
    assert not found.velocity_mps[2].any()
    assert "XX.A has only XX.A..HHZ, XX.A..HHN: the rest is zero" in caplog.text


@pytest.mark.parametrize("vertical", ["XX.A..EHZ", "XX.A.10.HHZ"])
def test_a_component_that_is_named_as_another_instruments_is_said(spec, caplog, vertical):
    rng = np.random.default_rng(1)
    names = (vertical, "XX.A..HHN", "XX.A..HHE")
    stream = obspy.Stream([make_trace(name, 1e4 * rng.standard_normal(3000)) for name in names])
    station_motion(stream, described(stream), spec)
    assert f"the rest is zero; not used with them, as of another instrument: {vertical}. Give" in caplog.text


def test_a_gap_in_one_component_is_its_own(spec):
    _, stream, inventory = make_network(1)
    whole = station_motion(stream, inventory, spec)
    start = obspy.UTCDateTime(START_S)
    east = stream.select(channel="HHE")[0]
    stream.remove(east)
    stream += obspy.Stream([east.slice(None, start + 20.0), east.slice(start + 23.0, None)])
    found = station_motion(stream, inventory, spec)
    assert found.valid[:2].all()
    assert np.flatnonzero(~found.valid[2]).tolist() == list(range(401, 460))
    np.testing.assert_array_equal(found.narrow_mps[:2], whole.narrow_mps[:2])
    assert not found.narrow_mps[2, 401:460].any()


def test_a_component_that_dies_leaves_the_others(spec):
    _, stream, inventory = make_network(1)
    whole = station_motion(stream, inventory, spec)
    east = stream.select(channel="HHE")[0]
    east.trim(None, obspy.UTCDateTime(START_S) + 10.0)
    found = station_motion(stream, inventory, spec)
    assert found.valid[:2].all()
    assert not found.valid[2, 202:].any()
    np.testing.assert_allclose(found.velocity_mps[:2], whole.velocity_mps[:2], atol=1e-18)


def test_a_component_without_its_partner_is_worth_something(spec):
    """Of channels at 45 degrees one alone is half of north and half of east."""
    _, stream, inventory = oriented((0.0, 45.0, 135.0))
    stream.select(channel="HH2")[0].trim(None, obspy.UTCDateTime(START_S) + 10.0)
    found = station_motion(stream, inventory, spec)
    assert found.valid.all()
    np.testing.assert_allclose(found.velocity_mps[1, 400:], found.velocity_mps[2, 400:], atol=1e-15)


@pytest.mark.parametrize("factor", [10.0, -0.3])
def test_a_sensitivity_that_changes_does_so_at_its_time(spec, factor):
    _, stream, inventory = make_network(1)
    whole = station_motion(stream, inventory, spec)
    change_s = 30.0
    for trace in stream:
        later = np.arange(trace.stats.npts) >= change_s * 100.0
        trace.data = np.where(later, factor * trace.data, trace.data)
    site = inventory[0][0]
    for channel in list(site):
        other = copy.deepcopy(channel)
        other.response.instrument_sensitivity.value *= factor
        channel.end_date = other.start_date = obspy.UTCDateTime(START_S + change_s)
        site.channels.append(other)
    found = station_motion(stream, inventory, spec)
    assert found.valid.all()
    assert len(found.uses) == 2
    np.testing.assert_array_equal(found.broad_mps[:, :600], whole.broad_mps[:, :600])
    settled = slice(1000, None)  # the filters started anew
    np.testing.assert_allclose(found.broad_mps[:, settled], whole.broad_mps[:, settled], atol=1e-9)


def test_an_instrument_that_dies_is_replaced(spec, caplog):
    motion = 1e-5 * np.random.default_rng(1).standard_normal((3, 6000))
    counts = np.round(COUNTS_PER_MPS * motion)
    start = obspy.UTCDateTime(START_S)
    stream = obspy.Stream([make_trace(f"XX.A..HH{c}", row) for c, row in zip("ZNE", counts, strict=True)])
    both = stream + obspy.Stream(
        [make_trace(f"XX.A..HN{c}", row) for c, row in zip("ZNE", counts, strict=True)]
    )
    inventory = described(both)
    for trace in stream:
        trace.trim(None, start + 20.0)
    found = station_motion(both, inventory, spec)
    alone = station_motion(both[3:], inventory, spec)
    assert found.valid.mean() > 0.9
    assert found.valid[:, 506:].all()
    np.testing.assert_array_equal(found.broad_mps[:, 506:], alone.broad_mps[:, 506:])
    assert "XX.A: XX.A..HN? in place of XX.A..HH? from 2016-04-14T12:26:55" in caplog.text


def two_instruments(limit_mps, rates_hz=(100.0, 200.0)):
    """A quake of a seismometer that clips, of one that does not, and of an accelerometer."""
    streams = []
    for rate_hz, code in zip(rates_hz, ("HH", "HN"), strict=True):
        time_s = np.arange(round(60.0 * rate_hz)) / rate_hz
        late_s = np.maximum(time_s - 30.0, 0.0)
        size_mps = 0.05 * late_s / 3.0 * np.exp(1.0 - late_s / 3.0)
        velocity = size_mps * np.sin(2 * np.pi * np.array([[1.3], [2.1], [3.4]]) * time_s)
        if code == "HN":
            rows = GAIN["acceleration"] * np.gradient(velocity, 1.0 / rate_hz, axis=1)
        else:
            rows = COUNTS_PER_MPS * velocity
        channels = zip("ZNE", np.round(rows), strict=True)
        streams.append(obspy.Stream([make_trace(f"XX.A..{code}{c}", row, rate_hz) for c, row in channels]))
    whole, strong = streams
    clipped = whole.copy()
    for trace in clipped:
        trace.data = np.clip(trace.data, *(COUNTS_PER_MPS * limit_mps * np.array([-1.0, 1.0])))
    stated = {
        trace.id: Sensitivity(GAIN[kind], kind)
        for kind, stream in (("velocity", whole), ("acceleration", strong))
        for trace in stream
    }
    return clipped, whole, strong, make_inventory([make_site("A")], whole + strong, stated)


def test_the_accelerometer_takes_over_without_a_step_where_the_seismometer_clips(spec, caplog):
    clipped, whole, strong, inventory = two_instruments(0.01)
    found = station_motion(clipped + strong, inventory, spec)
    true = station_motion(whole, inventory, spec)
    cut = station_motion(clipped, inventory, spec)
    assert [use.channels[0].seed_id[-3:] for use in found.uses] == ["HHZ", "HNZ"]
    assert "XX.A..HN? in place of XX.A..HH? from 2016-04-14T12:27:0" in caplog.text
    assert found.valid.all()
    moment = round((found.uses[1].from_s - START_S) * 20.0)
    around = slice(moment - 3, moment + 3)
    for name in ("narrow_mps", "broad_mps", "displacement_m", "long_m"):
        motion, of_whole, of_cut = (getattr(each, name) for each in (found, true, cut))
        largest = np.abs(of_whole).max()
        assert np.abs(motion - of_whole).max() < 0.1 * largest, name
        assert np.abs(of_cut - of_whole).max() > 0.4 * largest, name
        steps, true_steps = (np.abs(np.diff(each))[:, around] for each in (motion, of_whole))
        assert np.abs(steps - true_steps).max() < 0.01 * largest, name


def test_a_seismometer_that_clips_alone_is_used_as_it_is(spec):
    clipped, _, _, inventory = two_instruments(0.01)
    found = station_motion(clipped, inventory, spec)
    assert len(found.uses) == 1
    assert found.valid.all()


def test_channels_beside_the_best_instrument_may_be_undescribed(spec, caplog):
    _, stream, inventory = make_network(1)
    extra = obspy.Stream([make_trace("XX.S00..BDF", np.zeros(6000, np.int32))])
    found = station_motion(stream + extra, inventory, spec)
    assert found.valid.all()
    assert "XX.S00..BDF left out: StationXML does not describe" in caplog.text
    site = inventory[0][0]
    site.channels.remove(next(channel for channel in site if channel.code == "HHN"))
    two = station_motion(stream, inventory, spec)
    assert two.valid.all(axis=1).tolist() == [True, False, True]
    assert "XX.S00..HHN left out: StationXML does not describe" in caplog.text
    site.channels.clear()
    with pytest.raises(ValueError, match=r"does not describe XX\.S00\.\.HH"):
        station_motion(stream, inventory, spec)


def test_the_other_instrument_serves_where_the_best_is_not_described(spec, caplog):
    _, stream, inventory = make_network(1)
    better = obspy.Stream([make_trace(t.id.replace("HH", "HL"), t.data) for t in stream])
    for channel in inventory[0][0]:
        channel.code = channel.code.replace("HH", "HL")
    found = station_motion(stream + better, inventory, spec)
    assert found.valid.all()
    assert {c.seed_id[:-1] for use in found.uses for c in use.channels} == {"XX.S00..HL"}
    assert "XX.S00..HHZ left out" in caplog.text


def test_an_epoch_without_a_sensitivity_costs_its_own_time(spec, caplog):
    _, stream, inventory = make_network(1)
    site = inventory[0][0]
    for channel in list(site):
        other = copy.deepcopy(channel)
        other.response = None
        channel.end_date = other.start_date = obspy.UTCDateTime(START_S + 50.0)
        site.channels.append(other)
    found = station_motion(stream, inventory, spec)
    assert found.valid[:, :999].all()
    assert not found.valid[:, 1000:].any()
    assert "from 2016-04-14T12:27:20.000000Z" in caplog.text
    assert "has no instrument sensitivity" in caplog.text


def test_slow_channels_do_not_count(spec):
    _, stream, inventory = make_network(1)
    slow = obspy.Stream([make_trace("XX.S00..LHZ", np.zeros(60, np.int32), 1.0)])
    assert station_motion(stream + slow, inventory, spec).valid.all()
    with pytest.raises(ValueError, match=r"no channel of at least 20 Hz: XX\.S00\.\.LHZ \(1 Hz\)"):
        station_motion(slow, inventory, spec)


@pytest.mark.parametrize("rates_hz", [(99.9999, 100.0, 100.0001), (19.9999997, 20.0, 20.0)])
def test_rates_that_headers_state_in_different_ways_are_one(spec, rates_hz):
    stream, n = obspy.Stream(), round(20 * rates_hz[1])
    for number, rate_hz in enumerate(rates_hz):
        for component in "ZNE":
            counts = np.random.default_rng(number).integers(-1000, 1000, n)
            stream.append(make_trace(f"XX.A..HH{component}", counts, rate_hz, START_S + 20.0 * number))
    found = station_motion(stream, described(stream), spec)
    later = int(rates_hz[1] == 20.0)  # samples_ahead
    assert found.valid[:, later:-1].all()
    assert len(found.uses) == 1


def test_a_rate_that_changes_is_followed(spec):
    """Whatever comes later, what came before the change is used, and what comes after it soon."""
    rng = np.random.default_rng(1)
    parts = [(100.0, 0.0, 140.0), (200.0, 140.0, 160.0)]
    stream = obspy.Stream(
        make_trace(f"XX.A..HH{c}", rng.integers(-1000, 1000, round(rate * length_s)), rate, START_S + start_s)
        for rate, start_s, length_s in parts
        for c in "ZNE"
    )
    found = station_motion(stream, described(stream[:3]), spec)
    assert found.valid[:, : 140 * 20 - 1].all()
    assert found.valid[:, 146 * 20 : 299 * 20].all()


def test_a_station_shorter_than_a_sample_is_refused_by_name(spec):
    trace = make_trace("XX.A..HHZ", np.arange(2), 100.0, START_S + 0.012)
    with pytest.raises(ValueError, match=r"XX\.A\.\.HHZ: shorter than a sample"):
        station_motion([trace], described(obspy.Stream([trace])), spec)


def test_two_of_three_oblique_channels_are_not_three_components(spec):
    """Galperin's U, V, W: a strong vertical does not pass for horizontals once one of them is lost."""
    n, motion = 6000, 1e-6 * np.random.default_rng(1).standard_normal((3, 6000))
    motion[0] *= 30.0
    dip_deg = -np.degrees(np.arcsin(1 / np.sqrt(3.0)))
    azimuths_deg = (90.0, 210.0, 330.0)
    vectors = np.array([direction(a, dip_deg) for a in azimuths_deg])
    counts = np.round(COUNTS_PER_MPS * vectors @ motion)
    stream = obspy.Stream([make_trace(f"XX.A..HH{c}", row) for c, row in zip("UVW", counts, strict=True)])
    inventory = described(stream)
    for channel, azimuth_deg in zip(sorted(inventory[0][0], key=lambda c: c.code), azimuths_deg, strict=True):
        channel.azimuth, channel.dip = azimuth_deg, dip_deg
    whole = station_motion(stream, inventory, spec)
    stream[2].trim(None, obspy.UTCDateTime(START_S) + 30.0)
    found = station_motion(stream, inventory, spec)
    np.testing.assert_allclose(found.velocity_mps[:, :599], whole.velocity_mps[:, :599], atol=1e-18)
    assert whole.valid.all()
    late = slice(602, n // 5)
    assert not found.valid[0, late].any()
    for row in (1, 2):
        assert np.abs(found.velocity_mps[row, late]).max() < 3 * np.abs(whole.velocity_mps[row, late]).max()


def test_a_record_of_another_rate_is_left_out_and_said(spec, caplog):
    _, stream, inventory = make_network(1)
    whole = station_motion(stream, inventory, spec)
    odd = obspy.Stream([make_trace("XX.S00..HHZ", np.zeros(50, np.int32), 50.0, START_S + 10.0)])
    found = station_motion(stream + odd, inventory, spec)
    np.testing.assert_array_equal(found.velocity_mps, whole.velocity_mps)
    assert "XX.S00..HHZ comes at 50 and 100 Hz: one at a time is used" in caplog.text


def test_absurd_samples_are_counted_by_channel(spec, caplog):
    _, stream, inventory = make_network(1)
    whole = station_motion(stream, inventory, spec)
    east = stream.select(channel="HHE")[0]
    east.data = east.data.astype(np.float64)
    east.data[2000:2010] = 1e28
    with caplog.at_level(logging.WARNING):
        found = station_motion(stream, inventory, spec)
    assert "XX.S00..HHE: 10 samples left out, beyond what the ground can do" in caplog.text
    np.testing.assert_array_equal(found.narrow_mps[:2], whole.narrow_mps[:2])
    assert np.abs(found.narrow_mps[2]).max() < 2 * np.abs(whole.narrow_mps[2]).max()


def test_the_future_changes_nothing(spec):
    """Everything before a moment is the same whatever the archive holds after it."""
    _, stream, inventory = make_network(1)
    both = stream + obspy.Stream([make_trace(t.id.replace("HH", "EH"), t.data) for t in stream])
    inventory = described(obspy.Stream([make_trace(t.id.replace("S00", "A"), t.data) for t in both]))
    for trace in both:
        trace.stats.station = "A"
    cut = obspy.UTCDateTime(START_S) + 30.0
    part = obspy.Stream([trace.slice(None, cut) for trace in both])
    changed = part + obspy.Stream([t.slice(cut + 0.01, cut + 20.0) for t in both.select(channel="EH?")])
    found = [station_motion(each, inventory, spec) for each in (both, part, changed)]
    known = slice(0, 599)
    for other in found[1:]:
        for name in ("velocity_mps", "narrow_mps", "broad_mps", "displacement_m", "long_m", "valid"):
            np.testing.assert_array_equal(getattr(other, name)[:, known], getattr(found[0], name)[:, known])


def hard():
    """A second instrument, gaps that are bridged or not, missing samples, overlaps, clipping."""
    rng = np.random.default_rng(5)

    def counts(n, size=300.0):
        return (np.cumsum(rng.normal(0.0, size, n)) + 1000.0).round()

    t = START_S
    up = counts(9000)
    up[2000:2040], up[4000:4400] = np.nan, np.nan
    up[7000:7100] = 8_388_607.0  # a flat top at full scale
    north = [(counts(3000), t + 2.003), (counts(3000), t + 32.35), (counts(1500), t + 75.0)]
    east = [(up[:4000].copy(), t), (counts(2000), t + 30.0), (counts(3000), t + 35.0)]  # overlapping ones
    stream = obspy.Stream([make_trace("XX.A..HHZ", up)])
    stream += obspy.Stream([make_trace("XX.A..HHN", data, start_s=at_s) for data, at_s in north])
    stream += obspy.Stream([make_trace("XX.A..HHE", data, start_s=at_s) for data, at_s in east])
    stream += obspy.Stream([make_trace(f"XX.A..HN{c}", counts(18_000), 200.0) for c in "ZNE"])
    return stream, described(stream)


@pytest.mark.parametrize("length_s", [0.3, 7.7, 40.0])
def test_parts_are_the_whole(spec, length_s):
    stream, inventory = hard()
    whole = station_motion(stream, inventory, spec)
    station = StationInParts(stream, inventory, spec)
    parts = list(station.parts(length_s))
    assert len(parts) > 89.0 / length_s / 4
    assert [part.first for part in parts[1:]] == [part.end for part in parts[:-1]]
    motion = np.concatenate([part.motion for part in parts], axis=2)
    for found, expected in zip(
        motion,
        (whole.velocity_mps, whole.narrow_mps, whole.broad_mps, whole.displacement_m, whole.long_m),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.concatenate([part.valid for part in parts], axis=1), whole.valid)
    assert [(use.from_s, [each.seed_id for each in use.channels]) for use in station.uses] == [
        (use.from_s, [each.seed_id for each in use.channels]) for use in whole.uses
    ]
    assert len({use.channels for use in whole.uses}) == 2
    assert 0.5 < whole.valid.mean() < 1.0


def test_parts_do_not_keep_what_is_over(spec):
    _, stream, inventory = make_network(1, seconds=120.0)
    station = StationInParts(stream, inventory, spec)
    for part in station.parts(5.0):
        kept = max(each.channel.track._motion.shape[1] for each in station._fed)
        assert kept < 600, part.first


@pytest.mark.parametrize("off_s", [0.0, 0.013])
def test_parts_are_the_whole_about_a_short_gap_at_20_hz(spec, off_s):
    """A filter bridges it once it has ended; samples on the grid, and off it."""
    data = 100.0 * np.random.default_rng(2).standard_normal((3, 400)).round()
    pieces = [(slice(0, 205), START_S + off_s), (slice(215, 400), START_S + off_s + 215 / 20.0)]
    stream = obspy.Stream(
        make_trace(f"XX.A..HH{c}", row[part], 20.0, at_s)
        for c, row in zip("ZNE", data, strict=True)
        for part, at_s in pieces
    )
    whole = station_motion(stream, described(stream), spec)
    assert 10 <= np.flatnonzero(~whole.valid[0]).size <= 14
    for length_s in (0.1, 2.0):
        parts = list(StationInParts(stream, described(stream), spec).parts(length_s))
        np.testing.assert_array_equal(np.concatenate([part.valid for part in parts], axis=1), whole.valid)


def of_measured_rates(motion, off_hz, n=128, seed=1):
    """Each record's header states what a clock measured: 100 Hz give or take some."""
    rng, stream = np.random.default_rng(seed), obspy.Stream()
    for component, row in zip("ZNE", motion, strict=True):
        for first in range(0, row.size, n):
            stated_hz = 100.0 + rng.uniform(-off_hz, off_hz)
            stream.append(
                make_trace(f"XX.A..HH{component}", row[first : first + n], stated_hz, START_S + first / 100.0)
            )
    return stream, described(obspy.Stream(tr for tr in stream if tr.stats.starttime.timestamp == START_S))


@pytest.mark.parametrize("off_hz", [0.01, 0.05])
def test_rates_that_a_clock_measured_are_one(spec, off_hz):
    motion = np.cumsum(np.random.default_rng(2).integers(-100, 101, (3, 30_000)), axis=1)
    expected = station_motion(*of_measured_rates(motion, 0.0), spec)
    found = station_motion(*of_measured_rates(motion, off_hz), spec)
    assert len(found.uses) == 1
    n = min(expected.valid.shape[1], found.valid.shape[1])
    both = found.valid[:, :n] & expected.valid[:, :n]
    assert both[:, :-2].mean() > 0.99
    off = np.where(both, found.narrow_mps[:, :n] - expected.narrow_mps[:, :n], 0.0)
    assert off.std() < 0.15 * expected.narrow_mps.std()  # half a sample at 5 Hz


def test_a_long_record_keeps_step_with_its_own_rate(spec):
    """Of 100 Hz by the first record's clock, 99.95 by the second's: a second apart after half an hour."""
    time_s = np.arange(180_000) / 99.95
    counts = np.round(1e5 * np.sin(2 * np.pi * 3.0 * time_s)).astype(np.int32)
    first = make_trace("XX.A..HHZ", counts[:1000], 100.0, START_S)
    second = make_trace("XX.A..HHZ", counts[1000:], 99.95, START_S + 10.0)
    found = station_motion([first, second], described(obspy.Stream([first])), spec)
    (own,) = ToVelocity(spec, 99.95, "velocity", COUNTS_PER_MPS).process(START_S + 10.0, counts[None, 1000:])
    late = slice(own.start_sample - found.start_sample + 30_000, found.velocity_mps.shape[1] - 20)
    expected = own.velocity_mps[0, 30_000:][: late.stop - late.start]
    known = found.valid[0, late]
    assert known.mean() > 0.95
    off = (found.velocity_mps[0, late] - expected)[known]
    assert off.std() < 0.1 * expected.std()


@pytest.mark.parametrize("length_s", [0.7, 10.0])
def test_parts_are_the_whole_at_measured_rates(spec, length_s):
    motion = np.cumsum(np.random.default_rng(2).integers(-100, 101, (3, 12_000)), axis=1)
    stream, inventory = of_measured_rates(motion, 0.05, n=4000)
    (whole,) = StationInParts(stream, inventory, spec).parts()
    parts = list(StationInParts(stream, inventory, spec).parts(length_s))
    assert len(parts) > 10
    np.testing.assert_array_equal(np.concatenate([each.valid for each in parts], axis=1), whole.valid)
    motion = np.concatenate([each.motion for each in parts], axis=2)
    np.testing.assert_allclose(motion, whole.motion, atol=1e-15)
