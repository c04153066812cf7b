"""Continuous recordings of a network: as they were recorded, for a replay, and their motion as a whole."""

import logging
from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import obspy
from jaxtyping import Bool, Float32, Float64
from rich.progress import track

from fcn.catalogue.event import Catalogue
from fcn.catalogue.io import read_quakeml
from fcn.catalogue.released import RELEASED, read_released
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import Network, Station
from fcn.geometry.projection import LocalFrame
from fcn.metrics.watched import Watched
from fcn.waveform.amplitude import samples_in
from fcn.waveform.archive import read_sds
from fcn.waveform.folder import CATALOGUE, STATIONS, WAVEFORMS, Description, read_description
from fcn.waveform.inventory import read_stations
from fcn.waveform.level import LEVEL_BLOCK_S
from fcn.waveform.preprocess import PreprocessSpec
from fcn.waveform.recording import described_stations, shared_time
from fcn.waveform.station import StationMotion, Use, station_motion

log = logging.getLogger(__name__)

# Where sequence.yaml names no box: this far beyond the outermost stations.
BOX_MARGIN_KM = 10.0

Waveforms = Float32[np.ndarray, "station 3 time"]


@dataclass(frozen=True, eq=False)
class Sequence:
    """A network's recording: sample j of every array is at start_time_s + j / sampling_rate_hz.

    Blocks are counted from POSIX time 0; the first sample is a block's first.
    narrow, broad: m/s, components Z, N, E, (station, 3, time), zero where not known. known: where one is.
    uses: which channels a station's motion is from, in order of time.
    stream, inventory: of these stations, as recorded.
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
    stream: obspy.Stream
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
        stream = read_sds(root / WAVEFORMS, stated.stations, *(stated.span_s or (None, None)))
        stream = shared_time(stream, str(root))
        described = described_stations(inventory, stream, stated.stations)
        motions = _motions(described, inventory, stream, spec)
        network = Network(tuple(_placed(described[motion.station_id], motion) for motion in motions))
        stated.check_against(network, str(root))
        first, arrays = _arrays(motions, spec.sampling_rate_hz)
        centre = stated.centre or dict(zip(("latitude_deg", "longitude_deg"), network.centre(), strict=True))
        frame = LocalFrame(**centre)
        return cls(
            name=stated.name or root.name,
            root=root,
            simulated=stated.simulated,
            network=network,
            frame=frame,
            box=_box(stated, network, frame),
            catalogue=_catalogue(root),
            velocity_model=LayeredModel(**stated.velocity_model) if stated.velocity_model else None,
            start_time_s=first / spec.sampling_rate_hz,
            sampling_rate_hz=spec.sampling_rate_hz,
            uses=tuple(motion.uses for motion in motions),
            stream=obspy.Stream([trace for each in network for trace in stream.select(*each.id.split("."))]),
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
        return np.any(self.known, axis=1)

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


def _box(stated: Description, network: Network, frame: LocalFrame) -> tuple[float, float]:
    if stated.half_width_km is not None:
        return float(stated.half_width_km[0]), float(stated.half_width_km[1])
    east_km, north_km = np.abs(network.local_km(frame)[:, :2]).max(axis=0) + BOX_MARGIN_KM
    return float(east_km), float(north_km)


def _motions(
    described: Mapping[str, Station],
    inventory: obspy.Inventory,
    stream: obspy.Stream,
    spec: PreprocessSpec,
) -> list[StationMotion]:
    """Motion of every station that has any left and can be used, in order; of others a warning says why.

    Raises ValueError where none can.
    """
    traces: dict[str, list[obspy.Trace]] = {name: [] for name in described}
    for trace in stream:
        traces[f"{trace.stats.network}.{trace.stats.station}"].append(trace)
    motions, unusable = [], []
    for name, found in track(list(traces.items()), description="preprocessing", transient=True):
        try:
            motions += [station_motion(found, inventory, spec)] if found else []
        except ValueError as error:
            log.warning("%s left out: %s", name, error)
            unusable.append(f"{name}: {error}")
    if not motions:
        raise ValueError(f"no station can be used; {unusable[0]}")
    return motions


def _placed(station: Station, motion: StationMotion) -> Station:
    """The station at the place of the sensor used first: boreholes lie deeper than their stations."""
    for use in motion.uses:
        for channel in use.channels:
            return replace(station, elevation_m=channel.elevation_m)
    return station


def _arrays(motions: Items[StationMotion], rate_hz: float) -> tuple[int, dict[str, np.ndarray]]:
    """Grid index of the first sample, and the arrays of a Sequence."""
    n_level = samples_in(LEVEL_BLOCK_S, rate_hz)
    first = min(motion.start_sample for motion in motions) // n_level * n_level
    n_samples = max(motion.start_sample + motion.valid.shape[1] for motion in motions) - first
    shape = (len(motions), 3, n_samples)
    arrays = {"narrow": np.zeros(shape, np.float32), "broad": np.zeros(shape, np.float32)}
    arrays["known"] = np.zeros(shape, dtype=bool)
    for row, motion in enumerate(motions):
        place = slice(motion.start_sample - first, motion.start_sample - first + motion.valid.shape[1])
        arrays["narrow"][row, :, place], arrays["broad"][row, :, place] = motion.narrow_mps, motion.broad_mps
        arrays["known"][row, :, place] = motion.valid
    return first, arrays
