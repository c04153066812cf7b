"""Continuous recordings of a network, preprocessed once, and read window by window."""

import logging
import math
from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import obspy
import torch
from jaxtyping import Bool, Float32, Float64, Shaped
from rich.progress import track

from fcn.catalogue.event import Catalogue
from fcn.catalogue.io import read_quakeml
from fcn.catalogue.released import RELEASED, read_released
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import Network, Station
from fcn.geometry.projection import LocalFrame
from fcn.metrics.watched import Watched
from fcn.waveform.amplitude import AMPLITUDES, BLOCK_S, block_peaks, samples_in
from fcn.waveform.archive import read_sds
from fcn.waveform.folder import CATALOGUE, STATIONS, WAVEFORMS, Description, read_description
from fcn.waveform.inventory import read_stations
from fcn.waveform.level import LEVEL_BLOCK_S, RunningLevels
from fcn.waveform.preprocess import PreprocessSpec
from fcn.waveform.recording import described_stations, shared_time
from fcn.waveform.station import StationMotion, Use, station_motion

log = logging.getLogger(__name__)

# Where sequence.yaml names no box: this far beyond the outermost stations.
BOX_MARGIN_KM = 10.0
ON_BLOCK = 1e-3  # of a block or sample: POSIX times are no exact multiples

Waveforms = Float32[np.ndarray, "station 3 time"]


@dataclass(frozen=True, eq=False)
class Sequence:
    """A network's recording: sample j of every array is at start_time_s + j / sampling_rate_hz.

    Blocks are counted from POSIX time 0; the first sample is a block's first.
    narrow, broad: m/s, components Z, N, E, (station, 3, time), zero where not known. known: where one is.
    peaks: `AMPLITUDES` in blocks of `BLOCK_S`. levels: slow and fast level of the narrow band in blocks of
    `LEVEL_BLOCK_S`, m/s, 0 where unknown. uses: which channels a station's motion is from, in order of time.
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
    peaks: Float32[np.ndarray, "station 6 block"]
    levels: Float32[np.ndarray, "station 2 level_block"]
    uses: tuple[tuple[Use, ...], ...]

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

    def window(
        self, now_s: float, n_samples: int
    ) -> tuple[Waveforms, Waveforms, Bool[np.ndarray, "station 3 time"]]:
        """Narrow and broad band and validity of the samples before `now_s`; zero outside the sequence."""
        end = round((now_s - self.start_time_s) * self.sampling_rate_hz)
        narrow, broad, known = (
            _before(array, end, n_samples) for array in (self.narrow, self.broad, self.known)
        )
        return narrow, broad, known

    def peaks_until(self, now_s: float, n_blocks: int) -> Float32[np.ndarray, "station 6 {n_blocks}"]:
        """The last blocks that end by `now_s`; zero outside the sequence."""
        end = math.floor((now_s - self.start_time_s) / BLOCK_S + ON_BLOCK)
        return _before(self.peaks, end, n_blocks)

    def background(self, now_s: float, n_samples: int) -> Float32[np.ndarray, "station 2 {n_samples}"]:
        """Slow and fast level at the samples before `now_s`; zero outside the sequence."""
        n = samples_in(LEVEL_BLOCK_S, self.sampling_rate_hz)
        end = round((now_s - self.start_time_s) * self.sampling_rate_hz)
        n_blocks = n_samples // n + 2
        last = -(-end // n)
        blocks = _before(self.levels, last, n_blocks).repeat(n, axis=-1)
        return blocks[..., blocks.shape[-1] - n_samples - (last * n - end) :][..., :n_samples]

    def window_times(self, step_s: float, n_samples: int) -> Float64[np.ndarray, " window"]:
        """POSIX ends of the windows, `step_s` apart; from the first block's end after `n_samples` samples on.

        Raises ValueError where `step_s` is no multiple of `BLOCK_S`.
        """
        n = samples_in(BLOCK_S, self.sampling_rate_hz)
        step = round(step_s / BLOCK_S) * n
        if step < 1 or abs(step - step_s * self.sampling_rate_hz) > ON_BLOCK:
            raise ValueError(
                f"a window ends every {step_s} s (step_s), which is no multiple of {BLOCK_S:g} s: choose one"
            )
        ends = np.arange(-(-n_samples // n) * n, self.n_samples + 1, step)
        return self.start_time_s + ends / self.sampling_rate_hz


def _before(array: Shaped[np.ndarray, "*rows time"], end: int, n: int) -> Shaped[np.ndarray, "*rows {n}"]:
    """The n values before index `end`, zero outside the array."""
    first, last = (min(max(edge, 0), array.shape[-1]) for edge in (end - n, end))
    window = np.zeros((*array.shape[:-1], n), array.dtype)
    window[..., first - (end - n) : last - (end - n)] = array[..., first:last]
    return window


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
    n_block, n_level = samples_in(BLOCK_S, rate_hz), samples_in(LEVEL_BLOCK_S, rate_hz)
    first = min(motion.start_sample for motion in motions) // n_level * n_level
    n_samples = max(motion.start_sample + motion.valid.shape[1] for motion in motions) - first
    n_levels = -(-n_samples // n_level)
    n_stations, n_padded = len(motions), n_levels * n_level
    arrays: dict[str, np.ndarray] = {
        name: np.zeros((n_stations, 3, n_samples), np.float32) for name in ("narrow", "broad")
    }
    arrays["known"] = np.zeros((n_stations, 3, n_samples), dtype=bool)
    arrays["peaks"] = np.zeros((n_stations, len(AMPLITUDES), n_padded // n_block), np.float32)
    arrays["levels"] = np.zeros((n_stations, 2, n_levels), np.float32)
    for row, motion in enumerate(motions):
        place = slice(motion.start_sample - first, motion.start_sample - first + motion.valid.shape[1])
        padded = np.zeros((4, 3, n_padded))
        padded[..., place] = motion.narrow_mps, motion.broad_mps, motion.displacement_m, motion.long_m
        known = np.zeros((3, n_padded), dtype=bool)
        known[:, place] = motion.valid
        arrays["narrow"][row], arrays["broad"][row] = padded[:2, :, :n_samples]
        arrays["known"][row] = known[:, :n_samples]
        seen = (torch.from_numpy(each) for each in (*padded[1:], known))
        arrays["peaks"][row] = block_peaks(*seen, sampling_rate_hz=rate_hz).numpy()
        arrays["levels"][row] = RunningLevels(1, rate_hz).process(padded[:1], known[None])[0]
    return first, arrays
