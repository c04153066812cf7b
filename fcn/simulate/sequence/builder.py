"""A simulated sequence as an ordinary archive: what all of them share, whatever shakes them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import obspy
from jaxtyping import Float, Float32
from rich.markup import escape
from rich.progress import track

from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.io import PhasePick
from fcn.catalogue.released import Released
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.simulate.path.ground import Ground, Shock
from fcn.simulate.recording.counts import Recording, add_at, to_inventory, to_stream
from fcn.simulate.recording.telemetry import Fault, Telemetry
from fcn.simulate.threads import single_thread
from fcn.waveform.folder import write_sequence_folder

Arrivals = list[Float[np.ndarray, "station 2"]]  # of each earthquake, P and S, s from the start


@dataclass(frozen=True)
class Delivered:
    """What there is to write: counts as they arrived, true events, what went wrong.

    picks, and of finite ruptures how their moment came out, by event id.
    """

    stream: obspy.Stream
    inventory: obspy.Inventory
    events: Sequence[Event]
    picks: Mapping[str, Sequence[PhasePick]]
    released: Mapping[str, Released]
    faults: Sequence[Fault]


class SequenceBuilder(ABC):
    """Builder of one simulated sequence folder (waveforms/, stations.xml, catalogue.xml, sequence.yaml).

    half_width_km: east and north, of the box about the frame's centre in which whoever reads the sequence
    looks for events. stated_model: the velocity model that sequence.yaml states.
    """

    def __init__(
        self,
        *,
        name: str,
        seed: int,
        start_time_s: float,
        duration_s: float,
        frame: LocalFrame,
        half_width_km: Sequence[float],
        network: Network,
        stated_model: LayeredModel,
        recording: Recording,
        telemetry: Telemetry,
    ) -> None:
        self.name = name
        self.seed = seed
        self.start_time_s = float(start_time_s)
        self.duration_s = float(duration_s)
        self.frame = frame
        self.half_width_km = (float(half_width_km[0]), float(half_width_km[1]))
        self.network = network
        self.stated_model = stated_model
        self.recording = recording
        self.telemetry = telemetry

    @abstractmethod
    def ground(self) -> Ground:
        """The true Earth under the stations."""

    @abstractmethod
    def shocks(self) -> list[Shock]:
        """The earthquakes of this sequence, in order of time."""

    @abstractmethod
    def events(self, arrivals_s: Arrivals) -> list[Event]:
        """The same earthquakes as a catalogue has them, given when they arrived."""

    def build(self, root: Path) -> None:
        """Write the folder, whole or not at all. Raises FileExistsError where there is something."""
        if root.exists():
            raise FileExistsError(f"{root} exists; remove it to build sequence {self.name!r} again")
        with single_thread():
            velocity_mps, arrivals_s, released = self._shake()
            counts = self.recording.counts(velocity_mps, self.seed)
        sent = to_stream(counts, self.network, self.start_time_s, self.recording)
        inventory = to_inventory(self.network, sent, self.recording)
        received, faults = self.telemetry.transmit(sent, self.seed)
        if self.recording.trigger is not None:
            stations = [f"{station.network}.{station.code}" for station in self.network]
            received = self.recording.trigger.cut(
                received, velocity_mps, arrivals_s, stations, self.start_time_s, self.seed
            )
        events = self.events(arrivals_s)
        picks = {
            event.event_id: self._picks(times_s) for event, times_s in zip(events, arrivals_s, strict=True)
        }
        known = {
            event.event_id: each for event, each in zip(events, released, strict=True) if each is not None
        }
        self._write(root, Delivered(received, inventory, events, picks, known, faults))

    def _write(self, root: Path, made: Delivered) -> None:
        """The folder; of faults nobody is told."""
        catalogue = Catalogue(self.name, tuple(made.events), made.released)
        write_sequence_folder(root, made.stream, made.inventory, catalogue, made.picks, **self._description())

    def _shake(self) -> tuple[Float32[np.ndarray, "station 3 time"], Arrivals, list[Released | None]]:
        """Ground velocity of all the earthquakes together, P and S times of each, how its moment came out."""
        ground, rate_hz = self.ground(), self.recording.sampling_rate_hz
        total = np.zeros((len(self.network), 3, round(self.duration_s * rate_hz)), np.float32)
        arrivals_s, released = [], []
        for shock in track(self.shocks(), description=f"simulating {escape(self.name)}"):
            motion = ground.motion(shock)
            for trace, record, start in zip(total, motion.velocity_mps, motion.start_sample, strict=True):
                add_at(trace, record, int(start))
            arrivals_s.append(motion.arrival_s)
            released.append(motion.released)
        return total, arrivals_s, released

    def _picks(self, arrival_s: Float[np.ndarray, "station 2"]) -> list[PhasePick]:
        return [
            PhasePick(station.network, station.code, phase, self.start_time_s + float(time_s))
            for station, times_s in zip(self.network, arrival_s, strict=True)
            for phase, time_s in zip("PS", times_s, strict=True)
        ]

    def _description(self) -> dict[str, Any]:
        """Content of sequence.yaml."""
        model = asdict(self.stated_model)
        return {
            "name": self.name,
            "simulated": True,
            "centre": {"latitude_deg": self.frame.latitude_deg, "longitude_deg": self.frame.longitude_deg},
            "half_width_km": list(self.half_width_km),
            "velocity_model": {k: list(v) if isinstance(v, tuple) else v for k, v in model.items()},
        }
