"""What values a configuration may hold: what its classes are annotated with, within what their units allow.

No list of keys is kept: a value under a `_target_` of the package is checked against the annotation of that
parameter, and any number against the unit in its key (`window_s`, `half_width_km`), as every name of the
package states it. Names of other packages promise nothing (`n_jobs: -1`): of what is theirs only NaN is
refused.

Credentials are refused wherever they are: a configuration is written into manifests, checkpoints and logs.
"""

import functools
import inspect
import math
import re
import types
import typing
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from hydra.utils import get_object

from fcn.checked import shown

OURS = "fcn."
OF_LIGHTNING = "trainer"  # the top-level key of what has no _target_ and is another package's all the same
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
LARGEST = 1e9  # of what has no unit: weights, counts, ratios
LARGEST_SEED = 2**63

# Endings of keys, and what is within reason; the first that fits counts.
UNITS: Mapping[str, tuple[float, float]] = {
    "time_s": (-2.3e9, 7.3e9),  # POSIX, 1897 to 2201
    "_s": (-1e7, 1e7),
    "_kmps": (0.0, 20.0),
    "_mps": (0.0, 1e3),
    "_hz": (0.0, 1e6),
    "_km": (-20_038.0, 20_038.0),  # half around the equator
    "_deg": (-360.0, 360.0),
    "_db": (-1e3, 1e3),
    "_gpcm3": (0.0, 20.0),
    "_fraction": (0.0, 1.0),
    "_share": (0.0, 1.0),
    "_probability": (0.0, 1.0),
}
PER_MOTION = "counts_per_mps"  # sensitivities, from metres per second as they are to nm/s and beyond
SENSITIVITY = (1e-3, 1e15)
COUNTS = ("seed", "count", "workers", "n")  # and what begins with n_
_SECRET = "(?:api_?key|passw(?:or)?d|secret|token)"
CREDENTIAL = re.compile(rf"(?:^|_){_SECRET}$", re.IGNORECASE)  # of keys
TELLING = re.compile(rf"://[^/?#\s]*@|[?&][^=&\s]*{_SECRET}=[^&\s]", re.IGNORECASE)  # of addresses in texts
UNBOUNDED = ("q", "limits", "min_snr_db")  # keys that may be infinite: conf/ says what that means


def check(node: object, place: str = "", *, ours: bool = True) -> None:
    """Raise ValueError naming the first key, with its value, that its class or its unit cannot have.

    Of one that holds a credential the value is not repeated. node: a plain configuration. place: what to call
    it. ours: whether its keys are names of the package, as far as no `_target_` in it says otherwise.
    """
    if isinstance(node, Mapping):
        for key, value in node.items():
            if _is_credential(str(key), value):
                raise ValueError(_refused(f"{place}.{key}" if place else str(key)))
        target = node.get("_target_")
        _check_parameters(node, target, place)
        if isinstance(target, str):
            ours = target.startswith(OURS)
        for key, value in node.items():
            inner = f"{place}.{key}" if place else str(key)
            if ours and inner != OF_LIGHTNING:
                _check_numbers(str(key), value, inner, typed=target is not None)
            check(value, inner, ours=ours and inner != OF_LIGHTNING)
    elif isinstance(node, list | tuple):
        for i, value in enumerate(node):
            check(value, f"{place}[{i}]", ours=ours)
    elif isinstance(node, str) and TELLING.search(node):
        raise ValueError(_refused(place))
    elif isinstance(node, float) and math.isnan(node):
        raise ValueError(f"{place} must be a number, got {shown(node)}")


def _is_credential(key: str, value: object) -> bool:
    """Whether a value is one, by its key or as an address; how many tokens there are is none."""
    if isinstance(value, str) and TELLING.search(value):
        return True
    if isinstance(value, bool) or value is None or value == "" or not CREDENTIAL.search(key):
        return False
    return not (isinstance(value, int | float) and key.lower().endswith("token"))


def _refused(place: str) -> str:
    """Why, without the value."""
    return (
        f"{place} holds a user or a password, and a configuration is written into manifests, checkpoints "
        "and logs: leave it out (W&B takes `wandb login` or WANDB_API_KEY, the others a file: "
        "credentials_file, token_file, password_file), and remove it from the run's folder in logs/, where "
        "Hydra keeps the command line (.hydra, and multirun.yaml of a sweep)"
    )


def _check_parameters(node: Mapping[Any, Any], target: object, place: str) -> None:
    """The values of one class's parameters."""
    if not isinstance(node.get("_partial_", False), bool):
        raise ValueError(f"{place}._partial_ must be true or false, got {shown(node['_partial_'])}")
    if "_target_" in node and not (isinstance(target, str) and DOTTED.fullmatch(target)):
        raise ValueError(f"{place}._target_ must be the full name of a class, got {shown(target)}")
    if not isinstance(target, str) or not target.startswith(OURS):
        return
    hints = _annotations(target)
    if hints is None:
        return
    for key, value in node.items():
        if str(key) in ("_target_", "_partial_", "_args_", "_recursive_", "_convert_"):
            continue
        inner = f"{place}.{key}" if place else str(key)
        if key not in hints:
            raise ValueError(f"{inner} is unknown: {target} takes {', '.join(hints)}")
        if (wanted := _misfit(hints[key], value)) is not None:
            raise ValueError(f"{inner} must be {wanted}, got {shown(value)}")


@functools.cache
def _annotations(target: str) -> Mapping[str, Any] | None:
    """Of each parameter; None where it takes any."""
    try:
        parameters = inspect.signature(get_object(target)).parameters
    except Exception:  # a name that is not there: whoever builds it says so
        return None
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return None
    return {name: each.annotation for name, each in parameters.items()}


def _misfit(hint: Any, value: object) -> str | None:
    """What a parameter of this annotation wants where the value is something else; None where it fits."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        wanted = [_misfit(each, value) for each in inner]
        return None if None in wanted else " or ".join(str(each) for each in wanted)
    if origin is typing.Literal:
        return None if value in inner else f"one of {', '.join(map(str, inner))}"
    if origin in (list, tuple, Sequence):
        return _misfit_list(inner, value, fixed=origin is tuple and Ellipsis not in inner)
    if origin in (dict, Mapping):
        if not isinstance(value, Mapping):
            return "a mapping"
        faults = (_misfit(inner[1], each) for each in value.values())
        return next((f"a mapping to {fault}" for fault in faults if fault), None)
    plain = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "a text",
        type(None): "null",
    }
    if hint in plain:
        return None if _is_a(hint, value) else plain[hint]
    if isinstance(value, Mapping) and "_target_" in value:
        return None  # an object, once it is built
    described = inspect.isclass(hint) and hint.__module__.startswith(OURS)
    return f"a mapping whose _target_ is a {hint.__name__}" if described else None


def _misfit_list(inner: tuple[Any, ...], value: object, *, fixed: bool) -> str | None:
    if not isinstance(value, list | tuple):
        return "a list"
    if fixed and len(value) != len(inner):
        return f"a list of {len(inner)}"
    hints = inner if fixed else [inner[0]] * len(value)
    faults = (_misfit(hint, each) for hint, each in zip(hints, value, strict=True))
    return next((f"a list of which each is {fault}" for fault in faults if fault), None)


def _is_a(hint: Any, value: object) -> bool:
    if hint is float:
        return isinstance(value, Real) and not isinstance(value, bool)
    return isinstance(value, hint) and not (hint is int and isinstance(value, bool))


def _check_numbers(key: str, value: object, place: str, *, typed: bool) -> None:
    """The numbers of one key, also those in a list: finite, and as large as its unit allows."""
    low, high = _bounds(key)
    for each in value if isinstance(value, list | tuple) else [value]:
        if each is None or isinstance(each, Mapping | list | tuple):
            continue
        if high == LARGEST_SEED and (
            not isinstance(each, int) or isinstance(each, bool) or not 0 <= each < LARGEST_SEED
        ):
            raise ValueError(f"{place} must be a whole number of at least 0, got {shown(value)}")
        if not isinstance(each, Real) or isinstance(each, bool):
            if (low, high) != (-LARGEST, LARGEST) and not typed:
                raise ValueError(f"{place} must be a number (its unit is in its name), got {shown(value)}")
            continue
        quantity: Any = each  # Python's int may be too large for a float, and is compared all the same
        unbounded = abs(quantity) == math.inf and any(part in UNBOUNDED for part in place.split("."))
        if not unbounded and not low <= quantity <= high:  # NaN is not
            raise ValueError(f"{place} must be within {low:g} to {high:g}, got {shown(value)}")


def _bounds(key: str) -> tuple[float, float]:
    if key.endswith((PER_MOTION, f"{PER_MOTION}2")):
        return SENSITIVITY
    if "_per_" not in key:
        for ending, bounds in UNITS.items():
            if key.endswith(ending):
                return bounds
    if key in COUNTS or key.startswith("n_") or key.endswith("_seed"):
        return 0.0, LARGEST_SEED
    return -LARGEST, LARGEST
