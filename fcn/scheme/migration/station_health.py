"""What a station may say, by its own health: its clock and its size against located events, its level.

A false clock moves events and loses them; a gain that jumps makes them large; a channel that stands still
says of every event that there is none. Each shows in the station's own record against what the others agree
on. A station in good health is never touched. Causal: an event counts when it is closed, as in
`station_terms`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn import checked
from fcn.batch import Batch
from fcn.catalogue.event import Known
from fcn.scheme.migration.amplitudes import DEAD_MPS
from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.places import Places
from fcn.scheme.migration.station_terms import LONG_AGO_S, rows_at
from fcn.scheme.migration.transfer import HOST, moved
from fcn.scheme.migration.witness import Expected, Witness, clocks_s, sizes

MOST = 0.75  # of what has come of a window: the end of it is yet to come
SHORTEST = 0.1  # of a window: of a record shorter than this nobody is said to stand still
# More spikes (`pulses`) than this in so long, and a station is not heard: two of them within a second and a
# half of one another are not known, and look like P and S. Picks of one spike lie so near in every window.
MOST_SPIKES, SPIKES_S, SPIKE_S = 4, 300.0, 0.2
LEARNT = 0.1  # of `history_s`: a history so long can be compared with


@dataclass(frozen=True)
class HealthLaw:
    """When a station is left out, and until when.

    in_a_row: located events that have to say the same of a station, against it and for it again.
    off_s, off_share: a clock is false whose P picks are off by more than this, and than this share of their
        travel time, which a velocity model may be wrong by; all in a row by the same, but for `spread_s`.
    reach_s: a pick further from P than this is none of the event.
    off_magnitude: a gain is false by which a station's magnitude differs from the median of all by more.
    least_evidence, most_across_km, fewest: an event counts by its last solution with that evidence, that
        horizontal uncertainty at most, and P picks where they were due at so many stations at least.
    level_ratio, level_s: a level is false that is so many times its history, up or down, for so long, no
        event being known; history_s: in which a history is forgotten, and a level that stays becomes one.
    most_share: where more of the stations seem false by clock, level or size, nobody is: they cannot all be.
    """

    in_a_row: int
    off_s: float
    off_share: float
    spread_s: float
    reach_s: float
    off_magnitude: float
    least_evidence: float
    most_across_km: float
    fewest: int
    level_ratio: float
    level_s: float
    history_s: float
    most_share: float

    def __post_init__(self) -> None:
        if self.in_a_row < 2 or self.fewest < 3:
            raise ValueError(
                "reading.health: one event, or two stations, prove nothing: in_a_row >= 2 and fewest >= 3 "
                f"are required, got {self.in_a_row} and {self.fewest}"
            )
        if not 0 < self.off_s < self.reach_s or min(self.off_share, self.spread_s) < 0:
            raise ValueError(
                "reading.health: 0 < off_s < reach_s and off_share, spread_s >= 0 are required, got "
                f"{self.off_s}, {self.reach_s}, {self.off_share} and {self.spread_s}"
            )
        if not (self.off_magnitude > 0 and self.level_ratio > 1 and 0 < self.level_s < self.history_s):
            raise ValueError(
                "reading.health: off_magnitude > 0, level_ratio > 1 and 0 < level_s < history_s required, "
                f"got {self.off_magnitude}, {self.level_ratio}, {self.level_s}, {self.history_s}"
            )
        if not 0 <= self.most_share <= 0.5:
            raise ValueError(
                f"reading.health.most_share: half of the stations at most, got {self.most_share}"
            )


@dataclass(frozen=True)
class Sound:
    """Of the stations of a window: whose picks count and who judges (`times`), and who sizes (`sizes`)."""

    times: Bool[Tensor, " station"]
    sizes: Bool[Tensor, " station"]

    @classmethod
    def all(cls, mask: Bool[Tensor, " station"]) -> "Sound":
        """Everybody."""
        return cls(torch.ones_like(mask), torch.ones_like(mask))


@dataclass
class _Record:
    """What is known of one station's health; the last few of what events said, of a clock and of a size."""

    clock_s: list[float] = field(default_factory=list)
    size: list[float] = field(default_factory=list)
    is_late: bool = False
    is_loud: bool = False
    level: float = 0.0  # weighted sum of log10 of levels in m/s
    weight_s: float = 0.0
    away_s: float = 0.0
    spikes_s: list[float] = field(default_factory=list)  # of the last `SPIKES_S`


@dataclass
class StationHealth:
    """The health of one stream's stations, known by their places as those of `StationTerms` are."""

    law: HealthLaw
    _now_s: float = field(default=LONG_AGO_S, init=False)
    _station_km: Float[Tensor, "station 3"] = field(default_factory=lambda: torch.zeros(0, 3), init=False)
    _of: list[_Record] = field(default_factory=list, init=False)
    _open: dict[str, Witness] = field(default_factory=dict, init=False)
    _still: list[bool] = field(default_factory=list, init=False)
    _sound: list[bool] = field(default_factory=list, init=False)

    def begin(self, batch: Batch, known: Sequence[Known]) -> Sound:
        """Who may say something in a window, by what came before it and its own levels.

        known: the events declared before this window.
        """
        now_s, mask = float(batch.now_s[0]), batch.mask[0].cpu()
        if now_s <= self._now_s:
            self._station_km, self._of, self._open = torch.zeros(0, 3), [], {}
            self._now_s = now_s  # no time has passed
        places = batch.station_km[0].detach().cpu()
        if not torch.equal(places, self._station_km):
            rows = rows_at(places, self._station_km).tolist()
            self._of = [self._of[row] if row >= 0 else _Record() for row in rows]
            self._station_km, self._open = places, {}
        past_s = min(now_s - self._now_s, self.law.level_s / 2) if self._now_s > LONG_AGO_S else 0.0
        self._now_s = now_s
        self._close(known)
        for each in self._of:
            each.spikes_s = [at_s for at_s in each.spikes_s if now_s - SPIKES_S <= at_s <= now_s]
        levels_mps, heard, still = _vitals(batch)
        if not known:
            self._weigh(levels_mps.tolist(), (heard & mask).tolist(), past_s)
        self._still = (still & mask).tolist()
        sound = self._judged(mask)
        self._sound = (sound.sizes & mask).tolist()  # of who is away, what was known
        return sound

    def observe_all(
        self,
        picks: Picks,
        places: Places,
        expected: Sequence[Expected],
        by_station: Float[Tensor, "event station"],
        use: Bool[Tensor, "event station"],
        trusted: Bool[Tensor, " station"],
    ) -> None:
        """What the good solutions of one window say of stations, event by event.

        picks: of all stations, also of those left out. expected: of each event. by_station, use, trusted: see
        `fcn.scheme.migration.witness.sizes`.
        """
        law = self.law
        good = places.is_located & (places.evidence >= law.least_evidence)
        good &= places.across_km <= law.most_across_km
        for row in good.nonzero()[:, 0].tolist():
            if (name := places.follows[row]) is not None:
                clock_s = clocks_s(
                    picks, expected[row], off_s=law.off_s, off_share=law.off_share, reach_s=law.reach_s
                )
                size = sizes(by_station[row], use[row], trusted, clock_s, fewest=law.fewest)
                self.observe(name, Witness(clock_s, size))

    def observe(self, event_id: str, said: Witness) -> None:
        """What an open event's newest good solution says of its stations, in the place of one before."""
        before = self._open.get(event_id)
        if said.n_agreeing >= max(self.law.fewest, 0 if before is None else before.n_agreeing):
            self._open[event_id] = said

    def observe_spikes(self, spikes: Picks, start_s: float, common_s: Sequence[float]) -> None:
        """Picks that are spikes; a window has those of the last, too. start_s: POSIX time of its start.

        common_s: POSIX times of pulses at several stations, which are none of them, as turns out later.
        """
        for each in self._of:
            own = (
                at_s for at_s in each.spikes_s if all(abs(at_s - pulse_s) > SPIKE_S for pulse_s in common_s)
            )
            each.spikes_s = list(own)
        for station, time_s in zip(spikes.station.tolist(), spikes.time_s.tolist(), strict=True):
            known_s, at_s = self._of[station].spikes_s, start_s + time_s
            if not any(abs(at_s - each) <= SPIKE_S for each in known_s):
                known_s.append(at_s)

    def left_out(self) -> list[str | None]:
        """Why, by station of the last window; None for one that is heard.

        One that stands still is told of even where all do and somebody has to be heard.
        """
        of = zip(self._of, self._still, self._sound, strict=True)
        return [self._words(each, still, sound) for each, still, sound in of]

    def _words(self, each: _Record, still: bool, sound: bool) -> str | None:
        if sound:
            return "stands still" if still else None
        reasons = []
        if each.is_late:
            off_s = max(each.clock_s, key=abs)
            reasons.append(f"clock {abs(off_s):.1f} s {'late' if off_s > 0 else 'early'}")
        if each.is_loud:
            reasons.append(f"magnitude {max(each.size, key=abs):+.1f}")
        if each.away_s >= self.law.level_s:
            reasons.append("level far from its history")
        if len(each.spikes_s) > MOST_SPIKES:
            reasons.append("spikes")
        if still:
            reasons.append("stands still")
        return ", ".join(reasons) or None

    def _judged(self, mask: Bool[Tensor, " station"]) -> Sound:
        most = self.law.most_share * int(mask.sum())

        def but(found: list[bool], most: float) -> Bool[Tensor, " station"]:
            them = torch.tensor(found, dtype=torch.bool, device=mask.device) & mask
            return ~them if int(them.sum()) <= most else torch.ones_like(mask)

        false = [
            each.is_late or each.away_s >= self.law.level_s or len(each.spikes_s) > MOST_SPIKES
            for each in self._of
        ]
        times = but(false, most) & but(self._still, int(mask.sum()) - 1)
        return Sound(times, times & but([each.is_loud for each in self._of], most))

    def _close(self, known: Sequence[Known]) -> None:
        """Events that are closed by now say their last; what was withdrawn says nothing."""
        by_name = {each.event_id: each for each in known}
        for name in [name for name in self._open if name not in by_name or not by_name[name].is_open]:
            said = self._open.pop(name)
            if name not in by_name:
                continue
            for each, clock_s, size in zip(self._of, said.clock_s, said.size, strict=True):
                if clock_s is not None:
                    each.clock_s = [*each.clock_s, clock_s][-self.law.in_a_row :]
                    each.is_late = self._latched(each.is_late, each.clock_s, self.law.spread_s)
                if size is not None:
                    off = size if abs(size) > self.law.off_magnitude else 0.0
                    each.size = [*each.size, off][-self.law.in_a_row :]
                    each.is_loud = self._latched(each.is_loud, each.size, math.inf)

    def _latched(self, was: bool, said: list[float], spread: float) -> bool:
        """True from when all in a row are off alike until all are 0; in between as it was."""
        if len(said) < self.law.in_a_row:
            return was
        if not any(said):
            return False
        alike = all(each > 0 for each in said) or all(each < 0 for each in said)
        return was or (alike and max(said) - min(said) <= spread)

    def _weigh(self, levels_mps: Sequence[float], heard: Sequence[bool], past_s: float) -> None:
        """Compare levels with their histories, and add them; past_s: since the window before."""
        law, decay = self.law, math.exp(-past_s / self.law.history_s)
        for each, level, is_heard in zip(self._of, levels_mps, heard, strict=True):
            if not is_heard or level <= 0.0:
                continue
            height = math.log10(level)
            if each.weight_s >= LEARNT * law.history_s:
                off = abs(height - each.level / each.weight_s)
                away = off > math.log10(law.level_ratio)
                each.away_s = min(each.away_s + past_s, law.level_s) if away else 0.0
            each.level, each.weight_s = decay * each.level + past_s * height, decay * each.weight_s + past_s

    def state(self) -> dict[str, Any]:
        """Plain data that `restore` takes, and `left_out` for whoever is told of stations."""
        return {
            "now_s": self._now_s,
            "station_km": self._station_km.tolist(),
            "of": [dict(vars(each)) for each in self._of],
            "open": {name: each.plain() for name, each in self._open.items()},
            "left_out": self.left_out(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`. Raises ValueError for what is none."""
        now_s = checked.number("now_s of station health", state["now_s"], LONG_AGO_S, -LONG_AGO_S)
        places = torch.tensor(state["station_km"], dtype=torch.float32).view(-1, 3)
        if not torch.isfinite(places).all():
            raise ValueError("station health: places of stations are not finite")
        of = [_restored(each, self.law.in_a_row) for each in checked.listed("of", state["of"], len(places))]
        found = {name: Witness.of_plain(each, len(of)) for name, each in state["open"].items()}
        self._now_s, self._station_km, self._of, self._open = now_s, places, of, found
        self._still, self._sound = [False] * len(of), [True] * len(of)

    def forget(self, station_km: Float[Tensor, "station 3"]) -> None:
        """Whatever was known of the stations at these places."""
        gone = (rows_at(self._station_km, station_km) >= 0).tolist()
        self._of = [_Record() if out else each for each, out in zip(self._of, gone, strict=True)]
        self._open = {name: each.without(gone) for name, each in self._open.items()}


def _restored(plain: Any, most: int) -> _Record:
    """A record of a state; of a law that counted more events in a row, the last."""
    record = _Record(**plain)
    for name, last in (("clock_s", most), ("size", most), ("spikes_s", None)):
        name_of = f"{name} of station health"
        found = list(checked.numbers(name_of, getattr(record, name)))
        setattr(record, name, found if last is None else found[-last:])
    for name in ("level", "weight_s", "away_s"):
        checked.number(f"{name} of station health", getattr(record, name))
    return record


def _vitals(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Of each station, on the host: its level by now, m/s; whether it was heard of late, and stands still.

    It does so where it has sent data through most of a window, none of which move; of a stream that has just
    begun, through most of what has come of any station.
    """
    known = batch.heard[0]
    heard = known[:, -(known.shape[1] // 3) :].any(dim=1)  # what is late by less is heard
    share, begun = known.float().mean(dim=-1), known.any(dim=0).float().mean()
    moves = batch.waveforms[0].abs().amax(dim=(1, 2)) >= DEAD_MPS
    still = (share >= MOST * begun) & (share >= SHORTEST) & ~moves
    level_mps, heard, still = moved(HOST, batch.background_mps[0, :, 0, -1], heard, still)
    return level_mps, heard, still
