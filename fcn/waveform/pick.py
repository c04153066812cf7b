"""P and S onsets of a recorded earthquake, believed only where their difference fits the path."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import signal

HIGHPASS_ORDER = 2
SHORTEST_AIC = 12  # samples on which a variance may rest
POWER_FLOOR = 1e-12  # of the record's mean power: keeps log and quotient finite where a sensor is silent
ONSET_GUARD_S = 0.2  # before an onset, kept out of the noise it is compared with

Power = Float64[np.ndarray, "component time"]


@dataclass(frozen=True)
class Picker:
    """Automatic picks of the strongest earthquake in a record, on velocity above `highpass_hz`.

    A high-pass alone does not delay an onset, as the bands' upper edges do (0.1 s).
    P: where the vertical's power over `sta_s` rises by `p_ratio` over that of the `lta_s` before; of several,
    the one after which all components hold most over what was before, at least `contrast`. S: where the
    horizontals' power over `sta_s` rises by `s_ratio`, not farther from P plus the predicted S minus P than
    the tolerance (the larger of _s and _fraction of the prediction): a trigger on S or on noise has none.
    Where horizontals are silent the vertical stands in for them.
    Both refined by the Akaike criterion (Maeda 1985, Zisin 38, 365-379).
    """

    highpass_hz: float
    sta_s: float
    lta_s: float
    p_ratio: float
    contrast: float
    s_ratio: float
    s_minus_p_tolerance_s: float
    s_minus_p_tolerance_fraction: float

    def tolerance_s(self, s_minus_p_s: float) -> float:
        """How far S minus P may be from its prediction."""
        return max(self.s_minus_p_tolerance_s, self.s_minus_p_tolerance_fraction * s_minus_p_s)

    def pick(
        self,
        velocity_mps: Float64[np.ndarray, "3 time"],
        sampling_rate_hz: float,
        s_minus_p_s: float,
        p_range: tuple[float, float],
    ) -> tuple[float, float]:
        """(P, S) in samples of Z, N, E without gaps, P within `p_range`; ValueError says why none."""
        sos = signal.butter(HIGHPASS_ORDER, self.highpass_hz, "highpass", fs=sampling_rate_hz, output="sos")
        trace = signal.sosfilt(sos, velocity_mps - velocity_mps[:, :1])
        power = trace**2
        power += POWER_FLOOR * power.mean() + np.finfo(np.float64).tiny
        p_sample = self._pick_p(trace, power, sampling_rate_hz, s_minus_p_s, p_range)
        return float(p_sample), float(self._pick_s(trace, power, sampling_rate_hz, s_minus_p_s, p_sample))

    def _pick_p(
        self, trace: Power, power: Power, rate_hz: float, s_minus_p_s: float, p_range: tuple[float, float]
    ) -> int:
        n_sta, n_lta = round(self.sta_s * rate_hz), round(self.lta_s * rate_hz)
        ratio = rise(power[0], n_sta, n_lta)
        first, last = max(int(p_range[0]), 0), min(int(np.ceil(p_range[1])) + 1, len(ratio))
        peaks, _ = signal.find_peaks(ratio[first:last], height=self.p_ratio, distance=n_sta)
        if not len(peaks):
            highest = ratio[first:last].max(initial=0.0)
            raise ValueError(f"no P: power rises {highest:.1f} times at most, {self.p_ratio:g} are needed")
        onsets = [_onset(trace[:1], int(peak) - 2 * n_sta, int(peak) + n_sta) for peak in peaks + first]
        total = power.sum(axis=0)
        n_event, n_guard = round((s_minus_p_s + 3.0 * self.sta_s) * rate_hz), round(ONSET_GUARD_S * rate_hz)
        contrasts = [
            _mean(total, onset, onset + n_event) / _mean(total, onset - n_lta, onset - n_guard)
            for onset in onsets
        ]
        best = int(np.argmax(contrasts))
        if contrasts[best] < self.contrast:
            raise ValueError(
                f"no P: the event has {contrasts[best]:.1f} times the noise, {self.contrast:g} are needed"
            )
        return onsets[best]

    def _pick_s(self, trace: Power, power: Power, rate_hz: float, s_minus_p_s: float, p_sample: int) -> int:
        n_sta = round(self.sta_s * rate_hz)
        expected = p_sample + s_minus_p_s * rate_hz
        half = self.tolerance_s(s_minus_p_s) * rate_hz
        # With S close behind P both windows must fit between them.
        n_window = max(min(n_sta, round(0.4 * s_minus_p_s * rate_hz)), 4)
        first = max(int(expected - half), p_sample + max(3, round(0.4 * s_minus_p_s * rate_hz)))
        last = int(np.ceil(expected + half)) + 1
        seen = slice(1, 3) if trace[1:].any() else slice(0, 1)
        ratio = rise(power[seen].sum(axis=0), n_window, n_window)[first:last]
        if ratio.max(initial=0.0) < self.s_ratio:
            raise ValueError(
                f"no S {s_minus_p_s:.1f} +- {half / rate_hz:.1f} s after P: power rises "
                f"{ratio.max(initial=0.0):.1f} times at most, {self.s_ratio:g} are needed"
            )
        peak = first + int(np.argmax(ratio))
        onset = _onset(trace[seen], max(peak - n_window, p_sample + n_window // 2), peak + n_sta // 2)
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


def _mean(power: Float64[np.ndarray, " time"], first: int, last: int) -> float:
    return float(power[max(first, 0) : max(last, 1)].mean())


def _onset(trace: Power, first: int, last: int) -> int:
    """Sample where the two parts of trace[first:last] differ most: least Akaike criterion, all components."""
    first, last = max(first, 0), min(last, trace.shape[1])
    if last - first < SHORTEST_AIC:
        return last
    squares = np.cumsum(trace[:, first:last] ** 2, axis=1)
    n = squares.shape[1]
    k = np.arange(3, n - 3)
    floor = POWER_FLOOR * squares[:, -1:] / n + np.finfo(np.float64).tiny
    before = squares[:, k - 1] / k + floor
    after = (squares[:, -1:] - squares[:, k - 1]) / (n - k) + floor
    return first + int(k[np.argmin((k * np.log(before) + (n - k) * np.log(after)).sum(axis=0))])
