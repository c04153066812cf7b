"""Any SeisBench data set as records of the base store."""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np

from fcn.geometry.network import Station, require_elevation
from fcn.store.build import Report
from fcn.store.cut import Arrivals, Importer, Quake
from fcn.store.schema import StoreRecord
from fcn.store.seisbench_format import Samples, SeisBenchFolder
from fcn.tables import Row, number
from fcn.waveform.preprocess import Chunk
from fcn.waveform.sensor import Sensor
from fcn.waveform.units import CODE_LETTERS, INSTRUMENT_KINDS

ORIGIN = "seisbench"
# Units as data sets spell them: what is measured, and how many of the unit make one m/s or m/s2.
UNITS = {
    **dict.fromkeys(("m/s", "mps"), ("velocity", 1.0)),
    **dict.fromkeys(("cm/s", "cmps"), ("velocity", 1e2)),
    **dict.fromkeys(("mm/s", "mmps"), ("velocity", 1e3)),
    **dict.fromkeys(("um/s", "umps"), ("velocity", 1e6)),
    **dict.fromkeys(("nm/s", "nmps"), ("velocity", 1e9)),
    **dict.fromkeys(("m/s**2", "m/s^2", "m/s2", "mps2"), ("acceleration", 1.0)),
    **dict.fromkeys(("cm/s**2", "cm/s^2", "cm/s2", "cmps2", "gal"), ("acceleration", 1e2)),
}
COUNTS = ("counts", "count")
PADDING_S = 0.5  # constant in all three components: no ground stands still for so long
CHANNEL_COLUMN, ORDER_COLUMN = "trace_channel", "trace_component_order"
INSTRUMENTS = {"velocity": "a seismometer", "acceleration": "an accelerometer"}
PHASE_COLUMN = re.compile(r"trace_([ps])[gnb1]?_arrival_sample", re.IGNORECASE)


class SeisBenchSource:
    """Records of the data set in folder `root`; its `data_format` says what they are.

    unit: only where the data set states none; sensitivity_counts_per_mps (or _mps2): where it is in counts;
    both where it is of seismometers and accelerometers, which its trace_channel then tells from each other.
    P and S it does not give are picked and checked against `importer`'s velocity model.
    Raises FileNotFoundError without a data set, ValueError where its unit is unknown, counts lack a
    sensitivity, what is stated contradicts the data set, or its components are not Z, N, E.
    """

    def __init__(
        self,
        root: str | Path,
        unit: str | None,
        sensitivity_counts_per_mps: float | None,
        sensitivity_counts_per_mps2: float | None,
        importer: Importer,
    ) -> None:
        self.importer = importer
        self._folder = SeisBenchFolder(root)
        stated = {"velocity": sensitivity_counts_per_mps, "acceleration": sensitivity_counts_per_mps2}
        data_format = self._folder.data_format
        self.counts_per_unit = interpret_unit(data_format, unit, stated, str(root))
        try:
            component_order(self._folder.first_row, data_format)
        except ValueError as error:
            own = self._folder.first_row.get(ORDER_COLUMN, "")
            is_store = "R" in (own or data_format.get("component_order", "")).upper()
            if is_store or not own:  # else it is of one record only
                hint = ", and this is a base store already" if is_store else ""
                raise ValueError(f"{root}: {error}{hint}") from error

    @property
    def n_expected(self) -> int:
        """An earthquake and a noise record of each record."""
        return 2 * len(self._folder)

    def records(self, report: Report) -> Iterator[StoreRecord]:
        """All records that can be trusted; the others are reported."""
        for row, read_samples in self._folder.rows():
            try:
                yield from self._row_records(row, read_samples())
            except ValueError as error:
                station = f"{row.get('station_network_code', '')}.{row.get('station_code', '')}"
                report(_source_id(row), station, str(error))

    def _row_records(self, row: Row, samples: Samples) -> list[StoreRecord]:
        rate_hz = _rate_hz(row, self._folder.data_format)
        order = component_order(row, self._folder.data_format)
        if len(samples) != 3:
            raise ValueError(f"{len(samples)} components instead of 3")
        measured = measurement(row, self._folder.data_format, self.counts_per_unit)
        sensor = Sensor(
            sampling_rate_hz=rate_hz,
            measurement=measured,
            sensitivity=np.full(3, self.counts_per_unit[measured]),
            to_zne=np.eye(3)[:, ["ZNE".index(component) for component in order]],
        )
        # Times count from the record's first sample: absolute ones are optional in SeisBench.
        chunk = sensor.velocity(self.importer.preprocess, 0.0, without_padding(samples, rate_hz))
        if row.get("trace_category", "").lower() == "noise":
            return [_noise(row, chunk)]
        quake, station = _quake(row), _station(row)
        known = Arrivals(p_s=_phase_s(row, "p", rate_hz), s_s=_phase_s(row, "s", rate_hz))
        path = self.importer.path(quake, station)
        return self.importer.records(ORIGIN, quake, station, path, chunk, known)


def without_padding(samples: Samples, rate_hz: float) -> Samples:
    """NaN where a record begins or ends with PADDING_S or more in which no component ever changes.

    Many data sets pad short records; the padding's edge would pass for an onset.
    """
    moving = (np.diff(samples, axis=1) != 0.0).any(axis=0)
    if not moving.any():
        return np.full_like(samples, np.nan)
    first, last = int(np.argmax(moving)), len(moving) - int(np.argmax(moving[::-1]))
    out = samples.copy()
    if first >= PADDING_S * rate_hz:
        out[:, : first + 1] = np.nan
    if len(moving) - last >= PADDING_S * rate_hz:
        out[:, last:] = np.nan
    return out


def interpret_unit(
    data_format: dict[str, str], unit: str | None, counts_per_unit: dict[str, float | None], name: str
) -> dict[str, float]:
    """Units of the data per m/s or m/s2 by what may be measured; ValueError where none is stated, or another.

    counts_per_unit: what the user says one m/s ("velocity") or m/s2 ("acceleration") is in counts.
    """
    in_file = data_format.get("unit", "").strip().lower()
    if in_file and unit is not None and unit.lower() != in_file:
        raise ValueError(f"{name} states the unit {in_file!r}; source.seisbench.unit={unit} contradicts it")
    known = in_file or (unit or "").strip().lower()
    given = {measured: float(value) for measured, value in counts_per_unit.items() if value is not None}
    if known in UNITS:
        if given:
            raise ValueError(f"{name} is in {known}, not counts: leave the sensitivity out")
        measured, units_per_si = UNITS[known]
        _check_stated(data_format, (measured,), f"{name} is in {known}")
        return {measured: units_per_si}
    if known not in COUNTS:
        raise ValueError(
            f"{name}: the unit is {known or 'not stated'}; say what it is in with source.seisbench.unit=..., "
            f"one of {', '.join((*COUNTS[:1], *UNITS))}"
        )
    stated = _stated_measurement(data_format)
    if not given or (stated in counts_per_unit and stated not in given):
        option = {"acceleration": "sensitivity_counts_per_mps2"}.get(stated, "sensitivity_counts_per_mps")
        raise ValueError(
            f"{name} holds counts of {stated or 'velocity or acceleration'}, and no sensitivity turns "
            f"them into ground motion: state it, e.g. source.seisbench.{option}=6.0e8"
        )
    _check_stated(data_format, given, f"{name} is in counts of what a sensitivity is stated of")
    return given


def _check_stated(data_format: Mapping[str, str], expected: Collection[str], what: str) -> None:
    """ValueError where the data set says that it measures something else; of what else it may say nothing."""
    stated = _stated_measurement(data_format)
    if stated in ("displacement", *INSTRUMENTS) and stated not in expected:
        raise ValueError(
            f"{what}, {' or '.join(expected)}, and its data_format says that it measures {stated}: correct "
            "measurement or unit in its HDF5 file"
        )


def measurement(row: Row, data_format: Mapping[str, str], counts_per_unit: Mapping[str, float]) -> str:
    """What a record is of: by its channel's code (SEED 2.4, appendix A), else as the data set states it.

    Raises ValueError where its code contradicts what is stated, or where either may be meant.
    """
    code = (row.get(CHANNEL_COLUMN) or "").strip().upper()
    # "HN" or "HNZ": SeisBench leaves the component out
    has_kind = len(code) in (CODE_LETTERS - 1, CODE_LETTERS)
    kind = INSTRUMENT_KINDS.get(code[1]) if has_kind else None
    if kind is not None and kind not in counts_per_unit:
        raise ValueError(
            f"{CHANNEL_COLUMN} {code} is {INSTRUMENTS[kind]}'s, and what is stated is of "
            f"{', '.join(counts_per_unit)}: counts of both are told by both sensitivities; leave the column "
            f"empty where the samples are {', '.join(counts_per_unit)} all the same"
        )
    if kind is None:
        kind = _stated_measurement(data_format) if len(counts_per_unit) > 1 else next(iter(counts_per_unit))
    if kind not in counts_per_unit:
        raise ValueError(
            f"{CHANNEL_COLUMN} {code or 'is empty and'} does not say whether it is a seismometer's or an "
            "accelerometer's, of which both sensitivities are stated"
        )
    return kind


def _stated_measurement(data_format: Mapping[str, str]) -> str:
    return data_format.get("measurement", "").strip().lower()


def component_order(row: Row, data_format: Mapping[str, str]) -> str:
    """Letters of the components, in their order: the record's own, else the data set's, as SeisBench has it.

    Raises ValueError unless they are Z, N and E.
    """
    order = (row.get(ORDER_COLUMN) or data_format.get("component_order", "")).upper()
    if sorted(order) != ["E", "N", "Z"]:
        raise ValueError(f"component_order is {order or 'not stated'}; importing needs Z, N and E")
    return order


def _rate_hz(row: Row, data_format: Mapping[str, str]) -> float:
    """The record's own rate or interval, else the data set's rate, as SeisBench has it."""
    stated = (row.get("trace_sampling_rate_hz"), row.get("trace_dt_s"), data_format.get("sampling_rate"))
    for text, is_interval in zip(stated, (False, True, False), strict=True):
        name = "trace_dt_s" if is_interval else "the sampling rate"
        value = number(text, name) if text else math.nan
        if math.isnan(value):
            continue
        if not 0.0 < value < math.inf:
            raise ValueError(f"{name} is {text}, must be positive")
        return 1.0 / value if is_interval else value
    raise ValueError("no sampling rate, neither in the metadata nor in data_format")


def _phase_s(row: Row, phase: str, rate_hz: float) -> float | None:
    """Earliest arrival of P or S (also Pg, Pn, Pb, P1 ...) in seconds from the first sample."""
    found = []
    for name, text in row.items():
        match = PHASE_COLUMN.fullmatch(name)
        if match and match[1].lower() == phase and text and math.isfinite(sample := number(text, name)):
            found.append(sample / rate_hz)
    return min(found, default=None)


def _number(row: Row, name: str, remedy: str) -> float:
    text = row.get(name) or ""
    value = number(text, name) if text else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name} is missing; {remedy}")
    return value


def _quake(row: Row) -> Quake:
    remedy = "a base record needs its source"
    return Quake(
        source_id=_source_id(row),
        latitude_deg=_number(row, "source_latitude_deg", remedy),
        longitude_deg=_number(row, "source_longitude_deg", remedy),
        depth_km=_number(row, "source_depth_km", remedy),
        magnitude=_number(row, "source_magnitude", "the catalogue event has no magnitude"),
        magnitude_type=row.get("source_magnitude_type") or "",
    )


def _station(row: Row) -> Station:
    remedy = "a base record needs its station's coordinates"
    network, code = row.get("station_network_code") or "", row.get("station_code") or ""
    elevation_m = _number(row, "station_elevation_m", remedy)
    return Station(
        network=network,
        code=code,
        location=row.get("station_location_code") or "",
        latitude_deg=_number(row, "station_latitude_deg", remedy),
        longitude_deg=_number(row, "station_longitude_deg", remedy),
        elevation_m=require_elevation(elevation_m, f"station {network}.{code}"),
    )


def _source_id(row: Row) -> str:
    """The data set's own, else what tells one earthquake from another."""
    if row.get("source_id"):
        return row["source_id"]
    names = ("source_origin_time", "source_latitude_deg", "source_longitude_deg", "source_magnitude")
    parts = [row[name] for name in names if row.get(name)]
    return "_".join(parts) or row.get("trace_name_original") or row["trace_name"]


def _noise(row: Row, chunk: Chunk) -> StoreRecord:
    if not chunk.valid.all():
        raise ValueError("a gap in a noise record")
    if not chunk.velocity_mps.any(axis=1).all():
        raise ValueError("a component of a noise record is one value throughout: a dead channel")
    station = f"{row.get('station_network_code') or ''}.{row.get('station_code') or ''}"
    return StoreRecord.noise(chunk.velocity_mps.astype(np.float32), _source_id(row), station, ORIGIN)
