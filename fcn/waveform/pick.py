"""P and S onsets of a recorded earthquake, believed only where their difference fits the path."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import signal

SHORTEST_AIC = 12  # samples on which a variance may rest
POWER_FLOOR = 1e-12  # of the record's mean power: keeps log and quotient finite where a sensor is silent


@dataclass(frozen=True)
class Picker:
    """Automatic picks on a causal band of Z, N, E.

    P: the vertical's power over `sta_s` rises by `p_ratio` over that of the `lta_s` before, refined by the
    Akaike criterion (Maeda 1985, Zisin 38, 365-379). S: the horizontals' within the tolerance around P plus
    the predicted S minus P, their power rising by `s_ratio` from one `sta_s` to the next. The first P that
    has an S is taken: a trigger on S or on noise has none.
    s_minus_p_tolerance_s and _fraction: of the prediction; the larger one counts.
    """

    sta_s: float
    lta_s: float
    p_ratio: float
    s_ratio: float
    s_minus_p_tolerance_s: float
    s_minus_p_tolerance_fraction: float

    def tolerance_s(self, s_minus_p_s: float) -> float:
        """How far S minus P may be from its prediction."""
        return max(self.s_minus_p_tolerance_s, self.s_minus_p_tolerance_fraction * s_minus_p_s)

    def pick(
        self,
        band: Float64[np.ndarray, "3 time"],
        sampling_rate_hz: float,
        s_minus_p_s: float,
        p_range: tuple[float, float],
    ) -> tuple[float, float]:
        """(P, S) in samples, P within `p_range` samples; ValueError says why there is none."""
        power = band**2 + POWER_FLOOR * max(float((band**2).mean()), np.finfo(np.float64).tiny)
        n_sta = round(self.sta_s * sampling_rate_hz)
        vertical = rise(power[0], n_sta, round(self.lta_s * sampling_rate_hz))
        first, last = max(int(p_range[0]), 0), min(int(np.ceil(p_range[1])) + 1, len(vertical))
        peaks, _ = signal.find_peaks(vertical[first:last], height=self.p_ratio, distance=max(n_sta, 1))
        if not len(peaks):
            largest = vertical[first:last].max(initial=0.0)
            raise ValueError(f"no P: power rises {largest:.1f} times at most, {self.p_ratio:g} are needed")
        for peak in peaks + first:
            p_sample = _onset(band[:1], peak - 3 * n_sta, peak + n_sta)
            s_sample = self._pick_s(band, power, p_sample, s_minus_p_s, sampling_rate_hz)
            if s_sample is not None:
                return float(p_sample), float(s_sample)
        raise ValueError(
            f"{len(peaks)} onsets of P, none with an S {s_minus_p_s:.1f} "
            f"+- {self.tolerance_s(s_minus_p_s):.1f} s later"
        )

    def _pick_s(
        self,
        band: Float64[np.ndarray, "3 time"],
        power: Float64[np.ndarray, "3 time"],
        p_sample: int,
        s_minus_p_s: float,
        rate_hz: float,
    ) -> int | None:
        """S after this P, None where the horizontals do not rise as they should."""
        n_sta = round(self.sta_s * rate_hz)
        expected = p_sample + s_minus_p_s * rate_hz
        half = self.tolerance_s(s_minus_p_s) * rate_hz
        first, last = max(int(expected - half), p_sample + n_sta), int(np.ceil(expected + half)) + 1
        horizontal = power[1] + power[2]
        ratio = rise(horizontal, n_sta, n_sta)[first:last]
        if ratio.max(initial=0.0) < self.s_ratio:
            return None
        peak = first + int(np.argmax(ratio))
        onset = _onset(band[1:], max(peak - 2 * n_sta, p_sample + n_sta // 2), peak + n_sta)
        return onset if abs(onset - expected) <= half else peak


def rise(power: Float64[np.ndarray, " time"], n_after: int, n_before: int) -> Float64[np.ndarray, " time"]:
    """Mean of the n_after samples from each one on, over the mean of the n_before before it.

    Zero where fewer than a third of the n_before, or not all of the n_after, are there.
    """
    total = np.concatenate(([0.0], np.cumsum(power)))
    n = len(power)
    index = np.arange(n)
    begin = np.maximum(index - n_before, 0)
    end = np.minimum(index + n_after, n)
    after = (total[end] - total[index]) / n_after
    before = (total[index] - total[begin]) / np.maximum(index - begin, 1)
    enough = (index - begin >= n_before / 3) & (index + n_after <= n) & (before > 0.0)
    return np.where(enough, after / np.where(enough, before, 1.0), 0.0)


def _onset(band: Float64[np.ndarray, "component time"], first: int, last: int) -> int:
    """Sample where the two parts of band[first:last] differ most: least Akaike criterion, all components."""
    first, last = max(first, 0), min(last, band.shape[1])
    if last - first < SHORTEST_AIC:
        return last
    piece = band[:, first:last]
    n = piece.shape[1]
    k = np.arange(3, n - 3)
    squares = np.concatenate((np.zeros((len(piece), 1)), np.cumsum(piece**2, axis=1)), axis=1)
    floor = POWER_FLOOR * squares[:, -1:] / n + np.finfo(np.float64).tiny
    before = squares[:, k] / k + floor
    after = (squares[:, -1:] - squares[:, k]) / (n - k) + floor
    return first + int(k[np.argmin((k * np.log(before) + (n - k) * np.log(after)).sum(axis=0))])
