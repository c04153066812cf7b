import dataclasses
import logging
import threading
import time

import pytest
from made_alerts import alert, heartbeat, site_warning, until

from fcn.alert.sinks.base import Sink
from fcn.alert.sinks.lane import Lane, Patience

PATIENCE = Patience(queue_length=4, most_events=6, first_retry_s=0.001, longest_retry_s=0.004)


class Recorder(Sink):
    """Keeps what it is told; is shut until it is opened, and raises what it is told to raise."""

    def __init__(self, *errors, shut=False):
        self.told, self.beats, self.errors = [], [], list(errors)
        self.warned = []
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.is_closed = False
        if not shut:
            self.gate.set()

    def deliver(self, alert):
        self.entered.set()
        assert self.gate.wait(20)
        if self.errors:
            raise self.errors.pop(0)
        self.told.append((alert.event_id, alert.version))

    def beat(self, heartbeat):
        if self.errors:
            raise self.errors.pop(0)
        self.beats.append(heartbeat)

    def warn(self, told):
        if self.errors:
            raise self.errors.pop(0)
        self.warned.append(told)
        self.told.append((told.warning.site, told.warning.level))

    def close(self):
        self.is_closed = True


def shut_lane(sink, patience=PATIENCE):
    """A lane whose thread hangs in its sink with version 1 of an event."""
    lane = Lane("made", sink, patience, lambda *_: None)
    lane.put(alert("first"))
    assert sink.entered.wait(20)
    return lane


def closed(lane, within_s=20.0):
    return lane.close(time.monotonic() + within_s)


def test_alerts_arrive_in_order_and_are_told_of():
    sink, told = Recorder(), []
    lane = Lane("made", sink, PATIENCE, lambda name, each: told.append((name, each.version)))
    for version in (1, 2, 3):
        lane.put(alert("a", version))
    assert closed(lane)
    assert sink.told == [("a", 1), ("a", 2), ("a", 3)]
    assert told == [("made", 1), ("made", 2), ("made", 3)]
    assert sink.is_closed
    assert (lane.counts.delivered, lane.counts.waiting, lane.counts.is_up) == (3, 0, True)


def test_the_oldest_superseded_version_makes_way_and_a_newest_never():
    sink = Recorder(shut=True)
    lane = shut_lane(sink)
    for event_id, version in (("a", 1), ("b", 1), ("b", 2), ("a", 2), ("c", 1), ("d", 1)):
        lane.put(alert(event_id, version))
    assert lane.counts.superseded == 2  # first of a, then of b: room for four
    lane.put(alert("d", 2))
    sink.gate.set()
    assert closed(lane)
    assert sink.told == [("first", 1), ("b", 2), ("a", 2), ("c", 1), ("d", 2)]
    assert (lane.counts.superseded, lane.counts.left, lane.counts.delivered) == (3, 0, 5)


def test_what_is_being_delivered_is_not_dropped():
    sink = Recorder(shut=True)
    lane = shut_lane(sink)
    for version in range(2, 8):
        lane.put(alert("first", version))
    sink.gate.set()
    assert closed(lane)
    assert sink.told[0] == ("first", 1)
    assert sink.told[-1] == ("first", 7)
    assert len(sink.told) + lane.counts.superseded == 7


def test_beyond_most_events_the_oldest_is_left():
    sink = Recorder(shut=True)
    lane = shut_lane(sink)
    for number in range(8):
        lane.put(alert(f"e{number}"))
    assert (lane.counts.waiting, lane.counts.left) == (6, 3)
    sink.gate.set()
    assert closed(lane)
    assert sink.told == [("first", 1), *((f"e{number}", 1) for number in range(3, 8))]


def test_a_sink_that_wants_the_newest_gets_the_newest():
    sink = Recorder(shut=True)
    sink.every_version = False
    lane = shut_lane(sink)
    for version in (2, 3, 4):
        lane.put(alert("first", version))
    sink.gate.set()
    assert closed(lane)
    assert sink.told == [("first", 1), ("first", 4)]
    assert lane.counts.superseded == 2


def test_putting_never_waits_for_a_sink_that_hangs():
    sink = Recorder(shut=True)
    lane = shut_lane(sink)
    began_s = time.monotonic()
    for version in range(2, 200):
        lane.put(alert("a", version))
        lane.beat(heartbeat())
        lane.warn(site_warning())
    assert not closed(lane, 0.05)
    assert time.monotonic() - began_s < 5  # the sink hangs for 20
    assert lane.counts.waiting <= PATIENCE.queue_length + 1
    sink.gate.set()


def test_a_sink_out_of_reach_is_tried_again_and_logged_once(caplog):
    caplog.set_level(logging.INFO)
    sink = Recorder(ConnectionError("refused"), TimeoutError("late"), OSError("full"))
    lane = Lane("made", sink, PATIENCE, lambda *_: None)
    lane.put(alert("a"))
    until(lambda: sink.told == [("a", 1)])
    assert closed(lane)
    assert (lane.counts.failed, lane.counts.delivered, lane.counts.is_up) == (3, 1, True)
    said = [(each.levelname, each.getMessage()) for each in caplog.records]
    assert [level for level, _ in said] == ["WARNING", "INFO"]
    assert "made is out of reach and will be tried again: refused" in said[0][1]
    assert "made is in reach again" in said[1][1]


class Failing(Recorder):
    """Fails for one event, one site and heartbeats, every time, as a receiver may that trips over them."""

    def deliver(self, alert):
        if alert.event_id == "bad":
            raise OSError("500")
        super().deliver(alert)

    def warn(self, told):
        if told.warning.site == "bad":
            raise OSError("500")
        super().warn(told)

    def beat(self, heartbeat):
        raise OSError("500")


def test_an_alert_that_fails_holds_up_no_other():
    sink = Failing()
    lane = Lane("made", sink, dataclasses.replace(PATIENCE, queue_length=9), lambda *_: None)
    for event_id, version in (("bad", 1), ("a", 1), ("bad", 2), ("a", 2), ("b", 1)):
        lane.put(alert(event_id, version))
    until(lambda: len(sink.told) == 3)
    assert sink.told == [("a", 1), ("a", 2), ("b", 1)]
    assert lane.counts.waiting == 2
    assert not closed(lane)


@pytest.mark.parametrize(
    "fail",
    [
        lambda lane: lane.put(alert("bad")),
        lambda lane: lane.warn(site_warning("bad")),
        lambda lane: lane.beat(heartbeat()),
    ],
    ids=["alert", "warning", "heartbeat"],
)
def test_an_alert_waits_for_no_pause_after_what_alone_fails(fail):
    """After some tries it is a minute."""
    sink = Failing()
    lane = Lane("made", sink, Patience(9, 5, 600.0, 600.0), lambda *_: None)
    fail(lane)
    until(lambda: lane.counts.failed == 1)
    lane.put(alert("a", 1))
    until(lambda: sink.told == [("a", 1)])
    lane.put(alert("a", 2))
    until(lambda: sink.told == [("a", 1), ("a", 2)])
    lane.close(time.monotonic() + 5.0)


def test_nothing_hastens_what_is_tried_of_a_sink_out_of_reach():
    lane = Lane("made", Recorder(*[OSError("away")] * 9), Patience(9, 5, 600.0, 600.0), lambda *_: None)
    for event_id in "abcd":
        lane.put(alert(event_id))
    until(lambda: lane.counts.failed == 2)
    time.sleep(0.1)
    assert lane.counts.failed == 2
    lane.close(time.monotonic() + 5.0)


def test_a_warning_that_fails_holds_up_no_other():
    sink = Failing()
    lane = Lane("made", sink, PATIENCE, lambda *_: None)
    for site in ("bad", "a", "b"):
        lane.warn(site_warning(site))
    until(lambda: [each.warning.site for each in sink.warned] == ["a", "b"])
    assert not closed(lane)


def test_an_outage_ends_with_a_refusal_and_the_next_one_is_told_of(caplog):
    caplog.set_level(logging.INFO)
    sink = Recorder(OSError("away"), ValueError("no"), OSError("away again"), shut=True)
    lane = shut_lane(sink)
    lane.put(alert("second"))
    sink.gate.set()
    until(lambda: sink.told == [("first", 1)])
    assert closed(lane)
    said = [each.getMessage() for each in caplog.records]
    assert [text.split("made ")[1].split(":")[0].split(" after")[0] for text in said] == [
        "is out of reach and will be tried again",
        "is in reach again",
        "refuses version 1 of second",
        "is out of reach and will be tried again",
        "is in reach again",
    ]


def test_a_sink_that_refuses_is_not_up_until_it_takes_an_alert():
    sink = Recorder(ValueError("no"))
    lane = Lane("made", sink, PATIENCE, lambda *_: None)
    assert lane.counts.is_up
    lane.put(alert("a"))
    until(lambda: lane.counts.refused == 1)
    for n in (1, 2):
        lane.beat(heartbeat())  # which it takes, as one that is not told of them does
        until(lambda n=n: len(sink.beats) == n)
    assert not lane.counts.is_up
    lane.put(alert("b"))
    assert closed(lane)
    assert lane.counts.is_up
    assert sink.told == [("b", 1)]


def test_what_a_sink_refuses_is_counted_and_no_more(caplog):
    sink = Recorder(ValueError("no"), KeyError("no"))
    lane = Lane("made", sink, PATIENCE, lambda *_: None)
    for event_id in ("a", "b", "c"):
        lane.put(alert(event_id))
    assert closed(lane)
    assert sink.told == [("c", 1)]
    assert (lane.counts.refused, lane.counts.failed) == (2, 0)
    assert [each.getMessage() for each in caplog.records] == ["sink made refuses version 1 of a: no"]


def test_the_newest_heartbeat_is_said_and_one_that_fails_is_not_repeated():
    sink = Recorder(shut=True)
    lane = shut_lane(sink)
    lane.beat(heartbeat(1.0))
    lane.beat(heartbeat(2.0))
    sink.gate.set()
    until(lambda: sink.beats)
    assert [each.issued_time_s for each in sink.beats] == [heartbeat(2.0).issued_time_s]
    sink.errors = [OSError("gone")]
    lane.beat(heartbeat(3.0))
    until(lambda: not lane.counts.is_up)
    lane.beat(heartbeat(4.0))
    until(lambda: lane.counts.is_up)
    assert closed(lane)
    assert len(sink.beats) == 2


def test_of_a_site_the_newest_warning_waits_and_alerts_and_warnings_take_turns():
    sink = Recorder(shut=True)
    lane = shut_lane(sink)
    for event_id in ("a", "b"):
        lane.put(alert(event_id))
    for site, level in (("Aso", 2.5), ("Uto", 2.5), ("Aso", 4.5), ("Mashiki", 3.5)):
        lane.warn(site_warning(site, level=level))
    lane.beat(heartbeat())
    assert lane.counts.waiting == 3  # alerts: of as many sites as are warned at once nobody takes alarm
    sink.gate.set()
    assert closed(lane)
    assert sink.told == [
        ("first", 1), ("Uto", 2.5), ("a", 1), ("Aso", 4.5), ("b", 1), ("Mashiki", 3.5)
    ]  # fmt: skip
    assert len(sink.beats) == 1
    assert (lane.counts.delivered, lane.counts.superseded, lane.counts.waiting) == (3, 1, 0)


def test_a_warning_that_fails_is_tried_again_unless_there_is_a_newer_one():
    sink = Recorder(OSError("gone"), OSError("gone"))
    lane = Lane("made", sink, PATIENCE, lambda *_: None)
    lane.warn(site_warning(level=4.5))
    until(lambda: sink.warned)
    assert lane.counts.failed == 2
    assert lane.counts.is_up
    sink.errors = [ValueError("no"), ValueError("no")]
    lane.warn(site_warning("Uto"))
    lane.warn(site_warning("Aso", 60.0))
    until(lambda: lane.counts.refused == 2)
    assert not lane.counts.is_up
    assert closed(lane)
    assert sink.warned == [site_warning(level=4.5)]


def test_a_warning_that_a_sink_passes_over_ends_no_outage(caplog):
    """A base sink's `warn` reaches nobody: what it returns says nothing of whether alerts arrive."""
    caplog.set_level(logging.INFO)

    class Deaf(Recorder):
        def warn(self, told):
            """Nobody wants to know."""
            self.warned.append(told)

    sink = Deaf(*[OSError("away")] * 3)
    lane = Lane("made", sink, Patience(4, 6, first_retry_s=0.2, longest_retry_s=0.2), lambda *_: None)
    lane.put(alert("a"))
    for n_failed in (1, 2):
        until(lambda n=n_failed: lane.counts.failed == n)
        lane.warn(site_warning())
    until(lambda: lane.counts.failed == 3)
    assert len(sink.warned) == 2
    assert not lane.counts.is_up
    until(lambda: sink.told == [("a", 1)])
    assert closed(lane)
    assert lane.counts.is_up
    assert [each.levelname for each in caplog.records] == ["WARNING", "INFO"]


def test_a_warning_that_comes_while_one_of_its_site_is_said_is_said_too():
    class Slow(Recorder):
        def warn(self, told):
            self.entered.set()
            assert self.gate.wait(20)
            super().warn(told)

    sink = Slow(shut=True)
    lane = Lane("made", sink, PATIENCE, lambda *_: None)
    lane.warn(site_warning(level=2.5))
    assert sink.entered.wait(20)
    lane.warn(site_warning(after_s=1.0, level=4.5))
    assert not closed(lane, 0.05)
    sink.gate.set()
    assert closed(lane)
    assert sink.told == [("Aso", 2.5), ("Aso", 4.5)]
    assert lane.counts.superseded == 0


def test_closing_does_not_wait_for_what_is_out_of_reach():
    sink = Recorder(*[OSError("gone")] * 1000)
    lane = Lane("made", sink, Patience(4, 6, 30.0, 30.0), lambda *_: None)
    lane.put(alert("a"))
    until(lambda: lane.counts.failed == 1)
    began_s = time.monotonic()
    assert not closed(lane)
    assert time.monotonic() - began_s < 10
    assert lane.counts.waiting == 1


def test_pauses_double_up_to_the_longest():
    patience = Patience(4, 6, 0.5, 3.0)
    assert [patience.retry_s(n) for n in (1, 2, 3, 4, 10_000)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    with pytest.raises(ValueError, match=r"longest_retry_s must be at least 2.0, as first_retry_s: 1.0"):
        Patience(4, 6, 2.0, 1.0)
