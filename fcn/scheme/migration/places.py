"""Where events of a window are: fine volumes' hypocentres, and the last places of declared events."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn.catalogue.event import Known, WindowEstimate


@dataclass(frozen=True)
class Places:
    """Hypocentres of one window, one row per event; times in seconds after the window's first sample.

    follows: ids of declared events, None for new ones. evidence, score: of the volumes they are from.
    across_km, down_km: uncertainties. is_located: False for a declared event that keeps its last place.
    """

    follows: tuple[str | None, ...]
    place_km: Float[Tensor, "event 3"]
    origin_s: Float[Tensor, " event"]
    first_p_s: Float[Tensor, " event"]
    evidence: Float[Tensor, " event"]
    score: Float[Tensor, " event"]
    across_km: Float[Tensor, " event"]
    down_km: Float[Tensor, " event"]
    is_located: Bool[Tensor, " event"]

    @classmethod
    def none(cls, device: torch.device) -> "Places":
        """No rows."""
        none = torch.zeros(0, device=device)
        return cls((), none.view(0, 3), none, none, none, none, none, none, none > 0)

    @classmethod
    def kept(cls, known: Known, evidence: float, *, start_s: float, device: torch.device) -> "Places":
        """The last place of a declared event. evidence: of the volume that did not move it, else its last."""
        last = known.estimate

        def one(value: float | None) -> Tensor:
            return torch.tensor([value or 0.0], dtype=torch.float32, device=device)

        place = torch.tensor([[last.east_km, last.north_km, last.depth_km]], device=device)
        return cls(
            (known.event_id,),
            place.float(),
            one(last.origin_time_s - start_s),
            one(last.first_p_time_s - start_s),
            one(evidence),
            one(last.location_score),
            one(last.horizontal_uncertainty_km),
            one(last.depth_uncertainty_km),
            torch.zeros(1, dtype=torch.bool, device=device),
        )

    def __len__(self) -> int:
        return len(self.follows)

    def rows(self, rows: Sequence[int]) -> "Places":
        """Some of them, in that order."""
        index = torch.tensor(list(rows), dtype=torch.long, device=self.origin_s.device)
        tensors = [getattr(self, item.name)[index] for item in fields(self)[1:]]
        return Places(tuple(self.follows[row] for row in rows), *tensors)

    def __add__(self, other: "Places") -> "Places":
        """These and others."""
        pairs = [(getattr(self, item.name), getattr(other, item.name)) for item in fields(self)[1:]]
        return Places(self.follows + other.follows, *(torch.cat(pair) for pair in pairs))

    def estimates(
        self,
        *,
        now_s: float,
        start_s: float,
        magnitude: Float[Tensor, " event"],
        deviation: Float[Tensor, " event"],
        growing: Bool[Tensor, " event"],
        falling_s: Float[Tensor, " event"],
        rise: Float[Tensor, " event"],
        is_sized: Bool[Tensor, " event"],
    ) -> list[WindowEstimate]:
        """What is said of each, beside its size. start_s: POSIX time of the window's first sample."""
        numbers = [
            *self.place_km.unbind(dim=1),
            *(getattr(self, item.name) for item in fields(self)[2:-1]),
            *(magnitude, deviation, falling_s, rise),
        ]
        columns = torch.stack([each.float() for each in numbers], dim=1).double().cpu().tolist()
        flags = torch.stack([self.is_located, growing, is_sized], dim=1).tolist()
        return [
            _estimate(name, row, flag, now_s, start_s)
            for name, row, flag in zip(self.follows, columns, flags, strict=True)
        ]


def _estimate(
    follows: str | None, row: Sequence[float], flags: Sequence[bool], now_s: float, start_s: float
) -> WindowEstimate:
    east, north, depth, origin, first, evidence, score, across, down, size, spread, falling, rise = row
    is_located, growing, is_sized = flags
    sized: dict[str, Any] = (
        {"magnitude_uncertainty": spread, "is_growing": growing, "falling_s": falling, "support": rise}
        if is_sized
        else {}
    )
    return WindowEstimate(
        now_s=now_s,
        detection_score=evidence,
        first_p_time_s=start_s + first,
        location_score=score,
        east_km=east,
        north_km=north,
        depth_km=depth,
        origin_time_s=start_s + origin,
        magnitude=size if is_sized else None,
        horizontal_uncertainty_km=across,
        depth_uncertainty_km=down,
        follows=follows,
        is_located=is_located,
        **sized,
    )


def merged(
    found: Places,
    known: Sequence[Known],
    *,
    start_s: float,
    trusted_evidence: float,
    trusted_score: float,
) -> Places:
    """One row for every declared event to be read, and the new ones.

    A declared event has the place with most evidence among those found for it that are trusted, else its
    last. start_s: POSIX time of the window's first sample.
    """
    weight = found.evidence * found.score
    trusted = (found.evidence >= trusted_evidence) & (found.score >= trusted_score)
    out = found.rows([row for row, name in enumerate(found.follows) if name is None])
    for each in known:
        own = [row for row, name in enumerate(found.follows) if name == each.event_id]
        best = max(own, key=lambda row: float(weight[row]), default=None)
        good = [row for row in own if bool(trusted[row])]
        if good:
            out = found.rows([max(good, key=lambda row: float(weight[row]))]) + out
            continue
        evidence = each.estimate.detection_score if best is None else float(found.evidence[best])
        out = Places.kept(each, evidence, start_s=start_s, device=found.origin_s.device) + out
    return out
