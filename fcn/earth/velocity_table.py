"""Velocity models from text tables, as users and NonLinLoc write them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from fcn.earth.velocity import MOST_LAYERS, LayeredModel

LARGEST_BYTES = 2**20  # a table of MOST_LAYERS rows has a tenth of it


def read_velocity_model(path: str | Path) -> LayeredModel:
    """Velocity model from a text table, `#` starts a comment.

    Rows are either `depth_top_km vp vs [density qp qs]` (3, 4 or 6 columns, spaces or commas, with or without
    lines of column names on top) or NonLinLoc's `LAYER depth_top vp vp_gradient vs vs_gradient density
    density_gradient` (keyword optional). What is missing follows `LayeredModel.from_velocities`. Layers
    wholly above sea level are refused: they cannot be told from a wrong sign. Raises FileNotFoundError, or
    ValueError naming file and, where one is to blame, line.
    """
    path = Path(path)
    rows: list[list[float]] = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        where = f"{path}, line {number}"
        words = _words(line, where)
        if not words or (not rows and all(_names_a_column(word) for word in words)):
            continue
        rows.append([_number(word, line, where) for word in words])
        if len(rows[-1]) not in (3, 4, 6, 7) or len(rows[-1]) != len(rows[0]):
            raise ValueError(
                f"{where}: {len(rows[-1])} columns; expected 3, 4, 6, or 7 (LAYER), as many in every row: "
                f"{line.strip()!r}"
            )
        if len(rows) > MOST_LAYERS:
            raise ValueError(f"{where}: more than {MOST_LAYERS} layers")
    if not rows:
        raise ValueError(f"{path}: no layers found; rows are `depth_top_km vp vs [density qp qs]`")
    table = np.array(rows)
    if table[0, 0] > 0 or (len(table) > 1 and table[1, 0] <= 0):
        raise ValueError(
            f"{path}: layer tops {table[:2, 0].tolist()} km: the first must be at or above sea level "
            "(depth 0), all others below"
        )
    try:
        return _from_nonlinloc_layers(path, table) if table.shape[1] == 7 else _from_columns(path, table)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


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
    """The columns of a line; ValueError where commas may be decimal ones."""
    content = line.split("#")[0].strip()
    parts = content.split()
    if parts and parts[0].upper() == "LAYER":
        parts = parts[1:]
    if ";" in content or (len(parts) > 1 and any("," in part[:-1] for part in parts)):
        raise ValueError(
            f"{where}: {line.strip()!r} has semicolons, or commas beside spaces: write decimal points, and "
            "spaces between columns"
        )
    return " ".join(parts).replace(",", " ").split()


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


def _from_columns(path: Path, table: Float[np.ndarray, "layer column"]) -> LayeredModel:
    """Rows of 3, 4 or 6 columns."""
    table[0, 0] = 0.0  # the top layer reaches up to any station
    velocities = (tuple(column) for column in table[:, :3].T)
    model = LayeredModel.from_velocities(path.stem, f"file {path.name}", *velocities)
    given = zip(("density_gpcm3", "qp", "qs"), (tuple(column) for column in table[:, 3:].T), strict=False)
    extra: dict[str, Any] = dict(given)
    return replace(model, **extra)


def _from_nonlinloc_layers(path: Path, table: Float[np.ndarray, "layer 7"]) -> LayeredModel:
    """LAYER rows; a gradient (per km of depth) becomes layers no thicker than 1 km."""
    tops, vp, vp_gradient, vs, vs_gradient, density, density_gradient = table.T
    sea_level_tops = np.maximum(tops, 0)
    source = f"NonLinLoc layers, file {path.name}"
    model = LayeredModel.from_velocities(path.stem, source, tuple(sea_level_tops), tuple(vp), tuple(vs))
    if vp_gradient[:-1].any() or vs_gradient[:-1].any():
        model = model.subdivided(1.0, tops[-1])
    fine_tops = np.array(model.top_depth_km)
    layer = np.searchsorted(sea_level_tops, fine_tops, "right") - 1
    below_top_km = np.append((fine_tops[:-1] + fine_tops[1:]) / 2, fine_tops[-1]) - tops[layer]
    vp, vs, density = (
        tuple(value[layer] + gradient[layer] * below_top_km)
        for value, gradient in ((vp, vp_gradient), (vs, vs_gradient), (density, density_gradient))
    )
    fine = LayeredModel.from_velocities(model.name, model.source, model.top_depth_km, vp, vs)
    return replace(fine, density_gpcm3=density)
