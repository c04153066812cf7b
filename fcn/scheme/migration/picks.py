"""Picks of a stream's window: peaks of the probability that the network gives every sample."""

from collections import defaultdict
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from fcn.batch import Batch
from fcn.constants import STOPPED_S
from fcn.scheme.migration.transfer import HOST, moved

BLIND_S = 1.0  # after data return: what begins then looks like an arrival


@dataclass(frozen=True)
class Picks:
    """P picks of one window, the most probable first; times in seconds after the window's first sample."""

    station: Int[Tensor, " pick"]
    time_s: Float[Tensor, " pick"]
    probability: Float[Tensor, " pick"]

    def __len__(self) -> int:
        return len(self.station)

    def where(self, keep: Bool[Tensor, " pick"]) -> "Picks":
        """Those to keep."""
        rows = keep.nonzero()[:, 0]
        return Picks(self.station[rows], self.time_s[rows], self.probability[rows])


@dataclass(frozen=True)
class Arrived:
    """A phase of events at stations: how much later than due it is heard, s, and its probability; 0: not."""

    late_s: Float[Tensor, "event station"]
    probability: Float[Tensor, "event station"]

    @classmethod
    def none(cls, n_events: int, n_stations: int) -> "Arrived":
        """Nobody heard it."""
        return cls(torch.zeros(n_events, n_stations), torch.zeros(n_events, n_stations))

    def of_row(self, row: int, least_probability: float = 0.0) -> tuple[Tensor, Tensor]:
        """Lateness and probability of one event at every station; 0 where it is not probable enough."""
        probability = self.probability[row]
        return self.late_s[row], torch.where(probability >= least_probability, probability, 0.0)


def find_p(picks: Picks, due_s: Float[Tensor, "event station"], *, within_s: float) -> Arrived:
    """Of each event the most probable pick at every station within `within_s` of when P is due there."""
    found = Arrived.none(*due_s.shape)
    off_s = picks.time_s - due_s[:, picks.station]
    # the most probable come first: of each station the first one that is near
    rank = torch.arange(len(picks), 0, -1) * (off_s.abs() <= within_s)
    first = torch.zeros(due_s.shape, dtype=rank.dtype)
    first.scatter_reduce_(1, picks.station.expand_as(rank), rank, "amax")
    event, station = first.nonzero(as_tuple=True)
    pick = len(picks) - first[event, station]
    found.late_s[event, station] = off_s[event, pick]
    found.probability[event, station] = picks.probability[pick]
    return found


def find_picks(
    station_p: Float[Tensor, "station time"],
    silent: Bool[Tensor, "station time"],
    *,
    first: int,
    least_probability: float,
    apart_s: float,
    sampling_rate_hz: float,
) -> Picks:
    """Local maxima of P probability, no two of a station closer than `apart_s`, refined by a parabola.

    silent: samples without data; there are no picks there and for `BLIND_S` after them. first: the first
    sample whose logits count; without those before no pick is known for a maximum within `apart_s` of it.
    What is found is on the host.
    """
    blind = round(BLIND_S * sampling_rate_hz)
    dark = functional.max_pool1d(functional.pad(silent.float(), (blind, 0))[:, None], blind + 1, stride=1)
    probability = station_p.float().sigmoid() * (1 - dark[:, 0])
    probability[:, :first] = 0.0
    # of equal samples, as bfloat16 gives them, the first one counts
    probability = probability * (1 - 1e-6 * torch.arange(probability.shape[1], device=probability.device))
    reach = max(1, round(apart_s * sampling_rate_hz))
    highest = functional.max_pool1d(probability[:, None], 2 * reach + 1, stride=1, padding=reach)[:, 0]
    is_pick = (probability == highest) & (probability >= least_probability)
    is_pick[:, : first + reach if first else 0] = False
    station, sample = is_pick.nonzero(as_tuple=True)
    value = probability[station, sample]
    last = probability.shape[1] - 1
    left = probability[station, (sample - 1).clamp_min(0)]
    right = probability[station, (sample + 1).clamp_max(last)]
    order = value.argsort(descending=True, stable=True)
    time_s = (sample + parabola(left, value, right)) / sampling_rate_hz
    return Picks(*moved(HOST, station[order], time_s[order], value[order]))


def parabola(
    left: Float[Tensor, " pick"], value: Float[Tensor, " pick"], right: Float[Tensor, " pick"]
) -> Float[Tensor, " pick"]:
    """By how many samples the maximum of the parabola through three of them is later than the middle one."""
    offset = 0.5 * (left - right) / (left - 2 * value + right).clamp_max(-1e-6)
    return offset.clamp(-0.5, 0.5)


def late_s(heard: Bool[Tensor, "station time"], sampling_rate_hz: float) -> float:
    """How far behind a window's end its stations' data end, s: the median of those that deliver, else 0."""
    n_late = round(STOPPED_S * sampling_rate_hz)
    since = heard[:, -n_late:].flip(dims=(1,))
    delivers = since.any(dim=1)
    if not delivers.any():
        return 0.0
    return float(since[delivers].int().argmax(dim=1).median()) / sampling_rate_hz


@dataclass
class PicksOfStream:
    """Picks of a stream's windows, one after the other: those near a window's beginning are the last one's.

    least_probability, apart_s, sampling_rate_hz: see `find_picks`; a pick within `apart_s` of another one at
    its station is the same. last: picks of the last window, (station, POSIX s, probability).
    """

    least_probability: float
    apart_s: float
    sampling_rate_hz: float
    last: list[tuple[str, float, float]] = field(default_factory=list)

    def find(
        self,
        station_p: Float[Tensor, "station time"],
        batch: Batch,
        there: Bool[Tensor, " station"],
        *,
        start_s: float,
        first: int,
    ) -> Picks:
        """Picks of the next window.

        there: its mask, on the host. start_s: POSIX time of its first sample. first: see `find_picks`.
        """
        rate_hz = self.sampling_rate_hz
        found = find_picks(
            station_p,
            ~(batch.heard[0] & batch.mask[0, :, None]),
            first=first,
            least_probability=self.least_probability,
            apart_s=self.apart_s,
            sampling_rate_hz=rate_hz,
        )
        names = batch.station_ids or tuple(str(row) for row in range(len(station_p)))
        own = list(zip(*(each.tolist() for each in vars(found).values()), strict=True))
        rows = {name: row for row, name in enumerate(names) if there[row]}
        before = [(rows[name], time_s - start_s, value) for name, time_s, value in self.last if name in rows]
        edge_s = first / rate_hz + self.apart_s if first else 0.0
        at = defaultdict[int, list[float]](list)
        for row, time_s, _ in own:
            at[row].append(time_s)
        own += [
            (row, time_s, value)
            for row, time_s, value in before
            if 0 <= time_s < edge_s and not any(abs(time_s - at_s) < self.apart_s for at_s in at[row])
        ]
        own.sort(key=lambda pick: -pick[2])
        away = [each for each in self.last if each[0] not in rows and start_s <= each[1] < start_s + edge_s]
        self.last = [(names[row], start_s + time_s, value) for row, time_s, value in own] + away
        if len(own) == len(found):
            return found
        station, time_s, probability = (torch.tensor(each) for each in zip(*own, strict=True))
        return Picks(station, time_s, probability)
