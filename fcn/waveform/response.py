"""What a channel measures and in which direction, from StationXML."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import obspy
from jaxtyping import Float64

INPUT_UNITS = {
    "M/S": "velocity",
    "M/S**2": "acceleration",
    "M/S/S": "acceleration",
    "M/S^2": "acceleration",
    "M/(S**2)": "acceleration",
}
COUNT_UNITS = ("COUNTS", "COUNT")
# Unit vectors (up, north, east) of channels that carry their direction in the last letter.
NAMED_DIRECTIONS = {"Z": (1.0, 0.0, 0.0), "N": (0.0, 1.0, 0.0), "E": (0.0, 0.0, 1.0)}


@dataclass(frozen=True)
class Sensitivity:
    """Counts per m/s ("velocity") or per m/s2 ("acceleration"), in the flat part of the response."""

    value: float
    measurement: str


def channel_response(inventory: obspy.Inventory, seed_id: str, time_s: float) -> Sensitivity:
    """Overall sensitivity of channel "NET.STA.LOC.CHA" at a POSIX time.

    Raises ValueError, naming the channel and the remedy, where StationXML does not describe it, gives no
    sensitivity, or one of something else than counts of velocity or acceleration.
    """
    channel = _channel(inventory, seed_id, time_s)
    stated = channel.response.instrument_sensitivity if channel.response is not None else None
    if stated is None or not stated.value:
        raise ValueError(
            f"{seed_id} has no instrument sensitivity in StationXML, and counts without one are no ground "
            "motion: add InstrumentSensitivity to the channel, or make the file again with "
            "python -m fcn.build_sequence ... sensitivity_counts_per_mps=<counts per m/s>"
        )
    unit, output = str(stated.input_units).upper(), str(stated.output_units).upper()
    if unit not in INPUT_UNITS:
        raise ValueError(f"{seed_id} measures {stated.input_units!r}; known are {', '.join(INPUT_UNITS)}")
    if output not in COUNT_UNITS:
        raise ValueError(
            f"{seed_id}: the sensitivity in StationXML gives {stated.output_units!r}, not counts; state that "
            "of the whole channel, digitiser included"
        )
    return Sensitivity(float(stated.value), INPUT_UNITS[unit])


def directions(
    inventory: obspy.Inventory, seed_ids: Sequence[str], time_s: float
) -> Float64[np.ndarray, "channel 3"]:
    """Unit vectors (up, north, east) of channels, from azimuth and dip, else from Z, N, E in their codes.

    Raises ValueError where neither tells.
    """
    vectors = []
    for seed_id in seed_ids:
        channel = _channel(inventory, seed_id, time_s)
        if channel.azimuth is not None and channel.dip is not None:
            vectors.append(direction(float(channel.azimuth), float(channel.dip)))
        elif seed_id[-1] in NAMED_DIRECTIONS:
            vectors.append(NAMED_DIRECTIONS[seed_id[-1]])
        else:
            raise ValueError(
                f"{seed_id} points nobody knows where: its code does not end in Z, N or E and StationXML "
                "gives no azimuth and dip; add them to the channel"
            )
    return np.array(vectors, dtype=np.float64)


def direction(azimuth_deg: float, dip_deg: float) -> tuple[float, float, float]:
    """Unit vector (up, north, east); dip is positive down, as in SEED: -90 for an upward vertical."""
    azimuth, dip = math.radians(azimuth_deg), math.radians(dip_deg)
    return -math.sin(dip), math.cos(dip) * math.cos(azimuth), math.cos(dip) * math.sin(azimuth)


def _channel(inventory: obspy.Inventory, seed_id: str, time_s: float) -> Any:
    """The epoch of a channel that covers a time."""
    codes = seed_id.split(".")
    if len(codes) != 4:
        raise ValueError(f"{seed_id!r} is not a channel id of the form NET.STA.LOC.CHA")
    epochs = [
        channel
        for network in inventory
        if network.code == codes[0]
        for station in network
        if station.code == codes[1]
        for channel in station
        if (channel.location_code or "", channel.code) == (codes[2], codes[3])
    ]
    time = obspy.UTCDateTime(time_s)
    for channel in epochs:
        late = channel.start_date is not None and time < channel.start_date
        over = channel.end_date is not None and time > channel.end_date
        if not late and not over:
            return channel
    spans = "; ".join(f"{channel.start_date} to {channel.end_date}" for channel in epochs)
    raise ValueError(
        f"StationXML does not describe {seed_id} at {time}"
        + (f": it has {spans}" if epochs else "; add the channel, or leave its data out")
    )
