"""Quiet stretches of recorded data as ground velocity at 20 Hz, as the preprocessing makes it."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import obspy
from jaxtyping import Float
from scipy import signal

from fcn.waveform.preprocess import PreprocessSpec, ToVelocity

Records = list[Float[np.ndarray, "3 _"]]
STRETCH_S = 24.0
STILL = 1e-6  # deviation of a second relative to the record's, below which nothing was recorded
NOMINAL = 1e9  # counts per m/s: gains are not known, and levels are compared within a set only
P_SAMPLE = 3000  # of the files of ncedc_noise, at 100 Hz
BEFORE_P_S = 1.5  # picks may be late
QUIET_SHARE = 0.3  # of a network's stretches: those whose median station is quietest for its own


def ncedc(folder: Path, spec: PreprocessSpec) -> Records:
    """What comes before P, 154 stations of California; counts: gains differ."""
    records = []
    for path in sorted(folder.glob("*.npz")):
        east_north_up = np.load(path)["data"].T.astype(float)
        before = east_north_up[:, : P_SAMPLE - round(BEFORE_P_S * 100)]
        seconds = before[:, : before.shape[1] // 100 * 100].reshape(3, -1, 100)
        if seconds.std(axis=2).min() > STILL * before.std():  # neither filled up nor dead for a second
            records.append(_velocity(before[[2, 1, 0]], 100.0, spec))
    return records


def coseismiq(folder: Path, spec: PreprocessSpec) -> Records:
    """Quiet stretches of 20 stations in Iceland, five minutes of a swarm."""
    return _quiet(list(folder.glob("seismic_data/*/*.mseed")), spec)


def hinet(folder: Path, spec: PreprocessSpec) -> Records:
    """Quiet stretches of 7 borehole stations in Japan, half an hour of a swarm."""
    return _quiet([path for path in folder.glob("waveforms/**/*") if path.is_file()], spec)


def _velocity(counts: Float[np.ndarray, "3 n"], rate_hz: float, spec: PreprocessSpec) -> np.ndarray:
    counts = counts - np.median(counts, axis=1, keepdims=True)
    return ToVelocity(spec, rate_hz, "velocity", NOMINAL, 3).whole(0.0, counts).velocity_mps


def _quiet(paths: list[Path], spec: PreprocessSpec) -> Records:
    """Stretches in which the network's median station is quiet: no earthquake of the swarm."""
    stream = obspy.Stream()
    for path in paths:
        stream += obspy.read(str(path))
    stream.merge(method=1, fill_value="interpolate")
    by_station: dict[str, dict[str, obspy.Trace]] = defaultdict(dict)
    for trace in stream:
        by_station[trace.stats.station][trace.stats.channel[-1]] = trace
    first = max(trace.stats.starttime for trace in stream)
    last = min(trace.stats.endtime for trace in stream)
    stations = []
    for channels in by_station.values():
        if len(channels) == 3:
            traces = [channels[name].copy().trim(first, last) for name in sorted(channels, reverse=True)]
            n = min(len(trace) for trace in traces)
            counts = np.stack([trace.data[:n] for trace in traces]).astype(float)
            stations.append(_velocity(counts, traces[0].stats.sampling_rate, spec))
    n = min(record.shape[1] for record in stations)
    whole = np.stack([record[:, :n] for record in stations])[..., 200:]
    length = round(STRETCH_S * spec.sampling_rate_hz)
    n_stretches = whole.shape[-1] // length
    pieces = whole[..., : n_stretches * length].reshape(len(whole), 3, n_stretches, length)
    sos = signal.butter(4, (2.0, 8.0), "bandpass", fs=spec.sampling_rate_hz, output="sos")
    peak = np.abs(signal.sosfilt(sos, whole)[..., : n_stretches * length]).max(axis=1)
    peak = peak.reshape(len(whole), n_stretches, length).max(axis=-1)
    loud = np.median(peak / np.median(peak, axis=1, keepdims=True), axis=0)
    keep = np.argsort(loud)[: max(round(QUIET_SHARE * n_stretches), 2)]
    return [pieces[s, :, k] for k in keep for s in range(len(pieces))]
