"""Dataclasses as lines of JSON and back, strictly.

A line is an object whose `schema` and `schema_version` say what it is, and whose other keys are the fields of
the dataclass. A field whose name ends in `time_s` is a moment: in JSON its name ends in `time_utc`, and it is
ISO 8601 to the microsecond, in UTC, as in 2016-04-14T12:26:34.250000Z. What reads accepts what writes, and
nothing else: no NaN, no key twice, no unknown or missing key.
"""

import datetime
import enum
import json
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from fcn.checked import listed, number, shown, text, whole

EARLIEST_S, LATEST_S = -2_208_988_800.0, 7_258_118_400.0  # 1900 and 2200: what has a time is of instruments
LARGEST_LINE = 1_000_000  # characters; an alert from a thousand stations has a hundredth of them
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)

Made = TypeVar("Made")


def name(key: str, value: object) -> str:
    """A name that may become that of a file, a topic, an identifier: letters, digits, and some of `._-`.

    It begins with a letter or digit, so that it is no hidden file, no parent folder, no option. Raises
    ValueError with the name and the value.
    """
    if isinstance(value, str) and NAME.fullmatch(value):
        return value
    raise ValueError(
        f"{key} must be 1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first: "
        f"got {shown(value)}"
    )


def moment(key: str, value: object) -> float:
    """A POSIX time from 1900 to 2200 to the microsecond; ValueError with the name and the value otherwise."""
    return round(number(key, value, EARLIEST_S, LATEST_S), 6)


def utc(time_s: float) -> str:
    """POSIX seconds as ISO 8601 UTC, to the microsecond."""
    return f"{_EPOCH + round(time_s * 1e6) * _MICROSECOND:%Y-%m-%dT%H:%M:%S.%fZ}"


def from_utc(key: str, value: object) -> float:
    """POSIX seconds of what `utc` writes, with fewer digits too; ValueError with the name and the value."""
    try:
        if isinstance(value, str) and _ISO.fullmatch(value):
            return moment(key, (datetime.datetime.fromisoformat(value) - _EPOCH) // _MICROSECOND / 1e6)
    except ValueError as error:  # the 31st of February
        raise ValueError(f"{key} is no time: {shown(value)} ({error})") from error
    raise ValueError(f"{key} must be a time like 2016-04-14T12:26:34.25Z, got {shown(value)}")


def to_line(schema: str, version: int, value: Any) -> str:
    """A dataclass as one line of JSON, without its end."""
    node = {"schema": schema, "schema_version": version, **_as_plain(value)}
    return json.dumps(node, allow_nan=False, ensure_ascii=True)


def from_line(
    schema: str,
    version: int,
    kind: type[Made],
    line: str,
    older: Mapping[int, Callable[[dict[str, Any]], None]] | None = None,
) -> Made:
    """The dataclass of a line; ValueError naming the key, with its value, that `to_line` would not write.

    older: by version before, what makes an object of it one of this version.
    """
    node = parsed(line)
    before = node.get("schema_version")
    if type(before) is int and before in (older or {}):
        (older or {})[before](node)
        node["schema_version"] = version
    for key, wanted in (("schema", schema), ("schema_version", version)):
        found = node.pop(key, None)
        if type(found) is not type(wanted) or found != wanted:
            raise ValueError(f"{key} must be {wanted!r}, got {shown(found)}")
    return _of_plain(kind, node, "")


def parsed(line: str) -> dict[str, Any]:
    """The JSON object that a text holds; ValueError for anything else, NaN and repeated keys too."""
    if len(line) > LARGEST_LINE:
        raise ValueError(
            f"a line of {len(line)} characters is none of ours, which have {LARGEST_LINE} at most"
        )
    try:
        node = json.loads(line, parse_constant=_no_constant, object_pairs_hook=_without_repeats)
    except RecursionError:
        raise ValueError(f"JSON is nested too deeply: {shown(line)}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON ({error}): {shown(line)}") from error
    if not isinstance(node, dict):
        raise ValueError(f"a JSON object is wanted, got {shown(line)}")
    return node


def _no_constant(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"a key stands twice: {shown(sorted({k for k in keys if keys.count(k) > 1}))}")
    return found


def _key(field_name: str) -> str:
    return re.sub("time_s$", "time_utc", field_name)


def _as_plain(value: Any) -> Any:
    if is_dataclass(value):
        return {
            _key(each.name): utc(content)
            if each.name.endswith("time_s") and content is not None
            else _as_plain(content)
            for each in fields(value)
            for content in (getattr(value, each.name),)
        }
    if isinstance(value, enum.Enum):
        return value.value
    return [_as_plain(each) for each in value] if isinstance(value, tuple) else value


def _of_plain(kind: type[Made], node: object, place: str) -> Made:
    """A dataclass of a JSON object at `place`."""
    if not isinstance(node, Mapping):
        raise ValueError(f"{place} must be an object, got {shown(node)}")
    hints = typing.get_type_hints(kind)
    wanted = {_key(each.name): each.name for each in fields(kind)}  # type: ignore[arg-type]
    if set(node) != set(wanted):
        missing, unknown = sorted(set(wanted) - set(node)), sorted(set(node) - set(wanted))
        raise ValueError(f"{place or kind.__name__}: missing keys {missing}, unknown keys {shown(unknown)}")
    values = {}
    for key, field_name in wanted.items():
        where = f"{place}.{key}" if place else key
        values[field_name] = _value(hints[field_name], node[key], where)
    return kind(**values)


def _value(hint: Any, value: object, place: str) -> Any:
    """A value of JSON as its annotation wants it."""
    inner = typing.get_args(hint)
    if isinstance(hint, types.UnionType):  # of one type and None
        (kind,) = (each for each in inner if each is not type(None))
        return None if value is None else _value(kind, value, place)
    if typing.get_origin(hint) is tuple:
        is_any_length = inner[-1] is Ellipsis
        items = listed(place, value, None if is_any_length else len(inner))
        kinds = inner[:1] * len(items) if is_any_length else inner
        return tuple(
            _value(kind, each, f"{place}[{i}]")
            for i, (kind, each) in enumerate(zip(kinds, items, strict=True))
        )
    if is_dataclass(hint):
        return _of_plain(hint, value, place)  # type: ignore[arg-type]
    if issubclass(hint, enum.Enum):
        if value in [each.value for each in hint]:
            return hint(value)
        raise ValueError(
            f"{place} must be one of {', '.join(each.value for each in hint)}, got {shown(value)}"
        )
    if hint is bool:
        if isinstance(value, bool):
            return value
        raise ValueError(f"{place} must be true or false, got {shown(value)}")
    if hint is float:
        return from_utc(place, value) if place.endswith("time_utc") else number(place, value)
    return whole(place, value, 0) if hint is int else text(place, value)
