"""Sensors and digitisers: ground velocity to counts."""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int32
from scipy import signal

from fcn.waveform.response import Sensitivity

LARGEST_COUNT = 2**23 - 1  # 24 bits
MPS2_PER_G = 9.80665
# Derivative by central differences of sixth order: 0.02 % off at a tenth of the sampling rate.
DIFFERENCES = np.array([1.0, -9.0, 45.0, 0.0, -45.0, 9.0, -1.0]) / 60.0


@runtime_checkable
class Sensor(Protocol):
    """What turns ground motion into counts."""

    @property
    def code(self) -> str:
        """Its letter in the names of channels (SEED manual, appendix A)."""
        ...

    @property
    def sensitivity(self) -> Sensitivity:
        """Of its passband, as StationXML states it."""
        ...

    def record_counts(
        self,
        velocity_mps: Float[np.ndarray, "*channel time"],
        sampling_rate_hz: float,
        rng: np.random.Generator,
    ) -> Int32[np.ndarray, "*channel time"]:
        """What the digitiser writes."""
        ...


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

    @property
    def code(self) -> str:
        """High-gain seismometer."""
        return "H"

    @property
    def sensitivity(self) -> Sensitivity:
        """Counts per m/s."""
        return Sensitivity(self.sensitivity_counts_per_mps, "velocity")

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


@dataclass(frozen=True)
class Accelerometer:
    """A strong-motion sensor with its digitiser: flat from zero frequency on.

    range_g: beyond which the output stays put. resolution_mps2: of a count. self_noise_mps2: standard
    deviation of white noise in each sample. offset_mps2: that of the baseline, from channel to channel.
    tilt_share: standard deviation of steps of the baseline as a share of the peak acceleration at which they
    happen, where this exceeds tilt_from_mps2 (Boore 2001, BSSA 91, 1199-1211: some 1e-3 of it).
    """

    range_g: float
    resolution_mps2: float
    self_noise_mps2: float
    offset_mps2: float
    tilt_share: float
    tilt_from_mps2: float

    def __post_init__(self) -> None:
        for name in ("range_g", "resolution_mps2", "tilt_from_mps2"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("self_noise_mps2", "offset_mps2", "tilt_share"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        if self.range_g * MPS2_PER_G / self.resolution_mps2 > LARGEST_COUNT:
            raise ValueError(
                f"range_g {self.range_g} takes more than 24 bits of resolution_mps2 {self.resolution_mps2}: "
                "lower the one or raise the other"
            )

    @property
    def code(self) -> str:
        """Accelerometer."""
        return "N"

    @property
    def sensitivity(self) -> Sensitivity:
        """Counts per m/s2."""
        return Sensitivity(1.0 / self.resolution_mps2, "acceleration")

    def record_counts(
        self,
        velocity_mps: Float[np.ndarray, "*channel time"],
        sampling_rate_hz: float,
        rng: np.random.Generator,
    ) -> Int32[np.ndarray, "*channel time"]:
        """What the digitiser writes: acceleration, its baseline, self-noise, clipping, rounding."""
        acceleration = acceleration_mps2(velocity_mps, sampling_rate_hz)
        *channels, n_samples = acceleration.shape
        offset = self.offset_mps2 * rng.standard_normal(channels)
        step = self.tilt_share * rng.standard_normal(channels)
        size = np.abs(acceleration)
        peak = size.max(-1)
        step = np.where(peak > self.tilt_from_mps2, step * peak, 0.0)
        tilted = np.arange(n_samples) >= size.argmax(-1)[..., None]
        output = acceleration + offset[..., None] + step[..., None] * tilted
        output = output + self.self_noise_mps2 * rng.standard_normal(output.shape)
        largest = self.range_g * MPS2_PER_G
        return np.rint(np.clip(output, -largest, largest) / self.resolution_mps2).astype(np.int32)


def acceleration_mps2(
    velocity_mps: Float[np.ndarray, "*channel time"], sampling_rate_hz: float
) -> Float[np.ndarray, "*channel time"]:
    """Time derivative; at either end as if the first and the last sample went on."""
    kernel = DIFFERENCES.reshape([1] * (velocity_mps.ndim - 1) + [-1])
    reach = len(DIFFERENCES) // 2
    edges = [(0, 0)] * (velocity_mps.ndim - 1) + [(reach, reach)]
    padded = np.pad(velocity_mps.astype(np.float64), edges, mode="edge")
    return np.asarray(sampling_rate_hz * signal.oaconvolve(padded, kernel, mode="valid", axes=-1))
