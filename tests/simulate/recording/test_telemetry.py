import numpy as np
import obspy
import pytest

from fcn.simulate.recording.telemetry import (
    Clipped,
    DeadChannels,
    FaultLaw,
    Gaps,
    Reversed,
    Spikes,
    Steps,
    Telemetry,
)

START = obspy.UTCDateTime(1_600_000_000)
RATE_HZ, N = 50.0, 3000
CODES = ("S01", "S02", "S03", "S04")


def sent(seed=0):
    """Four stations of Gaussian counts, none of them zero."""
    rng = np.random.default_rng(seed)
    stream = obspy.Stream()
    for code in CODES:
        for component in "ZNE":
            counts = np.rint(1000.0 * rng.standard_normal(N)).astype(np.int32)
            header = {"network": "SY", "station": code, "channel": f"HH{component}"}
            header |= {"sampling_rate": RATE_HZ, "starttime": START}
            stream.append(obspy.Trace(np.where(counts == 0, 1, counts).astype(np.int32), header))
    return stream


def received(*laws, seed=1):
    """What arrives, trace by trace of what was sent with NaN for what did not, and the faults."""
    stream, faults = Telemetry(laws).transmit(sent(), seed)
    whole = {trace.id: np.full(N, np.nan) for trace in sent()}
    for trace in stream:
        assert not np.ma.isMaskedArray(trace.data)
        assert trace.data.dtype == np.int32
        first = round((trace.stats.starttime - START) * RATE_HZ)
        whole[trace.id][first : first + trace.stats.npts] = trace.data
    return whole, faults


def samples(fault):
    return tuple(
        round((time_s - START.timestamp) * RATE_HZ) for time_s in (fault.start_time_s, fault.end_time_s)
    )


def changed(whole):
    """Ids of the traces that are not as they were sent."""
    return {trace.id for trace in sent() if not np.array_equal(trace.data, whole[trace.id])}


def test_nothing_fails_without_faults():
    whole, faults = received(Gaps(0, (1.0, 2.0), "station"), Spikes(0, (1.0, 2.0)))
    assert faults == []
    assert changed(whole) == set()


@pytest.mark.parametrize(("scope", "n_channels"), [("channel", 1), ("station", 3), ("network", 12)])
def test_gaps_take_what_they_say_and_no_more(scope, n_channels):
    whole, (fault,) = received(Gaps(1, (2.0, 5.0), scope))
    assert fault.kind == f"{scope} gap"
    assert len(fault.seed_ids) == n_channels
    first, last = samples(fault)
    assert 2.0 * RATE_HZ <= last - first <= 5.0 * RATE_HZ
    for trace in sent():
        lost = np.isnan(whole[trace.id])
        expected = np.zeros(N, bool)
        if trace.id in fault.seed_ids:
            expected[first:last] = True
        np.testing.assert_array_equal(lost, expected)
        np.testing.assert_array_equal(whole[trace.id][~lost], trace.data[~lost])


def test_a_station_is_lost_with_all_its_components():
    _, faults = received(Gaps(20, (0.5, 1.0), "station"))
    for fault in faults:
        assert len({seed_id[:-1] for seed_id in fault.seed_ids}) == 1
    assert len({fault.seed_ids for fault in faults}) == len(CODES)  # every station has its turn


def test_gaps_reach_both_ends_and_never_take_everything():
    _, faults = received(Gaps(400, (30.0, 1e4), "channel"))
    assert all(0 <= samples(fault)[0] < samples(fault)[1] <= N for fault in faults)
    whole, faults = received(Gaps(1, (1e4, 1e4), "channel"))
    assert np.isfinite(whole[faults[0].seed_ids[0]]).sum() == 1


def test_lengths_are_log_uniform():
    _, faults = received(Gaps(4000, (0.1, 10.0), "channel"))
    lengths_s = [fault.end_time_s - fault.start_time_s for fault in faults]
    assert np.median(lengths_s) == pytest.approx(1.0, rel=0.1)


def test_dead_channels_say_zero():
    whole, (fault,) = received(DeadChannels(1, (10.0, 20.0)))
    first, last = samples(fault)
    (seed_id,) = fault.seed_ids
    assert changed(whole) == {seed_id}
    np.testing.assert_array_equal(whole[seed_id] == 0, (np.arange(N) >= first) & (np.arange(N) < last))


def test_a_spike_is_one_sample():
    whole, (fault,) = received(Spikes(1, (1e5, 1e6)))
    (seed_id,) = fault.seed_ids
    assert changed(whole) == {seed_id}
    moved = whole[seed_id] - sent().select(id=seed_id)[0].data
    assert np.flatnonzero(moved).tolist() == [samples(fault)[0]]
    assert moved.sum() == fault.size
    assert 1e5 <= abs(fault.size) <= 1e6


def test_spikes_go_to_either_side_of_every_channel():
    _, faults = received(Spikes(300, (1e3, 1e4)))
    assert {fault.seed_ids[0] for fault in faults} == {trace.id for trace in sent()}
    assert 0.4 < np.mean([fault.size > 0 for fault in faults]) < 0.6


def test_a_step_stays():
    whole, (fault,) = received(Steps(1, (1e5, 1e6)))
    (seed_id,) = fault.seed_ids
    moved = whole[seed_id] - sent().select(id=seed_id)[0].data
    first = samples(fault)[0]
    assert (moved[:first] == 0).all()
    assert (moved[first:] == fault.size).all()


def test_counts_stay_within_24_bits():
    whole, _ = received(Steps(30, (8e6, 8e6)))
    assert max(np.nanmax(np.abs(counts)) for counts in whole.values()) == 2**23 - 1


def test_a_clipped_station_is_clipped_in_all_components():
    whole, (fault,) = received(Clipped(1, (500.0, 800.0)))
    assert len(fault.seed_ids) == 3
    assert changed(whole) == set(fault.seed_ids)
    for seed_id in fault.seed_ids:
        assert np.abs(whole[seed_id]).max() == fault.size
        assert 500.0 <= fault.size <= 800.0


def test_one_component_of_different_stations_is_reversed():
    whole, faults = received(Reversed(2))
    ids = [fault.seed_ids[0] for fault in faults]
    assert len({seed_id.split(".")[1] for seed_id in ids}) == 2
    assert changed(whole) == set(ids)
    for seed_id in ids:
        np.testing.assert_array_equal(whole[seed_id], -sent().select(id=seed_id)[0].data)


def test_what_was_sent_is_left_alone():
    stream = sent()
    Telemetry([Spikes(5, (1e4, 1e5)), Gaps(3, (1.0, 2.0), "network")]).transmit(stream, 1)
    assert all(np.array_equal(a.data, b.data) for a, b in zip(stream, sent(), strict=True))


def test_faults_follow_from_the_seed_and_their_own_place():
    spikes, gaps = Spikes(5, (1e4, 1e5)), Gaps(4, (1.0, 2.0), "station")
    _, once = received(spikes, gaps)
    _, again = received(spikes, gaps)
    _, other = received(spikes, gaps, seed=2)
    _, fewer = received(spikes, Gaps(1, (1.0, 2.0), "station"))
    assert once == again != other
    assert [f.start_time_s for f in once] == sorted(f.start_time_s for f in once)
    assert [f for f in fewer if f.kind == "spike"] == [f for f in once if f.kind == "spike"]


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        Reversed(-1)
    with pytest.raises(ValueError, match="level_counts is a range"):
        Clipped(1, (10.0, 1.0))
    with pytest.raises(ValueError, match="length_s is a range"):
        DeadChannels(1, (0.0, 1.0))
    with pytest.raises(ValueError, match="scope of a gap"):
        Gaps(1, (1.0, 2.0), "country")
    with pytest.raises(ValueError, match="5 stations cannot fail in a network of 4"):
        received(Reversed(5))
    assert isinstance(Spikes(1, (1.0, 2.0)), FaultLaw)
