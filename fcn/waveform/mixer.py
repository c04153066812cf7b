"""One ground motion from the channels of a station, chunk by chunk."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from fcn.waveform.channel import N_KINDS, ChannelMotion
from fcn.waveform.choice import Chooser, Stretch

LEAST_SEEN = (0.9, 0.5, 0.5)  # of a component's power, up, north, east
MOST_MIXED = (math.inf, 0.1, 0.1)  # of the vertical in up, north and east
ROUNDING = 1e-9

Motion = Float64[np.ndarray, "kind 3 time"]  # velocity, and what `Banded` holds; up, north, east
Turn = tuple[Float64[np.ndarray, "3 channel"], Bool[np.ndarray, "3"]]  # see `_turn`


class StationMixer:
    """The best of a station's channels (`Chooser`), turned to up, north, east.

    Chunks follow each other; `peek` looks beyond the last without moving on.
    """

    def __init__(self, sampling_rate_hz: float) -> None:
        self.channels: list[ChannelMotion] = []
        self._chooser = Chooser(sampling_rate_hz)
        self._directions = np.zeros((0, 3))
        self._turns: dict[tuple[int, ...], Turn] = {}  # by the rows of channels

    def add(self, channel: ChannelMotion) -> None:
        """A further channel; epochs of one come in their order."""
        self.channels.append(channel)
        self._chooser.add(channel.described.seed_id, channel.described.direction)
        self._directions = np.array([each.described.direction for each in self.channels])

    def process(self, first: int, end: int) -> tuple[Motion, Bool[np.ndarray, "3 time"], list[Stretch]]:
        """Motion of the samples from `first` on, where each component is known, and of which channels."""
        return self._mixed(self._chooser, first, end)

    def peek(self, first: int, end: int) -> tuple[Motion, Bool[np.ndarray, "3 time"], list[Stretch]]:
        """As `process`, which may be asked for the same samples again, when more of them has come."""
        return self._mixed(copy.deepcopy(self._chooser), first, end)

    def state(self) -> dict[str, Any]:
        """What has been chosen; channels have states of their own."""
        return self._chooser.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned, with the same channels."""
        self._chooser.restore(state)

    def _mixed(
        self, chooser: Chooser, first: int, end: int
    ) -> tuple[Motion, Bool[np.ndarray, "3 time"], list[Stretch]]:
        n = end - first
        if not self.channels:
            return np.zeros((N_KINDS, 3, n)), np.zeros((3, n), dtype=bool), []
        tracks = [channel.track.between(first, end) for channel in self.channels]
        motions, valid, clipped = zip(*tracks, strict=True)
        over = np.array([channel.over for channel in self.channels])
        stretches = chooser.process(first, np.array(valid), over, np.array(clipped))
        return *self._combine(motions, valid, stretches, first, n), stretches

    def _combine(
        self,
        motions: Sequence[Float64[np.ndarray, "kind time"]],
        valid: Sequence[Bool[np.ndarray, " time"]],
        stretches: Sequence[Stretch],
        start: int,
        n_samples: int,
    ) -> tuple[Motion, Bool[np.ndarray, "3 time"]]:
        """Velocity and its bands up, north, east, and where each component is known."""
        if len(stretches) == 1 and stretches[0].last - stretches[0].first == n_samples:
            (whole,) = stretches
            if all(valid[row].all() for row in whole.channels):  # as nearly always
                to_zne, part = self._turn(whole.channels)
                along = np.stack([motions[row] for row in whole.channels])
                known = np.repeat(part[:, None], n_samples, axis=1)
                return np.einsum("zc,ckt->kzt", to_zne, along), known
        motion, known = np.zeros((N_KINDS, 3, n_samples)), np.zeros((3, n_samples), dtype=bool)
        for stretch in stretches:
            used, first = list(stretch.channels), stretch.first - start
            there = np.stack([valid[row][first : stretch.last - start] for row in used])
            which = np.left_shift(1, np.arange(len(used))) @ there
            for pattern in np.unique(which[which > 0]).tolist():
                rows = tuple(used[row] for row in range(len(used)) if pattern >> row & 1)
                samples = first + np.flatnonzero(which == pattern)
                to_zne, part = self._turn(rows)
                along = np.stack([motions[row][:, samples] for row in rows])
                motion[:, :, samples] = np.einsum("zc,ckt->kzt", to_zne, along)
                known[:, samples] = part[:, None]
        return motion, known

    def _turn(self, rows: tuple[int, ...]) -> Turn:
        """Of some of the channels."""
        if rows not in self._turns:
            self._turns[rows] = _turn(self._directions[list(rows)])
        return self._turns[rows]


def _turn(directions: Float64[np.ndarray, "channel 3"]) -> Turn:
    """From motion along channels to up, north, east, and which of them are known.

    What is known of a direction is what the channels there see of it. A horizontal is known where they see
    at least half its power, the other half being taken for none; the vertical where they see nine tenths,
    and a horizontal only where little of the vertical is mixed into it (two of three oblique channels).
    """
    to_zne = np.linalg.pinv(directions)
    to_zne[np.abs(to_zne) < ROUNDING] = 0.0  # a channel's noise is of its own direction alone
    seen = to_zne @ directions
    part = (np.diag(seen) >= np.subtract(LEAST_SEEN, ROUNDING)) & (np.abs(seen[:, 0]) <= MOST_MIXED)
    return to_zne * part[:, None], part
