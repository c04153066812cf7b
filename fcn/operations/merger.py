"""Events of several monitors become events of one: ids and versions that last, whatever comes twice or late.

Everything follows from the newest version of each monitor's event (`association.groups`), so that neither the
order in which alerts come nor how often changes what stands in the end. What was said is never unsaid: an
event keeps the id under which it was first told, is withdrawn where its group has joined another's, and has a
last word after which nothing is said of it.
"""

import dataclasses
import datetime
import itertools
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fcn.alert.alert import Alert, Latencies, Producer
from fcn.catalogue.event import Status
from fcn.checked import number, positive, whole
from fcn.operations.association import Key, Likeness, best, groups, key_of

log = logging.getLogger(__name__)

LONGEST_DELAY_S = 86_400.0  # of what a latency says


@dataclass(frozen=True)
class Keeping:
    """settle_s: after the last word of all its monitors, so long an event waits for that of others.

    remember_s: an event of which nothing came for so long is forgotten, and one that is first heard of in an
    alert as old is none: a merger that begins beside monitors that have run for months tells no old story.
    kept_events: of monitors, whose versions are known after that, so that what comes again is not taken for
    new.
    """

    settle_s: float
    remember_s: float
    kept_events: int

    def __post_init__(self) -> None:
        number("keeping.settle_s", self.settle_s, 0.0)
        positive("keeping.remember_s", self.remember_s)
        whole("keeping.kept_events", self.kept_events, 1)


@dataclass(eq=False)
class _Merged:
    """An event that was told: who it is made of, whom of them it stays with, the last alert and when.

    told_of: whose solution that was, in which version.
    """

    event_id: str
    anchor: Key
    members: frozenset[Key]
    last: Alert
    told_of: tuple[Key, int]
    told_s: float

    def follow(self, group_of: Mapping[Key, frozenset[Key]]) -> frozenset[Key] | None:
        """Its group now; where its anchor is withdrawn, that of another member; None where all are."""
        if self.anchor not in group_of:
            left = sorted(key for key in self.members if key in group_of)
            if not left:
                return None
            self.anchor = left[0]
        return group_of[self.anchor]


@dataclass(eq=False)
class Merger:
    """Takes alerts and returns what is to be told; one object for all monitors, and without a clock.

    Times are of a clock that may be set back. producer: of what it tells; the checkpoint, and whether it is
    simulated, are those of the monitor it goes by. counts: of alerts that changed nothing.
    """

    likeness: Likeness
    keeping: Keeping
    producer: Producer
    counts: Counter[str] = field(default_factory=Counter)
    _newest: dict[Key, Alert] = field(default_factory=dict, init=False)
    _came_s: dict[Key, float] = field(default_factory=dict, init=False)
    _versions: dict[Key, int] = field(default_factory=dict, init=False)  # of those that are forgotten
    _events: list[_Merged] = field(default_factory=list, init=False)  # in order of their first word
    _ids: dict[str, None] = field(default_factory=dict, init=False)  # that are taken, for good
    _told_old: set[str] = field(default_factory=set, init=False)  # monitors whose old alerts were logged

    def take(self, alert: Alert, now_s: float) -> list[Alert]:
        """What an alert of a monitor changes."""
        key = key_of(alert)
        newest = self._newest.get(key)
        version = self._versions.get(key, 0) if newest is None else newest.version
        if alert.producer.monitor == self.producer.monitor:
            self.counts["its own"] += 1
        elif alert.version <= version:
            self.counts["known already"] += 1
        elif newest is None and self._is_old(alert, now_s):
            self.counts["of long ago"] += 1
        else:
            self._newest[key], self._came_s[key] = alert, now_s
            return self._agree(alert.issued_time_s, now_s)
        return []

    def _is_old(self, alert: Alert, now_s: float) -> bool:
        """Whether it was issued too long ago; of a replay, whose clock is its own, none is."""
        monitor, issued_s = alert.producer.monitor, alert.issued_time_s
        if alert.producer.is_simulated or now_s - issued_s <= self.keeping.remember_s:
            return False
        if monitor not in self._told_old:
            self._told_old.add(monitor)
            log.warning(
                "alerts that %s issued more than %g s ago are passed over, the first is of %s: of before, or "
                "is a clock wrong, there or here?",
                *(monitor, self.keeping.remember_s, datetime.datetime.fromtimestamp(issued_s, datetime.UTC)),
            )
        return True

    def advance(self, now_s: float) -> list[Alert]:
        """What time changes: last words, and what is forgotten."""
        told = []
        self._came_s = {key: min(came_s, now_s) for key, came_s in self._came_s.items()}  # a clock set back
        for event in self._events:
            members = [self._newest[key] for key in sorted(event.members)]
            if event.last.is_last or any(each.status is not Status.FINAL for each in members):
                continue
            if now_s - max(self._came_s[key] for key in event.members) >= self.keeping.settle_s:
                told.append(self._tell(event, best(members), Status.FINAL, 0.0, now_s))
        self._forget(now_s)
        return told

    @property
    def events(self) -> dict[str, tuple[Alert, frozenset[Key]]]:
        """Of each that is remembered the last alert, and whose events it is made of."""
        return {each.event_id: (each.last, each.members) for each in self._events}

    @property
    def n_open(self) -> int:
        """Events of which more may be said."""
        return sum(not each.last.is_last for each in self._events)

    def _agree(self, issued_s: float, now_s: float) -> list[Alert]:
        """Make what was told agree with the groups."""
        told = []
        standing = [each for each in self._newest.values() if not each.is_retracted]
        group_of = {key: group for group in groups(standing, self.likeness) for key in group}
        owners: dict[frozenset[Key], _Merged] = {}
        # of two in one group that stays of which the last word is said, then that which was told first
        for event in sorted(self._events, key=lambda each: not each.last.is_last):
            if event.last.is_retracted:
                continue
            group = event.follow(group_of)
            if group is not None and group not in owners:
                owners[group], event.members = event, group
            elif not event.last.is_last:
                event.members = frozenset()
                told.append(self._say(event, event.last, Status.RETRACTED, issued_s, now_s))
        for group in sorted(set(group_of.values()), key=sorted):
            chosen = best([self._newest[key] for key in sorted(group)])
            if group not in owners:
                told.append(self._begin(group, chosen, issued_s, now_s))
            elif owners[group].told_of != (key_of(chosen), chosen.version) and not owners[group].last.is_last:
                told.append(self._tell(owners[group], chosen, Status.UPDATE, issued_s, now_s))
        return told

    def _begin(self, group: frozenset[Key], chosen: Alert, issued_s: float, now_s: float) -> Alert:
        origin = datetime.datetime.fromtimestamp(chosen.origin.time_s, datetime.UTC)
        event_id = wanted = f"fcn{origin:%Y%m%dT%H%M%S}"
        for i in itertools.count(2):
            if event_id not in self._ids:
                break
            event_id = f"{wanted}-{i}"
        self._ids[event_id] = None
        first = self._made(event_id, 1, Status.NEW, chosen, max(issued_s, chosen.issued_time_s))
        told_of = key_of(chosen), chosen.version
        self._events.append(_Merged(event_id, min(group), group, first, told_of, now_s))
        return first

    def _tell(self, event: _Merged, chosen: Alert, status: Status, issued_s: float, now_s: float) -> Alert:
        """The solution of one of its members."""
        event.told_of = key_of(chosen), chosen.version
        return self._say(event, chosen, status, max(issued_s, chosen.issued_time_s), now_s)

    def _say(self, event: _Merged, solution: Alert, status: Status, issued_s: float, now_s: float) -> Alert:
        issued_s = max(issued_s, event.last.issued_time_s)
        version = event.last.version + 1
        event.last = self._made(event.event_id, version, status, solution, issued_s)
        event.told_s = now_s
        return event.last

    def _made(self, event_id: str, version: int, status: Status, solution: Alert, issued_s: float) -> Alert:
        of = solution.producer
        producer = dataclasses.replace(
            self.producer, checkpoint_digest=of.checkpoint_digest, is_simulated=of.is_simulated
        )
        return dataclasses.replace(
            solution,
            event_id=event_id,
            version=version,
            status=status,
            issued_time_s=issued_s,
            latencies=_latencies(solution, issued_s),
            producer=producer,
        )

    def _forget(self, now_s: float) -> None:
        """Events of which nothing came for long, and what of monitors belongs to none that is left."""
        before_s = now_s - self.keeping.remember_s
        self._events = [
            each
            for each in self._events
            if max([each.told_s, *(self._came_s[key] for key in each.members)]) >= before_s
        ]
        needed = {key for each in self._events for key in each.members}
        for key in [key for key, came_s in self._came_s.items() if came_s < before_s and key not in needed]:
            self._versions.pop(key, None)
            self._versions[key] = self._newest.pop(key).version
            del self._came_s[key]
        _shorten(self._versions, self.keeping.kept_events)
        _shorten(self._ids, self.keeping.kept_events)

    def state(self) -> dict[str, Any]:
        """Plain data, as JSON holds them."""
        return {
            "newest": [[self._came_s[key], each.to_json()] for key, each in self._newest.items()],
            "versions": [[*key, version] for key, version in self._versions.items()],
            "ids": list(self._ids),
            "events": [
                {
                    "anchor": list(each.anchor),
                    "members": sorted(map(list, each.members)),
                    "last": each.last.to_json(),
                    "told_of": [*each.told_of[0], each.told_of[1]],
                    "told_s": each.told_s,
                }
                for each in self._events
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned; the rules may be others."""
        newest = [(came_s, Alert.from_json(line)) for came_s, line in state["newest"]]
        self._newest = {key_of(each): each for _, each in newest}
        self._came_s = {key_of(each): came_s for came_s, each in newest}
        self._versions = {(monitor, event): version for monitor, event, version in state["versions"]}
        self._ids = dict.fromkeys(state["ids"])
        self._events = []
        for each in state["events"]:
            last, (*key, version) = Alert.from_json(each["last"]), each["told_of"]
            members = frozenset((monitor, event) for monitor, event in each["members"])
            told_of = (key[0], key[1]), version
            anchor = each["anchor"][0], each["anchor"][1]
            self._events.append(_Merged(last.event_id, anchor, members, last, told_of, each["told_s"]))


def _shorten(known: dict[Any, Any], most: int) -> None:
    """To what came last."""
    for each in list(known)[: max(len(known) - most, 0)]:
        del known[each]


def _latencies(solution: Alert, issued_s: float) -> Latencies | None:
    """Until it was issued here; None where the monitor says nothing, or of times that are no latencies."""
    if solution.latencies is None:
        return None
    data_s, transport_s = solution.latencies.data_s, solution.latencies.transport_s
    computation_s = issued_s - solution.data_time_s - data_s
    if not 0.0 <= computation_s <= LONGEST_DELAY_S:
        return None
    return Latencies(data_s, computation_s, transport_s=transport_s)
