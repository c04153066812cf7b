"""What distinguishes real noise from stationary Gaussian noise: it swells, bursts, hums and is polarised."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Complex64, Float, Float32
from torch import Tensor

from fcn.recombine.faults import between, log_between
from fcn.recombine.priors import interval

MOST_BURSTS = 12  # of one station in one transform
N_HARMONICS = 3
N_SINGLE = 14  # normal numbers of a station besides those of its swell
SWELL_STEP = 4  # samples over which the swell is constant
SLOW_HZ = 0.3
TAIL = 3.0  # a burst is followed to so many times its length
LOGARITHMIC = ("swell_s", "burst_rate_hz", "burst_s", "burst_gain", "burst_hz", "hum_gain", "hum_hz")


@dataclass(frozen=True)
class NoiseTexture:
    """How noise above 1 Hz differs from steady Gaussian noise, station by station; zeros switch it off.

    Intervals are [low, high], drawn log-uniformly unless said otherwise.

    swell:        standard deviation of the log amplitude in time, low + (high - low) u^2 for uniform u.
    swell_s:      time scale of it.
    burst_share:  share of stations with bursts; burst_rate_hz: their mean rate; burst_s: length;
                  burst_gain: amplitude, in deviations of the station's noise; burst_hz: half of the bursts
                  ring at such a frequency, the others are the noise itself, louder. They are polarised, from
                  not at all to linear.
    hum_share:    share of stations with a hum of machinery, constant in frequency hum_hz and amplitude
                  hum_gain (in deviations of the noise), with harmonics.
    correlation:  how much of each component of the ground's noise is a mixture of all three, uniform.
    horizontal_db: mean and standard deviation of the level of the horizontals over that of the record.
    slow_db:      the same of the level of microseism below `SLOW_HZ`; it changes gradually from 1 Hz down.
    """

    swell: Sequence[float]
    swell_s: Sequence[float]
    burst_share: float
    burst_rate_hz: Sequence[float]
    burst_s: Sequence[float]
    burst_gain: Sequence[float]
    burst_hz: Sequence[float]
    hum_share: float
    hum_gain: Sequence[float]
    hum_hz: Sequence[float]
    correlation: Sequence[float]
    horizontal_db: Sequence[float]
    slow_db: Sequence[float]

    def __post_init__(self) -> None:
        for name in ("swell", "correlation", *LOGARITHMIC):
            object.__setattr__(self, name, interval(f"noise_texture.{name}", getattr(self, name)))
            least = getattr(self, name)[0]
            if least < 0 or (least == 0 and name in LOGARITHMIC):
                raise ValueError(f"data.noise_texture.{name} must be positive, got {getattr(self, name)}")
        if not (0 <= self.burst_share <= 1 and 0 <= self.hum_share <= 1):
            raise ValueError(
                "data.noise_texture: burst_share and hum_share lie in 0-1, got "
                f"{self.burst_share}, {self.hum_share}"
            )
        for name in ("horizontal_db", "slow_db"):
            value = getattr(self, name)
            if len(value) != 2 or value[1] < 0:
                raise ValueError(
                    f"data.noise_texture.{name} is a mean and a standard deviation >= 0, got {list(value)}"
                )


@dataclass(frozen=True)
class Textures:
    """What was drawn for the stations of a batch, k in all; u: uniform numbers, z: normal ones."""

    prior: NoiseTexture
    u: Float32[Tensor, "k uniform"]
    z: Float32[Tensor, "k normal"]
    burst_u: Float32[Tensor, "k burst uniform_of_burst"]
    burst_z: Float32[Tensor, "k burst 3"]

    @classmethod
    def draw(
        cls,
        prior: NoiseTexture,
        rngs: Sequence[np.random.Generator],
        n_stations: Sequence[int],
        period_s: float,
    ) -> "Textures":
        """For noise that repeats after `period_s`; an example depends on its generator alone."""
        pairs, slots = list(zip(rngs, n_stations, strict=True)), MOST_BURSTS
        n_z = N_SINGLE + math.ceil(period_s / prior.swell_s[0]) + 2
        return cls(
            prior,
            u=joined([rng.random((n, 9), dtype=np.float32) for rng, n in pairs]),
            z=joined([rng.standard_normal((n, n_z), dtype=np.float32) for rng, n in pairs]),
            burst_u=joined([rng.random((n, slots, 6), dtype=np.float32) for rng, n in pairs]),
            burst_z=joined([rng.standard_normal((n, slots, 3), dtype=np.float32) for rng, n in pairs]),
        )

    def mixing(self) -> Float[Tensor, "k 3 3"]:
        """Matrix that takes independent components to the station's: correlated, horizontals louder."""
        share = between(self.prior.correlation, self.u[..., 0])[..., None, None]
        matrix = torch.eye(3) + share * self.z[..., :9].unflatten(-1, (3, 3))
        matrix = matrix / torch.linalg.vector_norm(matrix, dim=-1, keepdim=True)
        mean_db, deviation_db = self.prior.horizontal_db
        gain = 10 ** ((mean_db + deviation_db * self.z[..., 9]) / 20)
        return matrix * torch.stack([torch.ones_like(gain), gain, gain], dim=-1)[..., None]

    def slow_gain(self, frequency_hz: Float[Tensor, " f"]) -> Float[Tensor, "k 1 f"]:
        """Factor on the amplitude of noise below 1 Hz."""
        mean_db, deviation_db = self.prior.slow_db
        part = (frequency_hz.clamp(SLOW_HZ, 1.0).log() / math.log(SLOW_HZ)).clamp(0.0, 1.0)
        gain_db = mean_db + deviation_db * self.z[:, 13]
        return 10 ** (gain_db[:, None, None] * part / 20)

    def swell(self, n_samples: int, sampling_rate_hz: float) -> Float[Tensor, "k 1 t"]:
        """Factor on the noise's amplitude, log-normal, of unit mean square."""
        low, high = self.prior.swell
        deviation = low + (high - low) * self.u[..., 1] ** 2
        every = log_between(self.prior.swell_s, self.u[..., 2])[..., None] * sampling_rate_hz
        at = torch.arange(0, n_samples, SWELL_STEP) / every
        below = at.long()
        knots = self.z[..., N_SINGLE:]
        first, second = knots.gather(-1, below), knots.gather(-1, below + 1)
        part = at - below
        # straight lines between independent knots would be quieter halfway
        between_knots = torch.lerp(first, second, part) * ((1 - part).square() + part.square()).rsqrt()
        factor = torch.exp(deviation[:, None] * between_knots - deviation[:, None].square())
        return factor.repeat_interleave(SWELL_STEP, dim=-1)[:, None, :n_samples]

    def add_bursts(self, white: Float[Tensor, "k 3 t"], sampling_rate_hz: float) -> None:
        """Bursts on white noise, in place: louder noise of its own, or a decaying tone; polarised."""
        prior, n_samples = self.prior, white.shape[-1]
        rate_hz = log_between(prior.burst_rate_hz, self.u[..., 4])
        mean = rate_hz * n_samples / sampling_rate_hz * (self.u[..., 3] < prior.burst_share)
        # binomial, of as many trials as there are slots
        row, slot = (self.burst_u[..., 0] < (mean / MOST_BURSTS)[..., None]).nonzero(as_tuple=True)
        _, start, length, gain, tone, polarised = self.burst_u[row, slot].unbind(-1)
        length_s = log_between(prior.burst_s, length)[:, None]
        n_most = math.ceil(TAIL * prior.burst_s[1] * sampling_rate_hz)
        lag = torch.arange(min(n_most, n_samples))
        at = ((start * n_samples).long()[:, None] + lag) % n_samples
        lag_s = lag / sampling_rate_hz
        # up in a tenth of its length, then down
        envelope = (
            (10 * lag_s / length_s).clamp_max(1.0) * torch.exp(-lag_s / length_s) * (lag_s < TAIL * length_s)
        )
        own = white[row[:, None], :, at]  # (burst, t, 3)
        hz = log_between(prior.burst_hz, (2 * tone).remainder(1.0))[:, None]
        scalar = torch.where((tone < 0.5)[:, None], own[..., 0], 2**0.5 * torch.sin(2 * math.pi * hz * lag_s))
        towards = self.burst_z[row, slot]
        towards = 3**0.5 * towards / torch.linalg.vector_norm(towards, dim=1, keepdim=True).clamp_min(1e-6)
        linear = scalar[..., None] * towards[:, None]
        part = polarised[:, None, None]
        motion = part * linear + (1 - part.square()).sqrt() * own
        burst = (log_between(prior.burst_gain, gain)[:, None] * envelope)[..., None] * motion
        white.index_put_((row[:, None, None], torch.arange(3), at[..., None]), burst, accumulate=True)

    def add_hum(self, spectra: Complex64[Tensor, "k 3 f"], n_fft: int, sampling_rate_hz: float) -> None:
        """A fundamental and harmonics at constant frequencies, on spectra of white noise, in place."""
        prior = self.prior
        (row,) = (self.u[..., 5] < prior.hum_share).nonzero(as_tuple=True)
        gain = log_between(prior.hum_gain, self.u[row, 6])
        fundamental_hz = log_between(prior.hum_hz, self.u[row, 7])
        phase = 2 * math.pi * self.u[row, 8]
        towards = self.z[row, 10:13]
        for harmonic in range(1, N_HARMONICS + 1):
            bin_ = (harmonic * fundamental_hz * n_fft / sampling_rate_hz).round().long()
            inside = bin_ < spectra.shape[-1] - 1
            size = torch.polar(gain / harmonic * n_fft / 2**0.5, harmonic * phase)
            turn = torch.polar(torch.ones_like(towards), harmonic * towards)
            line = size[:, None] * turn * towards
            spectra[row[inside], :, bin_[inside]] += line[inside]


def joined(rows: Sequence[Float32[np.ndarray, "_ *n"]]) -> Float32[Tensor, "k *n"]:
    """Numbers of the stations of all windows, one after the other."""
    return torch.from_numpy(np.concatenate(rows))
