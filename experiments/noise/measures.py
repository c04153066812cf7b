"""What noise is like: colour, level, restlessness, bursts, polarisation; of records (n, 3, time) at 20 Hz."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import signal

RATE_HZ = 20.0
BAND_HZ = (2.0, 8.0)  # in which P is found
OCTAVES_HZ = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # middles of the octaves of the colour
BLOCK_S = 1.0
HEIGHTS = (4.0, 6.0, 10.0)  # of bursts, in robust standard deviations
EDGE_S = 2.0  # thrown away at both ends: the filters' start, and what an early arrival might touch
MERGE_S = 1.0  # exceedances closer than this are one burst


@dataclass(frozen=True)
class Measures:
    """One value per record, or per burst.

    colour_db: (n, octave) velocity density relative to that of the octave about 4 Hz; Z.
    level:     log10 of the deviation in 2-8 Hz; Z.
    restless:  deviation of the log of the rms of blocks of a second in 2-8 Hz; 0.2 for steady noise.
    kurtosis:  in 2-8 Hz, excess; 0 for Gaussian noise.
    per_minute: (n, height) bursts a minute above each height, on any component.
    coherence: (n, 3) between Z-N, Z-E, N-E, amplitude, mean over 2-8 Hz.
    tones:     highest density in 1-9 Hz over the median of its neighbourhood, dB; above 12: machinery.
    hv:        horizontal over vertical deviation in 2-8 Hz, dB.
    rectilinear: of each burst above 6; 1 is a line, 0 a sphere. length_s, hz: of each burst above 6.
    """

    colour_db: Float[np.ndarray, "n octave"]
    level: Float[np.ndarray, " n"]
    restless: Float[np.ndarray, " n"]
    kurtosis: Float[np.ndarray, " n"]
    per_minute: Float[np.ndarray, "n height"]
    coherence: Float[np.ndarray, "n 3"]
    tones: Float[np.ndarray, " n"]
    hv: Float[np.ndarray, " n"]
    rectilinear: Float[np.ndarray, " burst"]
    length_s: Float[np.ndarray, " burst"]
    hz: Float[np.ndarray, " burst"]


def measure(records: list[Float[np.ndarray, "3 _"]]) -> Measures:
    """Of records of any lengths, ground velocity at 20 Hz, Z, N, E."""
    rows = [_one(record) for record in records]
    arrays = {f.name: [row[f.name] for row in rows] for f in fields(Measures)}
    bursts = ("rectilinear", "length_s", "hz")
    return Measures(**{k: np.concatenate(v) if k in bursts else np.array(v) for k, v in arrays.items()})


def _one(record: Float[np.ndarray, "3 time"]) -> dict[str, Any]:
    edge = round(EDGE_S * RATE_HZ)
    sos = signal.butter(4, BAND_HZ, "bandpass", fs=RATE_HZ, output="sos")
    record = signal.detrend(record)
    narrow = signal.sosfilt(sos, record)[:, edge:-edge]
    wide = record[:, edge:-edge]
    n_segment = min(wide.shape[1], round(12.8 * RATE_HZ))
    frequency_hz, density = signal.welch(wide, RATE_HZ, nperseg=n_segment, detrend="linear")
    octaves = [
        density[0, (frequency_hz >= f / 2**0.5) & (frequency_hz < f * 2**0.5)].mean() for f in OCTAVES_HZ
    ]
    fine_hz, fine = signal.welch(wide, RATE_HZ, nperseg=min(wide.shape[1], 256))
    near = signal.medfilt(fine.mean(axis=0), 21)
    inside = (fine_hz > 1.0) & (fine_hz < 9.0)
    block = round(BLOCK_S * RATE_HZ)
    blocks = narrow[:, : narrow.shape[1] // block * block].reshape(3, -1, block)
    rms = np.sqrt((blocks**2).mean(axis=-1))
    square = narrow.std(axis=1) ** 2
    pairs = ((0, 1), (0, 2), (1, 2))
    within = slice(*BAND_HZ)
    coherence = []
    for i, j in pairs:
        hz, squared = signal.coherence(narrow[i], narrow[j], RATE_HZ, nperseg=40)
        coherence.append(np.sqrt(squared[(hz >= within.start) & (hz <= within.stop)]).mean())
    return {
        "colour_db": 10 * np.log10(np.array(octaves) / octaves[OCTAVES_HZ.index(4.0)]),
        "level": 0.5 * np.log10(square[0]),
        "restless": np.log(rms).std(axis=1).mean(),
        "kurtosis": float(np.mean((narrow**4).mean(axis=1) / (narrow**2).mean(axis=1) ** 2 - 3)),
        "coherence": np.array(coherence),
        "tones": 10 * np.log10((fine.mean(axis=0) / near)[inside].max()),
        "hv": 10 * np.log10((square[1] + square[2]) / 2 / square[0]),
        **_bursts(narrow),
    }


def _bursts(narrow: Float[np.ndarray, "3 time"]) -> dict[str, Any]:
    """Rates at all heights; shape of those above the second."""
    deviation = 1.4826 * np.median(np.abs(narrow), axis=1, keepdims=True)
    scaled = narrow / deviation
    height = np.abs(scaled).max(axis=0)
    minutes = narrow.shape[1] / RATE_HZ / 60
    merge = round(MERGE_S * RATE_HZ)
    found = {level: signal.find_peaks(height, level, distance=merge)[0] for level in HEIGHTS}
    envelope = np.sqrt(np.convolve((scaled**2).sum(axis=0), np.ones(5) / 5, "same"))
    rectilinear, length_s, hz = [], [], []
    for peak in found[HEIGHTS[1]]:
        low = envelope < envelope[peak] / 2
        before, after = np.flatnonzero(low[:peak]), np.flatnonzero(low[peak:])
        first = before[-1] + 1 if before.size else 0
        last = peak + after[0] if after.size else len(low)
        length_s.append((last - first) / RATE_HZ)
        piece = narrow[:, max(peak - 20, 0) : peak + 20]
        value = np.sort(np.linalg.eigvalsh(np.cov(piece)))[::-1]
        rectilinear.append(1 - (value[1] + value[2]) / (2 * value[0]))
        power = (np.abs(np.fft.rfft(piece * np.hanning(piece.shape[1]), 256)) ** 2).sum(axis=0)
        hz.append((np.fft.rfftfreq(256, 1 / RATE_HZ) * power).sum() / power.sum())
    rates = np.array([len(found[level]) / minutes for level in HEIGHTS])
    return {
        "per_minute": rates,
        "rectilinear": np.array(rectilinear),
        "length_s": np.array(length_s),
        "hz": np.array(hz),
    }
