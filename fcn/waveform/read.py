"""Reading waveform files through ObsPy, also from inside the archives NIED delivers."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import obspy

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz")
# NIED's ASCII names directions, not SEED channels: N is an accelerometer, H samples at 80 Hz or more. The
# digit tells the two sensors of a KiK-net site apart, 1 in the borehole and 2 at the surface.
NIED_HEADER_BYTES = 2000  # seventeen lines, some 600 bytes
NIED_COMPONENTS = {"UD": "HNZ", "NS": "HNN", "EW": "HNE"}


def read_waveforms(paths: Iterable[str | Path]) -> obspy.Stream:
    """Traces of miniSEED, SAC, K-NET/KiK-net ASCII or whatever else ObsPy knows, also in a (gzipped) tar.

    K-NET and KiK-net channels come as HNZ, HNN, HNE in counts, location "" (K-NET), "1" (borehole) or
    "2" (surface), with `stats.calib` in m/s2 per count.
    Raises FileNotFoundError for a missing file, ValueError naming one that cannot be read or holds no data.
    """
    stream = obspy.Stream()
    for path in map(Path, paths):
        if not path.is_file():
            raise FileNotFoundError(f"no waveform file {path}")
        found = _read_archive(path) if path.name.endswith(ARCHIVE_SUFFIXES) else _read_one(path, str(path))
        if not len(found):
            raise ValueError(f"{path} holds no waveforms")
        stream += found
    return stream


def _read_archive(path: Path) -> obspy.Stream:
    """Waveforms among an archive's members; plots and notes that NIED packs with them are left out."""
    stream = obspy.Stream()
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is None or member.name.endswith((".gz", ".ps", ".txt")):
                    continue
                stream += _read_one(io.BytesIO(content.read()), f"{path}:{member.name}")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{path} is not a readable tar archive ({error}); fetch it again") from error
    return stream


def _read_one(source: Path | io.BytesIO, name: str) -> obspy.Stream:
    try:
        stream = obspy.read(source)
    except Exception as error:
        # ObsPy's readers raise bare Exceptions and their own, unrelated to the builtin ones
        raise ValueError(f"{name} cannot be read as a waveform file: {error}") from error
    for trace in stream:
        if not np.isfinite(trace.stats.sampling_rate) or trace.stats.sampling_rate <= 0.0:
            raise ValueError(f"{name}: {trace.id} has a sampling rate of {trace.stats.sampling_rate} Hz")
        if "knet" in trace.stats:
            _check_nied_scale(trace, source, name)
            _check_nied_length(trace, name)
            _name_nied_channel(trace, name)
    return stream


def _check_nied_scale(trace: obspy.Trace, source: Path | io.BytesIO, name: str) -> None:
    """ObsPy takes the scale factor for gal per count whatever unit the header states."""
    content = source.getvalue() if isinstance(source, io.BytesIO) else source.read_bytes()
    lines = content[:NIED_HEADER_BYTES].decode("ascii", errors="replace").splitlines()
    stated = next((line for line in lines if line.startswith("Scale Factor")), "no scale factor")
    if "(gal)" not in stated or not (np.isfinite(trace.stats.calib) and trace.stats.calib > 0.0):
        raise ValueError(
            f"{name}: {' '.join(stated.split())!r} is no number of gal per count; fetch it again"
        )


def _check_nied_length(trace: obspy.Trace, name: str) -> None:
    """NIED's text has no end mark: only its header tells that samples are missing."""
    expected = round(trace.stats.knet.duration * trace.stats.sampling_rate)
    if trace.stats.npts != expected:
        raise ValueError(f"{name} is truncated: {trace.stats.npts} of {expected} samples; fetch it again")


def _name_nied_channel(trace: obspy.Trace, name: str) -> None:
    direction, sensor = trace.stats.channel[:2], trace.stats.channel[2:]
    if direction not in NIED_COMPONENTS:
        raise ValueError(
            f"{name}: {trace.stats.channel!r} is none of NIED's directions (N-S, E-W, U-D, 1 to 6)"
        )
    trace.stats.channel = NIED_COMPONENTS[direction]
    trace.stats.location = sensor
