"""Continuous recordings of a network, preprocessed once, and read window by window."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import obspy
from jaxtyping import Bool, Float32, Float64
from rich.progress import track

from fcn.catalogue.event import Catalogue
from fcn.catalogue.io import read_quakeml
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.waveform.archive import read_sds
from fcn.waveform.folder import CATALOGUE, STATIONS, WAVEFORMS, Description, read_description
from fcn.waveform.inventory import read_stations
from fcn.waveform.preprocess import Bands, PreprocessSpec
from fcn.waveform.sensor import assemble, resolve_sensors

log = logging.getLogger(__name__)

# Where sequence.yaml names no box: this far beyond the outermost stations.
BOX_MARGIN_KM = 10.0

Waveforms = Float32[np.ndarray, "station 3 time"]


@dataclass(frozen=True, eq=False)
class Sequence:
    """A network's recording: sample j of every array is at start_time_s + j / sampling_rate_hz.

    velocity, narrow, broad: m/s, components Z, N, E, (station, 3, time), zero where not valid.
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
    velocity: Waveforms
    narrow: Waveforms
    broad: Waveforms
    valid: Bool[np.ndarray, "station time"]

    @classmethod
    def load(cls, root: str | Path, spec: PreprocessSpec) -> "Sequence":
        """The sequence in folder `root`, preprocessed causally from its first sample.

        Raises FileNotFoundError where a part is missing, ValueError where parts contradict each other or a
        station has data but no coordinates, response or place in stations.xml.
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
        stream = read_sds(root / WAVEFORMS, None, *(stated.span_s or (None, None)))
        network = _network_with_data(inventory, stream, stated.stations)
        stated.check_against(network, str(root))
        first, arrays = _preprocess(network, inventory, stream, spec)
        centre = stated.centre or dict(zip(("latitude_deg", "longitude_deg"), network.centre(), strict=True))
        frame = LocalFrame(**centre)
        return cls(
            name=stated.name or root.name,
            root=root,
            simulated=stated.simulated,
            network=network,
            frame=frame,
            box=_box(stated, network, frame),
            catalogue=read_quakeml(root / CATALOGUE) if (root / CATALOGUE).is_file() else None,
            velocity_model=LayeredModel(**stated.velocity_model) if stated.velocity_model else None,
            start_time_s=first / spec.sampling_rate_hz,
            sampling_rate_hz=spec.sampling_rate_hz,
            **arrays,
        )

    @property
    def station_km(self) -> Float64[np.ndarray, "station 3"]:
        """East, north, depth of the stations in the frame, km."""
        return self.network.local_km(self.frame)

    @property
    def n_samples(self) -> int:
        """Length of the time axis."""
        return self.valid.shape[1]

    @property
    def end_time_s(self) -> float:
        """POSIX time of the end of the last sample."""
        return self.start_time_s + self.n_samples / self.sampling_rate_hz

    def window(
        self, now_s: float, n_samples: int
    ) -> tuple[Waveforms, Waveforms, Bool[np.ndarray, "station time"]]:
        """Narrow and broad band and validity of the samples before `now_s`; zero outside the sequence."""
        end = round((now_s - self.start_time_s) * self.sampling_rate_hz)
        begin = end - n_samples
        first, last = (min(max(edge, 0), self.n_samples) for edge in (begin, end))
        cut = []
        for array in (self.narrow, self.broad, self.valid):
            window = np.zeros((*array.shape[:-1], n_samples), array.dtype)
            window[..., first - begin : last - begin] = array[..., first:last]
            cut.append(window)
        return cut[0], cut[1], cut[2]

    def window_times(self, step_s: float, n_samples: int) -> Float64[np.ndarray, " window"]:
        """POSIX ends of the windows that lie wholly inside, `step_s` apart; on the grid of samples."""
        step = round(step_s * self.sampling_rate_hz)
        if step < 1:
            raise ValueError(f"step_s is {step_s}, less than a sample at {self.sampling_rate_hz} Hz")
        ends = np.arange(n_samples, self.n_samples + 1, step)
        return self.start_time_s + ends / self.sampling_rate_hz


def _network_with_data(inventory: obspy.Inventory, stream: obspy.Stream, wanted: list[str] | None) -> Network:
    """The stations to use: those wanted, else all with data."""
    network = Network.from_inventory(inventory)
    described = {station.id: station for station in network}
    recorded = {f"{trace.stats.network}.{trace.stats.station}" for trace in stream}
    if wanted is not None:
        for known, what in ((set(described), f"in {STATIONS}"), (recorded, "among the waveforms")):
            if set(wanted) - known:
                raise ValueError(f"stations {', '.join(sorted(set(wanted) - known))} are not {what}")
        return Network(tuple(described[name] for name in wanted))
    if recorded - set(described):
        raise ValueError(
            f"no coordinates for {', '.join(sorted(recorded - set(described)))}: add them to {STATIONS}, "
            "or list the stations to use in sequence.yaml"
        )
    silent = sorted(set(described) - recorded)
    if silent:
        log.warning("no waveforms of %s: left out", ", ".join(silent))
    return Network(tuple(station for station in network if station.id in recorded))


def _box(stated: Description, network: Network, frame: LocalFrame) -> tuple[float, float]:
    if stated.half_width_km is not None:
        return float(stated.half_width_km[0]), float(stated.half_width_km[1])
    east_km, north_km = np.abs(network.local_km(frame)[:, :2]).max(axis=0) + BOX_MARGIN_KM
    return float(east_km), float(north_km)


def _preprocess(
    network: Network, inventory: obspy.Inventory, stream: obspy.Stream, spec: PreprocessSpec
) -> tuple[int, dict[str, np.ndarray]]:
    """Grid index of the first sample, and the arrays of a Sequence."""
    used = {station.id for station in network}
    stream = obspy.Stream([t for t in stream if f"{t.stats.network}.{t.stats.station}" in used])
    sensors = resolve_sensors(stream, inventory, spec.sampling_rate_hz)
    pieces = []
    for station in track(network.stations, description="preprocessing", transient=True):
        sensor = sensors[station.id]
        if len(sensor.seed_ids) < 3:
            log.warning("%s has only %s: the rest is zero", station.id, ", ".join(sensor.seed_ids))
        start_s, _, counts = assemble(stream, sensor.seed_ids)
        chunk = sensor.stream(spec).whole(start_s, counts)
        pieces.append((chunk, *Bands(spec, 3).process(chunk.velocity_mps, chunk.valid)))
    first = min(chunk.start_sample for chunk, *_ in pieces)
    n_samples = max(chunk.start_sample + chunk.valid.size for chunk, *_ in pieces) - first
    arrays = {
        name: np.zeros((len(pieces), 3, n_samples), np.float32) for name in ("velocity", "narrow", "broad")
    }
    valid = np.zeros((len(pieces), n_samples), dtype=bool)
    for row, (chunk, narrow, broad) in enumerate(pieces):
        place = slice(chunk.start_sample - first, chunk.start_sample - first + chunk.valid.size)
        arrays["velocity"][row, :, place] = np.where(chunk.valid, chunk.velocity_mps, 0.0)
        arrays["narrow"][row, :, place], arrays["broad"][row, :, place] = narrow, broad
        valid[row, place] = chunk.valid
    return first, {**arrays, "valid": valid}
