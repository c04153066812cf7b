"""The catalogue of the Kumamoto twin's hour: 22 events JMA reported as felt, 157 completed by statistics.

`complete_catalogue` made tables/catalogue.csv, which the twin reads, from tables/felt.csv.
Facts of the felt events: seismic intensity database of the Japan Meteorological Agency.
"""

import csv
import datetime
import io
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr

from fcn.geometry.projection import LocalFrame
from fcn.seeding import Purpose, derive_rng
from fcn.simulate.source.seismicity import gutenberg_richter, omori_utsu

TABLES = Path(__file__).parent / "tables"
CATALOGUE, FELT = TABLES / "catalogue.csv", TABLES / "felt.csv"

SEED = 122634
N_EVENTS = 179  # of the first hour in the full catalogue (Wei et al. 2026)
START = datetime.datetime(2016, 4, 14, 12, 26, 34, tzinfo=datetime.UTC)
SPAN_S = 3600.0

# Traces of the two faults at the depth of the sequence, latitude and longitude of their ends, and the share
# of what is placed without other knowledge: the hour broke the northern Hinagu fault (Asano & Iwata 2016,
# Earth Planets Space 68:147), and only that end of the Futagawa fault which adjoins it.
FAULTS = (((32.60, 130.70), (32.76, 130.82), 0.8), ((32.76, 130.82), (32.84, 130.94), 0.2))
STRIKE_DEG = (212.0, 232.0)
ACROSS_KM = 1.2  # standard deviation
DEPTH_KM, DEPTH_SIGMA_KM, DEPTH_LIMITS_KM = 9.8, 2.4, (3.0, 16.0)  # mean and spread of the felt events
DIP_DEG, RAKE_DEG = (75.0, 10.0), (-165.0, 20.0)  # mean and standard deviation: right-lateral, some normal
STRIKE_SIGMA_DEG = 15.0
# Strike and dip of Asano & Iwata (2016), after NIED's F-net moment tensor; rake not verified (they find
# almost pure right-lateral slip).
MAIN_MECHANISM = (212.0, 89.0, -164.0)
FELT_MARGIN_DEG, INFERRED_MARGIN_DEG = (
    0.03,
    0.02,
)  # about the box of the stations; about an inferred coordinate

# Gutenberg-Richter with the low b of the first hours, between what an analyst would still read and what would
# have been felt at intensity 3 and so be among the 22.
B_VALUE, MAGNITUDE_LIMITS = 0.75, (1.5, 3.4)
# Omori-Utsu rate K (c + t)^-p, K proportional to 10^(alpha M), after the main shock and after the M 5.8.
OMORI_C_S, OMORI_P, ALPHA = 100.0, 1.05, 0.8
PARENT_MAGNITUDE = 5.5
# Chance of being catalogued: cumulative normal (Ogata & Katsura 1993) about M_parent - 4.4 - 0.75 log10(h),
# the form of Helmstetter et al. (2006) with a constant for JMA's network: M 2.1 an hour after an M 6.5.
COMPLETENESS = (4.4, 0.75, 0.25)
SEPARATION_S = 5.0  # closer ones would be one entry


@dataclass(frozen=True)
class CataloguedEvent:
    """A row of the table; magnitude: JMA's (Mj); `how`: where each number comes from."""

    event_id: str
    origin_time_utc: str
    latitude_deg: float
    longitude_deg: float
    depth_km: float
    magnitude: float
    magnitude_type: str
    strike_deg: float
    dip_deg: float
    rake_deg: float
    source: str
    how: str

    @property
    def origin_time_s(self) -> float:
        """POSIX seconds."""
        return datetime.datetime.fromisoformat(self.origin_time_utc).timestamp()

    @property
    def moment_magnitude(self) -> float:
        """Mw, see `moment_magnitude`."""
        return moment_magnitude(self.magnitude)


def moment_magnitude(magnitude_mj: float) -> float:
    """Mw of an inland JMA magnitude: log10 M0 (N m) = 1.17 Mj + 10.72 after Takemura (1990).

    The constants are not verified. Mj 6.5 is Mw 6.15 (strong-motion inversions: 6.1); Mj 7.3 would be
    Mw 6.8, where inversions find 7.1. Below Mj 4.9 Mw is the larger one.
    """
    return (1.17 * magnitude_mj + 10.72 - 9.1) / 1.5


def read_catalogue(path: Path = CATALOGUE) -> tuple[CataloguedEvent, ...]:
    """Rows of a table as `format_catalogue` writes it."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return tuple(_from_row(row) for row in rows)


def format_catalogue(events: tuple[CataloguedEvent, ...]) -> str:
    """The table as text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [field.name for field in fields(CataloguedEvent)]
    writer.writerow(names)
    writer.writerows([getattr(event, name) for name in names] for event in events)
    return out.getvalue()


def _from_row(row: dict[str, str]) -> CataloguedEvent:
    values: dict[str, Any] = {
        field.name: float(row[field.name]) if field.type is float else row[field.name]
        for field in fields(CataloguedEvent)
    }
    return CataloguedEvent(**values)


def complete_catalogue() -> tuple[CataloguedEvent, ...]:
    """The 179 events, in order of time, from the table of felt ones: the same on every call."""
    with FELT.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    law = _magnitude_law(rows)
    felt = [_felt_event(row, number, law) for number, row in enumerate(rows)]
    completed = _complete(felt, N_EVENTS - len(felt))
    return tuple(sorted([*felt, *completed], key=lambda event: event.origin_time_s))


def _magnitude_law(rows: list[dict[str, str]]) -> tuple[float, float]:
    """Slope and intercept of Mj against log10 of the number of stations that felt it."""
    known = [row for row in rows if row["magnitude_mj"]]
    stations, magnitude = (
        np.array([float(row[name]) for row in known]) for name in ("felt_stations", "magnitude_mj")
    )
    slope, intercept = np.polyfit(np.log10(stations), magnitude, 1)
    return float(slope), float(intercept)


def _felt_event(row: dict[str, str], number: int, law: tuple[float, float]) -> CataloguedEvent:
    """A felt event at its time, depth and magnitude, drawn in place where JMA's epicentre is not known."""
    rng = derive_rng(SEED, Purpose.CATALOGUE, 0, number)
    place, how = _felt_place(row, rng)
    magnitude, said = row["magnitude_mj"], "time (1 s), depth, Mj: JMA"
    if not magnitude:
        magnitude = f"{law[0] * math.log10(float(row['felt_stations'])) + law[1]:.1f}"
        said = f"time (1 s), depth: JMA; Mj missing: from the {row['felt_stations']} stations that felt it"
    mechanism = MAIN_MECHANISM if number == 0 else _mechanism(rng, place[1])
    motion = "strike and dip Asano & Iwata (2016), rake not verified" if number == 0 else "drawn"
    return CataloguedEvent(
        f"jma-{row['jma_id_jst']}",
        row["origin_time_utc"].replace("Z", ".000+00:00"),
        *place,
        float(row["depth_km"]),
        float(magnitude),
        "Mj",
        *mechanism,
        "jma",
        f"{said}; epicentre: {how}; mechanism: {motion}",
    )


def _felt_place(row: dict[str, str], rng: np.random.Generator) -> tuple[tuple[float, float], str]:
    """Latitude, longitude and where they come from."""
    latitude, longitude = row["latitude_deg"], row["longitude_deg"]
    if len(latitude.partition(".")[2]) == 4:
        return (float(latitude), float(longitude)), "JMA"
    how = "drawn on the faults within the box of the stations that felt it most"
    limits = np.array([[float(row["south_deg"]), float(row["west_deg"])]] * 2)
    limits[1] = float(row["north_deg"]), float(row["east_deg"])
    limits += [[-FELT_MARGIN_DEG], [FELT_MARGIN_DEG]]
    for axis, inferred in enumerate((latitude, longitude)):
        if inferred:
            limits[:, axis] = float(inferred) - INFERRED_MARGIN_DEG, float(inferred) + INFERRED_MARGIN_DEG
            how = "drawn on the faults about the place inferred from who felt it"
    while True:  # some point of the faults lies in every box: at most a few hundred draws
        place = _place(rng)
        if (limits[0] <= place).all() and (place <= limits[1]).all():
            return place, how


def _place(rng: np.random.Generator) -> tuple[float, float]:
    """Random epicentre on the faults."""
    start, end, _ = FAULTS[int(rng.choice(len(FAULTS), p=[share for *_, share in FAULTS]))]
    frame = LocalFrame(*start)
    east_km, north_km = frame.to_local_km(np.array([end[0]]), np.array([end[1]]))
    along, across = rng.uniform(), ACROSS_KM * rng.standard_normal() / np.hypot(east_km, north_km)
    latitude, longitude = frame.to_geographic(
        along * east_km + across * north_km, along * north_km - across * east_km
    )
    return round(float(latitude[0]), 4), round(float(longitude[0]), 4)


def _mechanism(rng: np.random.Generator, longitude_deg: float) -> tuple[float, float, float]:
    """Strike, dip and rake about those of the nearer fault: the Futagawa fault begins at its western end."""
    strike = STRIKE_DEG[longitude_deg > FAULTS[1][0][1]] + STRIKE_SIGMA_DEG * rng.standard_normal()
    dip = float(np.clip(DIP_DEG[0] + DIP_DEG[1] * rng.standard_normal(), 45.0, 89.0))
    rake = RAKE_DEG[0] + RAKE_DEG[1] * rng.standard_normal()
    return round(strike % 360.0, 1), round(dip, 1), round((rake + 180.0) % 360.0 - 180.0, 1)


def _complete(felt: list[CataloguedEvent], n_wanted: int) -> list[CataloguedEvent]:
    """Aftershocks that were not felt: drawn in time and magnitude, kept by chance of entry."""
    rng = derive_rng(SEED, Purpose.CATALOGUE, 1)
    start_s = START.timestamp()
    parents = [
        (event.origin_time_s - start_s, event.magnitude)
        for event in felt
        if event.magnitude >= PARENT_MAGNITUDE
    ]
    taken = [event.origin_time_s - start_s for event in felt]
    kept: list[CataloguedEvent] = []
    while len(kept) < n_wanted:
        time_s, magnitude = _aftershock(rng, parents)
        catalogued = rng.uniform() < _chance_of_entry(parents, time_s, magnitude)
        if catalogued and min(abs(time_s - other) for other in taken) >= SEPARATION_S:
            taken.append(time_s)
            kept.append(_completed_event(rng, time_s, magnitude))
    kept.sort(key=lambda event: event.origin_time_s)
    return [replace(event, event_id=f"completed-{i:03d}") for i, event in enumerate(kept, start=1)]


def _aftershock(rng: np.random.Generator, parents: list[tuple[float, float]]) -> tuple[float, float]:
    """Time after the start and magnitude of one aftershock of one of the parents."""
    weights = []
    for at_s, magnitude in parents:
        ends = np.array([OMORI_C_S, OMORI_C_S + SPAN_S - at_s]) ** (1.0 - OMORI_P)
        weights.append(10.0 ** (ALPHA * magnitude) * float(ends[0] - ends[1]))
    at_s, _ = parents[int(rng.choice(len(parents), p=np.array(weights) / sum(weights)))]
    late_s = float(omori_utsu(rng, 1, SPAN_S - at_s, OMORI_C_S, OMORI_P)[0])
    magnitude = round(float(gutenberg_richter(rng, 1, MAGNITUDE_LIMITS, B_VALUE)[0]), 1)
    return round(at_s + late_s, 2), magnitude


def _chance_of_entry(parents: list[tuple[float, float]], time_s: float, magnitude: float) -> float:
    """Cumulative normal about the magnitude of even chance, the highest that any parent imposes."""
    constant, slope, sigma = COMPLETENESS
    even = max(
        parent - constant - slope * math.log10((time_s - at_s) / SPAN_S)
        for at_s, parent in parents
        if time_s > at_s
    )
    return float(ndtr((magnitude - even) / sigma))


def _completed_event(rng: np.random.Generator, time_s: float, magnitude: float) -> CataloguedEvent:
    place = _place(rng)
    depth_km = float(np.clip(DEPTH_KM + DEPTH_SIGMA_KM * rng.standard_normal(), *DEPTH_LIMITS_KM))
    time = (START + datetime.timedelta(seconds=time_s)).isoformat(timespec="milliseconds")
    how = "time: Omori-Utsu; Mj: Gutenberg-Richter, thinned by completeness; place: Hinagu-Futagawa faults"
    return CataloguedEvent(
        "", time, *place, round(depth_km, 1), magnitude, "Mj", *_mechanism(rng, place[1]), "completed", how
    )
