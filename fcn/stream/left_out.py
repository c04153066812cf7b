"""Stations that a monitor hears nothing of, or does not listen to, and why."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fcn.alert.heartbeat import LeftOut, Why

if TYPE_CHECKING:
    from fcn.stream.engine import Engine

MOST_STRANGERS = 64  # stations that deliver and are not watched; damaged headers could make more
FORGET_S = 600.0  # of which nothing came for so long does not deliver
LONGEST = 200  # characters of a reason
TOO_SLOW = "too slow"  # as packets are counted


class Strangers:
    """Stations that deliver and are not watched."""

    def __init__(self) -> None:
        self._last_s: dict[str, float] = {}

    def note(self, station_id: str, clock_s: float) -> None:
        """A packet of one has come."""
        if station_id not in self._last_s and len(self._last_s) >= MOST_STRANGERS:
            self._last_s = {name: self._last_s[name] for name in self.names(clock_s)}
        if station_id in self._last_s or len(self._last_s) < MOST_STRANGERS:
            self._last_s[station_id] = clock_s

    def names(self, clock_s: float) -> list[str]:
        """Of which something came a short time ago."""
        return sorted(name for name, last_s in self._last_s.items() if _is_near(last_s, clock_s))


def left_out(engine: "Engine") -> tuple[LeftOut, ...]:
    """Each once, those that are watched first."""
    found = {name: (Why.UNUSABLE, why) for name, why in engine.unusable.items()}
    for name in engine.strangers.names(engine.clock_s):
        if name not in engine.live:
            found.setdefault(name, (Why.NOT_WATCHED, "delivers, and is not in the station list"))
    watched = {name: (why, words) for name, why, words in _of_watched(engine)}
    return tuple(
        LeftOut(_readable(name), why, _readable(words)) for name, (why, words) in (watched | found).items()
    )


def _of_watched(engine: "Engine") -> Iterator[tuple[str, Why, str]]:
    for name, station in engine.live.items():
        if not station.is_heard and station.undescribed:
            yield name, Why.NOT_DESCRIBED, "; ".join(station.undescribed.values())
        elif not station.is_heard and station.refused[TOO_SLOW]:
            yield name, Why.UNUSABLE, f"no channel with {station.spec.sampling_rate_hz:g} Hz or more"
    said = engine.reader.state().get("health", {}).get("left_out", ())
    window = engine.newest  # of which it speaks
    ids = () if window is None else window.station_ids or ()
    for name, why in zip(ids, said, strict=False):
        if why is not None and name in engine.live:
            yield name, Why.UNHEALTHY, why


def _is_near(last_s: float, clock_s: float) -> bool:
    return abs(clock_s - last_s) <= FORGET_S or last_s == clock_s


def _readable(words: str) -> str:
    """On one line, and not longer than who is told can bear."""
    shown = "".join(each if each.isprintable() else "?" for each in " ".join(words.split()))[:LONGEST]
    return shown or "?"
