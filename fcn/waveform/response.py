"""What a channel measures and in which direction, from StationXML."""

import functools
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import obspy
from jaxtyping import Float64
from obspy.core.inventory.response import InstrumentSensitivity

log = logging.getLogger(__name__)

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


# Counts per m/s or m/s2: a 12-bit accelerometer has 1e2, data in nm/s 1e9, a seismometer at 24 bits to 1e11.
PLAUSIBLE = (1e-3, 1e15)


@dataclass(frozen=True)
class Sensitivity:
    """Counts per m/s ("velocity") or per m/s2 ("acceleration"), in the flat part of the response.

    Negative where the polarity is reversed. Raises ValueError for a value that no instrument has.
    """

    value: float
    measurement: str

    def __post_init__(self) -> None:
        if not PLAUSIBLE[0] <= abs(self.value) <= PLAUSIBLE[1]:
            unit = "m/s" if self.measurement == "velocity" else "m/s2"
            raise ValueError(
                f"a sensitivity of {self.value:g} counts per {unit} is none of an instrument "
                f"({PLAUSIBLE[0]:g} to {PLAUSIBLE[1]:g}): state the right one"
            )


def channel_response(inventory: obspy.Inventory, seed_id: str, time_s: float) -> Sensitivity:
    """Overall sensitivity of channel "NET.STA.LOC.CHA" at a POSIX time, as `overall_sensitivity` has it.

    Raises ValueError, naming the channel and the remedy, where StationXML does not describe it, gives no
    sensitivity, an impossible one, or one of something else than counts of velocity or acceleration.
    """
    stated = overall_sensitivity(_channel(inventory, seed_id, time_s), seed_id)
    if stated is None:
        raise ValueError(
            f"{seed_id} has no instrument sensitivity in StationXML, and counts without one are no ground "
            "motion: add InstrumentSensitivity or the gains of all stages to the channel, or make the "
            "sequence again with python -m fcn.build_sequence ... "
            "sensitivity_counts_per_mps=<counts per m/s>, which holds for the channels that state none"
        )
    unit, output = str(stated.input_units).upper(), str(stated.output_units).upper()
    if unit not in INPUT_UNITS:
        raise ValueError(f"{seed_id} measures {stated.input_units!r}; known are {', '.join(INPUT_UNITS)}")
    if output not in COUNT_UNITS:
        raise ValueError(
            f"{seed_id}: the sensitivity in StationXML gives {stated.output_units!r}, not counts; state that "
            "of the whole channel, digitiser included"
        )
    try:
        return Sensitivity(float(stated.value), INPUT_UNITS[unit])
    except ValueError as error:
        raise ValueError(f"{seed_id} in StationXML: {error}") from error


def overall_sensitivity(channel: Any, seed_id: str) -> InstrumentSensitivity | None:
    """What a channel of StationXML states, else the product of the gains of its stages; None without either.

    The product is what SEED 2.4 (blockette 58, stage 0) calls the channel's sensitivity; it holds at the
    frequency at which the first stage, the sensor, states its gain. Zero, which some programs write for a
    sensitivity that is missing, states none.
    """
    response = channel.response
    stated = response.instrument_sensitivity if response is not None else None
    if stated is not None and stated.value:
        return stated
    stages = response.response_stages if response is not None else []
    if not stages or not all(stage.stage_gain for stage in stages):
        return None
    first, last = stages[0], stages[-1]
    value, at_hz = math.prod(float(stage.stage_gain) for stage in stages), first.stage_gain_frequency
    _say(
        f"{seed_id}: sensitivity {value:g}, the product of its {len(stages)} stages' gains, "
        f"holds at {at_hz} Hz"
    )
    return InstrumentSensitivity(value, at_hz, first.input_units, last.output_units)


@functools.cache
def _say(message: str) -> None:
    """Once: a channel is asked for its sensitivity many times."""
    log.info(message)


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
