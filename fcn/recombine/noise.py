"""Station noise with the level and colour of recorded noise, and a course in time that nobody recorded."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Complex64, Float
from scipy.fft import next_fast_len
from scipy.signal import welch
from torch import Tensor

from fcn.recombine.texture import NoiseTexture, Textures, joined
from fcn.store.reader import BaseStore

SEGMENT_S = 32.0  # of the spectral estimate: resolves 0.03 Hz, below the lowest corner of a band
NODE_OCTAVES = 0.25  # over which the estimate is averaged: few segments make it rough
STEADY_HZ = 1.0  # slower noise is the sea's, which neither swells nor bursts in half a minute
CROSSOVER = 16.0  # exponent with which one gives way to the other
LEAST_SHARE = 1e-3  # of power, below which slow noise is left out
TINY = 1e-30  # density below which a silent channel of a noise record is not resolved, (m/s)^2 / Hz
SHORTEST_S = 5.0  # noise records shorter than this say too little about their spectrum


class NoiseBank:
    """Amplitude spectra of a store's noise records, from which noise of any length is drawn.

    texture: how it differs from steady Gaussian noise with independent components; None: not at all.
    """

    def __init__(self, store: BaseStore, split: str | None, texture: NoiseTexture | None) -> None:
        indices = store.select(split=split, category="noise")
        indices = indices[store.npts[indices] >= SHORTEST_S * store.sampling_rate_hz]
        if len(indices) == 0:
            raise ValueError(
                f"the store at {store.path} has no noise records of {SHORTEST_S} s in split {split!r}; "
                "build it with noise (source.simulated.n_noise, or an importer's noise option)"
            )
        self.sampling_rate_hz, self.texture = store.sampling_rate_hz, texture
        n_segment = round(SEGMENT_S * self.sampling_rate_hz)
        estimate_hz = np.fft.rfftfreq(n_segment, 1 / self.sampling_rate_hz)
        self.frequency_hz, smoothing = _smoothing(estimate_hz)
        rows = [smoothing @ self._density(store, index, n_segment).T for index in indices]
        density = np.stack(rows).swapaxes(1, 2).astype(np.float32)
        self.density = torch.from_numpy(density)  # (record, 3, f), (m/s)^2 / Hz
        self._fine: tuple[int, Tensor] | None = None  # of the last transform length asked for

    @staticmethod
    def _density(store: BaseStore, index: np.integer, n_segment: int) -> Float[np.ndarray, "3 f"]:
        record = store.waveforms(np.array([index]))[0, :, : store.npts[index]]
        length = min(n_segment, record.shape[1])
        _, density = welch(record, store.sampling_rate_hz, nperseg=length, nfft=n_segment, detrend="linear")
        return density

    def __len__(self) -> int:
        return len(self.density)

    def draw_spectra(
        self, rngs: Sequence[np.random.Generator], n_stations: Sequence[int], n_fft: int
    ) -> Complex64[Tensor, "b n 3 f"]:
        """Real transforms of `n_fft` samples of noise, m/s, Z, N, E; zero for absent stations.

        Every station draws its own record, its own phases and its own texture. The noise repeats after
        `n_fft` samples. Above `STEADY_HZ` it is made in time, where it swells and bursts, and then coloured.
        """
        pairs, rate = list(zip(rngs, n_stations, strict=True)), self.sampling_rate_hz
        record = np.concatenate([rng.integers(len(self), size=n) for rng, n in pairs])
        frequency_hz = torch.fft.rfftfreq(n_fft, 1 / rate)
        restless = 1 / (1 + (STEADY_HZ / frequency_hz.clamp_min(1e-9)) ** CROSSOVER)  # share of the power
        n_slow = int((restless < 1 - LEAST_SHARE).sum())
        slow = joined([rng.standard_normal((n, 3, n_slow, 2), dtype=np.float32) for rng, n in pairs])
        white = joined([rng.standard_normal((n, 3, n_fft), dtype=np.float32) for rng, n in pairs])
        texture = None
        if self.texture is not None:
            texture = Textures.draw(self.texture, rngs, n_stations, n_fft / rate)
            mixing = texture.mixing()
            slow = (mixing @ slow.flatten(-2)).unflatten(-1, (n_slow, 2))
            slow *= texture.slow_gain(frequency_hz[:n_slow])[..., None]
            white = mixing @ white
            white *= texture.swell(n_fft, rate)
            texture.add_bursts(white, rate)
        spectra = torch.fft.rfft(white)
        if texture is not None:
            texture.add_hum(spectra, n_fft, rate)
        # of white noise |X_k|^2 is n on average, half of it in the real part
        spectra *= (restless * (2 / n_fft)).sqrt()
        spectra[..., :n_slow] += torch.view_as_complex(slow) * (1 - restless[:n_slow]).sqrt()
        spectra *= self._amplitude(n_fft)[torch.from_numpy(record)]
        out = torch.zeros(len(pairs), max(n_stations), *spectra.shape[1:], dtype=spectra.dtype)
        for window, rows in zip(out, spectra.split(list(n_stations)), strict=True):
            window[: len(rows)] = rows
        return out

    def draw(
        self, rngs: Sequence[np.random.Generator], n_stations: Sequence[int], n_samples: int
    ) -> Float[Tensor, "b n 3 t"]:
        """The same as time series of `n_samples`."""
        n_fft = int(next_fast_len(n_samples, real=True))
        return torch.fft.irfft(self.draw_spectra(rngs, n_stations, n_fft), n_fft)[..., :n_samples]

    def _amplitude(self, n_fft: int) -> Float[Tensor, "record 3 f"]:
        """Standard deviation of the real and the imaginary part at the frequencies of a transform."""
        if self._fine is None or self._fine[0] != n_fft:
            fine_hz = np.fft.rfftfreq(n_fft, 1 / self.sampling_rate_hz)
            log_hz = np.log(np.maximum(fine_hz, self.frequency_hz[0]))
            position = np.interp(log_hz, np.log(self.frequency_hz), np.arange(len(self.frequency_hz)))
            below = torch.from_numpy(position).long().clamp_max(len(self.frequency_hz) - 2)
            part = (torch.from_numpy(position) - below).float()
            # log-interpolation keeps a smooth colour between the coarse bins
            log_density = self.density.clamp_min(TINY).log()
            log_fine = log_density[..., below] * (1 - part) + log_density[..., below + 1] * part
            # one-sided density S: E|X_k|^2 = S fs n / 2, split between real and imaginary part
            amplitude = (0.5 * log_fine).exp() * (self.sampling_rate_hz * n_fft / 4) ** 0.5
            amplitude[..., 0] = 0.0
            self._fine = n_fft, amplitude
        return self._fine[1]


def _smoothing(
    estimate_hz: Float[np.ndarray, " f"],
) -> tuple[Float[np.ndarray, " node"], Float[np.ndarray, "node f"]]:
    """Nodes, evenly spaced in log frequency, and weights that average an estimate about each."""
    low_hz, high_hz = estimate_hz[1], estimate_hz[-1]
    n_nodes = 1 + round(np.log2(high_hz / low_hz) / NODE_OCTAVES)
    nodes_hz = low_hz * (high_hz / low_hz) ** np.linspace(0.0, 1.0, n_nodes)
    step_hz = estimate_hz[1]
    # triangles as wide as the nodes are apart, but no narrower than the estimate's own spacing
    width_hz = np.maximum(nodes_hz * (2.0**NODE_OCTAVES - 1.0), step_hz)
    weights = np.clip(1 - np.abs(estimate_hz - nodes_hz[:, None]) / width_hz[:, None], 0.0, None)
    weights[:, 0] = 0.0  # the mean was taken off
    return nodes_hz, weights / weights.sum(axis=1, keepdims=True)
