import numpy as np
import obspy
import pytest

from fcn.simulate.recording.trigger import Trigger

RATE_HZ = 50.0
TRIGGER = Trigger(level_mps2=0.02, lead_s=[5.0, 15.0], hold_s=20.0)


def shaken(*bursts_s, length_s=300.0, amplitude_mps=0.01):
    """Three components at rest but for 3 Hz between these times: 0.19 m/s2 at 0.01 m/s."""
    time_s = np.arange(0.0, length_s, 1.0 / RATE_HZ)
    on = np.any([(time_s >= first) & (time_s < last) for first, last in bursts_s], axis=0)
    return np.stack([0.0 * time_s, amplitude_mps * np.sin(6.0 * np.pi * time_s) * on, 0.0 * time_s])


def spans(velocity, p_time_s):
    return TRIGGER.spans(velocity, np.array(p_time_s), RATE_HZ, np.random.default_rng(4))


def test_a_record_begins_before_p_and_ends_when_shaking_has_died():
    """S is strong from 60 s on, P came at 50 s and was too weak to see."""
    ((begin_s, end_s),) = spans(shaken((60.0, 90.0)), [50.0])
    assert 35.0 <= begin_s <= 45.0
    assert end_s == pytest.approx(110.0, abs=0.1)


def test_records_that_overlap_are_one_and_others_are_not():
    assert len(spans(shaken((60.0, 70.0), (95.0, 99.0)), [55.0, 93.0])) == 1
    apart = spans(shaken((60.0, 70.0), (200.0, 210.0)), [55.0, 195.0])
    assert len(apart) == 2
    assert 180.0 <= apart[1][0] <= 190.0


def test_weak_motion_sets_off_nothing():
    assert spans(shaken((60.0, 90.0), amplitude_mps=1e-4), [50.0]) == []


def test_a_network_keeps_what_its_recorders_write():
    velocity = np.stack([shaken((60.0, 90.0)), shaken((60.0, 90.0), amplitude_mps=1e-4)])
    header = {"sampling_rate": RATE_HZ, "starttime": obspy.UTCDateTime(1000.0), "network": "SY"}
    traces = [
        obspy.Trace(np.arange(15_000), {**header, "station": code, "channel": f"HN{component}"})
        for code in ("S01", "S02")
        for component in "ZNE"
    ]
    arrivals = [np.array([[50.0, 60.0], [50.0, 60.0]])]
    made = TRIGGER.cut(obspy.Stream(traces), velocity, arrivals, ["SY.S01", "SY.S02"], 1000.0, seed=1)
    assert {trace.stats.station for trace in made} == {"S01"}
    assert len(made) == 3
    for trace in made:
        assert 1035.0 <= trace.stats.starttime.timestamp <= 1045.0
        assert trace.data[0] == round((trace.stats.starttime.timestamp - 1000.0) * RATE_HZ)
    with pytest.raises(ValueError, match="level_mps2"):
        TRIGGER.cut(obspy.Stream(traces), 0.0 * velocity, arrivals, ["SY.S01", "SY.S02"], 1000.0, seed=1)


@pytest.mark.parametrize("changes", [{"level_mps2": 0.0}, {"lead_s": [15.0, 5.0]}, {"hold_s": -1.0}])
def test_an_impossible_trigger_is_refused(changes):
    good = {"level_mps2": 0.02, "lead_s": [5.0, 15.0], "hold_s": 20.0}
    with pytest.raises(ValueError, match=next(iter(changes))):
        Trigger(**{**good, **changes})
