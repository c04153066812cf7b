"""Anchors to train on: true ones, P arrivals of visible events, and false ones, which look like them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from fcn.batch import Targets
from fcn.devices import numbers
from fcn.scheme.migration.migrate import Anchors

FALSE_S, FALSE_PICK = 0, 1  # kinds of false anchors; the third is any time at any station
FIRST_STATION_WEIGHT = 4.0  # the first P of an event anchors it more often than any other


@dataclass(frozen=True)
class AnchorPrior:
    """What the anchors of a training window are.

    true_share:  of the anchors that are P of an event, per slot; the number of slots is its length.
    false_kinds: relative weights of false ones: S arrivals, the network's own wrong picks, any time.
    jitter_s:    standard deviation of a true anchor about P. s_jitter_s: of a false one about S.
    visible_snr: P of a true anchor stands so far above the noise.
    apart_s:     a false anchor is at least so far from any P.
    """

    true_share: Sequence[float]
    false_kinds: Sequence[float]
    jitter_s: float
    s_jitter_s: float
    visible_snr: float
    apart_s: float

    def __post_init__(self) -> None:
        for name in ("true_share", "false_kinds"):
            object.__setattr__(self, name, tuple(float(v) for v in getattr(self, name)))
        if not self.true_share or not all(0 <= share <= 1 for share in self.true_share):
            raise ValueError(f"anchors.true_share must be shares in 0-1, one per slot: {self.true_share}")
        if len(self.false_kinds) != 3 or min(self.false_kinds) < 0 or sum(self.false_kinds) <= 0:
            raise ValueError(f"anchors.false_kinds must be three weights >= 0, not all 0: {self.false_kinds}")


@dataclass(frozen=True)
class DrawnAnchors(Anchors):
    """Anchors of a training batch.

    event: whose P it is, -1 for none.
    valid: False where nothing can be said: too near the P of an event that may or may not be visible.
    """

    event: Int[Tensor, "batch anchor"]
    valid: Bool[Tensor, "batch anchor"]


def _choose(weight: Float[Tensor, "batch n"], n: int, generator: Generator) -> Int[Tensor, "batch k"]:
    """Indices drawn by weight, with replacement; any where all weights are 0."""
    weight = weight + 1e-12
    return torch.multinomial(weight, n, replacement=True, generator=generator)


def draw(
    targets: Targets,
    mask: Bool[Tensor, "batch station"],
    station_p: Float[Tensor, "batch station time"],
    prior: AnchorPrior,
    *,
    sampling_rate_hz: float,
    generator: Generator,
) -> DrawnAnchors:
    """True and false anchors of each window; station_p are the network's logits, for its own wrong picks."""
    n_batch, _, n_events = targets.p_arrival_s.shape
    n_slots, n_samples = len(prior.true_share), station_p.shape[-1]
    window_s = n_samples / sampling_rate_hz
    device = station_p.device
    p_s, s_s = targets.p_arrival_s, targets.s_arrival_s

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=device)

    pickable = (targets.p_snr > prior.visible_snr) & mask[..., None] & (p_s > 0) & (p_s < window_s)
    first = p_s <= torch.where(pickable, p_s, torch.inf).amin(dim=1, keepdim=True)
    weight = pickable * (1 + (FIRST_STATION_WEIGHT - 1) * first)
    pair = _choose(weight.flatten(1), n_slots, generator)
    can_be_true = torch.gather(pickable.flatten(1), 1, pair)
    share = numbers(prior.true_share, p_s)
    true = (uniform(n_batch, n_slots) < share) & can_be_true
    true_station, true_event = pair // n_events, pair % n_events
    true_s = torch.gather(p_s.flatten(1), 1, pair) + prior.jitter_s * normal(n_batch, n_slots)

    s_inside = mask[..., None] & (s_s > 0) & (s_s < window_s)
    s_pair = _choose(s_inside.flatten(1).float(), n_slots, generator)
    near = _near_p(torch.arange(n_samples, device=device) / sampling_rate_hz, p_s, prior.apart_s)
    own = station_p.detach().float().sigmoid() * mask[..., None] * ~near
    own_place = _choose(own.flatten(1) ** 2, n_slots, generator)
    any_station = _choose(mask.float(), n_slots, generator)
    stations = torch.stack([s_pair // n_events, own_place // n_samples, any_station])
    times_s = torch.stack(
        [
            torch.gather(s_s.flatten(1), 1, s_pair) + prior.s_jitter_s * normal(n_batch, n_slots),
            (own_place % n_samples) / sampling_rate_hz,
            window_s * uniform(n_batch, n_slots),
        ]
    )
    kind = _choose(numbers(prior.false_kinds, p_s).expand(n_batch, -1), n_slots, generator)
    no_s = ~torch.gather(s_inside.flatten(1), 1, s_pair)
    kind = torch.where((kind == FALSE_S) & no_s, FALSE_PICK, kind)
    false_station = torch.gather(stations, 0, kind[None])[0]
    false_s = torch.gather(times_s, 0, kind[None])[0].nan_to_num(posinf=0.0).clamp(0, window_s)

    station = torch.where(true, true_station, false_station)
    time_s = torch.where(true, true_s, false_s)
    at_station = torch.gather(p_s, 1, station[..., None].expand(-1, -1, n_events))
    too_near = ((time_s[..., None] - at_station).abs() < prior.apart_s).any(dim=-1)
    exists = torch.gather(mask, 1, station)
    return DrawnAnchors(station, time_s, torch.where(true, true_event, -1), exists & (true | ~too_near))


def _near_p(
    time_s: Float[Tensor, " time"], p_s: Float[Tensor, "batch station event"], apart_s: float
) -> Bool[Tensor, "batch station time"]:
    return ((time_s[:, None] - p_s[:, :, None]).abs() < apart_s).any(dim=-1)
