"""Continuous recordings of a network: as they were recorded, for a replay, and their motion as a whole."""

import logging
from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import obspy
from jaxtyping import Bool, Float32, Float64
from obspy import UTCDateTime
from rich.progress import track

from fcn.catalogue.event import Catalogue
from fcn.catalogue.io import read_quakeml
from fcn.catalogue.released import RELEASED, read_released
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import Network, Station
from fcn.geometry.projection import LocalFrame
from fcn.metrics.watched import Watched
from fcn.waveform.amplitude import samples_in
from fcn.waveform.archive import open_sds
from fcn.waveform.counted import without_motion
from fcn.waveform.folder import CATALOGUE, STATIONS, WAVEFORMS, Description, read_description
from fcn.waveform.inventory import read_stations
from fcn.waveform.level import LEVEL_BLOCK_S
from fcn.waveform.preprocess import PreprocessSpec
from fcn.waveform.recording import described_stations, shared_time
from fcn.waveform.spool import Spool, in_parts
from fcn.waveform.station import StationInParts, Use
from fcn.waveform.stored import StoredStream, StoredTrace

log = logging.getLogger(__name__)

# Where sequence.yaml names no box: this far beyond the outermost stations.
STRANGERS_KM = 1000.0  # beyond the outermost station; no earthquake is warned of so far away
BOX_MARGIN_KM = 10.0
PART_S = 600.0  # of a sequence that is preprocessed at once
LONG = 2**15  # samples of it that are looked at, at once, of all stations

Waveforms = Float32[np.ndarray, "station 3 time"]


@dataclass(frozen=True, eq=False)
class Sequence:
    """A network's recording: sample j of every array is at start_time_s + j / sampling_rate_hz.

    Blocks are counted from POSIX time 0; the first sample is a block's first.
    narrow, broad: m/s, components Z, N, E, (station, 3, time), zero where not known. known: where one is.
    uses: which channels a station's motion is from, in order of time.
    stream, inventory: of these stations, as recorded; samples stay in the folder's files, and the arrays in
    files of their own (`fcn.waveform.spool`): in memory is what is looked at.
    station_km: east, north, depth about the frame's centre. box: half widths east, north in km.
    catalogue, velocity_model: None where the folder states none.
    """

    name: str
    root: Path
    simulated: bool
    network: Network
    frame: LocalFrame
    box: tuple[float, float]
    catalogue: Catalogue | None
    velocity_model: LayeredModel | None
    start_time_s: float
    sampling_rate_hz: float
    narrow: Waveforms
    broad: Waveforms
    known: Bool[np.ndarray, "station 3 time"]
    uses: tuple[tuple[Use, ...], ...]
    stream: StoredStream
    inventory: obspy.Inventory

    @classmethod
    def load(cls, root: str | Path, spec: PreprocessSpec) -> "Sequence":
        """The sequence in folder `root`, preprocessed causally from its first sample.

        Traces that no three stations share the time of are left out with a warning (`shared_time`), and so is
        a station whose channels are all too slow or without response. Raises FileNotFoundError where a part
        is missing, ValueError where parts contradict each other, a station has data but no coordinates or
        place in stations.xml, or none is left.
        """
        root = Path(root)
        for part in (WAVEFORMS, STATIONS):
            if not (root / part).exists():
                raise FileNotFoundError(
                    f"{root} is no sequence folder: {part} is missing; "
                    f"make one with: python -m fcn.build_sequence waveforms=... station_file=... out={root}"
                )
        stated = read_description(root)
        inventory = read_stations(root / STATIONS)
        stream = open_sds(root / WAVEFORMS, stated.stations, *(stated.span_s or (None, None)))
        stream = without_motion(shared_time(stream, str(root)), inventory)
        described = described_stations(inventory, stream, stated.stations)
        stations = _usable(described, inventory, stream, spec)
        first, arrays = _arrays(stations, spec.sampling_rate_hz)
        network = Network(tuple(_placed(described[each.station_id], each.uses) for each in stations))
        stated.check_against(network, str(root))
        centre = stated.centre or dict(zip(("latitude_deg", "longitude_deg"), network.centre(), strict=True))
        frame = LocalFrame(**centre)
        catalogue = _catalogue(root)
        first_s = first / spec.sampling_rate_hz
        if catalogue is not None:
            n_samples = arrays["known"].shape[-1]
            _warn_of_strangers(catalogue, network, (first_s, first_s + n_samples / spec.sampling_rate_hz))
        return cls(
            name=stated.name or root.name,
            root=root,
            simulated=stated.simulated,
            network=network,
            frame=frame,
            box=_box(stated, network, frame),
            catalogue=catalogue,
            velocity_model=LayeredModel(**stated.velocity_model) if stated.velocity_model else None,
            start_time_s=first_s,
            sampling_rate_hz=spec.sampling_rate_hz,
            uses=tuple(each.uses for each in stations),
            stream=stream.of_stations(each.id for each in network),
            inventory=inventory,
            **arrays,
        )

    @property
    def station_km(self) -> Float64[np.ndarray, "station 3"]:
        """East, north, depth of the stations in the frame, km."""
        return self.network.local_km(self.frame)

    @property
    def n_samples(self) -> int:
        """Length of the time axis."""
        return self.known.shape[-1]

    @property
    def valid(self) -> Bool[np.ndarray, "station time"]:
        """Where a station delivers any component."""
        parts = [np.any(part, axis=1) for part in in_parts(self.known, LONG)]
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(self.known), 0), dtype=bool)

    @property
    def end_time_s(self) -> float:
        """POSIX time of the end of the last sample."""
        return self.start_time_s + self.n_samples / self.sampling_rate_hz

    @property
    def watched(self) -> Watched:
        """When enough stations deliver."""
        return Watched.of(self.valid, self.start_time_s, self.sampling_rate_hz)


def _catalogue(root: Path) -> Catalogue | None:
    """The folder's catalogue, and how moment was released where it says so."""
    if not (root / CATALOGUE).is_file():
        return None
    catalogue = read_quakeml(root / CATALOGUE)
    has_released = (root / RELEASED).is_file()
    return replace(catalogue, released=read_released(root / RELEASED)) if has_released else catalogue


def _warn_of_strangers(catalogue: Catalogue, network: Network, span_s: tuple[float, float]) -> None:
    """Where no event of a catalogue can be in the recording: then all that is declared counts as false."""
    events = tuple(catalogue)
    if not events:
        return
    late_s = [each.origin_time_s - min(max(each.origin_time_s, span_s[0]), span_s[1]) for each in events]
    nearest_s = min(late_s, key=abs)
    if nearest_s != 0.0:
        log.warning(
            "%s: none of the %d catalogued events is in the recorded time, %s to %s; the nearest is %.0f s "
            "(%.1f h) %s it: are times UTC, in the catalogue and in the waveforms?",
            *(catalogue.name, len(events), UTCDateTime(span_s[0]), UTCDateTime(span_s[1]), abs(nearest_s)),
            *(abs(nearest_s) / 3600.0, "after" if nearest_s > 0 else "before"),
        )
    frame = LocalFrame(*network.centre())
    place = np.array([(each.latitude_deg, each.longitude_deg) for each in events])
    away_km = np.hypot(*frame.to_local_km(place[:, 0], place[:, 1]))
    reach_km = np.hypot(*network.local_km(frame)[:, :2].T).max() + STRANGERS_KM
    if away_km.min() > reach_km:
        log.warning(
            "%s: all %d catalogued events are more than %.0f km from the middle of the network at %.2f, %.2f "
            "deg: are latitude and longitude in their columns, with their signs, in the catalogue and in %s?",
            *(catalogue.name, len(events), away_km.min(), *network.centre(), STATIONS),
        )


def _box(stated: Description, network: Network, frame: LocalFrame) -> tuple[float, float]:
    if stated.half_width_km is not None:
        return float(stated.half_width_km[0]), float(stated.half_width_km[1])
    east_km, north_km = np.abs(network.local_km(frame)[:, :2]).max(axis=0) + BOX_MARGIN_KM
    return float(east_km), float(north_km)


def _usable(
    described: Mapping[str, Station],
    inventory: obspy.Inventory,
    stream: StoredStream,
    spec: PreprocessSpec,
) -> list[StationInParts]:
    """Every station that has waveforms and can be used, in order; of others a warning says why.

    Raises ValueError where none can.
    """
    traces: dict[str, list[StoredTrace]] = {name: [] for name in described}
    for trace in stream:
        if (name := f"{trace.stats.network}.{trace.stats.station}") in traces:
            traces[name].append(trace)
    stations, unusable = [], []
    for name, found in traces.items():
        try:
            stations += [StationInParts(found, inventory, spec)] if found else []
        except ValueError as error:
            log.warning("%s left out: %s", name, error)
            unusable.append(f"{name}: {error}")
    if not stations:
        raise ValueError(f"no station can be used; {unusable[0]}")
    return stations


def _placed(station: Station, uses: Items[Use]) -> Station:
    """The station at the place of the sensor used first: boreholes lie deeper than their stations."""
    for use in uses:
        for channel in use.channels:
            return replace(station, elevation_m=channel.elevation_m)
    return station


def _arrays(stations: Items[StationInParts], rate_hz: float) -> tuple[int, dict[str, np.ndarray]]:
    """Grid index of the first sample, and the arrays of a Sequence."""
    n_level = samples_in(LEVEL_BLOCK_S, rate_hz)
    first = min(each.start_sample for each in stations) // n_level * n_level
    shape = (len(stations), 3, max(each.end_sample for each in stations) - first)
    with Spool(shape, np.float32) as narrow, Spool(shape, np.float32) as broad, Spool(shape, bool) as known:
        for row, each in track(list(enumerate(stations)), description="preprocessing", transient=True):
            for part in each.parts(PART_S):
                at = part.first - first
                for component in range(3):
                    _, narrow_mps, broad_mps, *_ = part.motion[:, component]
                    narrow.put((row, component), at, narrow_mps)
                    broad.put((row, component), at, broad_mps)
                    known.put((row, component), at, part.valid[component])
        return first, {"narrow": narrow.array(), "broad": broad.array(), "known": known.array()}
