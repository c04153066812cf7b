"""What is true of a scene: arrivals, how well they can be seen, and the targets made of both. Pure torch."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fcn.batch import Targets
from fcn.earth.travel_time import TravelTimeTable
from fcn.recombine.recipe import Recipe
from fcn.recombine.released import released_magnitude
from fcn.recombine.scene import Scene

SNR_WINDOW_S = 3.0  # of signal after P in which its peak counts
SILENT_MPS = 1e-20  # noise below it is none
OTHERS_S = (-2.0, 1.0)  # about P, in which other events' signal counts as noise
LEAST_TRAVEL_S = 0.05
LEAST_S_MINUS_P_S = 0.1
S_RESIDUAL = 1.7  # S residuals of a path are larger than P's by about Vp / Vs


@dataclass(frozen=True)
class Arrivals:
    """In seconds after the window's first sample.

    arrival_s: (batch, station, event, 2) P and S by the stations' clocks; inf where an event does not exist.
    origin_s:  (batch, event).
    """

    arrival_s: Float[Tensor, "batch station event 2"]
    origin_s: Float[Tensor, "batch event"]


def true_arrivals(
    scene: Scene, tables: TravelTimeTable, *, residual_s: float, clock_s: Float[Tensor, "batch station"]
) -> Arrivals:
    """Of the window's velocity model, its residuals and clocks; the first P of an event where it was drawn.

    residual_s: standard deviation of what no model predicts. clock_s: error of each station's clock.
    """
    travel_s = tables.between(scene.source_km, scene.station_km).float()
    scatter = residual_s * scene.residual
    travel_s = travel_s + scatter * torch.tensor([1.0, S_RESIDUAL], device=scatter.device)
    travel_s = travel_s.clamp_min(LEAST_TRAVEL_S)
    first_s = travel_s[..., 0].masked_fill(~scene.mask[..., None], torch.inf).amin(dim=1)
    origin_s = scene.first_p_s - first_s
    arrival_s = origin_s[:, None, :, None] + travel_s
    s_after_p = torch.maximum(arrival_s[..., 1], arrival_s[..., 0] + LEAST_S_MINUS_P_S)
    arrival_s = torch.stack([arrival_s[..., 0], s_after_p], dim=-1)
    arrival_s = arrival_s.masked_fill(~scene.exists[:, None, :, None], torch.inf)
    return Arrivals(arrival_s + clock_s[:, :, None, None], origin_s)


def p_snr(
    at: tuple[Int[Tensor, " k"], ...],
    events: Float[Tensor, "k 3 t"],
    signal: Float[Tensor, "b n 3 t"],
    noise: Float[Tensor, "b n 3 t"],
    *,
    known: Bool[Tensor, "b n 3 t"],
    p_arrival_s: Float[Tensor, "b n e"],
    sampling_rate_hz: float,
) -> Float[Tensor, "b n e"]:
    """Peak of each event's 2-8 Hz signal within `SNR_WINDOW_S` of its P over the deviation around it.

    That of the noise and of what other events add to it within `OTHERS_S` of P. at: (window, station, event)
    of each of `events`; signal: their sum at each station; known: where there are data.
    """
    rate, n_samples = sampling_rate_hz, events.shape[-1]
    b, n, _ = at
    first, last = round(OTHERS_S[0] * rate), round(SNR_WINDOW_S * rate)
    lag = torch.arange(first, last + 1, device=events.device)
    sample = (p_arrival_s[at] * rate).ceil().long()[:, None] + lag
    inside = (sample >= 0) & (sample < n_samples)
    sample = sample.clamp(0, n_samples - 1)
    everywhere = sample[:, None].expand(-1, 3, -1)
    own = torch.gather(events, 2, everywhere)
    component = torch.arange(3, device=b.device)[:, None]
    there = known[b[:, None, None], n[:, None, None], component, sample[:, None]]
    seen = (inside & (lag >= 0))[:, None] & there
    peak = (own.abs() * seen).amax(dim=(1, 2))
    near = (inside & (lag <= OTHERS_S[1] * rate))[:, None]
    others = (torch.gather(signal[b, n], 2, everywhere) - own) * near
    variance = others.square().sum(dim=(1, 2)) / (3 * near.sum(dim=(1, 2))).clamp_min(1)
    # filtered noise has no mean, and the mean of squares is 20 times as fast as a variance
    deviation = (noise.flatten(2).square().mean(dim=2)[b, n] + variance).sqrt().clamp_min(SILENT_MPS)
    out = torch.zeros_like(p_arrival_s)
    out[at] = peak / deviation
    return out


def make_targets(
    recipe: Recipe,
    scene: Scene,
    arrivals: Arrivals,
    *,
    snr: Float[Tensor, "b n e"],
    widened: Float[Tensor, " b"],
) -> Targets:
    """The truth, with the event to locate first: the latest that is seen by now.

    snr: `p_snr` of every event at every station.
    """
    arrival_s, origin_s = arrivals.arrival_s, arrivals.origin_s
    seen = (snr > recipe.visible_snr).any(dim=1) & (scene.first_p_s < recipe.window_s)
    latest = scene.first_p_s.masked_fill(~(seen & scene.locatable), -torch.inf)
    located = torch.where(latest.isfinite().any(dim=1), latest.argmax(dim=1), 0)  # none: as drawn
    order = torch.arange(latest.shape[1], device=latest.device).repeat(len(latest), 1)
    rows = torch.arange(len(latest), device=latest.device)
    order[:, 0], order[rows, located] = located, 0
    at = (rows[:, None], order)
    event_km, magnitude, origin_s = scene.source_km[at], scene.magnitude[at], origin_s[at]
    arrival_s, snr = (x.transpose(1, 2)[at].transpose(1, 2) for x in (arrival_s, snr))
    return Targets(
        source_km=event_km[:, 0],
        magnitude=magnitude[:, 0],
        origin_time_s=origin_s[:, 0],
        elapsed_s=recipe.window_s - scene.first_p_s[rows, located],
        is_event=(seen & scene.locatable)[rows, located],
        event_km=event_km,
        event_magnitude=magnitude,
        event_origin_time_s=origin_s,
        event_released_magnitude=released_magnitude(
            magnitude, scene.release_s[at], recipe.window_s - origin_s
        ),
        event_exists=scene.exists[at],
        p_arrival_s=arrival_s[..., 0],
        s_arrival_s=arrival_s[..., 1],
        p_snr=snr,
        widened=widened,
    )
