"""Sensitivity of a channel as a whole, from what StationXML states and from the stages of its response."""

import functools
import itertools
import logging
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from obspy.core.inventory.response import (
    InstrumentSensitivity,
    PolesZerosResponseStage,
    PolynomialResponseStage,
)

from fcn.waveform.units import COUNTS, are_counts, measured

log = logging.getLogger(__name__)

MAY_DIFFER = 0.2  # relative, 0.08 of a magnitude; response files of good networks differ by 0.13
LOW_HZ, HIGH_HZ = 2.0, 8.0  # local earthquakes are read between them
HZ_TO_S = {"LAPLACE (RADIANS/SECOND)": 2j * math.pi, "LAPLACE (HERTZ)": 1j}  # of poles and zeros


def overall_sensitivity(channel: Any, seed_id: str) -> InstrumentSensitivity | None:
    """That of a channel of StationXML in the flat part of its response; None where nothing says.

    It is what the channel states, unless all stages are there and contradict it: then, with a warning, the
    product of their gains, which SEED 2.4 (blockette 58, stage 0) calls the channel's sensitivity, and by
    which evalresp (IRIS) goes as well. The product also stands in for one that is not stated; zero, which
    some programs write for a missing one, states none.

    Either may hold at a frequency at which the first stage, the sensor, responds less than it does to local
    earthquakes, as a 4.5 Hz geophone at 1 Hz: where the stages bear that out it is taken to where it does
    not, with a warning.
    """
    response = channel.response
    stated = response.instrument_sensitivity if response is not None else None
    stages = response.response_stages if response is not None else []
    product = _product(stages)
    if stated is None or not stated.value:
        if product is None:
            return None
        told = f"{seed_id}: sensitivity {product.value:g}, the product of its {len(stages)} stages' gains, "
        _say(f"{told}holds at {product.frequency} Hz")
        return _in_flat_part(product, stages[0], seed_id)
    if product is not None and _differ(stated, product, stages):
        warn_once(
            f"{seed_id}: StationXML states a sensitivity of {float(stated.value):g} counts per "
            f"{stated.input_units}, and the gains of its {len(stages)} stages make {product.value:g} per "
            f"{product.input_units}: the stages count; mend what is wrong",
        )
        return _in_flat_part(product, stages[0], seed_id)
    if product is not None and float(stated.value) * float(product.value) < 0.0:
        warn_once(
            f"{seed_id}: StationXML states a sensitivity of {float(stated.value):g} counts, and the gains of "
            f"its {len(stages)} stages make {product.value:g}: which way is up? The stated sign counts",
        )
    # a frequency that no stages bear out may be the one of another instrument
    return stated if product is None else _in_flat_part(stated, stages[0], seed_id)


def _product(stages: Sequence[Any]) -> InstrumentSensitivity | None:
    """Of the gains of all stages; None where one is missing, or is no factor."""
    if not stages or not all(stage.stage_gain and math.isfinite(stage.stage_gain) for stage in stages):
        return None
    if any(isinstance(stage, PolynomialResponseStage) for stage in stages) or not _is_chain(stages):
        return None
    first, last = stages[0], stages[-1]
    value = math.prod(float(stage.stage_gain) for stage in stages)
    return InstrumentSensitivity(value, first.stage_gain_frequency, first.input_units, last.output_units)


def _is_chain(stages: Sequence[Any]) -> bool:
    """Whether the stages are numbered through, and each begins with what the one before gives."""
    numbers = [stage.stage_sequence_number for stage in stages]
    joints = [(_unit(a.output_units), _unit(b.input_units)) for a, b in itertools.pairwise(stages)]
    return numbers == list(range(1, len(stages) + 1)) and all(a == b for a, b in joints if a and b)


def _unit(text: str | None) -> str:
    """In one spelling; empty where it is not stated, as of stages that are a gain alone."""
    return COUNTS if are_counts(text) else (text or "").strip().upper().removesuffix("S")


def _differ(stated: InstrumentSensitivity, product: InstrumentSensitivity, stages: Sequence[Any]) -> bool:
    """Whether two sensitivities, both of counts of velocity or acceleration, are not the same."""
    if not all(are_counts(each.output_units) for each in (stated, product)):
        return False
    a, b = measured(str(stated.input_units)), measured(str(product.input_units))
    if a is None or b is None:
        return False
    if a[0] != b[0]:  # one number of the other kind is another motion, however alike the numbers are
        return not _is_made_another(stages, b[0])
    said, made = abs(float(stated.value)) / a[1], abs(float(product.value)) / b[1]
    there, here = _amplitudes(stated, stages[0], stated.frequency, product.frequency)
    return math.isfinite(said) and abs(made / said * there / here - 1.0) > MAY_DIFFER


def _is_made_another(stages: Sequence[Any], given: str) -> bool:
    """Whether counts follow the other kind of motion than the sensor is given, as after an integrator.

    Then the response to what is given falls with frequency as velocity does beside acceleration, or rises.
    """
    rise = 1.0
    for stage in stages:
        at_hz = _response(stage, LOW_HZ, HIGH_HZ)
        rise *= at_hz[1] / at_hz[0]
    of_other = LOW_HZ / HIGH_HZ if given == "acceleration" else HIGH_HZ / LOW_HZ
    return abs(math.log(rise / of_other)) < abs(math.log(rise))


def _in_flat_part(found: InstrumentSensitivity, sensor: Any, seed_id: str) -> InstrumentSensitivity:
    """A sensitivity that holds where earthquakes are read, from one that holds at its frequency."""
    share = _share(found, sensor)
    if share > 1.0 - MAY_DIFFER:
        return found
    value = float(found.value) / share
    warn_once(
        f"{seed_id}: its sensitivity of {float(found.value):g} holds at {float(found.frequency):g} Hz, where "
        f"its sensor responds with {share:.2g} of what it does at {HIGH_HZ:g} Hz: "
        f"{value:g} is taken",
    )
    return InstrumentSensitivity(value, HIGH_HZ, found.input_units, found.output_units)


def _share(found: InstrumentSensitivity, sensor: Any) -> float:
    """Response at a sensitivity's frequency over that where earthquakes are read; 1 if not known.

    Only of frequencies below, and of a response that is flat where it is to hold.
    """
    here, high, higher = _amplitudes(found, sensor, found.frequency, HIGH_HZ, 2.0 * HIGH_HZ)
    is_below = found.frequency is not None and found.frequency < LOW_HZ
    return here / high if is_below and abs(higher / high - 1.0) < MAY_DIFFER else 1.0


def _amplitudes(found: InstrumentSensitivity, sensor: Any, *at_hz: float | None) -> list[float]:
    """Response of the sensor to a kind of motion, all to one factor; 1 where it is not known."""
    unknown = [1.0] * len(at_hz)
    if not isinstance(sensor, PolesZerosResponseStage) or not all(at_hz):
        return unknown
    a, b = measured(str(found.input_units)), measured(str(sensor.input_units))
    return unknown if a is None or b is None or a[0] != b[0] else _response(sensor, *at_hz)


def _response(stage: Any, *at_hz: float | None) -> list[float]:
    """Of a stage to what it is given, all to one factor; 1 where it is not known."""
    unknown = [1.0] * len(at_hz)
    to_s = HZ_TO_S.get(getattr(stage, "pz_transfer_function_type", ""))
    if to_s is None:
        return unknown
    zeros, poles = (np.array(each, dtype=complex) for each in (stage.zeros, stage.poles))
    s = to_s * np.array(at_hz, dtype=float)[:, None]
    response = np.abs(np.prod(s - zeros, axis=1) / np.prod(s - poles, axis=1))
    return response.tolist() if np.isfinite(response).all() and (response > 0.0).all() else unknown


@functools.cache
def _say(message: str) -> None:
    """Once: a channel is asked for its sensitivity many times."""
    log.info(message)


@functools.cache
def warn_once(message: str) -> None:
    """The same."""
    log.warning(message)
