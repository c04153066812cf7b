"""Plain values from outside, checked: each is returned as what it should be, or an error names it."""

import math
import re
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np

LONGEST_SHOWN = 200  # characters of a value in a message


def number(name: str, value: object, least: float = -math.inf, most: float = math.inf) -> float:
    """`value` as a finite float from `least` to `most`; ValueError with the name and the value otherwise."""
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
        if math.isfinite(found) and least <= found <= most:
            return found
    raise ValueError(f"{name} must be a number{_bounds(least, most)}, got {shown(value)}")


def positive(name: str, value: object, most: float = math.inf) -> float:
    """As `number`, above zero."""
    return number(name, value, math.ulp(0.0), most)


def whole(name: str, value: object, least: int, most: int | None = None) -> int:
    """`value` as an int from `least` to `most`; ValueError with the name and the value otherwise."""
    if isinstance(value, Integral) and not isinstance(value, bool | np.bool_):
        found = int(value)
        if found >= least and (most is None or found <= most):
            return found
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
    raise ValueError(f"{name} must be a whole number {bounds}, got {shown(value)}")


def listed(name: str, values: object, count: int | None = None) -> Sequence[object]:
    """`values` as a list or tuple (of so many); ValueError with the name and the value otherwise."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if not isinstance(values, list | tuple) or (count is not None and len(values) != count):
        raise ValueError(
            f"{name} must be a list of {'' if count is None else f'{count} '}values: {shown(values)}"
        )
    return values


def numbers(
    name: str, values: object, count: int | None = None, least: float = -math.inf, most: float = math.inf
) -> tuple[float, ...]:
    """`values` as floats, each as in `number`."""
    return tuple(number(name, value, least, most) for value in listed(name, values, count))


def text(name: str, value: object) -> str:
    """`value` as a string of printable characters, not empty; ValueError with the name otherwise."""
    if isinstance(value, str) and value.strip() and value.isprintable():
        return value
    raise ValueError(f"{name} must be a text of printable characters, got {shown(value)}")


def _bounds(least: float, most: float) -> str:
    if least == math.ulp(0.0):
        return " above 0" if math.isinf(most) else f" above 0 and at most {most:g}"
    if math.isinf(least) and math.isinf(most):
        return ""
    if math.isinf(most):
        return f" of at least {least:g}"
    return f" of at most {most:g}" if math.isinf(least) else f" from {least:g} to {most:g}"


def shown(value: object) -> str:
    """The value as messages show it: not pages of it."""
    try:
        shown = repr(value.item() if isinstance(value, np.generic) else value)
    except ValueError:  # Python writes no integer of more than 4300 digits
        return f"a {type(value).__name__} too long to write"
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}..."


def false_encoding(content: bytes) -> str:
    """What to do about XML whose letters are not what its first line says, or nothing where they are."""
    stated = re.search(rb"""encoding=["']([^"']+)""", content[:200])
    encoding = stated[1].decode("ascii", "replace") if stated else "utf-8"
    try:
        content.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        said = f"states encoding={encoding!r}" if stated else "states none, which is UTF-8"
        return f"; its first line {said}, and that is not what it is in ({error}): state what it is"
    return ""
