"""Where events of a window are: fine volumes' hypocentres, and the last places of declared events."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fcn.catalogue.epicentre_pdf import EpicentrePdf
from fcn.catalogue.event import Known, WindowEstimate, covariance_of
from fcn.catalogue.phase import PhasePick
from fcn.geometry.lattice import Lattice
from fcn.scheme.migration.hypotheses import Hypotheses

LESS_SURE = 1.25  # chosen on dataset=validation_large (docs/decisions/015-followed-and-sized.md)


@dataclass(frozen=True)
class Places:
    """Hypocentres of one window, one row per event; times in seconds after the window's first sample.

    follows: ids of declared events, None for new ones. evidence, score: of the volumes they are from.
    origin_uncertainty_s, across_km, down_km, covariance_km2: uncertainties; without common_km, by which
    epicentres are off in common (`fcn.scheme.migration.station_terms`), but for across_km of a last place.
    is_located: False for a declared event that keeps its last place, of which neither covariance nor stations
    nor a pdf are told here.
    has_p: stations whose P agrees with the place. favour: beside a declared event's last place; 1: so many
    more stations speak for it that the event moves there however little the volume is trusted; -1: fewer do,
    so that it does not (`fcn.scheme.migration.claims`); 0 else.
    """

    follows: tuple[str | None, ...]
    pdf: tuple[EpicentrePdf | None, ...]
    place_km: Float[Tensor, "event 3"]
    origin_s: Float[Tensor, " event"]
    origin_uncertainty_s: Float[Tensor, " event"]
    first_p_s: Float[Tensor, " event"]
    evidence: Float[Tensor, " event"]
    score: Float[Tensor, " event"]
    across_km: Float[Tensor, " event"]
    down_km: Float[Tensor, " event"]
    is_located: Bool[Tensor, " event"]
    covariance_km2: Float[Tensor, "event 3 3"]
    has_p: Bool[Tensor, "event station"]
    favour: Int[Tensor, " event"]
    common_km: Float[Tensor, " event"]

    @classmethod
    def none(cls, n_stations: int) -> "Places":
        """No rows."""
        none = torch.zeros(0)
        return cls(
            follows=(),
            pdf=(),
            place_km=none.view(0, 3),
            origin_s=none,
            origin_uncertainty_s=none,
            first_p_s=none,
            evidence=none,
            score=none,
            across_km=none,
            down_km=none,
            is_located=none > 0,
            covariance_km2=none.view(0, 3, 3),
            has_p=torch.zeros(0, n_stations, dtype=torch.bool),
            favour=none.long(),
            common_km=none,
        )

    @classmethod
    def kept(
        cls, known: Known, evidence: float, *, start_s: float, n_stations: int, device: torch.device
    ) -> "Places":
        """The last place of a declared event. evidence: of the volume that did not move it, else its last."""
        last = known.estimate

        def one(value: float | None) -> Tensor:
            return torch.tensor([value or 0.0], dtype=torch.float32, device=device)

        place = torch.tensor([[last.east_km, last.north_km, last.depth_km]], device=device)
        return cls(
            (known.event_id,),
            (None,),
            place.float(),
            one(last.origin_time_s - start_s),
            one(last.origin_time_uncertainty_s),
            one(last.first_p_time_s - start_s),
            one(evidence),
            one(last.location_score),
            one(last.horizontal_uncertainty_km),
            one(last.depth_uncertainty_km),
            torch.zeros(1, dtype=torch.bool, device=device),
            torch.zeros(1, 3, 3, device=device),
            torch.zeros(1, n_stations, dtype=torch.bool, device=device),
            torch.zeros(1, dtype=torch.long, device=device),
            one(last.common_km),
        )

    def __len__(self) -> int:
        return len(self.follows)

    def rows(self, rows: Sequence[int]) -> "Places":
        """Some of them, in that order."""
        index = torch.tensor(list(rows), dtype=torch.long, device=self.origin_s.device)
        tensors = [getattr(self, item.name)[index] for item in fields(self)[2:]]
        follows, pdf = tuple(self.follows[row] for row in rows), tuple(self.pdf[row] for row in rows)
        return Places(follows, pdf, *tensors)

    def __add__(self, other: "Places") -> "Places":
        """These and others."""
        pairs = [(getattr(self, item.name), getattr(other, item.name)) for item in fields(self)[2:]]
        follows, pdf = self.follows + other.follows, self.pdf + other.pdf
        return Places(follows, pdf, *(torch.cat(pair) for pair in pairs))

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
        sized_by: Bool[Tensor, "event station"],
        station_ids: Sequence[str] | None,
        picks: Sequence[tuple[PhasePick, ...]],
    ) -> list[WindowEstimate]:
        """What is said of each, beside its size. start_s: POSIX time of the window's first sample."""
        is_sized, common_km2 = sized_by.any(dim=1), self.is_located * self.common_km**2
        across_km = (self.across_km**2 + common_km2).sqrt()
        even = torch.tensor([0.5, 0.5, 0.0], device=common_km2.device)  # as much east as north
        covariance_km2 = self.covariance_km2 + torch.diag_embed(common_km2[:, None] * even)
        named = ("origin_s", "origin_uncertainty_s", "first_p_s", "evidence", "score")
        numbers = [
            *self.place_km.unbind(dim=1),
            *(getattr(self, name) for name in named),
            *(across_km, self.down_km, self.common_km, magnitude, deviation, falling_s, rise),
        ]
        columns = torch.stack([each.float() for each in numbers], dim=1).double().cpu().tolist()
        flags = torch.stack([self.is_located, growing, is_sized], dim=1).tolist()
        said = [
            _estimate(name, row, flag, now_s, start_s)
            for name, row, flag in zip(self.follows, columns, flags, strict=True)
        ]
        covariances, has_p, sizes = (
            each.tolist() for each in (covariance_km2.double(), self.has_p, sized_by)
        )
        return [
            replace(
                estimate,
                covariance_km2=covariance_of(covariances[row]) if estimate.is_located else None,
                epicentre_pdf=self.pdf[row],
                origin_stations=_named(station_ids, has_p[row]) if estimate.is_located else None,
                magnitude_stations=_named(station_ids, sizes[row]),
                picks=picks[row] if estimate.is_located else (),
            )
            for row, estimate in enumerate(said)
        ]


def _named(station_ids: Sequence[str] | None, counts: Sequence[bool]) -> tuple[str, ...] | None:
    if station_ids is None:
        return None
    return tuple(name for name, is_so in zip(station_ids, counts, strict=True) if is_so)


def _estimate(
    follows: str | None, row: Sequence[float], flags: Sequence[bool], now_s: float, start_s: float
) -> WindowEstimate:
    east, north, depth, origin, unsure, first, evidence, score, across, down, common = row[:11]
    size, spread, falling, rise = row[11:]
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
        origin_time_uncertainty_s=unsure or None,  # 0: kept, of what a state from before does not say
        follows=follows,
        is_located=is_located,
        common_km=common,
        **sized,
    )


def pdfs_of(probability: Float[Tensor, "event east north"], lattice: Lattice) -> tuple[EpicentrePdf, ...]:
    """Of volumes along one axis, what their cells say of the epicentre."""
    first_km, spacing_km = (each[:, :2].tolist() for each in (lattice.first_km, lattice.spacing_km))
    return tuple(
        EpicentrePdf((first[0], first[1]), (apart[0], apart[1]), cells)
        for first, apart, cells in zip(first_km, spacing_km, probability.float().numpy(), strict=True)
    )


def at_edge(
    asked: Hypotheses, found: Places, *, edge_km: float, trusted_evidence: float, trusted_score: float
) -> Hypotheses:
    """Declared events to look for further out, about the peaks of volumes that hold them no more.

    A volume that is not trusted, with its peak further than edge_km east or north of its middle: the source
    may lie beyond, and nothing of the volume about the last place can say so.
    asked: where events were looked for, the declared ones first. found: what came of these, in that order.
    """
    n = sum(name is not None for name in asked.follows)
    own = found.rows(range(n))
    far = (own.place_km - asked.centre_km[:n])[:, :2].abs().amax(dim=1) > edge_km
    trusted = (own.evidence >= trusted_evidence) & (own.score >= trusted_score)
    rows = (far & ~trusted).nonzero()[:, 0]
    follows = tuple(own.follows[row] for row in rows.tolist())
    return Hypotheses(own.place_km[rows], asked.station[rows], asked.time_s[rows], follows)


def merged(
    found: Places,
    known: Sequence[Known],
    due: Collection[str],
    *,
    start_s: float,
    trusted_evidence: float,
    trusted_score: float,
) -> Places:
    """One row for every declared event to be read, and the new ones.

    A declared event has the place with most evidence among those found for it that are trusted, those that
    most stations speak for first and those that fewer do left out, else its last, with the evidence of the
    best of them: what speaks for it elsewhere speaks against withdrawing it.
    Once its first P has left the window, what placed it is gone: a place may then be no more than `LESS_SURE`
    times as unsure as its last.
    due: ids of those that are read in any case; another one only where it moves, as nothing has asked
    for evidence at its last place. start_s: POSIX time of the window's first sample.
    """
    weight = found.evidence * found.score
    trusted = (found.evidence >= trusted_evidence) & (found.score >= trusted_score)
    moves = (trusted & (found.favour == 0)) | (found.favour > 0)
    out = found.rows([row for row, name in enumerate(found.follows) if name is None])
    for each in known:
        own = [row for row, name in enumerate(found.follows) if name == each.event_id]
        best = max(own, key=lambda row: float(weight[row]), default=None)
        most_km = each.estimate.own_uncertainty_km
        if each.estimate.first_p_time_s >= start_s or most_km is None:
            most_km = math.inf
        most_km *= LESS_SURE
        good = [row for row in own if bool(moves[row]) and float(found.across_km[row]) <= most_km]
        if good:
            first = max(good, key=lambda row: (int(found.favour[row]), float(weight[row])))
            out = found.rows([first]) + out
            continue
        if each.event_id not in due:
            continue
        evidence = each.estimate.detection_score if best is None else float(found.evidence[best])
        n_stations, device = found.has_p.shape[1], found.origin_s.device
        out = Places.kept(each, evidence, start_s=start_s, n_stations=n_stations, device=device) + out
    return out
