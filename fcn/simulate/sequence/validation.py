"""Validation sequences: simulated hours on networks, Earths and regions drawn at random, with faults.

Thresholds and checkpoints are chosen on these; no test sequence has anything in common with them.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import obspy

from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.io import write_quakeml
from fcn.publish import new_folder
from fcn.seeding import Purpose, derive_generator, derive_rng, derive_seed_sequence
from fcn.simulate.path.ground import Ground, Shock
from fcn.simulate.recording.counts import Recording
from fcn.simulate.recording.instrument import Sensor
from fcn.simulate.recording.noise import NoiseLaw
from fcn.simulate.recording.telemetry import Fault, Telemetry
from fcn.simulate.recording.trigger import Trigger
from fcn.simulate.sequence.builder import Delivered
from fcn.simulate.sequence.random_region import LateralGround, RegionLaw
from fcn.simulate.sequence.simulated import Region, SimulatedSequence
from fcn.waveform.folder import fill_sequence_folder

DRAW = 11  # first key of a sequence's random streams; the second says what is drawn
CENTRE, NETWORK, REGIONAL, TRUTH, CRUST, SEISMICITY = range(6)
SECONDS_PER_DAY = 86_400  # between the starts of sequences of consecutive index
QUIET_END_S = 30.0  # nothing starts later: what a replay has no time left to declare
OUTSIDE, FAULTS = "outside.xml", "faults.csv"
OUTSIDE_NOTE = "simulated; outside the box: not to be declared"


@dataclass(frozen=True)
class RecordingLaw:
    """What stations write and what arrives of it. ambients: noise laws by name, turn by turn."""

    sampling_rate_hz: float
    ambients: Mapping[str, NoiseLaw]
    instrument: Sensor
    telemetry: Telemetry
    trigger: Trigger | None = None

    def draw(self, turn: int) -> Recording:
        """Recording of one sequence."""
        name = sorted(self.ambients)[turn % len(self.ambients)]
        return Recording(self.sampling_rate_hz, self.ambients[name], self.instrument, self.trigger)


class ValidationSequence(SimulatedSequence):
    """Builder of one validation sequence: everything but the laws is drawn from (seed, index).

    Beside an ordinary sequence folder's parts it writes outside.xml (QuakeML: earthquakes with epicentres
    outside the box; catalogue.xml does not have them, so that declaring one is a false alarm) and faults.csv.
    sequence.yaml states the regional velocity model; the Earth of the waveforms differs from it in its
    layers, laterally and under the stations.
    """

    def __init__(
        self,
        *,
        name: str,
        index: int,
        seed: int,
        start_time_s: float,
        duration_s: float,
        half_width_km: Sequence[float],
        region: RegionLaw,
        recording: RecordingLaw,
    ) -> None:
        if index < 0:
            raise ValueError(f"index of a validation sequence must not be negative, got {index}")
        self.law, self.index = region, index
        own_seed = sequence_seed(seed, index)
        # once round the classes of main shocks before the next ambient, so that neither goes with the other
        turn = index // len(region.seismicity.main_magnitudes)
        self.regional_model = region.earth.regional.draw(_rng(own_seed, REGIONAL), f"{name}-regional")
        super().__init__(
            name=name,
            seed=own_seed,
            start_time_s=start_time_s + SECONDS_PER_DAY * index,
            duration_s=duration_s,
            region=self._draw_region(own_seed, half_width_km),
            seismicity=region.seismicity.draw(_rng(own_seed, SEISMICITY), half_width_km, duration_s, index),
            recording=recording.draw(turn),
            half_width_km=half_width_km,
            telemetry=recording.telemetry,
        )
        self.stated_model = self.regional_model  # what an operator would have

    def _draw_region(self, own_seed: int, half_width_km: Sequence[float]) -> Region:
        earth = self.law.earth
        latitude_deg, longitude_deg = self.law.draw_centre(_rng(own_seed, CENTRE))
        generator = derive_generator(own_seed, Purpose.SEQUENCE, DRAW, CRUST)
        return Region(
            latitude_deg,
            longitude_deg,
            self.law.network.draw(_rng(own_seed, NETWORK), half_width_km),
            earth.draw_truth(_rng(own_seed, TRUTH), self.regional_model),
            earth.draw_crust(_rng(own_seed, CRUST), generator),
        )

    def ground(self) -> Ground:
        """The true Earth under these stations."""
        station_km, rate_hz = self.network.local_km(self.frame), self.recording.sampling_rate_hz
        return LateralGround(self.region, self.law.earth, station_km, rate_hz, self.seed)

    def shocks(self) -> list[Shock]:
        """All earthquakes, inside the box and out, in order of time."""
        last_s = self.duration_s - QUIET_END_S
        return [shock for shock in super().shocks() if shock.origin_time_s <= last_s]

    def _write(self, root: Path, made: Delivered) -> None:
        """The folder, with what is not to be declared and what went wrong beside it."""
        inside, outside = self.parted(made.events)
        known = {
            event.event_id: made.released[event.event_id]
            for event in inside
            if event.event_id in made.released
        }
        inside = replace(inside, released=known)
        with new_folder(root) as folder:
            fill_sequence_folder(
                folder, made.stream, made.inventory, inside, made.picks, **self._description()
            )
            write_quakeml(outside, folder / OUTSIDE, made.picks)
            write_faults(made.faults, folder / FAULTS)

    def parted(self, events: Sequence[Event]) -> tuple[Catalogue, Catalogue]:
        """Those with epicentres inside the box, and the others, marked as such."""
        latitude_deg, longitude_deg = (
            np.array([getattr(event, name) for event in events], float)
            for name in ("latitude_deg", "longitude_deg")
        )
        offset_km = np.abs(self.frame.to_local_km(latitude_deg, longitude_deg))
        beyond = np.any(offset_km > np.array(self.half_width_km)[:, None], axis=0)
        inside = [events[i] for i in np.flatnonzero(~beyond).tolist()]
        outside = [replace(events[i], note=OUTSIDE_NOTE) for i in np.flatnonzero(beyond).tolist()]
        return Catalogue(self.name, tuple(inside)), Catalogue(f"{self.name} outside", tuple(outside))


def sequence_seed(seed: int, index: int) -> int:
    """Seed of one sequence; neighbouring indices or seeds share no random numbers."""
    return int(derive_seed_sequence(seed, Purpose.SEQUENCE, DRAW, index).generate_state(1, np.uint64)[0])


def write_faults(faults: Sequence[Fault], path: Path) -> None:
    """What went wrong, one row per fault and channel."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("kind", "channel", "start_time_utc", "end_time_utc", "size_counts"))
        for fault in faults:
            span = (obspy.UTCDateTime(time_s) for time_s in (fault.start_time_s, fault.end_time_s))
            start, end = (str(time) for time in span)
            for seed_id in fault.seed_ids:
                writer.writerow((fault.kind, seed_id, start, end, f"{fault.size:g}"))


def _rng(own_seed: int, what: int) -> np.random.Generator:
    return derive_rng(own_seed, Purpose.SEQUENCE, DRAW, what)
