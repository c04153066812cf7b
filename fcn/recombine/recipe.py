"""Everything a recombined example depends on besides its generator; built from `data.recipe`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Complex64
from scipy.fft import next_fast_len
from torch import Tensor

from fcn.recombine.faults import FaultPrior
from fcn.recombine.priors import EventPrior, StationPrior
from fcn.recombine.swarms import SwarmPrior
from fcn.recombine.synthesise import SOURCE_TAIL_S, Corrections
from fcn.recombine.texture import NoiseTexture
from fcn.waveform.amplitude import samples_in
from fcn.waveform.filters import Butterworth
from fcn.waveform.level import LEVEL_BLOCK_S
from fcn.waveform.preprocess import PreprocessSpec


@dataclass(frozen=True)
class Recipe:
    """What is drawn, which records serve, and what is done to them.

    half_width_km:  (east, north) of the box stations and sources are drawn in.
    lead_s:         made before the window and thrown away: the filters' start-up.
    n_candidates, tolerances, limits: see `RecordIndex`.
    min_snr_db:     of the records used, S over noise.
    one_origin:     all records of an event come from one origin of the store; False mixes them.
    one_rupture_from: magnitude from which they come from one rupture that an array recorded, if there is any.
    noise_gain:     factor on the stations' noise; 0 switches it off. noise_texture: how it swells and bursts;
                    None: it is steady, Gaussian and independent.
    visible_snr:    P counts as visible above this peak signal over noise standard deviation.
    """

    stations: StationPrior
    events: EventPrior
    swarms: SwarmPrior
    faults: FaultPrior
    half_width_km: Sequence[float]
    window_s: float
    lead_s: float
    n_candidates: int
    tolerances: Mapping[str, float]
    limits: Mapping[str, float]
    min_snr_db: float
    one_origin: bool
    one_rupture_from: float
    corrections: Corrections
    noise_gain: float
    noise_texture: NoiseTexture | None
    visible_snr: float
    preprocess: PreprocessSpec

    def __post_init__(self) -> None:
        half = self.half_width_km
        if len(half) != 2 or min(half) <= 0 or self.window_s <= 0 or self.lead_s < 0:
            raise ValueError(
                f"the recipe needs two positive half-widths, a positive window and a lead >= 0, got "
                f"{list(half)} km, {self.window_s} s, {self.lead_s} s"
            )
        n_block = samples_in(LEVEL_BLOCK_S, self.sampling_rate_hz)
        if self.n_lead % n_block or self.n_samples % n_block:
            raise ValueError(
                f"data.lead_s and data.window_s must be multiples of {LEVEL_BLOCK_S:g} s, got "
                f"{self.lead_s:g} s and {self.window_s:g} s"
            )
        if self.noise_gain < 0:
            raise ValueError(f"data.noise_gain must be >= 0, got {self.noise_gain}")

    @property
    def box_km(self) -> tuple[float, float]:
        """Half-widths of the box, east and north."""
        return float(self.half_width_km[0]), float(self.half_width_km[1])

    @property
    def sampling_rate_hz(self) -> float:
        """Of records and windows."""
        return self.preprocess.sampling_rate_hz

    @property
    def n_samples(self) -> int:
        """Samples of one window."""
        return round(self.window_s * self.sampling_rate_hz)

    @property
    def n_lead(self) -> int:
        """Samples made before the window."""
        return round(self.lead_s * self.sampling_rate_hz)

    @property
    def n_fft(self) -> int:
        """Points of the transforms: lead, window, and the tail of whatever filter rings longest.

        Not the long-period one, which would double them: it has transforms of its own.
        """
        n, rate = self.n_lead + self.n_samples, self.sampling_rate_hz
        ringing = [each.transform_length(n) for each in self.preprocess.filters[:3]]
        return int(next_fast_len(max(*ringing, n + round(SOURCE_TAIL_S * rate)), real=True))

    def response(self, filtering: Butterworth) -> Complex64[Tensor, " f"]:
        """Of one of the preprocessing's filters, at the frequencies of the transforms."""
        return torch.from_numpy(filtering.response(self.n_fft).astype(np.complex64))
