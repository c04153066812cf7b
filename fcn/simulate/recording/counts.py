"""What a network writes down: ground motion and noise through instruments, as an ordinary archive."""

from dataclasses import dataclass

import numpy as np
import obspy
from jaxtyping import Float, Int32

from fcn.constants import COMPONENTS_ZNE
from fcn.geometry.network import Network
from fcn.seeding import Purpose, derive_generator, derive_rng
from fcn.simulate.recording.instrument import Sensor
from fcn.simulate.recording.noise import NoiseLaw, noise
from fcn.simulate.recording.trigger import Trigger
from fcn.waveform.inventory import make_inventory

NOISE, SENSOR = 2, 3  # first key of a sequence's random streams


@dataclass(frozen=True)
class Recording:
    """How ground motion becomes counts: the same sensors everywhere, noise of each site's own.

    trigger: when stations write; None: all the time.
    """

    sampling_rate_hz: float
    noise: NoiseLaw
    instrument: Sensor
    trigger: Trigger | None = None

    def counts(
        self, velocity_mps: Float[np.ndarray, "station 3 time"], seed: int
    ) -> Int32[np.ndarray, "station 3 time"]:
        """Counts of the earthquakes' ground motion with noise added, station by station."""
        n_stations, _, n_samples = velocity_mps.shape
        counts = np.empty(velocity_mps.shape, np.int32)
        for station in range(n_stations):
            generator = derive_generator(seed, Purpose.SEQUENCE, NOISE, station)
            ambient = noise(self.noise, 1, n_samples, self.sampling_rate_hz, generator)[0].numpy()
            rng = derive_rng(seed, Purpose.SEQUENCE, SENSOR, station)
            counts[station] = self.instrument.record_counts(
                velocity_mps[station] + ambient, self.sampling_rate_hz, rng
            )
        return counts

    @property
    def channel_prefix(self) -> str:
        """Band, by sampling rate, and instrument code (SEED manual, appendix A)."""
        return ("H" if self.sampling_rate_hz >= 80.0 else "B") + self.instrument.code


def to_stream(
    counts: Int32[np.ndarray, "station 3 time"], network: Network, start_time_s: float, recording: Recording
) -> obspy.Stream:
    """Counts as traces Z, N, E of each station."""
    traces = []
    for station, channels in zip(network, counts, strict=True):
        for component, samples in zip(COMPONENTS_ZNE, channels, strict=True):
            header = {
                "network": station.network,
                "station": station.code,
                "location": station.location,
                "channel": recording.channel_prefix + component,
                "sampling_rate": recording.sampling_rate_hz,
                "starttime": obspy.UTCDateTime(start_time_s),
            }
            traces.append(obspy.Trace(samples, header))
    return obspy.Stream(traces)


def to_inventory(network: Network, stream: obspy.Stream, recording: Recording) -> obspy.Inventory:
    """StationXML of the network, with the true sensitivity of every channel; dated as the waveforms are."""
    stated = recording.instrument.sensitivity
    inventory = make_inventory(network, stream, {trace.id: stated for trace in stream})
    inventory.created = stream[0].stats.starttime  # not now: the same seed gives the same file
    return inventory


def add_at(
    total: Float[np.ndarray, "3 time"], record: Float[np.ndarray, "3 length"], start_sample: int
) -> None:
    """Add a record to a longer trace in place, cut where it sticks out."""
    first, last = max(start_sample, 0), min(start_sample + record.shape[1], total.shape[1])
    if first < last:
        total[:, first:last] += record[:, first - start_sample : last - start_sample]
