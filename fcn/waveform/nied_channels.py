"""NIED's channel table (.ch): what each channel of a WIN32 file measures, and where."""

import codecs
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import obspy

from fcn.geometry.network import Station
from fcn.waveform.response import Sensitivity
from fcn.waveform.units import measured

NETWORK = "BO"  # FDSN code of NIED (Bosai-Ken), as ObsPy gives K-NET too
COMPONENTS = {"U": "Z", "Z": "Z", "N": "N", "E": "E"}
BROADBAND_PERIOD_S = 10.0  # SEED: E below, H from 10 s of corner period on, at 80 samples a second or more
N_COLUMNS = 16


@dataclass(frozen=True)
class NiedChannel:
    """One line of the table. sensitivity: counts per m/s or m/s2, from sensor, amplifier and digitiser."""

    number: int
    station: Station
    component: str
    sensitivity: Sensitivity
    natural_period_s: float

    @property
    def seed_id(self) -> str:
        """NET.STA.LOC.CHA; the location is the second letter of component codes that have one (UB, US)."""
        band = "H" if self.natural_period_s >= BROADBAND_PERIOD_S else "E"
        instrument = "N" if self.sensitivity.measurement == "acceleration" else "H"
        if instrument == "N":
            band = "H"
        code = f"{band}{instrument}{COMPONENTS[self.component[0]]}"
        return f"{self.station.id}.{self.component[1:]}.{code}"

    def trace(self, counts: np.ndarray, rate_hz: float, start_s: float) -> obspy.Trace:
        """Counts as a trace of this channel."""
        made = obspy.Trace(counts)
        made.id = self.seed_id
        made.stats.sampling_rate = rate_hz
        made.stats.starttime = obspy.UTCDateTime(start_s)
        return made


def read_channel_table(path: str | Path) -> dict[int, NiedChannel]:
    """Channels by number. Columns, separated by blanks (NIED; `#` starts a comment):

    number (hexadecimal), recording flag, delay, station, component, monitor scale, A/D bits, sensitivity in
    V per unit, unit, natural period (s), damping, amplifier gain (dB), A/D step (V), latitude, longitude
    (degrees), height (m), corrections and a name. Channels of another unit than velocity or acceleration, or
    of another component than U, N, E, are left out.
    Raises FileNotFoundError, and ValueError naming the line that lacks coordinates, makes no sense, or gives
    another channel a number that has one.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no channel table {path}")
    channels: dict[int, NiedChannel] = {}
    # Names in the last column are Japanese in one of several encodings, of which UTF-8 may begin with a mark.
    content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    for count, line in enumerate(content.decode("ascii", errors="replace").splitlines(), start=1):
        words = line.split("#")[0].split()
        if not words:
            continue
        try:
            channel = _channel(words)
        except (ValueError, IndexError) as error:
            raise ValueError(f"{path}, line {count}: {error}") from error
        if channel is not None:
            add_channel(channels, channel, f"{path}, line {count}")
    if not channels:
        raise ValueError(f"{path} lists no channels of velocity or acceleration")
    return channels


def add_channel(channels: dict[int, NiedChannel], channel: NiedChannel, where: str) -> None:
    """Put a channel under its number; ValueError, saying where, if that is another one's."""
    there = channels.setdefault(channel.number, channel)
    if there != channel:
        what = "other values" if there.seed_id == channel.seed_id else there.seed_id
        raise ValueError(
            f"{where}: number {channel.number:04x} is {channel.seed_id}, and before it {what}: which of the "
            "two recorded the waveforms cannot be told; leave the other one out"
        )


def _channel(words: list[str]) -> NiedChannel | None:
    """The channel a line describes, None where it is of no use to us."""
    if len(words) < N_COLUMNS:
        raise ValueError(f"{len(words)} columns; latitude, longitude and height are columns 14 to 16")
    number, station, component = int(words[0], 16), words[3], words[4].upper()
    unit = measured(words[8])
    if unit is None or component[0] not in COMPONENTS:
        return None
    measurement, si_per_unit = unit
    per_unit_v, period_s, gain_db, step_v = (float(words[i]) for i in (7, 9, 11, 12))
    latitude_deg, longitude_deg, height_m = (float(word) for word in words[13:16])
    if latitude_deg == 0.0 and longitude_deg == 0.0:
        raise ValueError(f"station {station} has no coordinates (0, 0)")
    if not (step_v > 0.0 and per_unit_v != 0.0 and math.isfinite(per_unit_v + gain_db + step_v)):
        raise ValueError(
            f"station {station} has sensitivity {per_unit_v} V, gain {gain_db} dB and A/D step {step_v} V"
        )
    per_si = per_unit_v * 10.0 ** (gain_db / 20.0) / step_v / si_per_unit
    # "N.KMNH" is station KMNH of Hi-net; the letter before the point is NIED's own network.
    code = station.rpartition(".")[2]
    place = Station(NETWORK, code, "", latitude_deg, longitude_deg, height_m)
    return NiedChannel(number, place, component, Sensitivity(per_si, measurement), period_s)
