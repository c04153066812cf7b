"""Which instruments of a station are asked for, and in which order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import obspy

from fcn.fetch.source import ACCELEROMETER


@dataclass(frozen=True, order=True)
class Instrument:
    """Channels "NET.STA", location, and the band and instrument codes they share."""

    station_id: str
    location: str
    code: str

    @property
    def name(self) -> str:
        """As "NET.STA.LOC.HH?"."""
        return f"{self.station_id}.{self.location}.{self.code}?"

    @property
    def is_accelerometer(self) -> bool:
        """Whether SEED's code says so."""
        return self.code[1] == ACCELEROMETER


def instruments_of(station_id: str, stations: Iterable[obspy.core.inventory.Station]) -> list[Instrument]:
    """All that the epochs of a station describe."""
    return sorted(
        {
            Instrument(station_id, (channel.location_code or "").strip(" -"), channel.code[:2])
            for station in stations
            for channel in station
        }
    )


def in_order(
    instruments: Sequence[Instrument],
    n_channels: dict[Instrument, int],
    wanted: Sequence[str],
    *,
    accelerometer_too: bool,
) -> list[list[Instrument]]:
    """Lists of instruments, the best first: of each list the first that delivers is enough.

    wanted: codes, the best first. Among those of one code come most components (up to three), then the lowest
    location code. One list, or with accelerometer_too one of seismometers and one of accelerometers.
    """
    best = sorted(
        (each for each in instruments if each.code in wanted),
        key=lambda each: (wanted.index(each.code), -min(n_channels[each], 3), each.location),
    )
    if not accelerometer_too:
        return [best] if best else []
    kinds = [[each for each in best if each.is_accelerometer is kind] for kind in (False, True)]
    return [kind for kind in kinds if kind]
