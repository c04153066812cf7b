"""What the migration network's magnitude branch sees of a station: amplitudes after P and after S."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

# of a first guess, log10 of the peak velocity in m/s corrected for distance; the network learns the rest
DISTANCE_SLOPE = 1.66  # of surface-wave magnitudes, and near that of local ones
FIRST_GUESS = 4.2  # magnitude 5 at 30 km: about 0.02 m/s in 0.5-9 Hz
P_SHORTFALL = 0.6  # of P below S, log10
EARLY_S = 0.3  # a window begins so much before a predicted arrival
P_WINDOW_S, S_WINDOW_S = 4.0, 8.0
NOISE_WINDOW_S = (8.0, 1.0)  # before P, from and to
LEAST_S = 0.5  # of P that counts
FLOOR_MPS = 1e-10
# log10 by which the largest peak of the components left falls short of that of three, in P and in S, with
# 0, 1, 2 horizontals unknown: means over the training store (experiments/generalized/horizontals.py)
UNSEEN = ((0.0, 0.0), (0.04, 0.06), (0.17, 0.43))


@dataclass(frozen=True)
class Amplitudes:
    """Input of `fcn.arch.migration.MagnitudeNet`, per event and station.

    first_guess: magnitude from the peak velocity alone. inputs: what corrects it. use: P has been seen.
    """

    first_guess: Float[Tensor, "batch event station"]
    inputs: Float[Tensor, "batch event station 12"]
    use: Bool[Tensor, "batch event station"]


def measure(
    broad: Float[Tensor, "batch station 3 time"],
    known: Bool[Tensor, "batch station 3 time"],
    mask: Bool[Tensor, "batch station"],
    arrival_s: Float[Tensor, "batch event station 2"],
    distance_km: Float[Tensor, "batch event station"],
    depth_km: Float[Tensor, "batch event"],
    *,
    sampling_rate_hz: float,
) -> Amplitudes:
    """Peaks of velocity and displacement after P and after S, in 0.5-9 Hz, up to now.

    arrival_s: P and S, seconds after the window's first sample. distance_km: hypocentral.
    """
    n_samples = broad.shape[-1]
    time_s = torch.arange(n_samples, device=broad.device) / sampling_rate_hz
    velocity = broad.abs().amax(dim=2)
    displacement = (broad.cumsum(dim=-1) / sampling_rate_hz).abs().amax(dim=2)
    p_s, s_s = (arrival_s[..., phase, None] for phase in (0, 1))
    after_p = (time_s >= p_s - EARLY_S) & (time_s < torch.minimum(s_s - EARLY_S, p_s + P_WINDOW_S))
    after_s = (time_s >= s_s - EARLY_S) & (time_s < s_s + S_WINDOW_S)
    before = (time_s >= p_s - NOISE_WINDOW_S[0]) & (time_s < p_s - NOISE_WINDOW_S[1])

    def peak(trace: Tensor, window: Tensor) -> Tensor:
        """log10 of the largest value in a window, (batch, event, station)."""
        return (trace[:, None] * window).amax(dim=-1).clamp_min(FLOOR_MPS).log10()

    unseen = shortfall(known)[:, None]
    p_velocity, p_displacement = (peak(trace, after_p) + unseen[..., 0] for trace in (velocity, displacement))
    s_velocity, s_displacement = (peak(trace, after_s) + unseen[..., 1] for trace in (velocity, displacement))
    noise = peak(velocity, before)
    window_s = n_samples / sampling_rate_hz
    since_p_s, since_s_s = window_s - p_s[..., 0], window_s - s_s[..., 0]
    has_s = since_s_s > LEAST_S
    log_km = distance_km.clamp_min(1.0).log10()
    strongest = torch.where(has_s, torch.maximum(s_velocity, p_velocity), p_velocity + P_SHORTFALL)
    inputs = torch.stack(
        [
            p_velocity / 2 + 3,
            s_velocity / 2 + 3,
            p_displacement / 2 + 4,
            s_displacement / 2 + 4,
            noise / 2 + 3,
            p_velocity - noise,
            log_km,
            depth_km[..., None].expand_as(log_km) / 20,
            since_p_s.clamp(0, 20) / 10,
            since_s_s.clamp(-10, 10) / 10,
            (arrival_s[..., 1] - arrival_s[..., 0]) / 10,
            has_s.float(),
        ],
        dim=-1,
    )
    # a station that has recorded nothing at all is dead, whatever its mask says
    use = mask[:, None] & (since_p_s > LEAST_S)
    use = use & (torch.maximum(p_velocity, s_velocity) > math.log10(FLOOR_MPS) + 0.1)
    return Amplitudes(FIRST_GUESS + strongest + DISTANCE_SLOPE * log_km, inputs, use)


def shortfall(known: Bool[Tensor, "batch station 3 time"]) -> Float[Tensor, "batch station 2"]:
    """log10 of what peaks in P and in S lack where nothing is known of some horizontals."""
    n_absent = (~known[:, :, 1:].any(dim=-1)).sum(dim=2)
    return torch.tensor(UNSEEN, device=known.device)[n_absent]
