"""Station noise with the level and colour of recorded noise, and phases nobody recorded."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Complex64, Float
from scipy.fft import next_fast_len
from scipy.signal import welch
from torch import Tensor

from fcn.recombine.priors import padded
from fcn.store.reader import BaseStore

SEGMENT_S = 6.4  # of the spectral estimate: resolves 0.16 Hz, below the lowest band edge
TINY = 1e-30  # density below which a silent channel of a noise record is not resolved, (m/s)^2 / Hz
SHORTEST_S = 5.0  # noise records shorter than this say too little about their spectrum


class NoiseBank:
    """Amplitude spectra of a store's noise records, from which stationary noise of any length is drawn."""

    def __init__(self, store: BaseStore, split: str | None) -> None:
        indices = store.select(split=split, category="noise")
        indices = indices[store.npts[indices] >= SHORTEST_S * store.sampling_rate_hz]
        if len(indices) == 0:
            raise ValueError(
                f"the store at {store.path} has no noise records of {SHORTEST_S} s in split {split!r}; "
                "build it with noise (source.simulated.n_noise, or an importer's noise option)"
            )
        self.sampling_rate_hz = store.sampling_rate_hz
        rows = [self._density(store, index) for index in indices]
        self.density = torch.from_numpy(np.stack(rows).astype(np.float32))  # (record, 3, f), (m/s)^2 / Hz
        self._fine: tuple[int, Tensor] | None = None  # of the last transform length asked for
        self.frequency_hz = np.fft.rfftfreq(
            round(SEGMENT_S * self.sampling_rate_hz), 1 / self.sampling_rate_hz
        )

    def _density(self, store: BaseStore, index: np.integer) -> Float[np.ndarray, "3 f"]:
        record = store.waveforms(np.array([index]))[0, :, : store.npts[index]]
        n_segment = round(SEGMENT_S * store.sampling_rate_hz)
        n_record = record.shape[1]
        _, density = welch(
            record, store.sampling_rate_hz, nperseg=min(n_segment, n_record), nfft=n_segment, detrend="linear"
        )
        return density

    def __len__(self) -> int:
        return len(self.density)

    def draw_spectra(
        self, rngs: Sequence[np.random.Generator], n_stations: Sequence[int], n_fft: int
    ) -> Complex64[Tensor, "b n 3 f"]:
        """Real transforms of `n_fft` samples of noise, m/s, Z, N, E; zero for absent stations.

        Every station draws its own record and its own phases. The noise repeats after `n_fft` samples.
        """
        pairs = list(zip(rngs, n_stations, strict=True))
        record = padded([rng.integers(len(self), size=n).astype(float) for rng, n in pairs]).long()
        n_f = n_fft // 2 + 1
        normal = padded([rng.standard_normal((n, 3, n_f, 2), dtype=np.float32) for rng, n in pairs])
        return torch.view_as_complex(normal) * self._amplitude(n_fft)[record]

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
            position = np.interp(fine_hz, self.frequency_hz, np.arange(len(self.frequency_hz)))
            below = torch.from_numpy(position).long().clamp_max(len(self.frequency_hz) - 2)
            part = (torch.from_numpy(position) - below).float()
            # log-interpolation keeps a smooth colour between the coarse bins
            log_density = self.density.clamp_min(TINY).log()
            log_fine = log_density[..., below] * (1 - part) + log_density[..., below + 1] * part
            # one-sided density S: E|X_k|^2 = S fs n / 2, split between real and imaginary part
            self._fine = n_fft, (0.5 * log_fine).exp() * (self.sampling_rate_hz * n_fft / 4) ** 0.5
        return self._fine[1]
