"""Reading waveform files through ObsPy, also from inside the archives NIED delivers."""

import glob
import io
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import obspy
from obspy.core.util.base import ENTRY_POINTS

# ObsPy asks whether a file is a pickle by unpickling it, which runs whatever code the file brings.
ENTRY_POINTS["waveform"].pop("PICKLE", None)

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz")
DEEPEST_ARCHIVE = 3  # NIED packs event archives into one more; an archive may hold itself
# What Finder, Explorer, editors and browsers leave in folders.
LEFTOVER = re.compile(r"\..*|Thumbs\.db|desktop\.ini|.*~|.*\.(bak|tmp|part|crdownload)", re.IGNORECASE)
# NIED's ASCII names directions, not SEED channels: N is an accelerometer, H samples at 80 Hz or more. The
# digit tells the two sensors of a KiK-net site apart, 1 in the borehole and 2 at the surface.
NIED_HEADER_BYTES = 2000  # seventeen lines, some 600 bytes
NIED_COMPONENTS = {"UD": "HNZ", "NS": "HNN", "EW": "HNE"}


def matching_files(pattern: str) -> list[Path]:
    """Files that a glob pattern (`**` any folders) matches, in order; `~` is the home folder.

    A file of that very name comes before what the pattern matches, and so does a folder of that very name
    at its beginning: `run[1]/*.mseed` are the files of run[1], where it is. Raises FileNotFoundError where
    there are none.
    """
    path = Path(pattern).expanduser()
    if path.is_file():
        return [path]
    base = next(parent for parent in (path, *path.parents) if parent.is_dir())
    if base == path:
        raise FileNotFoundError(f"{path} is a folder: say which files in it, as waveforms='{path}/*.mseed'")
    rest = str(path.relative_to(base))
    found = (base / name for name in sorted(glob.glob(rest, root_dir=base, recursive=True)))  # noqa: PTH207 - hidden files stay out
    files = [each for each in found if each.is_file()]
    if not files:
        raise FileNotFoundError(f"no file matches waveforms={pattern}")
    return files


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
        found = _read_archive(path) if path.name.endswith(ARCHIVE_SUFFIXES) else read_one(path, str(path))
        if not len(found):
            raise ValueError(f"{path} holds no waveforms")
        stream += found
    return stream


def archive_members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files in a (gzipped) tar, also of those in archives in it.

    Plots and notes that NIED packs with waveforms are left out. Raises ValueError naming the archive where
    it ends early or is none.
    """
    with path.open("rb") as file:
        yield from _members(file, str(path), DEEPEST_ARCHIVE)


def _members(content: io.BufferedIOBase, name: str, depth: int) -> Iterator[tuple[str, bytes]]:
    if not depth:
        raise ValueError(f"{name} is an archive in more than {DEEPEST_ARCHIVE - 1} others: unpack it")
    try:
        with tarfile.open(fileobj=content) as archive:
            for member in archive:
                file = archive.extractfile(member)
                leaf = Path(member.name).name
                if file is None or LEFTOVER.fullmatch(leaf):
                    continue
                if leaf.endswith(ARCHIVE_SUFFIXES):
                    yield from _members(io.BytesIO(file.read()), f"{name}:{member.name}", depth - 1)
                elif not leaf.endswith((".gz", ".ps", ".txt")):
                    yield f"{name}:{member.name}", file.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{name} is not a readable tar archive ({error}); fetch it again") from error


def _read_archive(path: Path) -> obspy.Stream:
    """Waveforms among an archive's members."""
    stream = obspy.Stream()
    for name, content in archive_members(path):
        stream += read_one(io.BytesIO(content), name)
    return stream


def read_one(source: Path | io.BytesIO, name: str) -> obspy.Stream:
    """Traces of one file, checked, as `read_waveforms` has them; `name` is what errors call it."""
    try:
        # a name with brackets would be a pattern to ObsPy
        stream = obspy.read(glob.escape(str(source)) if isinstance(source, Path) else source)
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
