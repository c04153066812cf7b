"""Ways to spoil a file: its bytes, its lines, or one value of what it says."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import obspy
import torch
import yaml
from hypothesis import strategies as st

# What stands where a number, a name or a time should; "*f" is the number in another unit.
NASTY = (
    "", " ", "NaN", "inf", "-inf", "-1", "0", "1e308", "1e-300", "1e400", "9" * 40, "-9" * 20, "5,8", "1_0",
    "\u0663", "true", "null", "None", "[1, 2]", "{a: 1}", "abc", "Ré\u2603", "x" * 5000, "\x00", "a\nb", '"',
    "'", ",", ";", "../../up", "/etc/x", "..", "C:\\x", "[/b]", "[bold]x", r"$\frac{1$", "<b>&amp;</b>", "%s",
    "{0}", "${oc.env:HOME}", "2037-01-01T00:00:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59",
    "2016-13-45", "1e3", "counts", "km", "*1000", "*0.001", "*-1", "*1e6",
)  # fmt: skip
# The same for what is not text: configurations, checkpoints, HDF5.
NASTY_VALUES = (
    None, True, False, 0, -1, 1.5, float("nan"), float("inf"), -1e308, 1e-300, 10**30, 10**12, "", "abc",
    "NaN", "../../up", "x" * 5000, [], [1], [float("nan")] * 3, [0.0] * 1000, {}, {"a": {"b": 1}},
    {"_target_": "os.system"},
    {"_target_": "shutil.copyfile", "src": "/etc/passwd", "dst": "stolen"}, "${oc.env:HOME}",
)  # fmt: skip
TOKEN = re.compile(r"[^\s,;:<>\"'=\[\]{}]+")
NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Mutation:
    """what: how; at: where, modulo whatever there is; value: index into what may stand there instead."""

    what: str
    at: int
    value: int


def mutations(what: Sequence[str]) -> st.SearchStrategy[Mutation]:
    most = len(NASTY) * len(NASTY_VALUES)
    return st.builds(Mutation, st.sampled_from(what), st.integers(0, 10**6), st.integers(0, most - 1))


BYTES = ("flip", "flip", "cut", "zeros", "insert", "repeat", "random")
TEXT = ("token", "token", "token", "token", "drop line", "repeat line", "swap lines", "drop token")


def spoil_bytes(content: bytes, mutation: Mutation) -> bytes:
    at = mutation.at * 7919 % max(len(content), 1)  # spread over the file
    size = 1 + mutation.value % 64
    match mutation.what:
        case "flip":
            if not content:
                return b"\xff"
            return content[:at] + bytes([content[at] ^ (1 << mutation.value % 8)]) + content[at + 1 :]
        case "cut":
            return content[:at]
        case "zeros":
            return content[:at] + bytes(len(content[at : at + size])) + content[at + size :]
        case "insert":
            return content[:at] + np.random.default_rng(mutation.value).bytes(size) + content[at:]
        case "repeat":
            return content[: at + size] + content[at:]
        case "random":
            return np.random.default_rng(mutation.value).bytes(min(len(content), 4096))
    raise AssertionError(mutation)


def spoil_text(content: bytes, mutation: Mutation) -> bytes:
    text = content.decode(errors="surrogateescape")
    lines = text.splitlines(keepends=True) or [""]
    i = mutation.at % len(lines)
    tokens = list(TOKEN.finditer(text))
    token = tokens[mutation.at % len(tokens)] if tokens else None
    match mutation.what:
        case "drop line":
            del lines[i]
        case "repeat line":
            lines.insert(i, lines[i])
        case "swap lines":
            j = mutation.value % len(lines)
            lines[i], lines[j] = lines[j], lines[i]
        case "drop token" if token is not None:
            lines = [text[: token.start()], text[token.end() :]]
        case "token" if token is not None:
            lines = [text[: token.start()], nasty_text(token[0], mutation.value), text[token.end() :]]
    return "".join(lines).encode(errors="surrogateescape")


def nasty_text(former: str, value: int) -> str:
    nasty = NASTY[value % len(NASTY)]
    if not re.fullmatch(r"\*[-\de.]+", nasty):
        return nasty
    number = NUMBER.match(former)
    return repr(float(number[0]) * float(nasty[1:])) if number else former[::-1]


def nasty_value(former: Any, value: int) -> Any:
    """Another value of any type, or the number in another unit."""
    choices = len(NASTY_VALUES) + 3
    if value % choices < len(NASTY_VALUES):
        return NASTY_VALUES[value % choices]
    if isinstance(former, int | float) and not isinstance(former, bool):
        return former * (1000, 0.001, -1)[value % choices - len(NASTY_VALUES)]
    if isinstance(former, list):
        return [nasty_value(each, value // choices) for each in former]
    return NASTY[value // choices % len(NASTY)]


def spoil_plain(plain: Any, mutation: Mutation) -> Any:
    """One value somewhere within nested lists and dicts changed, left out, or joined by a stranger."""
    places = list(_places(plain))
    if not places:
        return nasty_value(plain, mutation.value)
    holder, key = places[mutation.at % len(places)]
    match mutation.what:
        case "leave out":
            del holder[key]
        case "add" if isinstance(holder, dict):
            holder[f"{key}x"] = nasty_value(holder[key], mutation.value)
        case _:
            holder[key] = nasty_value(holder[key], mutation.value)
    return plain


def _places(plain: Any) -> Any:
    items = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for key, value in list(items):
        yield plain, key
        yield from _places(value)


def spoil_yaml(content: bytes, mutation: Mutation) -> bytes:
    plain = spoil_plain(yaml.safe_load(content), mutation)
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).encode()


def spoil_miniseed(content: bytes, mutation: Mutation) -> bytes:
    """One header field of one record: as a digitiser with a wrong clock or a bad configuration sends it."""
    record = 512 * (mutation.at % max(len(content) // 512, 1))
    header = bytearray(content[record : record + 64])
    fields = {  # offset and bytes in SEED 2.4's fixed header and blockette 1000
        "codes": (8, (b"/x/  ", b"../x ", b"\x00\x01\x02\x03\x04", b"     ", b"[/b] ")[mutation.value % 5]),
        "location": (13, (b"..", b"//", b"\xff\xff")[mutation.value % 3]),
        "channel": (15, (b"../", b"   ", b"HHZ", b"\x00\x00\x00")[mutation.value % 4]),
        "network": (18, (b"//", b"..", b"\xff\xff")[mutation.value % 3]),
        "year": (20, int((0, 1, 1899, 2037, 2500, 65535)[mutation.value % 6]).to_bytes(2, "big")),
        "day": (22, int((0, 367, 65535, 1, 106)[mutation.value % 5]).to_bytes(2, "big")),
        "second": (24, (b"\x18\x3c\x3c", b"\xff\xff\xff")[mutation.value % 2]),
        "samples": (30, int((0, 1, 65535)[mutation.value % 3]).to_bytes(2, "big")),
        "rate": (32, int((0, 1, 32767, -1, -32768, 20)[mutation.value % 6]).to_bytes(2, "big", signed=True)),
        "factor": (34, int((0, 32767, -1, -32768)[mutation.value % 4]).to_bytes(2, "big", signed=True)),
        "offset": (44, int((0, 1, 511, 65535)[mutation.value % 4]).to_bytes(2, "big")),
        "encoding": (52, bytes([(0, 1, 4, 5, 10, 99)[mutation.value % 6]])),
        "length": (54, bytes([(0, 7, 12, 20, 255)[mutation.value % 5]])),
    }
    offset, value = fields[mutation.what]
    header[offset : offset + len(value)] = value
    return content[:record] + bytes(header) + content[record + 64 :]


MINISEED = (
    "codes", "location", "channel", "network", "year", "day", "second", "samples", "rate", "factor", "offset",
    "encoding", "length",
)  # fmt: skip


def spoil_samples(content: bytes, mutation: Mutation) -> bytes:
    """Traces whose samples, rate or times are absurd, in a file that is otherwise sound."""
    stream = obspy.read(io.BytesIO(content))
    trace = stream[mutation.at % len(stream)]
    match mutation.what:
        case "huge":
            trace.data = trace.data.astype(np.float32) * np.float32((1e28, 1e-30, -1e30)[mutation.value % 3])
        case "nan":
            trace.data = trace.data.astype(np.float32)
            trace.data[mutation.value % len(trace.data) :: 3] = (np.nan, np.inf, -np.inf)[mutation.value % 3]
        case "other rate":
            trace.stats.sampling_rate = (1e-3, 0.1, 12345.0, 1e6)[mutation.value % 4]
        case "other time":
            trace.stats.starttime += (86400.0, -1024 * 604800.0, 2e8, 6e8)[mutation.value % 4]
        case "flat":
            trace.data[:] = (0, 2**31 - 1, -(2**31))[mutation.value % 3]
    out = io.BytesIO()
    trace.write(out, format="MSEED", encoding=None if trace.data.dtype == np.int32 else "FLOAT32")
    return out.getvalue()


SAMPLES = ("huge", "nan", "other rate", "other time", "flat")


def spoil_hdf5(content: bytes, mutation: Mutation) -> bytes:
    """One dataset or attribute left out, of another type or shape, or with a value that is none."""
    out = io.BytesIO(content)
    with h5py.File(out, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        name = names[mutation.at % len(names)]
        item = file[name]
        if mutation.what == "leave out":
            del file[name]
        elif mutation.what == "attribute" or not isinstance(item, h5py.Dataset):
            item.attrs["units"] = str(NASTY[mutation.value % len(NASTY)]).replace("\x00", "0")
        elif mutation.what == "value" and item.dtype.kind == "f" and item.ndim:
            values = item[()]
            values.flat[mutation.at % values.size] = (np.nan, np.inf, -1.0, 1e30, 0.0, 5e3)[
                mutation.value % 6
            ]
            item[...] = values
        else:
            attributes = dict(item.attrs)
            del file[name]
            former = np.zeros((2, 2))
            file[name] = (former, "abc", 7, np.nan, -1.0, np.zeros(0), np.zeros(3, "i8"), [b"x"])[
                mutation.value % 8
            ]
            for key in ("units",):
                if key in attributes:
                    file[name].attrs[key] = attributes[key]
    return out.getvalue()


USED = ("arch", "data", "declare", "loss", "preprocess", "scheme", "scheme", "velocity_model")


def spoil_checkpoint(content: bytes, mutation: Mutation) -> bytes:
    """One entry of a checkpoint's content changed or left out."""
    loaded = torch.load(io.BytesIO(content), weights_only=True)
    if mutation.what == "weights":
        weights = loaded["state_dict"]
        name = sorted(weights)[mutation.at % len(weights)]
        former = weights[name]
        choices = (
            lambda: torch.full_like(former, float("nan")) if former.is_floating_point() else former - 10**9,
            lambda: former[..., None],
            lambda: former.double() if former.is_floating_point() else former.float(),
            lambda: torch.full_like(former, 1e38) if former.is_floating_point() else former,
            lambda: former.to(torch.complex64),
            lambda: torch.zeros(0),
            lambda: former.to_sparse(),
        )
        weights[name] = choices[mutation.value % len(choices)]()
    elif mutation.what == "top":
        spoil_plain(loaded, Mutation("change", mutation.at % 2, mutation.value))
    elif mutation.what == "change":  # in what is used to run it
        config = loaded["fcn"]["config"]
        part = USED[mutation.value % len(USED)]
        config[part] = spoil_plain(config[part], mutation)
    else:
        spoil_plain(loaded["fcn"], mutation)
    out = io.BytesIO()
    torch.save(loaded, out)
    return out.getvalue()


SPOILERS: dict[str, Callable[[bytes, Mutation], bytes]] = {
    **dict.fromkeys(BYTES, spoil_bytes),
    **dict.fromkeys(TEXT, spoil_text),
    **dict.fromkeys(MINISEED, spoil_miniseed),
    **dict.fromkeys(SAMPLES, spoil_samples),
}
