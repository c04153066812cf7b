"""Velocity models from text tables, as users, NonLinLoc and TauP write them.

Depths are km below sea level, positive down: what lies above it is negative, up to the highest station.
"""

import math
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from fcn.earth.velocity import MOST_LAYERS, LayeredModel

LARGEST_BYTES = 2**20  # a table of MOST_LAYERS rows has a tenth of it
ROWS = ("layers", "nodes")
NONLINLOC_COLUMNS = 7
# Statements of NonLinLoc's control files, of which those of layers are the model (its page on Vel2Grid).
LAYER, STATEMENT = re.compile(r"\s*LAYER\s", re.IGNORECASE), re.compile(r"\s*[A-Z][A-Z0-9_]+(\s|$)")
# TauP's, of the whole Earth; nodes by their format (Crotwell et al. 1999; documentation of obspy.taup)
NAMED_DISCONTINUITIES, TVEL = ".nd", ".tvel"
TVEL_COMMENTS = 2  # lines before the rows
DEEPEST_KM = 800.0  # no earthquake lies deeper, and no wave of a nearby one turns there
# first words of the names of columns, in the order of the columns
COLUMNS = (
    ("depth", "z", "top", "node"),
    ("vp", "alpha", "p"),
    ("vs", "beta", "s"),
    ("density", "rho", "dens"),
    ("qp",),
    ("qs",),
)
UNITS = ("km", "kmps", "km/s", "g/cm3", "g/cc", "gpcm3", "kg/m3")
# How early a ray that turns in a gradient may be in its layers, about twice what is left (tests/earth).
TURNING_S = 5e-3

Table = Float[np.ndarray, "_ _"]


def read_velocity_model(path: str | Path, rows: str | None) -> LayeredModel:
    """Velocity model from a text table, `#` starts a comment.

    Rows are `depth vp vs [density [qp qs]]` (3, 4 or 6 columns, spaces or commas; km below sea level and
    negative above it, km/s, g/cm3), with or without lines of column names on top, or NonLinLoc's `LAYER
    depth_top vp vp_gradient vs vs_gradient density density_gradient` (keyword optional), also amid the other
    statements of its control file. Files of TauP, .nd and .tvel, hold nodes, and are read down to 800 km.
    What is missing follows `LayeredModel.from_velocities`; the last row is the half-space. Names have to be
    of these columns.

    rows: "layers", constant from each depth to the next; "nodes", linear from each depth to the next (one
    given twice is a discontinuity), which become layers thin enough for milliseconds; None, where the file
    itself says, by a column named depth_top or depth_node, or by being NonLinLoc's or TauP's. Raises
    FileNotFoundError, or ValueError naming file and, where one is to blame, line.
    """
    if rows not in (*ROWS, None):
        raise ValueError(f"rows of a velocity model are {' or '.join(ROWS)}, got {rows!r}")
    path = Path(path).expanduser()
    names, table = _content(path)
    if table[0, 0] > 0:
        raise ValueError(
            f"{path}: begins at {table[0, 0]:g} km: the first depth must be at or above sea level (0), "
            "depths are positive down from there"
        )
    if table.shape[1] != NONLINLOC_COLUMNS:
        _check_names(path, names, table.shape[1])
    kind = _kind(path, table, names, rows)
    try:
        if kind == "nonlinloc":
            table = between_nodes(_nodes_of_gradients(table))
        elif kind == "nodes":
            table = between_nodes(table)
        return _model(path, table)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _content(path: Path) -> tuple[list[str], Table]:
    """Names of the columns, as far as there are any, and the rows."""
    names: list[str] = []
    rows: list[list[float]] = []
    lines = _text(path).splitlines()
    if path.suffix.lower() in (NAMED_DISCONTINUITIES, TVEL):
        names, lines = ["depth_node"], _of_taup(lines, path.suffix.lower())
    if any(LAYER.match(line) for line in lines):
        lines = ["" if STATEMENT.match(line) and not LAYER.match(line) else line for line in lines]
    for number, line in enumerate(lines, start=1):
        where = f"{path}, line {number}"
        words = _words(line, where)
        if not words:
            continue
        if not rows and all(_names_a_column(word) for word in words):
            names += words
            continue
        rows.append([_number(word, line, where) for word in words])
        if len(rows[-1]) not in (3, 4, 6, 7) or len(rows[-1]) != len(rows[0]):
            raise ValueError(
                f"{where}: {len(rows[-1])} columns; expected 3, 4, 6, or 7 (LAYER), as many in every row: "
                f"{line.strip()!r}"
            )
        if len(rows) > MOST_LAYERS:
            raise ValueError(f"{where}: more than {MOST_LAYERS} rows")
    if not rows:
        raise ValueError(f"{path}: no layers found; rows are `depth_top vp vs [density [qp qs]]`")
    return names, np.array(rows)


def _of_taup(lines: list[str], suffix: str) -> list[str]:
    """Rows down to `DEEPEST_KM`, where one is put in; each in its line, names and comments are empty ones."""
    rows, above = [""] * len(lines), list[float]()
    for i in range(TVEL_COMMENTS if suffix == TVEL else 0, len(lines)):
        first, *others = [*lines[i].split("#")[0].split(), ""]
        if suffix == NAMED_DISCONTINUITIES and first[:1].isalpha() and not any(others):
            continue
        rows[i] = lines[i]
        try:
            row = [float(each) for each in (first, *others) if each]
        except ValueError:
            continue  # whoever reads the line says what is wrong in it
        if row and row[0] > DEEPEST_KM:
            rows[i] = ""
            if above and above[0] < DEEPEST_KM and len(above) == len(row):
                share = (DEEPEST_KM - above[0]) / (row[0] - above[0])
                rows[i] = " ".join(f"{a + share * (b - a):.6g}" for a, b in zip(above, row, strict=True))
            break
        above = row or above  # of an empty line nothing
    return rows


def _check_names(path: Path, names: list[str], n_columns: int) -> None:
    """Raises ValueError for names that say that columns are others, or elsewhere, or in metres.

    What comes before as many names as there are columns is a title.
    """
    of_columns = [name for name in names if name[0].isalpha() and name.lower() not in UNITS][-n_columns:]
    for name in names:
        if re.search(r"(^|[\[(_])(m|m/s|mps)([\])]|$)", name.lower()):
            raise ValueError(f"{path}: {name!r} are metres: depths are in km, velocities in km/s")
    for position, name in enumerate(of_columns):
        words = re.findall("[a-z]+", re.sub(r"[\[(].*", "", name.lower()))
        known = [i for i, begins in enumerate(COLUMNS) if words and words[0] in begins]
        is_other = {"thickness", "thick", "bottom", "vpvs", "ratio"} & {*words} or words[:2] == ["vp", "vs"]
        if is_other or (known and known[0] != position):
            raise ValueError(
                f"{path}: column {position + 1} is named {name!r}: rows are `depth vp vs [density [qp qs]]`, "
                "in this order, depths of tops of layers or of nodes"
            )


def _kind(path: Path, table: Table, names: list[str], rows: str | None) -> str:
    """What rows are: "layers", "nodes" or "nonlinloc"; ValueError where nobody says, or two disagree."""
    words = set(re.findall("[a-z]+", " ".join(names).lower()))
    said = [kind for kind, word in zip(ROWS, ("top", "node"), strict=True) if {word, f"{word}s"} & words]
    if table.shape[1] == NONLINLOC_COLUMNS:
        said.append("layers")
    kinds = {*said, rows} - {None}
    if len(kinds) == 1:
        return "nonlinloc" if table.shape[1] == NONLINLOC_COLUMNS else said[0] if said else str(rows)
    if kinds:
        raise ValueError(
            f"{path} has rows of {' and '.join(sorted(set(said)))} by its columns, and rows={rows}: correct "
            "either"
        )
    raise ValueError(
        f"{path} does not say whether its rows are layers, constant from each depth down, or nodes, linear "
        "in between: state rows=layers or rows=nodes (velocity_model_rows= of fcn.build_sequence, "
        "velocity_model.rows= of velocity_model=table), or name its first column depth_top or depth_node"
    )


def _text(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"no velocity model at {path}")
    if path.stat().st_size > LARGEST_BYTES:
        raise ValueError(f"{path} is no velocity model: it has {path.stat().st_size} bytes")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no UTF-8 text ({error}): save it as UTF-8") from error


def _words(line: str, where: str) -> list[str]:
    """The columns of a line; ValueError where commas may be decimal ones, or have nothing in between."""
    content = line.split("#")[0].strip()
    parts = content.split()
    if parts and parts[0].upper() == "LAYER":
        parts = parts[1:]
    are_numbers = bool(parts) and not _names_a_column(parts[0])  # names have blanks: Vp (km/s), Vs (km/s)
    if ";" in content or (are_numbers and len(parts) > 1 and any("," in part[:-1] for part in parts)):
        raise ValueError(
            f"{where}: {line.strip()!r} has semicolons, or commas beside spaces: write decimal points, and "
            "spaces between columns"
        )
    cells = " ".join(parts).rstrip(", ").split(",")
    if not all(cell.strip() for cell in cells) and any(cells):
        raise ValueError(
            f"{where}: {line.strip()!r} has an empty cell, and what follows would be in the column before: "
            "write its number, or leave the column out"
        )
    return " ".join(cells).split()


def _names_a_column(word: str) -> bool:
    """Whether this is a name or a unit, and no number mistyped: "vp", "[km/s]", but not "5.8O" or "NaN"."""
    return word[0] in "([" or (word[0].isalpha() and word.lower() not in ("nan", "inf", "infinity"))


def _number(word: str, line: str, where: str) -> float:
    try:
        value = float(word) if word.isascii() and "_" not in word else np.nan  # Python reads 1_0 as ten
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f"{where}: not numbers: {line.strip()!r} ({word!r})")
    return value


def between_nodes(nodes: Table) -> Table:
    """Layers for what is linear between nodes: rows of top, vp, vs and the rest, each at the layer's middle.

    A ray that turns in a layer of thickness h, where velocity v grows by g, is about h sqrt(2 g h / v^3) off,
    the delay of a layer grazed (tau; Aki & Richards 2002, sec. 9.3): layers are thick enough for `TURNING_S`.
    That makes them a geometric series of velocities. Raises ValueError for depths that go up, velocities that
    are not positive, too many layers.
    """
    parts = [nodes[:0]]
    for upper, lower in pairwise(nodes):
        if lower[0] < upper[0] or min(upper[1:3].min(), lower[1:3].min()) <= 0:
            raise ValueError(
                f"from {upper[:3].tolist()} to {lower[:3].tolist()} (depth, vp, vs): depths must increase "
                "downward, velocities be positive: S needs rock, also instead of water"
            )
        if lower[0] > upper[0]:
            parts.append(_between(upper, lower))
        if sum(map(len, parts)) >= MOST_LAYERS:
            raise ValueError(
                f"nodes {nodes[0, 0]:g} to {nodes[-1, 0]:g} km need more than {MOST_LAYERS} layers: if "
                "depths are in m, divide by 1000"
            )
    return np.concatenate([*parts, nodes[-1:]])


def _between(upper: Float[np.ndarray, " column"], lower: Float[np.ndarray, " column"]) -> Table:
    """Layers between two nodes, as many as the phase that needs most."""
    thickness_km = lower[0] - upper[0]
    change = np.abs(np.log(lower[1:3] / upper[1:3]))
    gradient = np.abs(lower[1:3] - upper[1:3]) / thickness_km
    step = np.maximum((gradient * TURNING_S) ** (2 / 3) / 2 ** (1 / 3), 1e-12)  # of the logarithm
    phase = int(np.argmax(change / step))
    count = min(max(1, math.ceil(change[phase] / step[phase])), MOST_LAYERS)
    edge = np.linspace(0, 1, count + 1)
    if count > 1:
        edge = np.expm1(edge * np.log(lower[1 + phase] / upper[1 + phase]))
        edge /= edge[-1]
    middle = (edge[:-1] + edge[1:])[:, None] / 2
    layers = upper + middle * (lower - upper)
    layers[:, 0] = upper[0] + edge[:-1] * thickness_km
    return layers


def _nodes_of_gradients(table: Table) -> Table:
    """NonLinLoc's layers as nodes: a discontinuity at every top, the last one's gradients left out."""
    tops_km, values, gradients = table[:, :1], table[:, 1::2], table[:, 2::2]
    if (np.diff(tops_km[:, 0]) <= 0).any():
        raise ValueError(f"layer tops must increase downward: {tops_km[:, 0].tolist()}")
    bottom = values[:-1] + gradients[:-1] * np.diff(tops_km, axis=0)
    upper, lower = np.hstack([tops_km, values]), np.hstack([tops_km[1:], bottom])
    pairs = np.stack([upper[:-1], lower], axis=1).reshape(-1, upper.shape[1])
    return np.concatenate([pairs, upper[-1:]])


def _model(path: Path, table: Table) -> LayeredModel:
    """The layers of 3, 4 or 6 columns."""
    velocities = (tuple(column) for column in table[:, :3].T)
    model = LayeredModel.from_velocities(path.stem, f"file {path.name}", *velocities)
    given = zip(("density_gpcm3", "qp", "qs"), (tuple(column) for column in table[:, 3:].T), strict=False)
    extra: dict[str, Any] = dict(given)
    return replace(model, **extra)
