"""Sensors and digitisers: ground velocity to counts."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int32
from scipy import signal

LARGEST_COUNT = 2**23 - 1  # 24 bits


@dataclass(frozen=True)
class Instrument:
    """A velocity sensor with its digitiser.

    sensitivity_counts_per_mps: in the passband. clip_mps: ground velocity beyond which the output stays put.
    corner_hz, damping: of the pendulum (second-order high-pass). self_noise_mps: standard deviation of white
    noise in each sample.
    """

    sensitivity_counts_per_mps: float
    clip_mps: float
    corner_hz: float
    damping: float
    self_noise_mps: float

    def __post_init__(self) -> None:
        for name in ("sensitivity_counts_per_mps", "clip_mps", "corner_hz", "damping"):
            if getattr(self, name) <= 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")

    def record_counts(
        self,
        velocity_mps: Float[np.ndarray, "*channel time"],
        sampling_rate_hz: float,
        rng: np.random.Generator,
    ) -> Int32[np.ndarray, "*channel time"]:
        """What the digitiser writes: sensor response, self-noise, clipping, rounding; starts from rest."""
        omega = 2.0 * math.pi * self.corner_hz
        numerator, denominator = signal.bilinear(
            [1.0, 0.0, 0.0], [1.0, 2.0 * self.damping * omega, omega**2], fs=sampling_rate_hz
        )
        output = signal.lfilter(numerator, denominator, velocity_mps, axis=-1)
        output = output + self.self_noise_mps * rng.standard_normal(output.shape)
        counts = np.clip(output, -self.clip_mps, self.clip_mps) * self.sensitivity_counts_per_mps
        return np.clip(np.rint(counts), -LARGEST_COUNT, LARGEST_COUNT).astype(np.int32)
