"""Less of a sequence: its first minutes, some of its stations."""

from dataclasses import replace

import numpy as np
import obspy
from jaxtyping import Float

from fcn import checked
from fcn.constants import ENOUGH_STATIONS
from fcn.data.sequences import Sequence
from fcn.geometry.network import Network
from fcn.seeding import Purpose, derive_rng
from fcn.waveform.amplitude import samples_in
from fcn.waveform.level import LEVEL_BLOCK_S

_OF_STATIONS = ("narrow", "broad", "known")
_S_PER_MINUTE = 60.0


def first_minutes(sequence: Sequence, minutes: float | None) -> Sequence:
    """What was recorded until so many minutes after its start; all of it for None.

    The catalogue stays whole: what counts of it is what `Sequence.watched` holds.
    Raises ValueError for less than a tenth of one.
    """
    if minutes is None:
        return sequence
    checked.number("budget.minutes or validation_minutes", minutes, 0.1)
    rate_hz = sequence.sampling_rate_hz
    n_level = samples_in(LEVEL_BLOCK_S, rate_hz)
    end = min(round(minutes * _S_PER_MINUTE * rate_hz) // n_level * n_level, sequence.n_samples)
    return replace(
        sequence,
        **{name: getattr(sequence, name)[..., :end] for name in _OF_STATIONS},
        stream=sequence.stream.slice(
            endtime=obspy.UTCDateTime(sequence.start_time_s + end / rate_hz), nearest_sample=False
        ),
    )


def some_stations(sequence: Sequence, count: int | None, seed: int) -> Sequence:
    """As if only `count` of its stations were there, drawn at random; all of them for None.

    Of one seed, fewer stations are among those of more. Frame, box and catalogue stay, and with it the first
    P at any station. Raises ValueError for more stations than there are, or too few to locate.
    """
    if count is None:
        return sequence
    checked.whole("subset.n_stations", count, ENOUGH_STATIONS)
    stations = tuple(sequence.network)
    if count > len(stations):
        raise ValueError(
            f"subset.n_stations={count}, and {sequence.name!r} has {len(stations)} stations: draw fewer"
        )
    drawn = np.sort(derive_rng(seed, Purpose.SUBSET).permutation(len(stations))[:count])
    network = Network(tuple(stations[i] for i in drawn))
    return replace(
        sequence,
        network=network,
        stream=obspy.Stream(
            [trace for each in network for trace in sequence.stream.select(*each.id.split("."))]
        ),
        uses=tuple(sequence.uses[i] for i in drawn),
        **{name: getattr(sequence, name)[drawn] for name in _OF_STATIONS},
    )


def station_spacing_km(station_km: Float[np.ndarray, "station 3"]) -> float | None:
    """Median distance of a station to the nearest other one, km along the surface; None of a single one."""
    if len(station_km) < 2:
        return None
    apart_km = np.hypot(*(station_km[:, None, axis] - station_km[None, :, axis] for axis in (0, 1)))
    np.fill_diagonal(apart_km, np.inf)
    return float(np.median(apart_km.min(axis=1)))
