"""All sinks of a monitor, and the journal of what each has been told."""

import logging
import time
from collections.abc import Mapping

from fcn.alert.alert import Alert
from fcn.alert.heartbeat import Heartbeat
from fcn.alert.journal import Journal
from fcn.alert.sinks.base import Sink
from fcn.alert.sinks.lane import Counts, Lane, Patience
from fcn.alert.site_warning import ToldWarning

log = logging.getLogger(__name__)


class Sinks:
    """Says alerts and heartbeats in any number of places, none of which can stop or slow who calls.

    sinks: by name. journal: where None, what is not delivered when the process dies is lost. With one, the
    newest version of each event that a sink still lacks is given to it at once, under its id and version.
    """

    def __init__(self, sinks: Mapping[str, Sink], patience: Patience, journal: Journal | None) -> None:
        self.journal = journal
        self._journal_fails = False
        owed = journal.open(tuple(sinks)) if journal else {}
        self._lanes = {name: Lane(name, sink, patience, self._delivered) for name, sink in sinks.items()}
        for name, alerts in owed.items():
            for alert in alerts:
                self._lanes[name].put(alert)

    def say(self, alert: Alert) -> bool:
        """Write an alert to the journal and queue it for every sink; False where it was said before.

        A journal that cannot be written to is logged, once, and keeps nobody from being told.
        """
        if self.journal is not None and not self._is_new(self.journal, alert):
            return False
        for lane in self._lanes.values():
            lane.put(alert)
        return True

    def beat(self, heartbeat: Heartbeat) -> None:
        """Queue a heartbeat for every sink."""
        for lane in self._lanes.values():
            lane.beat(heartbeat)

    def warn(self, told: ToldWarning) -> None:
        """Queue what a site is warned of for every sink.

        No journal has it: by the time that a monitor is back after a kill, the shaking has come.
        """
        for lane in self._lanes.values():
            lane.warn(told)

    @property
    def counts(self) -> dict[str, Counts]:
        """What became of the alerts so far, by sink."""
        return {name: lane.counts for name, lane in self._lanes.items()}

    def close(self, timeout_s: float) -> bool:
        """Deliver what waits, within timeout_s, and end; whether every sink has been told all.

        What a sink has not been told then stays in the journal.
        """
        until_s = time.monotonic() + timeout_s
        told = [lane.close(until_s) for lane in self._lanes.values()]
        if self.journal is not None:
            self.journal.close()
        return all(told)

    def _is_new(self, journal: Journal, alert: Alert) -> bool:
        try:
            is_new = journal.say(alert)
        except OSError as error:
            if not self._journal_fails:
                log.error("alerts are said, but the journal cannot be written to: %s", error)
            self._journal_fails = True
            return True
        if self._journal_fails:
            log.info("the journal can be written to again")
        self._journal_fails = False
        return is_new

    def _delivered(self, sink: str, alert: Alert) -> None:
        """By the thread of a sink: a mark that cannot be written costs a delivery twice, no more."""
        if self.journal is not None:
            try:
                self.journal.delivered(sink, alert)
            except OSError as error:
                log.debug("journal: %s", error)
