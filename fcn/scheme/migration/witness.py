"""What one located event says of each station: did its P come when it was due, and how large was it there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn import checked
from fcn.scheme.migration.picks import Picks

PARTS = ("clock_s", "size")
S_APART_S = 0.3  # a pick so near S may be S, which is no late P


@dataclass(frozen=True)
class Expected:
    """What an event and the others make of the stations, s after the window's first sample.

    due_s: P and S of the event. travel_s: of its P. others_s: P and S of the other events that are known.
    p_tolerance_s, s_tolerance_s: a pick is explained by an arrival that was due so near.
    """

    due_s: Float[Tensor, "station 2"]
    travel_s: Float[Tensor, " station"]
    others_s: Float[Tensor, "other station 2"]
    p_tolerance_s: float
    s_tolerance_s: float


@dataclass(frozen=True)
class Witness:
    """Of one event, by station; None: it says nothing of that one.

    clock_s: 0 where P came when it was due, else how much later or earlier. size: magnitude that the station
    alone stands for, less the median of all.
    """

    clock_s: list[float | None]
    size: list[float | None]

    @property
    def n_agreeing(self) -> int:
        """Stations where P came when it was due."""
        return sum(each == 0.0 for each in self.clock_s)

    def without(self, out: Sequence[bool]) -> "Witness":
        """The same, which says nothing of some stations."""
        clock_s, size = (
            [None if is_out else each for each, is_out in zip(said, out, strict=True)]
            for said in (self.clock_s, self.size)
        )
        return Witness(clock_s, size)

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return dict(vars(self))

    @classmethod
    def of_plain(cls, plain: Any, n_stations: int) -> "Witness":
        """What `plain` returned. Raises ValueError for what did not come from it."""
        return cls(
            **{
                name: _numbers(f"{name} of a witness", plain[name], n_stations)
                for name in ("clock_s", "size")
            }
        )


def _numbers(name: str, values: object, count: int) -> list[float | None]:
    found = checked.listed(name, values, count)
    return [None if each is None else checked.number(name, each) for each in found]


def clocks_s(
    picks: Picks, expected: Expected, *, off_s: float, off_share: float, reach_s: float
) -> list[float | None]:
    """`Witness.clock_s`: of picks that nothing else explains, the most probable one.

    off_s, off_share, reach_s: see `fcn.scheme.migration.station_health.HealthLaw`.
    """
    late_s = picks.time_s - expected.due_s[picks.station, 0]
    from_s = (picks.time_s[:, None, None] - expected.others_s[:, picks.station].transpose(0, 1)).abs()
    limit_s = torch.tensor([expected.p_tolerance_s, expected.s_tolerance_s], device=from_s.device)
    is_s = (picks.time_s - expected.due_s[picks.station, 1]).abs() <= S_APART_S
    is_else = is_s | (from_s <= limit_s).flatten(1).any(dim=1)
    least_s = (off_share * expected.travel_s[picks.station]).clamp_min(off_s)
    is_off = (late_s.abs() >= least_s) & (late_s.abs() <= reach_s) & ~is_else
    said: list[float | None] = [None] * len(expected.due_s)
    for row in is_off.nonzero()[:, 0].flip(0).tolist():  # the most probable is the last to say so
        said[int(picks.station[row])] = float(late_s[row])
    for station in picks.station[late_s.abs() <= expected.p_tolerance_s].tolist():
        said[station] = 0.0
    return said


def sizes(
    by_station: Float[Tensor, " station"],
    use: Bool[Tensor, " station"],
    trusted: Bool[Tensor, " station"],
    clock_s: list[float | None],
    *,
    fewest: int,
) -> list[float | None]:
    """`Witness.size`, where P came when it was due: else noise may be what was sized.

    by_station: magnitudes. use: stations that have felt the event. trusted: whose size counts; nothing is
    said where these are less than `fewest`.
    """
    felt = use & torch.tensor([each == 0.0 for each in clock_s], device=use.device)
    if int((felt & trusted).sum()) < fewest:
        return [None] * len(clock_s)
    off = by_station - by_station[felt & trusted].median()
    return [float(off[row]) if is_felt else None for row, is_felt in enumerate(felt.tolist())]
