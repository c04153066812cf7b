"""Reading waveform files through ObsPy, also from inside the archives NIED delivers."""

import bz2
import glob
import gzip
import io
import itertools
import logging
import re
import tarfile
import tempfile
import warnings
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import obspy
from obspy.core.util.base import ENTRY_POINTS
from obspy.io.mseed import InternalMSEEDWarning

from fcn.waveform import sac
from fcn.waveform.miniseed import HEADER, decode_miniseed, is_motion

log = logging.getLogger(__name__)

# ObsPy asks whether a file is a pickle by unpickling it, which runs whatever code the file brings.
ENTRY_POINTS["waveform"].pop("PICKLE", None)
PICKLES = (".pkl", ".pickle")
MINISEED_3 = b"MS\x03"  # how each of its records begins (FDSN, miniSEED 3, fixed header)

# By the first two bytes.
COMPRESSED: dict[bytes, type[gzip.GzipFile] | type[bz2.BZ2File]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZ": bz2.BZ2File,
}
ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz")
DEEPEST_ARCHIVE = 3  # NIED packs event archives into one more; an archive may hold itself
# Members are read whole, and gzip shrinks zeros a thousandfold. A day of a channel at 1000 Hz is 346 MB of
# 32-bit samples. All that is unpacked of an archive is in memory at once, as traces.
LARGEST_MEMBER_BYTES = 512 * 2**20
LARGEST_ARCHIVE_BYTES = 2 * 2**30
# What Finder, Explorer, editors and browsers leave in folders.
LEFTOVER = re.compile(r"\..*|Thumbs\.db|desktop\.ini|.*~|.*\.(bak|tmp|part|crdownload)", re.IGNORECASE)
# NIED's ASCII names directions, not SEED channels: N is an accelerometer, H samples at 80 Hz or more. The
# digit tells the two sensors of a KiK-net site apart, 1 in the borehole and 2 at the surface.
NIED_HEADER_BYTES = 2000  # seventeen lines, some 600 bytes
NIED_HEADER = (
    *("Origin Time", "Lat.", "Long.", "Depth. (km)", "Mag.", "Station Code", "Station Lat.", "Station Long."),
    *("Station Height(m)", "Record Time", "Sampling Freq(Hz)", "Duration Time(s)", "Dir.", "Scale Factor"),
    *("Max. Acc. (gal)", "Last Correction", "Memo."),
)
NIED_SCALE = re.compile(r"Scale Factor (\d+\.?\d*)\(gal\)/(\d+\.?\d*)")
NIED_COMPONENTS = {"UD": "HNZ", "NS": "HNN", "EW": "HNE"}


def matching_files(pattern: str, key: str = "waveforms") -> list[Path]:
    """Files that a glob pattern (`**` any folders) matches, in order; `~` is the home folder.

    A file of that very name comes before what the pattern matches, and so does a folder of that very name
    at its beginning: `run[1]/*.mseed` are the files of run[1], where it is. Raises FileNotFoundError where
    there are none, which names the key that asked for them.
    """
    path = Path(pattern).expanduser()
    if path.is_file():
        return [path]
    base = next(parent for parent in (path, *path.parents) if parent.is_dir())
    if base == path:
        raise FileNotFoundError(f"{path} is a folder: say which files in it, as {key}='{path}/*'")
    rest = str(path.relative_to(base))
    found = (base / name for name in sorted(glob.glob(rest, root_dir=base, recursive=True)))  # noqa: PTH207 - hidden files stay out
    files = [each for each in found if each.is_file()]
    if not files:
        raise FileNotFoundError(f"no file matches {key}={pattern}")
    return files


def read_waveforms(paths: Iterable[str | Path]) -> obspy.Stream:
    """Traces of miniSEED, SAC, K-NET/KiK-net ASCII or whatever else ObsPy knows, also in a (gzipped) tar.

    K-NET and KiK-net channels come as HNZ, HNN, HNE in counts, location "" (K-NET), "1" (borehole) or
    "2" (surface), with `stats.calib` in m/s2 per count. Damaged records of miniSEED, also of a compressed
    file, and members of an archive that cannot be read, are left out, and a warning names them.
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
    it ends early or is none, and naming the member that would fill the memory, before it is read.
    """
    with path.open("rb") as file:
        yield from _members(file, str(path), DEEPEST_ARCHIVE, _Unpacked(str(path)))


@dataclass
class _Unpacked:
    """How much has been unpacked of the outermost archive, its archives' members with it."""

    archive: str
    n_bytes: int = 0

    def add(self, member: str, n_bytes: int) -> None:
        """Raise ValueError where that is too much."""
        self.n_bytes += n_bytes
        if n_bytes > LARGEST_MEMBER_BYTES:
            raise ValueError(
                f"{member} has {n_bytes / 2**20:.4g} MiB, and {LARGEST_MEMBER_BYTES / 2**20:.4g} MiB are the "
                "most that is read of an archive's member: unpack it, and cut it"
            )
        if self.n_bytes > LARGEST_ARCHIVE_BYTES:
            raise ValueError(
                f"{self.archive} unpacks to {self.n_bytes / 2**20:.4g} MiB with {member} "
                f"({n_bytes / 2**20:.4g} MiB), and {LARGEST_ARCHIVE_BYTES / 2**20:.4g} MiB are the most that "
                "is read of an archive: unpack it"
            )


def _members(
    content: io.BufferedIOBase, name: str, depth: int, unpacked: _Unpacked
) -> Iterator[tuple[str, bytes]]:
    if not depth:
        raise ValueError(f"{name} is an archive in more than {DEEPEST_ARCHIVE - 1} others: unpack it")
    try:
        with tarfile.open(fileobj=content) as archive:
            for member in archive:
                unpacked.add(f"{name}:{member.name}", member.size)  # to pass over it is to unpack it, too
                file = archive.extractfile(member)
                leaf = Path(member.name).name
                if file is None or LEFTOVER.fullmatch(leaf):
                    continue
                if leaf.endswith(ARCHIVE_SUFFIXES):
                    inner = io.BytesIO(file.read())
                    yield from _members(inner, f"{name}:{member.name}", depth - 1, unpacked)
                elif not leaf.endswith((".gz", ".ps", ".txt")):
                    yield f"{name}:{member.name}", file.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{name} is not a readable tar archive ({error}); fetch it again") from error


def _read_archive(path: Path) -> obspy.Stream:
    """Waveforms among an archive's members."""
    stream, refused = obspy.Stream(), list[str]()
    for name, content in archive_members(path):
        try:
            stream += read_one(io.BytesIO(content), name)
        except ValueError as error:
            log.warning("left out: %s", error)
            refused.append(str(error))
    if refused and not len(stream):
        raise ValueError(f"none of the {len(refused)} files in {path} can be used: {refused[0]}")
    return stream


def read_one(source: Path | io.BytesIO, name: str) -> obspy.Stream:
    """Traces of one file, checked, as `read_waveforms` has them; `name` is what errors call it."""
    stream = obspy.Stream()
    no_motion = list[str]()
    for trace in _traces(source, name):
        if not is_motion(trace):
            kind = "text" if trace.data.dtype.kind == "S" else f"samples of type {trace.data.dtype}"
            no_motion.append(f"{name}: {trace.id} has {kind} at {trace.stats.sampling_rate} Hz, no motion")
            continue
        trace.stats.location = trace.stats.location.strip(" -")  # "--" stands for none, as of StationXML
        if "sac" in trace.stats:
            sac.restore_rate(trace)
            sac.check_motion(trace, name)
        if "knet" in trace.stats:
            _check_nied_length(trace, name)
            _name_nied_channel(trace, name)
        stream.append(trace)
    if no_motion and not len(stream):
        raise ValueError(no_motion[0])
    for what in no_motion:  # a log beside the waveforms, or a damaged header
        log.warning("left out: %s", what)
    return stream


def _traces(source: Path | io.BytesIO, name: str) -> obspy.Stream:
    """As ObsPy reads them, but for miniSEED: of damaged records it warns, and takes them as they are."""
    cause: Exception | None = None
    source = _unpacked(source, name)
    content = _content(source)
    _check_nied_header(content, name)
    if not HEADER.match(content):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", InternalMSEEDWarning)  # full SEED holds such records, too
                # that ObsPy rounds what SAC states, which sac.restore_rate takes back
                warnings.filterwarnings("ignore", "Sample spacing read from SAC file", UserWarning)
                # a name with brackets would be a pattern to ObsPy
                return obspy.read(glob.escape(str(source)) if isinstance(source, Path) else source)
        except Exception as error:
            # ObsPy's readers raise bare Exceptions and their own, unrelated to the builtin ones
            cause = error
    # here comes also miniSEED of which the first record is damaged
    stream, refused = decode_miniseed(content)
    left_out = "; ".join(f"{n} {reason}" for reason, n in refused.items())
    if not len(stream):
        why = (
            _without_temporary_names(str(cause), name) if cause else left_out or "its records have no samples"
        )
        if Path(name).suffix in PICKLES:
            why = "a pickle may run any code, and is not opened: write its stream as miniSEED"
        elif content.startswith(MINISEED_3):
            why = "it is miniSEED 3: convert it to miniSEED 2"
        raise ValueError(f"{name} cannot be read as a waveform file: {why}") from cause
    if refused:
        log.warning("%s: %d record(s) left out: %s", name, refused.total(), left_out)
    return stream


def _unpacked(source: Path | io.BytesIO, name: str) -> Path | io.BytesIO:
    """The content of a compressed file of miniSEED, up to damage: ObsPy takes all of it or nothing."""
    if not isinstance(source, Path):
        return source
    with source.open("rb") as file:
        unpack = COMPRESSED.get(file.read(2))
    if unpack is None:
        return source
    content = io.BytesIO()
    with unpack(source) as file:
        try:
            while piece := file.read1():
                if not content.tell() and not HEADER.match(piece):
                    return source
                content.write(piece)
        except (EOFError, OSError, zlib.error) as error:
            if not content.tell():
                return source
            log.warning(
                "%s ends early or is damaged, and is read up to there (%s); fetch it again", name, error
            )
    return content


def _content(source: Path | io.BytesIO) -> bytes:
    return source.getvalue() if isinstance(source, io.BytesIO) else source.read_bytes()


def _without_temporary_names(message: str, name: str) -> str:
    """ObsPy writes to a file what it cannot read from memory."""
    folder = re.escape(tempfile.gettempdir())
    return re.sub(rf"{folder}/(tmp|obspy-)\w{{8}}(?![\w/])(\.\w+)?", lambda _: name, message)


def _check_nied_header(content: bytes, name: str) -> None:
    """Raise ValueError for NIED's ASCII without one of its lines or values, or of another unit than gal.

    ObsPy names no value that is missing, and makes a trace without samples of a file without the last line.
    """
    if not content.startswith(NIED_HEADER[0].encode()):
        return
    lines = content[:NIED_HEADER_BYTES].decode("ascii", errors="replace").splitlines()
    for number, (key, line) in enumerate(itertools.zip_longest(NIED_HEADER, lines[: len(NIED_HEADER)]), 1):
        if not (line or "").startswith(key):
            raise ValueError(
                f"{name}: line {number} of its header is {(line or '').strip()!r}, and NIED's begins with "
                f"{key!r} there; fetch it again"
            )
        if line.strip() == key and key != NIED_HEADER[-1]:
            raise ValueError(f"{name}: its header has no value of {key!r}; fetch it again")
    stated = " ".join(lines[NIED_HEADER.index("Scale Factor")].split())
    found = NIED_SCALE.fullmatch(stated)  # ObsPy takes it for gal per count whatever its unit
    if not (found and float(found[1]) > 0.0 and float(found[2]) > 0.0):
        raise ValueError(f"{name}: {stated!r} is no number of gal per count; fetch it again")


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
