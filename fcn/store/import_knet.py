"""NIED's strong-motion records (K-NET, KiK-net ASCII) as records of the base store."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import obspy

from fcn.geometry.network import Station
from fcn.store.build import Report
from fcn.store.cut import Arrivals, Importer, Quake
from fcn.store.schema import StoreRecord
from fcn.waveform.read import ARCHIVE_SUFFIXES, read_waveforms
from fcn.waveform.sensor import Sensor, assemble

ORIGIN = "knet"
ASCII_NAME = re.compile(r"\.(NS|EW|UD)[12]?$")
SURFACE, BOREHOLE = ("", "2"), ("1",)  # location codes given by `read_waveforms`
# Origin times are written to the minute: 30 picked records imply -9 to 60 s after it.
MINUTE_S = (-15.0, 75.0)


class KnetSource:
    """Archives (or loose ASCII files) below `root`; a record per site and event, P and S picked and checked.

    borehole: the deep sensor of KiK-net sites instead of the surface one; K-NET sites have none and are
    refused then. Raises FileNotFoundError where `root` holds nothing of NIED's.
    """

    def __init__(self, root: str | Path, borehole: bool, importer: Importer) -> None:
        self.borehole = borehole
        self.importer = importer
        files = sorted(path for path in Path(root).expanduser().rglob("*") if path.is_file())
        groups: dict[str, list[Path]] = {}
        for path in files:
            if path.name.endswith(ARCHIVE_SUFFIXES) or ASCII_NAME.search(path.name):
                groups.setdefault(ASCII_NAME.sub("", path.name), []).append(path)
        if not groups:
            raise FileNotFoundError(f"no K-NET or KiK-net archives or ASCII files below {root}")
        self._groups = list(groups.values())

    @property
    def n_expected(self) -> int:
        """An earthquake and a noise record of each group of files."""
        return 2 * len(self._groups)

    def records(self, report: Report) -> Iterator[StoreRecord]:
        """All records that can be trusted; the others are reported."""
        for paths in self._groups:
            try:
                stream = self._sensor_traces(read_waveforms(paths))
            except ValueError as error:
                report(paths[0].name, "", str(error))
                continue
            header = stream[0].stats.knet
            quake = _quake(header)
            station = _station(stream[0].stats)
            try:
                yield from self._station_records(stream, quake, station)
            except ValueError as error:
                report(quake.source_id, station.id, str(error))

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
