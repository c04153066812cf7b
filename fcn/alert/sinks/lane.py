"""One sink's queue and thread: what keeps a slow, broken or hanging sink from anybody else."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from fcn.alert.alert import Alert
from fcn.alert.heartbeat import Heartbeat
from fcn.alert.sinks.base import Sink
from fcn.alert.site_warning import ToldWarning
from fcn.checked import positive, whole

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How much waits for a sink, and how soon it is tried again.

    queue_length: alerts that wait at most while one of them is superseded, by a newer version of its event
    that waits as well: the oldest such makes way. most_events: newest versions that wait at most, one an
    event; beyond, the oldest is left to the journal. A sink out of reach is tried after first_retry_s, then
    after twice as long each time, at most longest_retry_s.
    """

    queue_length: int
    most_events: int
    first_retry_s: float
    longest_retry_s: float

    def __post_init__(self) -> None:
        whole("queue_length", self.queue_length, 1)
        whole("most_events", self.most_events, 1)
        positive("first_retry_s", self.first_retry_s)
        if self.longest_retry_s < self.first_retry_s:
            raise ValueError(
                f"longest_retry_s must be at least {self.first_retry_s}, as first_retry_s: "
                f"{self.longest_retry_s}"
            )

    def retry_s(self, n_failed: int) -> float:
        """The pause after so many tries without success."""
        doublings = min(n_failed - 1, 60)
        return min(self.first_retry_s * 2.0**doublings, self.longest_retry_s)


@dataclass(frozen=True)
class Counts:
    """What became of the alerts and warnings of sites of one sink, and its state.

    delivered: alerts. superseded: versions and warnings left out, for a newer one of the event or site
    followed. left: newest versions given up for want of room; the journal has them. refused: alerts and
    warnings that the sink will never take. failed: tries, of heartbeats, too. waiting: alerts; of
    warnings at most one a site waits, however many sites there are.
    is_up: neither is it out of reach, nor was the last alert, warning or heartbeat refused.
    latency_s: of the last alert delivered, from when it was put.
    """

    delivered: int = 0
    superseded: int = 0
    left: int = 0
    refused: int = 0
    failed: int = 0
    waiting: int = 0
    is_up: bool = True
    latency_s: float | None = None


Item = Alert | ToldWarning | Heartbeat


class Lane:
    """Queue and thread of a sink. `put`, `warn` and `beat` return at once, whatever the sink does.

    Of warnings the newest of each site waits, so that there are at most as many as sites; they and alerts
    take turns, so that neither many sites nor many versions hold the others up, and what fails lets what else
    waits pass. While one event, site or heartbeat alone fails, an alert of another waits for no pause: it may
    be what is said, and not the sink.
    on_delivered: called by the thread with each alert that the sink has taken.
    """

    def __init__(
        self, name: str, sink: Sink, patience: Patience, on_delivered: Callable[[str, Alert], None]
    ) -> None:
        self.name, self.sink, self.patience, self.on_delivered = name, sink, patience, on_delivered
        self._waiting: list[Alert] = []  # in order of arrival
        self._put_s: dict[int, float] = {}  # by identity of what waits
        self._latency_s: float | None = None
        self._warnings: dict[str, ToldWarning] = {}  # by site, in order of arrival
        self._taken: Alert | ToldWarning | None = None  # by the thread: waits until it is delivered
        self._is_sites_turn = False
        self._heartbeat: Heartbeat | None = None  # the newest alone is of use
        self._numbers = dict.fromkeys(("delivered", "superseded", "left", "refused", "failed"), 0)
        self._n_failed, self._down_since_s = 0, 0.0
        self._failing: type | None = None  # of what was tried last without success
        self._failed_on: set[str | None] = set()  # events, sites, heartbeats since it answered
        self._refuses: set[type] = set()  # of what the last that it was given was refused
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> Counts:
        """What became of alerts and warnings so far."""
        with self._changed:
            return Counts(
                **self._numbers,
                waiting=len(self._waiting),
                is_up=self._n_failed == 0 and not self._refuses,
                latency_s=self._latency_s,
            )

    def put(self, alert: Alert) -> None:
        """Queue an alert."""
        with self._changed:
            self._waiting.append(alert)
            self._put_s[id(alert)] = time.monotonic()
            if len(self._waiting) > self.patience.queue_length:
                self._make_room()
            self._changed.notify()

    def warn(self, told: ToldWarning) -> None:
        """Queue a site's warning in place of one of it that waits still."""
        with self._changed:
            before = self._warnings.pop(told.warning.site, None)
            self._numbers["superseded"] += before is not None and before is not self._taken
            self._warnings[told.warning.site] = told
            self._changed.notify()

    def beat(self, heartbeat: Heartbeat) -> None:
        """Queue a heartbeat in place of one that waits still."""
        with self._changed:
            self._heartbeat = heartbeat
            self._changed.notify()

    def close(self, until_s: float) -> bool:
        """Deliver what waits, but wait for no sink that is out of reach; whether all was delivered.

        until_s: on the monotonic clock; a thread that still hangs then is left behind.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(max(0.0, until_s - time.monotonic()))
        with self._changed:
            return not (self._waiting or self._warnings)

    def _make_room(self) -> None:
        superseded = self._superseded()
        if superseded:
            self._drop(superseded[0], "superseded")
        elif len(self._waiting) > self.patience.most_events:
            others = (each for each in self._waiting if each is not self._taken)
            self._drop(min(others, key=lambda each: self._put_s[id(each)]), "left")

    def _superseded(self) -> list[Alert]:
        """Alerts that wait, oldest first, while a newer version of their event waits as well."""
        newest: dict[str, int] = {}
        for each in self._waiting:
            newest[each.event_id] = max(each.version, newest.get(each.event_id, 0))
        return [
            each for each in self._waiting if each.version < newest[each.event_id] and each is not self._taken
        ]

    def _drop(self, alert: Alert, count: str) -> None:
        # by identity: equal alerts are not the same place in the queue
        self._waiting = [each for each in self._waiting if each is not alert]
        put_s = self._put_s.pop(id(alert), None)
        if count == "delivered" and put_s is not None:
            self._latency_s = time.monotonic() - put_s
        self._numbers[count] += 1

    def _run(self) -> None:
        while (item := self._next()) is not None:
            try:
                if isinstance(item, Heartbeat):
                    self.sink.beat(item)
                elif isinstance(item, ToldWarning):
                    self.sink.warn(item)
                else:
                    self.sink.deliver(item)
                    self.on_delivered(self.name, item)
            except OSError as error:
                if not self._failed(item, error):
                    break
            except Exception as error:
                self._refused(item, error)
                self._done(item, "refused")
            else:
                self._worked(item)
                self._done(item, "delivered")
        try:
            self.sink.close()
        except Exception as error:
            log.warning("sink %s does not close: %s", self.name, error)

    def _next(self) -> Item | None:
        """What is to be said next, heartbeats last; None once closing and all is said."""
        with self._changed:
            self._taken = None
            while not (self._waiting or self._warnings or self._heartbeat or self._closing):
                self._changed.wait()
            if not self.sink.every_version:
                for each in self._superseded():
                    self._drop(each, "superseded")
            if self._waiting or self._warnings:
                is_site = bool(self._warnings) and (self._is_sites_turn or not self._waiting)
                self._taken = next(iter(self._warnings.values())) if is_site else self._waiting[0]
                self._is_sites_turn = not is_site
                return self._taken
            heartbeat, self._heartbeat = self._heartbeat, None
            return heartbeat

    def _done(self, item: Item, count: str) -> None:
        with self._changed:
            if isinstance(item, Alert):
                self._drop(item, count)
            elif isinstance(item, ToldWarning):
                self._numbers["refused"] += count == "refused"  # who wants none has not been delivered any
                if self._warnings.get(item.warning.site) is item:
                    del self._warnings[item.warning.site]

    def _failed(self, item: Item, error: OSError) -> bool:
        """Note a try without success and pause; whether there will be another."""
        with self._changed:
            self._taken = None  # while it pauses, this one, too, may be superseded
            self._failing = type(item)
            self._failed_on.add(_about(item))
            self._numbers["failed"] += 1
            self._n_failed += 1
            if self._n_failed == 1:
                self._down_since_s = time.monotonic()
                log.warning("sink %s is out of reach and will be tried again: %s", self.name, error)
            pause_s = self.patience.retry_s(self._n_failed)
            end_s = time.monotonic() + pause_s
            while not (self._closing or self._may_work()) and (left_s := end_s - time.monotonic()) > 0:
                self._changed.wait(left_s)  # else what is put meanwhile does not hasten it
            self._let_others_pass(item)
            return not self._closing

    def _may_work(self) -> bool:
        """Whether an alert waits, and nothing but one other thing has failed since the sink answered."""
        return len(self._failed_on) == 1 and any(
            _about(each) not in self._failed_on for each in self._waiting
        )

    def _let_others_pass(self, item: Item) -> None:
        """To the end of the queue, with other versions of its event: it may fail, and not the sink."""
        if isinstance(item, Alert):
            self._waiting.sort(key=lambda each: each.event_id == item.event_id)
        elif isinstance(item, ToldWarning) and self._warnings.get(item.warning.site) is item:
            self._warnings[item.warning.site] = self._warnings.pop(item.warning.site)

    def _refused(self, item: Item, error: Exception) -> None:
        with self._changed:
            self._reached()
            if not self._refuses:
                log.error("sink %s refuses %s: %s", self.name, _named(item), error)
            self._refuses.add(type(item))

    def _worked(self, item: Item) -> None:
        with self._changed:
            # warnings and heartbeats that nobody wants say nothing of alerts
            if isinstance(item, Alert) or type(item) is self._failing:
                self._reached()
            self._refuses.discard(type(item))

    def _reached(self) -> None:
        """It answers, and an outage is over; one that comes later is told of again."""
        if self._n_failed:
            down_s = time.monotonic() - self._down_since_s
            log.info("sink %s is in reach again after %.0f s, %d tries", self.name, down_s, self._n_failed)
        self._n_failed = 0
        self._failed_on.clear()


def _about(item: Item) -> str | None:
    """What it tells of: an event, a site, or nothing."""
    if isinstance(item, Alert):
        return f"event {item.event_id}"
    return f"site {item.warning.site}" if isinstance(item, ToldWarning) else None


def _named(item: Item) -> str:
    if isinstance(item, ToldWarning):
        return f"a warning of site {item.warning.site}"
    return f"version {item.version} of {item.event_id}" if isinstance(item, Alert) else "a heartbeat"
