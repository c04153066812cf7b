"""Whether all is well with a monitor, as monitoring plugins say it.

Levels and their exit codes, the line of text and the performance data after a bar are those of the Monitoring
Plugins Development Guidelines (monitoring-plugins.org/doc/guidelines.html), which Nagios, Icinga and others
run.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from fcn.alert.heartbeat import Why
from fcn.checked import numbers
from fcn.operations.status import Status

Pair = tuple[float, float] | list[float]


class Level(enum.IntEnum):
    """Exit codes of a plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True)
class Limits:
    """From where on it is a warning, and from where on critical, each pair in this order.

    age_s: of what the monitor last said. behind_s: from the newest window to the clock. late_s: of the data
    of the station in the middle. silent_share: of stations that are not heard; none heard is critical.
    left_out_share: of stations that are to be watched and left out, although they may be heard.
    sinks_down, waiting: sinks out of reach, or that refuse; and alerts that wait for one sink.
    Raises ValueError for a pair that is none, or the wrong way round.
    """

    age_s: Pair
    behind_s: Pair
    late_s: Pair
    silent_share: Pair
    left_out_share: Pair
    sinks_down: Pair
    waiting: Pair

    def __post_init__(self) -> None:
        for key, pair in vars(self).items():
            warning, critical = numbers(key, pair, 2, least=0.0)
            if critical < warning:
                raise ValueError(f"{key}: a warning comes before what is critical, got {list(pair)}")


@dataclass(frozen=True)
class _Finding:
    """A figure and what it is measured by; words: where it is not well."""

    label: str
    value: float
    unit: str
    pair: Pair
    words: str

    @property
    def level(self) -> Level:
        """Of the figure alone."""
        warning, critical = self.pair
        if self.value >= critical:
            return Level.CRITICAL
        return Level.WARNING if self.value >= warning else Level.OK

    def performance(self) -> str:
        """label=value[unit];warning;critical"""
        return f"{self.label}={self.value:.6g}{self.unit};{self.pair[0]:g};{self.pair[1]:g}"


@dataclass(frozen=True)
class Verdict:
    """A level, what is wrong in words (or that all is well), and figures."""

    level: Level
    words: str
    performance: str = ""

    def line(self) -> str:
        """The plugin's one line."""
        return f"FCN {self.level.name} - {self.words}" + (
            f" | {self.performance}" if self.performance else ""
        )


def verdict(status: Status, now_s: float, limits: Limits) -> Verdict:
    """What to say of a status at a POSIX time of the wall."""
    findings = list(_findings(status, now_s, limits))
    wrong = {each.words: each.level for each in findings if each.level > Level.OK}
    n_heard, n = len(status.late_s), len(status.stations)
    if not status.is_running:
        wrong[f"{status.producer.monitor} has ended"] = Level.CRITICAL
    if not n_heard:
        wrong[_heard(0, n)] = Level.CRITICAL
    if status.station_list is not None and status.station_list.refused is not None:
        wrong[f"the new station list is refused: {status.station_list.refused}"] = Level.WARNING
    level = max(wrong.values(), default=Level.OK)
    well = f"{status.producer.monitor} hears {n_heard} of {n} stations, {status.n_events_open} events open"
    told = sorted(wrong, key=lambda words: -wrong[words]) or [well]
    line = ", ".join(told).replace("|", "/")  # after a bar come figures
    return Verdict(level, line, " ".join(each.performance() for each in findings))


def _findings(status: Status, now_s: float, limits: Limits) -> Iterator[_Finding]:
    age_s = max(now_s - status.written_time_s, 0.0)
    yield _Finding("age", age_s, "s", limits.age_s, f"said nothing for {age_s:.0f} s")
    if (behind_s := status.behind_s) is not None:
        yield _Finding("behind", behind_s, "s", limits.behind_s, f"reading is {behind_s:.1f} s behind")
    if (late_s := status.median_late_s) is not None:
        yield _Finding("late", late_s, "s", limits.late_s, f"data are {late_s:.1f} s late")
    n_heard, n = len(status.late_s), len(status.stations)
    if n:
        yield _Finding("silent", 1.0 - n_heard / n, "", limits.silent_share, _heard(n_heard, n))
    if ids := {each.id for each in status.stations} | (out := _left_out(status)):
        words = f"{len(out)} of {len(ids)} stations left out"
        yield _Finding("left_out", len(out) / len(ids), "", limits.left_out_share, words)
    down = [each.name for each in status.sinks if not each.is_up]
    yield _Finding("sinks_down", len(down), "", limits.sinks_down, _down(down))
    most = max(status.sinks, key=lambda each: each.waiting, default=None)
    if most is not None:
        words = f"{most.waiting} alerts wait for {most.name}"
        yield _Finding("waiting", most.waiting, "", limits.waiting, words)


def _left_out(status: Status) -> set[str]:
    """Of the stations that are to be watched."""
    return {each.id for each in status.stations_left_out if each.kind is not Why.NOT_WATCHED}


def _down(names: list[str]) -> str:
    return f"out of reach, or refusing: {', '.join(names)}"


def _heard(n_heard: int, n: int) -> str:
    return f"{n_heard or 'none'} of {n} stations heard"
