"""Spikes and pulses, of telemetry, power and calibrations: gone at once, as no P wave is, which has its coda.

What comes to several stations at the same moment and is gone at once is told from a wave whatever place a
hypothesis has: below the middle of a network one can always be found whose P comes to all at about the same
time (`fcn.scheme.migration.moveout` says nothing of these), and nothing refutes it any more once the
probability of some of the picks has fallen. One at a single station may yet be a small event next to it: of
those it is the number that tells (`fcn.scheme.migration.station_health`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn import checked
from fcn.batch import Batch
from fcn.scheme.migration.amplitudes import DEAD_MPS
from fcn.scheme.migration.hypotheses import P_KMPS
from fcn.scheme.migration.moveout import MoveoutLaw
from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.transfer import HOST, moved

AT_S, AFTER_S = (-0.1, 0.6), (1.0, 1.5)  # from a pick on: its peak; and when a pulse has rung out
# Of the peak, at most, in 2-8 Hz (`preprocess.narrow`): pulses of up to 100 ms leave 0.02 to 0.11 there, by
# where they lie between samples; P at least 0.11, of 1485 picks of five recorded sets (decision 19).
GONE = 0.1


@dataclass
class Pulses:
    """The pulses at several stations of one stream, remembered while picks of them are in its window.

    law: how near is at once, and at how many stations. at_s: POSIX times.
    """

    law: MoveoutLaw
    at_s: list[float] = field(default_factory=list, init=False)

    def told(
        self, picks: Picks, batch: Batch, start_s: float, sampling_rate_hz: float
    ) -> tuple[Picks, Picks]:
        """Picks of a window that are not of pulses, and spikes: what is gone at once at a station alone.

        start_s: POSIX time of its first sample.
        """
        end_s = float(batch.now_s[0])
        self.at_s = [each for each in self.at_s if start_s <= each <= end_s]
        if len(picks) == 0:
            return picks, picks
        gone = is_gone(picks, batch, sampling_rate_hz)
        for time_s in self._at_once(picks, gone, batch.station_km[0]):
            if not any(abs(start_s + time_s - each) <= self.law.together_s for each in self.at_s):
                self.at_s.append(start_s + time_s)
        at_s = torch.tensor([each - start_s for each in self.at_s]).view(1, -1)
        common = ((picks.time_s[:, None] - at_s).abs() <= self.law.together_s).any(dim=1)
        return picks.where(~common), picks.where(gone & ~common)

    def _at_once(
        self, picks: Picks, gone: Bool[Tensor, " pick"], station_km: Float[Tensor, "station 3"]
    ) -> list[float]:
        """Times in the window at which several stations have one, s: medians of their picks.

        Stations so near one another that P takes less than `AFTER_S` between them do not count: all of a
        small event among them may be over by then.
        """
        if int(gone.sum()) < self.law.fewest:
            return []  # as nearly always
        near = (picks.time_s[:, None] - picks.time_s).abs() <= self.law.together_s
        (place_km,) = moved(HOST, station_km)
        found: list[float] = []
        for pick in gone.nonzero()[:, 0].tolist():
            if any(abs(float(picks.time_s[pick]) - each) <= self.law.together_s for each in found):
                continue  # of hundreds of stations, too, a pulse is looked at once
            row = near[pick] & gone
            stations = picks.station[row].unique()
            across_km = torch.cdist(place_km[stations], place_km[stations]).max()
            if len(stations) >= self.law.fewest and across_km > P_KMPS * AFTER_S[0]:
                found.append(float(picks.time_s[row].median()))
        return found

    def state(self) -> dict[str, Any]:
        """Plain data that `restore` takes."""
        return {"at_s": list(self.at_s)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`. Raises ValueError for what is none."""
        self.at_s = list(checked.numbers("at_s of pulses", state["at_s"]))


def is_gone(picks: Picks, batch: Batch, sampling_rate_hz: float) -> Bool[Tensor, " pick"]:
    """Whether what was picked has left next to nothing a second later; not of what is not all known yet."""

    def samples(since_s: tuple[float, float]) -> Tensor:
        first, end = (round(each * sampling_rate_hz) for each in since_s)
        return (picks.time_s * sampling_rate_hz).round().long()[:, None] + torch.arange(first, end)

    n = batch.waveforms.shape[-1]
    at, after = samples(AT_S), samples(AFTER_S)
    station, at_in, after_in = moved(
        batch.waveforms.device, picks.station[:, None], at.clamp(0, n - 1), after.clamp(0, n - 1)
    )
    motion: Float[Tensor, "station time"] = batch.waveforms[0].abs().amax(dim=1)
    known = batch.known[0].transpose(1, 2)  # (station, time, component)
    # a component that has moved has to be heard on: the others are no sign of what it does
    heard_on = known[station, after_in].all(dim=1) | ~known[station, at_in].any(dim=1)
    known = heard_on.all(dim=1) & known[station, after_in].any(dim=2).all(dim=1)
    later_mps = motion[station, after_in].amax(dim=1)
    gone = later_mps < GONE * motion[station, at_in].amax(dim=1)
    gone &= later_mps > DEAD_MPS  # else a hole that telemetry has filled: nobody knows what was there
    (gone,) = moved(HOST, gone & known)
    return gone & (after[:, -1] < n)
