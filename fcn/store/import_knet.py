"""NIED's strong-motion records (K-NET, KiK-net ASCII) as records of the base store."""

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import obspy

from fcn.geometry.network import Station
from fcn.store.build import Report
from fcn.store.cut import Arrivals, Importer, Quake
from fcn.store.schema import StoreRecord
from fcn.waveform.read import ARCHIVE_SUFFIXES, LEFTOVER, archive_members, read_one
from fcn.waveform.sensor import Sensor, assemble

ORIGIN = "knet"
ASCII_NAME = re.compile(r"\.(NS|EW|UD)[12]?$")
SURFACE, BOREHOLE = ("", "2"), ("1",)  # location codes given by `read_waveforms`
# Origin times are written to the minute: 30 picked records imply -9 to 60 s after it.
MINUTE_S = (-15.0, 75.0)

File = tuple[str, Path | io.BytesIO]  # what errors call it, and where it is read from


class KnetSource:
    """Archives and loose ASCII files below `root`; a record per site and event, P and S picked and checked.

    An archive is one of a station, of an event (all stations), or of such archives. A recording that is
    there twice, loose or in another archive, is taken once and its copies are reported.
    borehole: the deep sensor of KiK-net sites instead of the surface one; K-NET sites have none and are
    refused then. Raises FileNotFoundError where `root` holds nothing of NIED's.
    """

    def __init__(self, root: str | Path, borehole: bool, importer: Importer) -> None:
        self.borehole = borehole
        self.importer = importer
        found = (path for path in sorted(Path(root).expanduser().rglob("*")) if path.is_file())
        files = [path for path in found if not LEFTOVER.fullmatch(path.name)]
        self._archives = [path for path in files if path.name.endswith(ARCHIVE_SUFFIXES)]
        self._loose = copies([path for path in files if ASCII_NAME.search(path.name)])
        if not self._archives and not self._loose:
            raise FileNotFoundError(f"no K-NET or KiK-net archives or ASCII files below {root}")

    @property
    def n_expected(self) -> int:
        """An earthquake and a noise record of each archive and each loose recording."""
        return 2 * (len(self._archives) + len(self._loose))

    def records(self, report: Report) -> Iterator[StoreRecord]:
        """All records that can be trusted; the others are reported."""
        taken: dict[tuple[str, str], str] = {}  # where each recording of a station was found
        for files in self._recordings(report):
            where = files[0][0]
            try:
                read = (read_one(content, name) for name, content in files)
                stream = self._sensor_traces(sum(read, obspy.Stream()))
                quake, station = _quake(stream[0].stats.knet), _station(stream[0].stats)
            except ValueError as error:
                report(_recording(where), "", str(error))
                continue
            first = taken.setdefault((station.id, str(stream[0].stats.starttime)), where)
            if first != where:
                report(quake.source_id, station.id, f"{where} is a copy of {first}, which is taken")
                continue
            try:
                yield from self._station_records(stream, quake, station)
            except ValueError as error:
                report(quake.source_id, station.id, str(error))

    def _recordings(self, report: Report) -> Iterator[list[File]]:
        """The files of each station and event; archives that cannot be read are reported."""
        for path in self._archives:
            n_found = 0
            try:
                for files in recordings(archive_members(path)):
                    n_found += 1
                    yield files
                if not n_found:
                    report(path.name, "", f"{path} holds no K-NET or KiK-net ASCII files")
            except ValueError as error:
                report(path.name, "", str(error))
        for paths in self._loose:
            yield [(str(path), path) for path in paths]

    def _sensor_traces(self, stream: obspy.Stream) -> obspy.Stream:
        """The three traces of the wanted sensor."""
        wanted = BOREHOLE if self.borehole else SURFACE
        chosen = obspy.Stream(
            [trace for trace in stream if "knet" in trace.stats and trace.stats.location in wanted]
        )
        if sorted(trace.stats.channel[-1] for trace in chosen) != ["E", "N", "Z"]:
            found = ", ".join(sorted(trace.id for trace in stream))
            depth = "borehole" if self.borehole else "surface"
            raise ValueError(f"not one vertical, north and east trace of the {depth} sensor: {found}")
        return chosen

    def _station_records(self, stream: obspy.Stream, quake: Quake, station: Station) -> list[StoreRecord]:
        path = self.importer.path(quake, station)
        by_component = {trace.stats.channel[-1]: trace for trace in stream}
        traces = [by_component[component] for component in "ZNE"]
        start_s, rate_hz, counts = assemble(traces, [trace.id for trace in traces])
        sensor = Sensor(
            sampling_rate_hz=rate_hz,
            measurement="acceleration",
            sensitivity=np.array([1.0 / trace.stats.calib for trace in traces]),
            to_zne=np.eye(3),
        )
        chunk = sensor.velocity(self.importer.preprocess, start_s, counts)
        minute_s = traces[0].stats.knet.evot.timestamp
        p_range_s = (minute_s + MINUTE_S[0] + path.p_s, minute_s + MINUTE_S[1] + path.p_s)
        return self.importer.records(ORIGIN, quake, station, path, chunk, Arrivals(p_range_s=p_range_s))


def copies(paths: Iterable[Path]) -> list[list[Path]]:
    """Loose files by recording, which their names tell; copies in other folders are of their own."""
    found: dict[tuple[str, int], list[Path]] = {}
    seen: Counter[str] = Counter()
    for path in paths:
        found.setdefault((_recording(path.name), seen[path.name]), []).append(path)
        seen[path.name] += 1
    return list(found.values())


def recordings(members: Iterable[tuple[str, bytes]]) -> Iterator[list[File]]:
    """An archive's ASCII files by recording, each as soon as it is complete: archives of events are large."""
    held: dict[str, dict[str, File]] = {}
    for name, content in members:
        suffix = ASCII_NAME.search(name)
        if suffix is None:
            continue
        files = held.setdefault(_recording(name), {})
        files.setdefault(suffix[0], (name, io.BytesIO(content)))
        if len(files) == (6 if suffix[0][-1].isdigit() else 3):
            yield list(held.pop(_recording(name)).values())
    yield from (list(files.values()) for files in held.values())


def _recording(name: str) -> str:
    """Name of an ASCII file without its folders, archives and component: NIED's station and time."""
    return ASCII_NAME.sub("", re.split(r"[/:]", name)[-1])


def _quake(header: obspy.core.AttribDict) -> Quake:
    """Source of NIED's header; the same for every station of one event."""
    place = f"{header.evla:.3f}_{header.evlo:.3f}_{header.evdp:g}"
    return Quake(
        source_id=f"{header.evot.strftime('%Y%m%dT%H%M')}_{place}",
        latitude_deg=header.evla,
        longitude_deg=header.evlo,
        depth_km=header.evdp,
        magnitude=header.mag,
        magnitude_type="Mj",
    )


def _station(stats: obspy.core.trace.Stats) -> Station:
    header = stats.knet
    return Station(stats.network, stats.station, stats.location, header.stla, header.stlo, header.stel)
