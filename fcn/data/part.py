"""Less of a sequence: some of its minutes, some of its stations."""

from dataclasses import replace

import numpy as np
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


def some_minutes(sequence: Sequence, minutes: float | None, from_minute: float = 0.0) -> Sequence:
    """What was recorded for so many minutes from so long after its start; all of it for None, from 0.

    The catalogue stays whole: what counts of it is what `Sequence.watched` holds.
    Raises ValueError for less than a tenth of one, and where there is nothing any more.
    """
    if minutes is None and from_minute == 0:
        return sequence
    checked.number("budget.from_minute", from_minute, 0.0)
    rate_hz = sequence.sampling_rate_hz
    n_level = samples_in(LEVEL_BLOCK_S, rate_hz)
    start, end = round(from_minute * _S_PER_MINUTE * rate_hz) // n_level * n_level, sequence.n_samples
    if minutes is not None:
        checked.number("budget.minutes or validation.minutes", minutes, 0.1)
        end = min(start + round(minutes * _S_PER_MINUTE * rate_hz) // n_level * n_level, end)
    if start >= end:
        raise ValueError(
            f"budget.from_minute={from_minute:g} is beyond the end of {sequence.name!r}, which is "
            f"{sequence.n_samples / rate_hz / _S_PER_MINUTE:.3g} minutes long: begin earlier"
        )
    start_s, end_s = (sequence.start_time_s + sample / rate_hz for sample in (start, end))
    return replace(
        sequence,
        start_time_s=start_s,
        **{name: getattr(sequence, name)[..., start:end] for name in _OF_STATIONS},
        stream=sequence.stream.between(start_s, end_s),
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
        stream=sequence.stream.of_stations(each.id for each in network),
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
