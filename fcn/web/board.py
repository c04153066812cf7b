"""Where the loop leaves what it knows, and the page's thread finds it; neither waits for the other."""

import logging
import math
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from fcn.alert.alert import Alert
from fcn.alert.site_warning import SiteWarning
from fcn.catalogue.epicentre_pdf import EpicentrePdf
from fcn.catalogue.event import WindowEstimate
from fcn.operations.status import Status
from fcn.stream.engine import Step
from fcn.stream.left_out import left_out
from fcn.stream.loop import Monitor
from fcn.web.snapshot import Health, Snapshot, Story, Watched
from fcn.web.traces import Traces

log = logging.getLogger(__name__)

LEAST_S = 0.2  # of the machine's clock, between snapshots: a replay as fast as it goes makes no more
COUNTED_S = 1.0  # and between looks at counts
MOST_EVENTS, MOST_VERSIONS = 20, 12  # shown: the newest, and of each the first and the newest
N_TIMED = 60  # of these looks, over which the cost of a window is averaged


class Board:
    """Looks at a monitor's loop: makes a snapshot of each step, which costs the loop under a millisecond.

    newest: None before the first step. status: what the monitor last said of itself; None before that.
    is_over: the newest is the last. Nothing that goes wrong here reaches the loop; it is logged.
    """

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.newest: Snapshot | None = None
        self.status: Status | None = None
        self.is_over = False
        self._traces = Traces.nothing(len(watched.stations))
        self._estimates: tuple[WindowEstimate, ...] = ()
        self._stories: dict[str, tuple[Alert, ...]] | None = None
        self._pdfs: dict[str, EpicentrePdf] = {}
        self._since_s, self._made_s, self._counted_s = time.time(), -math.inf, -math.inf
        self._timed: deque[tuple[int, float]] = deque(maxlen=N_TIMED)
        self._health = Health(self._since_s, 0, None, {}, {}, {})
        self._wrong = ""

    def said(self, alert: Alert) -> None:
        """Keep an alert that has been given to the sinks."""
        known = self._stories if self._stories is not None else {}
        told = (*known.get(alert.event_id, ()), alert)
        known[alert.event_id] = told if len(told) <= MOST_VERSIONS else (told[0], *told[2:])
        while len(known) > MOST_EVENTS:
            known.pop(next(iter(known)))
        self._stories = known

    def look(self, monitor: Monitor, steps: Sequence[Step]) -> None:
        """After a step; steps: the windows, perhaps none, that it read."""
        try:
            if steps:
                self._estimates = steps[-1].estimates
                self._pdfs |= _pdfs_of(steps[-1])
            now_s = time.monotonic()
            if now_s - self._made_s >= LEAST_S or any(step.updates for step in steps):
                self._made_s = now_s
                self.newest = self._snapshot(monitor, now_s)
        except Exception as error:
            if str(error) != self._wrong:
                log.exception("the page shows nothing new")
            self._wrong = str(error)

    def close(self) -> None:
        """The monitor has ended: the last snapshot says so."""
        if self.newest is not None:
            last = self.newest
            self.newest = replace(last, number=last.number + 1, made_s=time.time(), is_alive=False)
        self.is_over = True

    def _snapshot(self, monitor: Monitor, now_s: float) -> Snapshot:
        engine = monitor.engine
        window, read_s = engine.newest, engine.declarer.last_now_s
        if engine.stations != self.watched.stations:
            station_km = engine.stations.local_km(self.watched.frame).astype(np.float32)
            self.watched = replace(self.watched, stations=engine.stations, station_km=station_km)
            self._traces = Traces.nothing(len(station_km))
        if window is not None and window.station_ids != tuple(engine.live):
            window = None  # of the list before
        if self._stories is None or self.newest is None:
            self._begin(monitor)
        if window is not None and (end_s := float(window.now_s[0])) != self._traces.end_s:
            vertical, known = (each[0, :, 0].numpy() for each in (window.waveforms, window.known))
            rate_hz = engine.preprocess.sampling_rate_hz
            self._traces = self._traces.with_window(end_s, vertical, known, rate_hz)
        if now_s - self._counted_s >= COUNTED_S:
            self._counted_s = now_s
            self._health = self._counted(monitor)
        is_open = {each.event_id for each in engine.declarer.known(engine.clock_s) if each.is_open}
        self._pdfs = {name: pdf for name, pdf in self._pdfs.items() if name in is_open}
        stories = (self._stories or {}).items()
        return Snapshot(
            number=0 if self.newest is None else self.newest.number + 1,
            made_s=time.time(),
            is_alive=True,
            watched=self.watched,
            clock_s=engine.clock_s,
            data_s=read_s if math.isfinite(read_s) else None,
            ages_s=engine.delivering,
            traces=self._traces,
            estimates=self._estimates,
            stories=tuple(
                Story(told, name in is_open, self._pdfs.get(name)) for name, told in reversed(stories)
            ),
            warnings=_standing(monitor),
            sensor_km=None if window is None else window.station_km[0],
            travel_times=None if window is None else window.travel_time,
            health=self._health,
        )

    def _begin(self, monitor: Monitor) -> None:
        """What was declared before a restart, and said by another process."""
        said, self._stories = self._stories or {}, {}
        for declared in monitor.engine.declarer.events:
            for update in declared.updates:
                with suppress(ValueError):  # the loop has logged that it cannot be said
                    self.said(Alert.of(declared, update, monitor.producer, issued_time_s=update.now_s))
        newer = {(each.event_id, each.version): each for told in said.values() for each in told}
        for name, told in self._stories.items():
            self._stories[name] = tuple(newer.get((name, each.version), each) for each in told)

    def _counted(self, monitor: Monitor) -> Health:
        engine = monitor.engine
        self._timed.append((monitor.n_windows, monitor.compute_s))
        (first, first_s), (last, last_s) = self._timed[0], self._timed[-1]
        n, took_s = (last - first, last_s - first_s) if last > first else (last, last_s)
        of_packets = sum((each.counts for each in engine.live.values()), start=Counter(engine.counts))
        of_source = getattr(monitor.source, "counts", {})
        return Health(
            since_s=self._since_s,
            n_windows=last,
            window_ms=1000.0 * took_s / n if n else None,
            counts=dict(of_packets + Counter(of_source)),
            sinks=monitor.sinks.counts,
            left_out={each.id: each.why for each in left_out(engine)},
        )


def _pdfs_of(step: Step) -> dict[str, EpicentrePdf]:
    """What the window says of the epicentres of declared events, those of its own alarms among them."""
    new = {each.event.origin_time_s: each.event.event_id for each in step.updates}
    names = [(each.follows or new.get(each.origin_time_s), each.epicentre_pdf) for each in step.estimates]
    return {name: pdf for name, pdf in names if name is not None and pdf is not None}


def _standing(monitor: Monitor) -> tuple[SiteWarning | None, ...]:
    """What holds for each site now."""
    if monitor.sites is None:
        return ()
    last = [each.final for each in monitor.engine.declarer.events]
    return tuple(monitor.sites.standing(monitor.engine.clock_s, last))
