"""The recorded Kumamoto sequence, from files of NIED and JMA that the user has."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import obspy
from rich.progress import track

from fcn.catalogue.event import Catalogue
from fcn.catalogue.jma import read_jma_deck
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import Network, Station
from fcn.geometry.projection import LocalFrame
from fcn.waveform.folder import write_sequence_folder
from fcn.waveform.inventory import make_inventory
from fcn.waveform.nied_channels import COMPONENTS, NiedChannel, add_channel, read_channel_table
from fcn.waveform.read import read_waveforms
from fcn.waveform.response import Sensitivity
from fcn.waveform.win32 import read_win32

log = logging.getLogger(__name__)

HELP = """They come from NIED and may not be passed on. With a free account (hinetwww11.bosai.go.jp) and
`pip install HinetPy`, in Python (Hi-net's clock is Japan Standard Time, nine hours ahead of UTC):

    from HinetPy import Client
    client = Client("user", "password")
    client.select_stations("0101", minlatitude={south:.2f}, maxlatitude={north:.2f},
                           minlongitude={west:.2f}, maxlongitude={east:.2f})
    client.get_continuous_waveform("0101", "{start}", {minutes}, outdir="{folder}")   # *.cnt and *.ch
    client.get_arrivaltime("{date}", 1, filename="{folder}/jma_{date}.deck")
"""


class KumamotoNied:
    """Builder of the sequence folder from `raw`: waveforms (WIN32, SAC or miniSEED), channel table, JMA deck.

    patterns: file names of waveforms by format ("win32", "sac", "mseed"), of "channels" and of "catalogue".
    sac_counts_per_mps, sac_clock_ahead_s: unit and clock of SAC files, which NIED's win2sac does not leave in
        counts and UTC.
    centre, half_width_km: box in which stations and events are used; span: UTC, as in sequence.yaml.
    """

    def __init__(
        self,
        raw: str | Path,
        patterns: Mapping[str, Sequence[str]],
        sac_counts_per_mps: float,
        sac_clock_ahead_s: float,
        centre: Mapping[str, float],
        half_width_km: Sequence[float],
        span: Mapping[str, str],
        velocity_model: LayeredModel,
    ) -> None:
        self.raw = Path(raw).expanduser()
        self.patterns = patterns
        self.sac_counts_per_mps = sac_counts_per_mps
        self.sac_clock_ahead_s = sac_clock_ahead_s
        self.centre = dict(centre)
        self.half_width_km = [float(value) for value in half_width_km]
        self.span = dict(span)
        self.velocity_model = velocity_model
        self.frame = LocalFrame(**self.centre)

    def build(self, root: str | Path) -> None:
        """Write the sequence folder `root`.

        Raises FileNotFoundError that says what is missing in `raw` and how to get it, ValueError where the
        files hold no station in the box, or channel tables contradict each other.
        """
        files = self._files()
        channels: dict[int, NiedChannel] = {}
        for path in files["channels"]:
            for channel in self._inside(read_channel_table(path)).values():
                add_channel(channels, channel, str(path))
        if not channels:
            raise ValueError(f"no channel of {files['channels'][0]} lies in the box about {self.centre}")
        stream, sensitivities = self._waveforms(files, channels)
        sites = {channel.station.id: channel.station for channel in channels.values()}
        recorded = {f"{trace.stats.network}.{trace.stats.station}" for trace in stream}
        inventory = make_inventory((sites[name] for name in sorted(recorded)), stream, sensitivities)
        write_sequence_folder(
            root,
            stream,
            inventory,
            self._catalogue(files["catalogue"]),
            name="kumamoto_nied",
            simulated=False,
            centre=self.centre,
            half_width_km=self.half_width_km,
            span=self.span,
            velocity_model=asdict(self.velocity_model),
        )
        log.info("%d stations in %s", len(recorded), root)

    def _files(self) -> dict[str, list[Path]]:
        """Files of each kind; FileNotFoundError lists what is missing."""
        found = {
            kind: sorted({path for pattern in patterns for path in self.raw.rglob(pattern) if path.is_file()})
            for kind, patterns in self.patterns.items()
        }
        missing = []
        if not any(found[kind] for kind in ("win32", "sac", "mseed")):
            wanted = ", ".join(", ".join(self.patterns[kind]) for kind in ("win32", "sac", "mseed"))
            missing.append(f"continuous waveforms, {self.span['start']} to {self.span['end']} UTC ({wanted})")
        if not found["channels"]:
            missing.append(f"their channel table ({', '.join(self.patterns['channels'])})")
        if not found["catalogue"]:
            missing.append(f"the JMA hypocentre deck ({', '.join(self.patterns['catalogue'])})")
        if missing:
            lines = "".join(f"\n  - {item}" for item in missing)
            raise FileNotFoundError(f"{self.raw} lacks:{lines}\n{self._help()}")
        return found

    def _help(self) -> str:
        """How to get the files, for this box and span."""
        east_km, north_km = self.half_width_km
        corners_km = (np.array([-east_km, east_km]), np.array([-north_km, north_km]))
        latitude_deg, longitude_deg = self.frame.to_geographic(*corners_km)
        start, end = (obspy.UTCDateTime(self.span[key]) for key in ("start", "end"))
        jst = start + 9 * 3600
        return HELP.format(
            south=latitude_deg[0],
            north=latitude_deg[1],
            west=longitude_deg[0],
            east=longitude_deg[1],
            start=jst.strftime("%Y%m%d%H%M"),
            date=jst.strftime("%Y%m%d"),
            minutes=int(np.ceil((end - start) / 60.0)),
            folder=self.raw,
        )

    def _inside(self, channels: Mapping[int, NiedChannel]) -> dict[int, NiedChannel]:
        """Channels of the stations in the box."""
        return {number: channel for number, channel in channels.items() if self._in_box(channel.station)}

    def _in_box(self, station: Station) -> bool:
        place_km = np.abs(Network((station,)).local_km(self.frame)[0, :2])
        return bool((place_km <= self.half_width_km).all())

    def _waveforms(
        self, files: Mapping[str, list[Path]], channels: Mapping[int, NiedChannel]
    ) -> tuple[obspy.Stream, dict[str, Sensitivity]]:
        """Traces in the span, and what a count of each is."""
        by_name = {(channel.station.code, channel.component): channel for channel in channels.values()}
        sensitivities = {channel.seed_id: channel.sensitivity for channel in channels.values()}
        stream = read_win32(track(files["win32"], description="WIN32", transient=True), channels)
        for kind in ("sac", "mseed"):
            for path in track(files[kind], description=kind, transient=True):
                for trace in read_waveforms([path]):
                    channel = by_name.get(_station_and_component(trace))
                    if channel is None:
                        continue
                    if kind == "sac":
                        measurement = channel.sensitivity.measurement
                        stated = Sensitivity(self.sac_counts_per_mps, measurement)
                        sensitivities[channel.seed_id] = stated
                        trace.stats.starttime -= self.sac_clock_ahead_s
                    trace.id = channel.seed_id
                    stream.append(trace)
        start, end = (obspy.UTCDateTime(self.span[key]) for key in ("start", "end"))
        stream = stream.slice(start, end)
        if not len(stream):
            raise ValueError(
                f"no waveform in {self.raw} is of a station in the box between {start} and {end}"
            )
        return stream, sensitivities

    def _catalogue(self, paths: list[Path]) -> Catalogue:
        """Events of the decks in box and span."""
        start_s, end_s = (obspy.UTCDateTime(self.span[key]).timestamp for key in ("start", "end"))
        events: dict[str, Any] = {}
        for path in paths:
            for event in read_jma_deck(path).between(start_s, end_s):
                east_km, north_km = self.frame.to_local_km(
                    np.array([event.latitude_deg]), np.array([event.longitude_deg])
                )
                if abs(east_km[0]) <= self.half_width_km[0] and abs(north_km[0]) <= self.half_width_km[1]:
                    events.setdefault(event.event_id, event)
        return Catalogue("JMA", tuple(events.values()))


def _station_and_component(trace: obspy.Trace) -> tuple[str, str]:
    """Station and component as the channel table has them: SAC of win2sac says N.KMNH and U."""
    station = trace.stats.station.rpartition(".")[2]
    component = trace.stats.channel.upper()
    if component in COMPONENTS:
        return station, component
    letter = component[-1:]
    return station, "U" if letter == "Z" else letter
