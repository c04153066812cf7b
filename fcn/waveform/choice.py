"""Which channels of a station are used, and when: decided from what has come so far, never from what will."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int

from fcn.waveform.memory import Memory

# SEED instrument codes in order of preference: broad-band and short-period seismometers measure weak motion
# with less noise than accelerometers. The letter before says how fast they sample.
INSTRUMENT_PREFERENCE = "HLPDN"
# SEED band codes of short-period sensors, then of broad-band ones, slower streams (10 to 80 samples a second)
# first. Of one sensor's streams the faster one has all that is read, up to 9 Hz, and fills its packets
# sooner: a record of 512 bytes takes ten seconds at 20 Hz.
BANDS = ("S", "EDG", "B", "HCF")
SMALLEST_DETERMINANT = 0.2  # of unit vectors: smaller, and they hardly span space
FAILOVER_S = 5.0  # a channel that has said nothing for so long is taken for dead
SETTLE_S = 60.0  # a better instrument takes over once it has delivered steadily for so long
START_S = 2.0  # or at once while the one in use is no older: channels do not begin together


@dataclass(frozen=True, eq=False)
class Stretch:
    """Samples first to last - 1, for which the same channels are used.

    channels: their rows, at most three, Z, N, E or Z, 1, 2 first.
    """

    first: int
    last: int
    channels: tuple[int, ...]


def instrument(seed_id: str) -> str:
    """What the channels of an instrument share: the id without the last letter."""
    return seed_id[:-1]


def rank(key: str, n_channels: int) -> tuple[int, int, int, tuple[int, ...]]:
    """Larger is better: most components (up to three), then seismometer before accelerometer, then the
    later of `BANDS`, then the lowest location code."""
    *_, place, code = key.split(".")
    known = code[-1:] in tuple(INSTRUMENT_PREFERENCE)
    preference = -INSTRUMENT_PREFERENCE.index(code[-1]) if known else -len(INSTRUMENT_PREFERENCE)
    speed = next((i for i, band in enumerate(BANDS, start=1) if code[:1] in tuple(band)), 0)
    location = tuple(-ord(letter) for letter in place.ljust(2))  # none is lower than any
    return min(n_channels, 3), preference, speed, location


def component_order(seed_id: str) -> tuple[int, str]:
    """Sorts channels Z, N, E, 1, 2, 3; unknown letters last."""
    return "ZNE123".find(seed_id[-1]) % 10, seed_id


def spanned(vectors: Float64[np.ndarray, "channel 3"]) -> bool:
    """Whether directions are as many as they seem."""
    return bool(np.sqrt(max(np.linalg.det(vectors @ vectors.T), 0.0)) >= SMALLEST_DETERMINANT)


def choose(
    seed_ids: Sequence[str],
    vectors: Float64[np.ndarray, "channel 3"],
    valid: Bool[np.ndarray, "channel time"],
    over: Int[np.ndarray, " channel"],
    clipped: Bool[np.ndarray, "channel time"],
    sampling_rate_hz: float,
) -> list[Stretch]:
    """`Chooser` of a whole recording, from sample 0 on."""
    chooser = Chooser(sampling_rate_hz)
    for seed_id, vector in zip(seed_ids, vectors, strict=True):
        chooser.add(seed_id, vector)
    return chooser.process(0, valid, over, clipped)


class Chooser(Memory):
    """The channels in use of one station, chunk by chunk; none before the first sample.

    What is chosen at a sample depends on no later one, and not on where chunks end.
    """

    _carried = ("_last", "_later", "_alive", "_living", "_since", "_current", "_begun", "_used")

    def __init__(self, sampling_rate_hz: float) -> None:
        self._failover = round(FAILOVER_S * sampling_rate_hz)
        self._settle, self._start = round(SETTLE_S * sampling_rate_hz), round(START_S * sampling_rate_hz)
        self._seed_ids: list[str] = []
        self._vectors = np.zeros((0, 3))
        self._last = np.zeros((2, 0, 1), dtype=np.int64)  # sample that was valid, clipped
        self._alive = np.zeros((0, 1), dtype=bool)  # at the sample before
        self._later: list[int] = []  # samples at which a better instrument may have settled
        self._living: dict[str, list[int]] = {}
        self._since: dict[str, int] = {}
        self._current = ""
        self._begun = 0
        self._used: tuple[int, ...] = ()
        self._is_best = False  # what was decided last is in use, and nothing is better

    def add(self, seed_id: str, direction: Float64[np.ndarray, " 3"] | Sequence[float]) -> int:
        """A further channel, which nothing has been heard of so far; returns its row.

        direction: unit vector up, north, east. Epochs of one channel come in their order.
        """
        self._is_best = False
        self._seed_ids.append(seed_id)
        self._vectors = np.concatenate((self._vectors, np.asarray(direction, dtype=np.float64)[None]))
        never = np.full((2, 1, 1), -(2**62), dtype=np.int64)
        self._last = np.concatenate((self._last, never), axis=1)
        self._alive = np.concatenate((self._alive, np.zeros((1, 1), dtype=bool)))
        return len(self._seed_ids) - 1

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Memory`; the channels have been added before."""
        super().restore(state)
        self._used, self._is_best = tuple(self._used), False

    def process(
        self,
        first: int,
        valid: Bool[np.ndarray, "channel time"],
        over: Int[np.ndarray, " channel"],
        clipped: Bool[np.ndarray, "channel time"],
    ) -> list[Stretch]:
        """Stretches of the samples from `first` on, which follow those before.

        valid: where a channel has samples. over: sample from which StationXML says that a channel has ended.
        clipped: where it is beyond its range: an instrument of which a channel is counts as dead for
        `FAILOVER_S` where another of as many components is within its own.
        """
        n_samples = valid.shape[1]
        if not n_samples:
            return []
        end = first + n_samples
        if self._goes_on(first, end, valid, over, clipped):
            self._last[0] = end - 1
            return _stretches([first], [self._used], end)
        samples = np.arange(first, end)
        recently, clips = (self._recently(i, each, samples) for i, each in enumerate((valid, clipped)))
        alive = recently & (samples < over[:, None])
        if clips.any():
            alive &= ~_stood_in_for(self._seed_ids, alive, clips)
        before = np.concatenate((self._alive, alive[:, :-1]), axis=1)
        changes = first + np.flatnonzero((alive != before).any(axis=0))
        self._alive = alive[:, -1:].copy()
        later = sorted({*self._later, *(changes + self._settle).tolist()})
        moments = sorted({first, *changes.tolist(), *(each for each in later if first <= each < end)})
        self._later = [each for each in later if each >= end]
        used = [self._at(moment, alive[:, moment - first]) for moment in moments]
        return _stretches(moments, used, end)

    def _goes_on(
        self,
        first: int,
        end: int,
        valid: Bool[np.ndarray, "channel time"],
        over: Int[np.ndarray, " channel"],
        clipped: Bool[np.ndarray, "channel time"],
    ) -> bool:
        """Whether nothing is to be decided: every channel is alive and stays so, and the best is in use."""
        return (
            self._is_best
            and bool(valid.all() and self._alive.all() and not clipped.any())
            and end <= int(over.min())
            and first - int(self._last[1].max()) >= self._failover
            and not any(each < end for each in self._later)
        )

    def _recently(
        self, which: int, flags: Bool[np.ndarray, "channel time"], samples: Int[np.ndarray, " time"]
    ) -> Bool[np.ndarray, "channel time"]:
        """A flag that is set among the last samples of `FAILOVER_S`, this one included."""
        last = np.where(flags, samples, self._last[which])
        last = np.maximum.accumulate(last, axis=1)
        self._last[which] = last[:, -1:]
        return samples - last < self._failover

    def _at(self, moment: int, alive: Bool[np.ndarray, " channel"]) -> tuple[int, ...]:
        """The rows to use from this moment on; moments come in order."""
        living: dict[str, list[int]] = {}
        rows = np.flatnonzero(alive).tolist()
        for row in sorted(rows, key=lambda row: component_order(self._seed_ids[row])):
            living.setdefault(instrument(self._seed_ids[row]), []).append(row)
        for key, members in living.items():
            if members != self._living.get(key):
                self._since[key] = moment
        self._living = living
        if not living:
            self._current, self._used, self._is_best = "", (), False
            return ()
        best = max(living, key=lambda key: rank(key, len(living[key])))
        if self._takes_over(best, moment):
            self._current, self._begun, self._used = best, moment, ()
        self._used, self._is_best = self._filled(living[self._current]), best == self._current
        return self._used

    def _takes_over(self, best: str, moment: int) -> bool:
        if self._current not in self._living:
            return True
        if best == self._current:
            return False
        return moment - self._since[best] >= self._settle or moment - self._begun < self._start

    def _filled(self, rows: list[int]) -> tuple[int, ...]:
        """Those in use that are alive, and others that add a direction to them."""
        kept = [row for row in self._used if row in rows]
        for row in rows:
            if row not in kept and len(kept) < 3 and spanned(self._vectors[[*kept, row]]):
                kept.append(row)
        return tuple(sorted(kept, key=lambda row: component_order(self._seed_ids[row])))


def _stretches(moments: Sequence[int], used: Sequence[tuple[int, ...]], end: int) -> list[Stretch]:
    """Those between the moments, of equal ones in a row one."""
    edges = zip(moments, [*moments[1:], end], used, strict=True)
    return joined_stretches(Stretch(first, last, channels) for first, last, channels in edges if channels)


def joined_stretches(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Of those in a row that are of the same channels one."""
    joined: list[Stretch] = []
    for each in stretches:
        if joined and joined[-1].channels == each.channels and joined[-1].last == each.first:
            joined[-1] = Stretch(joined[-1].first, each.last, each.channels)
        else:
            joined.append(each)
    return joined


def _stood_in_for(
    seed_ids: Sequence[str],
    alive: Bool[np.ndarray, "channel time"],
    clipped: Bool[np.ndarray, "channel time"],
) -> Bool[np.ndarray, "channel time"]:
    """Channels of instruments that clip while another, of as many components, does not."""
    rows: dict[str, list[int]] = {}
    for row, seed_id in enumerate(seed_ids):
        rows.setdefault(instrument(seed_id), []).append(row)
    clips = {key: (clipped[each] & alive[each]).any(axis=0) for key, each in rows.items()}
    n_components = {key: np.minimum(alive[each].sum(axis=0), 3) * ~clips[key] for key, each in rows.items()}
    most = np.max(list(n_components.values()), axis=0)
    found = np.zeros_like(alive)
    for key, each in rows.items():
        found[each] = clips[key] & (most >= np.clip(alive[each].sum(axis=0), 1, 3))
    return found
