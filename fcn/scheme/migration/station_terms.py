"""What a station's arrivals and amplitudes have in common, learnt from the events of its own stream.

A velocity model knows nothing of the ground under a station: P comes there 0.1 s early or late, of every
event, and motion is larger or smaller. What declared events have shown of it corrects the next ones. What
they have shown of the model, residuals that no origin takes away, says how far all epicentres may be off.
Causal: an event teaches terms when it is closed, and the misfit from its first good solution on, unless it is
withdrawn; and nothing but what the stream itself said of it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fcn import checked
from fcn.arch.migration import Sized
from fcn.catalogue.event import Known
from fcn.scheme.migration.picks import Arrived
from fcn.scheme.migration.places import Places
from fcn.scheme.migration.residuals import FAR, Residuals, not_of_origin

LONG_AGO_S = -1e12  # POSIX
ON_PLACE_KM = 1e-4  # a station that moved by less did not
N_SUMS = 6  # of a station: weight and weighted sum of P, of S, of magnitude
MOST_MISFIT = 1e9  # residuals of a year of a large network, and the sum of their squares


@dataclass(frozen=True, kw_only=True)
class TermsLaw:
    """How fast terms are believed, as means of normal variables with a normal prior about zero.

    prior_s, residual_s: standard deviations of the P terms of stations, and of what else is in the residual
    of one pick. s_over_p: S term over P term, before S is heard: 1.73 where the ground only is slower than
    the model, more where it is loose. s_prior_s, s_residual_s: of what the S term has beside that, and of one
    pick of S, which counts if it is as probable as `least_s_probability`.
    prior_magnitude, residual_magnitude: the same of what a station's magnitude differs from the event's.
    least_evidence, most_across_km, fewest: an event teaches by its last solution with that evidence, that
    horizontal uncertainty at most, and picks at so many stations at least.
    misfit_s, misfit_of, epicentre_kmps: what the residuals of all events, about the origin that suits each
    best, are in the root mean square is the misfit of the velocity model; before there are any it is believed
    to be `misfit_s`, as if of so many residuals, for which the network's own ranges are made. For a second of
    what it has beyond (the root of the squares' difference) epicentres are off so far, as a root-mean-square
    radius, by what they have in common, which no network can see. 0: by nothing. Chosen on validation
    sequences (experiments/generalized).
    """

    prior_s: float
    residual_s: float
    s_over_p: float
    s_prior_s: float
    s_residual_s: float
    least_s_probability: float
    prior_magnitude: float
    residual_magnitude: float
    least_evidence: float
    most_across_km: float
    fewest: int
    misfit_s: float
    misfit_of: float
    epicentre_kmps: float

    def __post_init__(self) -> None:
        seconds = ("prior_s", "residual_s", "s_prior_s", "s_residual_s", "misfit_s", "misfit_of")
        for name in (*seconds, "prior_magnitude", "residual_magnitude", "most_across_km"):
            if not getattr(self, name) > 0:
                raise ValueError(f"reading.terms.{name} must be positive, got {getattr(self, name)}")
        if not self.epicentre_kmps >= 0:
            raise ValueError(f"reading.terms.epicentre_kmps must be 0 or more, got {self.epicentre_kmps}")
        if not 0 <= self.least_s_probability <= 1:
            raise ValueError(
                f"reading.terms.least_s_probability must be within 0 to 1, got {self.least_s_probability}"
            )
        if self.fewest < 3:
            raise ValueError(f"reading.terms.fewest: two stations say nothing of a third, got {self.fewest}")


@dataclass(frozen=True)
class Terms:
    """Of the stations of a window. delay_s: of P and of S. magnitude: to be taken from a station's own.

    variance_s2: of what is still to be learnt of delay_s; 0 where nothing is learnt.
    common_km: root-mean-square radius by which epicentres are off in common, as the misfit says; 0 where that
    is no larger than what the network's own ranges are made for.
    """

    delay_s: Float[Tensor, "station 2"]
    variance_s2: Float[Tensor, "station 2"]
    magnitude: Float[Tensor, " station"]
    common_km: float

    @classmethod
    def none(cls, station_km: Float[Tensor, "station 3"]) -> "Terms":
        """Zeros."""
        nothing = torch.zeros_like(station_km[:, :2])
        return cls(nothing, nothing, torch.zeros_like(station_km[:, 0]), 0.0)


@dataclass
class StationTerms:
    """The terms of one stream's stations, known by their places: they may come, go and change their order.

    A window that is not after the last one is another stream's: everything is forgotten.
    """

    law: TermsLaw
    _now_s: float = field(default=LONG_AGO_S, init=False)
    _station_km: Float[Tensor, "station 3"] = field(default_factory=lambda: torch.zeros(0, 3), init=False)
    # weights and weighted sums of residuals: of P and of S in s, of magnitude
    _sums: Float[Tensor, "station 6"] = field(default_factory=lambda: torch.zeros(0, N_SUMS), init=False)
    _open: dict[str, Residuals] = field(default_factory=dict, init=False)
    _misfit: tuple[float, float] = field(default=(0.0, 0.0), init=False)  # of closed events, as theirs

    def begin(self, now_s: float, station_km: Float[Tensor, "station 3"]) -> Terms:
        """The terms of a window's stations, from what closed events have taught."""
        if now_s <= self._now_s:
            self._station_km, self._sums, self._open = torch.zeros(0, 3), torch.zeros(0, N_SUMS), {}
            self._misfit = 0.0, 0.0
        self._now_s = now_s
        places = station_km.detach().cpu()
        if not torch.equal(places, self._station_km):
            self._moved_to(places)
        weight, total = self._sums[:, ::2], self._sums[:, 1::2]
        law = self.law
        p_s = _mean(weight[:, 0], total[:, 0], law.residual_s / law.prior_s)
        s_s = law.s_over_p * p_s
        s_s = s_s + _mean(weight[:, 1], total[:, 1] - weight[:, 1] * s_s, law.s_residual_s / law.s_prior_s)
        magnitude = _mean(weight[:, 2], total[:, 2], law.residual_magnitude / law.prior_magnitude)
        delays_s = torch.stack([p_s, s_s], dim=1)
        p_s2 = _variance(weight[:, 0], law.residual_s, law.prior_s)
        s_s2 = law.s_over_p**2 * p_s2 + _variance(weight[:, 1], law.s_residual_s, law.s_prior_s)
        variances_s2 = torch.stack([p_s2, s_s2], dim=1)
        beyond_s = math.sqrt(max(self.misfit_s() ** 2 - self.law.misfit_s**2, 0.0))
        common_km = self.law.epicentre_kmps * beyond_s
        delays_s, variances_s2, magnitude = (
            each.to(station_km.device) for each in (delays_s, variances_s2, magnitude)
        )
        return Terms(delays_s, variances_s2, magnitude, common_km)

    def misfit_s(self) -> float:
        """Of the velocity model, see `TermsLaw`: by closed events and the newest solutions of open ones."""
        squares_s2, n = self.law.misfit_of * self.law.misfit_s**2, self.law.misfit_of
        for squares, more in (self._misfit, *(each.misfit() for each in self._open.values())):
            squares_s2, n = squares_s2 + squares, n + more
        return math.sqrt(squares_s2 / n)

    def close(self, known: Sequence[Known]) -> None:
        """Learn from the events that are closed by now; what was withdrawn is not known, and teaches nothing.

        known: the events declared before this window.
        """
        by_name = {each.event_id: each for each in known}
        for name in [name for name in self._open if name not in by_name or not by_name[name].is_open]:
            taught = self._open.pop(name)
            if name in by_name:
                squares, n = taught.misfit()
                self._misfit = self._misfit[0] + squares, self._misfit[1] + n
                self._sums = self._sums + _sums_of(taught.table())

    def observe_all(
        self,
        terms: Terms,
        arrived: tuple[Arrived, Arrived],
        places: Places,
        moveout_spkm: Float[Tensor, "event station 2 3"],
        said: Sized,
        sized: Bool[Tensor, "event station"],
    ) -> None:
        """What the good solutions of one window say of stations, event by event: see `observe`.

        arrived: P and S of each, against what is due.
        """
        p, s = arrived
        good = places.is_located & (places.evidence >= self.law.least_evidence)
        good &= places.across_km <= self.law.most_across_km
        for row in good.nonzero()[:, 0].tolist():
            if (name := places.follows[row]) is not None:
                self.observe(
                    name,
                    terms,
                    p.of_row(row),
                    s.of_row(row, self.law.least_s_probability),
                    moveout_spkm[row],
                    magnitude=said.by_station[row] - said.magnitude[row],
                    sized=sized[row],
                )

    def observe(
        self,
        event_id: str,
        terms: Terms,
        p_late: tuple[Float[Tensor, " station"], Float[Tensor, " station"]],
        s_late: tuple[Float[Tensor, " station"], Float[Tensor, " station"]],
        moveout_spkm: Float[Tensor, "station 2 3"],
        *,
        magnitude: Float[Tensor, " station"],
        sized: Bool[Tensor, " station"],
    ) -> None:
        """What an open event's newest good solution says of its stations, in the place of one before.

        terms: that the solution was made with. p_late, s_late: how much later than due by them P and S are,
        s, and how probable these picks are; 0 for none. moveout_spkm: of P and S, for a place further east,
        north, down. magnitude: what each station says by itself, less its term, where it is `sized`; less the
        event's.
        """
        delay_s, moveout_spkm = terms.delay_s.cpu(), moveout_spkm.cpu()
        late_s, weight = (torch.stack(pair, dim=1) for pair in zip(p_late, s_late, strict=True))
        seen, n = weight > 0, int((weight[:, 0] > 0).sum())
        if n < self.law.fewest:
            return
        raw_s = late_s + delay_s
        spread_s = torch.tensor([self.law.residual_s, self.law.s_residual_s]).expand_as(raw_s)
        counts = weight / spread_s**2
        # none of P: terms without S are what they were before S was heard
        far_s = torch.tensor([torch.inf, FAR * self.law.s_residual_s]).expand_as(raw_s)
        of_all = (each.flatten(0, 1) for each in (raw_s, counts, moveout_spkm, far_s))
        both_s = torch.where(seen, not_of_origin(*of_all).view_as(raw_s), 0.0)
        alone_s = not_of_origin(raw_s[:, 0], weight[:, 0], moveout_spkm[:, 0])
        own = sized.cpu()
        difference = magnitude.detach().float().cpu() + terms.magnitude.cpu()
        before = self._open.get(event_id)
        if before is None or n >= int((before.p_weight > 0).sum()):
            (p_s, s_s), (p_weight, s_weight) = both_s.unbind(dim=1), weight.unbind(dim=1)
            size, p_alone_s = torch.where(own, difference, 0.0), torch.where(seen[:, 0], alone_s, 0.0)
            made = Residuals(p_s, p_weight, s_s, s_weight, size, own.float(), p_alone_s)
            self._open[event_id] = made

    def state(self) -> dict[str, Any]:
        """Plain data that `restore` takes: what a stream saves."""
        return {
            "now_s": self._now_s,
            "station_km": self._station_km.tolist(),
            "sums": self._sums.tolist(),
            "misfit": list(self._misfit),
            "open": {name: each.table().tolist() for name, each in self._open.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`. Raises ValueError for what is none."""
        places = torch.tensor(state["station_km"], dtype=torch.float32).view(-1, 3)
        tables = {"all events": _table(state["sums"], N_SUMS)}
        tables |= {name: _table(rows, N_SUMS + 1) for name, rows in state["open"].items()}
        for name, table in tables.items():
            if len(table) != len(places) or not torch.isfinite(table).all():
                raise ValueError(
                    f"station terms of {name}: {len(table)} for {len(places)} stations, or not finite"
                )
            first = int(name in state["open"])  # weights stand before sums, but after residuals
            if (table[:, first:N_SUMS:2] < 0).any():
                raise ValueError(f"station terms of {name}: weights are below 0")
        if not torch.isfinite(places).all():
            raise ValueError("station terms: places of stations are not finite")
        found = state.get("misfit", (0.0, 0.0))  # before there was one
        squares_s2, n = checked.listed("misfit of station terms", found, 2)
        misfit = (
            checked.number("misfit of station terms", squares_s2, 0.0, MOST_MISFIT),
            checked.number("residuals of station terms", n, 0.0, MOST_MISFIT),
        )
        self._now_s = checked.number("now_s of station terms", state["now_s"], LONG_AGO_S, -LONG_AGO_S)
        self._station_km, self._sums, self._misfit = places, tables["all events"], misfit
        self._open = {name: Residuals(*tables[name].unbind(dim=1)) for name in state["open"]}

    def forget(self, station_km: Float[Tensor, "station 3"]) -> None:
        """Whatever was learnt of the stations at these places."""
        kept = (rows_at(self._station_km, station_km) < 0).float()[:, None]
        self._sums = kept * self._sums
        self._open = {
            name: Residuals(*(kept * each.table()).unbind(dim=1)) for name, each in self._open.items()
        }
        self._forget_misfit()

    def _moved_to(self, station_km: Float[Tensor, "station 3"]) -> None:
        """Give every place what is known of it; what is known of other places is forgotten."""
        rows = rows_at(station_km, self._station_km)
        sums = torch.zeros(len(station_km), N_SUMS)
        sums[rows >= 0] = self._sums[rows[rows >= 0]]
        self._station_km, self._sums, self._open = station_km, sums, {}
        self._forget_misfit()

    def _forget_misfit(self) -> None:
        """Where no station is left that taught it, as in another crust."""
        if not self._sums[:, 0].any():
            self._misfit = 0.0, 0.0


def rows_at(
    station_km: Float[Tensor, "station 3"], known_km: Float[Tensor, "known 3"]
) -> Int[Tensor, " station"]:
    """Which of the known places each of some places is; -1 for none of them."""
    if not len(station_km) or not len(known_km):
        return torch.full((len(station_km),), -1)
    # not by products of matrices, which are off by metres
    apart_km, nearest = torch.cdist(station_km, known_km, compute_mode="donot_use_mm_for_euclid_dist").min(
        dim=1
    )
    return nearest.where(apart_km < ON_PLACE_KM, -1)


def _variance(weight: Float[Tensor, " station"], residual: float, prior: float) -> Float[Tensor, " station"]:
    """Of such a mean: the prior's, before anything is known."""
    return residual**2 / (weight + (residual / prior) ** 2)


def _mean(
    weight: Float[Tensor, " station"], total: Float[Tensor, " station"], ratio: float
) -> Float[Tensor, " station"]:
    """Posterior means of normal variables with priors about zero; ratio: of a residual's deviation to its."""
    return total / (weight + ratio**2)


def _sums_of(table: Float[Tensor, "station 7"]) -> Float[Tensor, "station 6"]:
    """What the residuals of one event add."""
    value, weight = table[:, 0:N_SUMS:2], table[:, 1:N_SUMS:2]
    return torch.stack([weight, weight * value], dim=2).flatten(1)


def _table(rows: Sequence[Sequence[float]], n_columns: int) -> Float[Tensor, "station column"]:
    """Of a state; before S was heard they had no columns for it, nor for what P is off by alone.

    Raises ValueError for rows of another length.
    """
    table = torch.tensor(rows, dtype=torch.float32)
    if not table.numel():
        return table.view(0, n_columns)
    if table.ndim == 2 and table.shape[1] == N_SUMS - 2:
        p, size = table[:, :2], table[:, 2:]
        table = torch.cat([p, torch.zeros_like(p), size, p[:, :1]], dim=1)[:, :n_columns]
    if table.ndim != 2 or table.shape[1] != n_columns:
        raise ValueError(f"station terms: rows of shape {tuple(table.shape)}, not of {n_columns} numbers")
    return table
