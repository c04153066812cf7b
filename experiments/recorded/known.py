"""What is known of a recorded set beside its waveforms, and what one side said of it."""

import csv
import dataclasses
import math
from collections.abc import Iterable
from collections.abc import Sequence as Items
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.optimize import linear_sum_assignment

from fcn import config as configuration
from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Update
from fcn.catalogue.first_p import read_first_p, with_first_p
from fcn.catalogue.io import read_csv
from fcn.data.sequences import Sequence
from fcn.earth.velocity import LayeredModel
from fcn.metrics.matching import MatchTolerance, match_events
from fcn.metrics.score import Score, score_sequence
from fcn.report.test.outcome import arrivals_s
from fcn.tables import time_s
from fcn.waveform.folder import read_description

PEER = "JMA-PhaseNet + PyOcto"
# Picks, P, S and stations with both that the peer needs of an event: PyOcto's defaults
NEEDED = {"n_picks": 10, "n_p_picks": 3, "n_s_picks": 3, "n_p_and_s_picks": 3}
SAME_S = 1.5  # origins of one event in a list of origin times and here
# Of one event told by both sides: tighter than the project's own (4 s, 25 km), as swarms are dense, and
# without magnitudes, as one side gives none.
BOTH = MatchTolerance(origin_time_s=2.0, epicentre_km=10.0, magnitude_scale=math.inf)
LARGE_LISTED = 1.0  # magnitude above which a list by templates is said to be found or not
Row = dict[str, str]


@dataclass(frozen=True)
class Known:
    """The set as a sequence, with its first P and velocity model, and another list of origins.

    listed: POSIX origin time and magnitude (NaN where unknown) of each event of that list, `listed_by`.
    same_s: how far apart origins of one event may be there and here. listed_deg: latitude and longitude of
    the list's events, where it has any.
    """

    sequence: Sequence
    listed: Items[tuple[float, float]] = ()
    listed_by: str = ""
    same_s: float = SAME_S
    listed_deg: Items[tuple[float, float]] = ()

    @classmethod
    def read(cls, root: Path, source: Path, given: dict[str, Any], first_p: Path) -> "Known":
        """Of a set as sets.yaml gives it: the sequence made of it, and its folder."""
        preprocess = configuration.CONF_DIR / "preprocess" / "default.yaml"
        sequence = Sequence.load(root, configuration.build(yaml.safe_load(preprocess.read_text("utf-8"))))
        catalogue = sequence.catalogue
        if catalogue is not None and given.get("first_p"):
            catalogue = with_first_p(catalogue, read_first_p(first_p), first_p)
        model = read_model(root, given.get("velocity_model"))
        sequence = dataclasses.replace(sequence, catalogue=catalogue, velocity_model=model)
        sequence = dataclasses.replace(sequence, catalogue=_with_computed_first_p(sequence))
        if "templates" in given:
            listed, listed_deg = _templates(source / given["templates"])
            return cls(sequence, listed, "the templates' catalogue", listed_deg=listed_deg)
        origins = given.get("origins", {})
        listed = [(time_s(f"{each}", "sets.yaml: origins"), math.nan) for each in origins.get("utc", ())]
        return cls(sequence, listed, origins.get("of", ""), float(origins.get("same_s", SAME_S)))

    def in_list(self, events: Items[Event]) -> dict[int, int]:
        """Rows of events to rows of the list, one to one by origin time."""
        if not self.listed or not events:
            return {}
        origin_s = np.array([event.origin_time_s for event in events])
        apart_s = np.abs(origin_s[:, None] - np.array([each[0] for each in self.listed]))
        rows, columns = linear_sum_assignment(np.where(apart_s <= self.same_s, apart_s, 1e6))
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return {i: j for i, j in pairs if apart_s[i, j] <= self.same_s}


@dataclass(frozen=True)
class Side:
    """What fcn or its peer said of a set.

    events: the final ones, without those withdrawn. said_s: POSIX time, by event_id, of fcn's alarm, or of
    the last pick that the peer needs. metrics: what metrics.json holds. updates: rows of updates.csv.
    """

    name: str
    events: list[Event]
    said_s: dict[str, float]
    metrics: Score
    updates: list[Row]

    @property
    def alarm_after_own_p_s(self) -> list[float]:
        """Of each event, after the first P that this side states."""
        return [
            self.said_s[event.event_id] - event.first_p_time_s
            for event in self.events
            if event.first_p_time_s is not None
        ]

    @property
    def followed_s(self) -> list[float]:
        """From the first update to the last of each event."""
        times: dict[str, list[float]] = {}
        for row in self.updates:
            times.setdefault(row["event_id"], []).append(time_s(row["now_utc"], "updates.csv: now_utc"))
        return [max(each) - min(each) for each in times.values()]

    def unmatched(self, known: Known, tolerance: MatchTolerance) -> list[Event]:
        """The events that the set's own catalogue has not."""
        matching = match_events(
            self.events, (known.sequence.catalogue or Catalogue("none", ())).events, tolerance
        )
        return [self.events[i] for i in matching.unmatched_declared]


def of_fcn(folder: Path, metrics: Score) -> Side:
    """What a folder of fcn.test says."""
    updates = rows(folder / "updates.csv")
    said_s: dict[str, float] = {}
    for row in updates:
        now_s = time_s(row["now_utc"], "updates.csv: now_utc")
        said_s[row["event_id"]] = min(now_s, said_s.get(row["event_id"], now_s))
    withdrawn = {row["event_id"] for row in rows(folder / "catalogue.csv") if row["status"] == "retracted"}
    events = [each for each in read_csv(folder / "catalogue.csv") if each.event_id not in withdrawn]
    return Side("fcn", events, said_s, metrics, updates)


def of_peers(told: Items[Row], known: Known, tolerance: MatchTolerance) -> Side:
    """What peers.csv has of a set, judged as fcn.test judges; an alarm is the last pick that was needed."""
    events = [_event(row) for row in told]
    said_s = {row["event_id"]: time_s(row["enough_picks_utc"], "peers.csv: enough_picks_utc") for row in told}
    declared = [
        DeclaredEvent(each.event_id, [Update(said_s[each.event_id], each, 1.0, 1.0)]) for each in events
    ]
    metrics = score_sequence(
        declared,
        known.sequence.catalogue,
        known.sequence.watched,
        np.zeros(1),
        tolerance=tolerance,
        simulated=False,
    )
    return Side(PEER, events, said_s, metrics, [])


def enough_s(picks: Iterable[tuple[float, str, str]]) -> float:
    """When the picks of an event were as many as `NEEDED`: POSIX seconds.

    picks: POSIX time, station, and "P" or "S", one of each at a station at most. Raises ValueError for fewer.
    """
    came: dict[str, set[str]] = {"P": set(), "S": set()}
    for now_s, station, phase in sorted(picks):
        came[phase].add(station)
        n_p, n_s = len(came["P"]), len(came["S"])
        counts = (n_p + n_s, n_p, n_s, len(came["P"] & came["S"]))
        if all(count >= least for count, least in zip(counts, NEEDED.values(), strict=True)):
            return now_s
    raise ValueError(f"an event needs {NEEDED}, and has P and S at {came}")


def read_model(sequence: Path, name: str | None) -> LayeredModel:
    """That of conf/velocity_model named, else the sequence's own; ValueError where there is neither."""
    if name is not None:
        path = configuration.CONF_DIR / "velocity_model" / f"{name}.yaml"
        model: LayeredModel = configuration.build(yaml.safe_load(path.read_text(encoding="utf-8")))
        return model
    stated = read_description(sequence).velocity_model
    if stated is None:
        raise ValueError(
            f"{sequence} states no velocity model: name one of conf/velocity_model, or build it with "
            "velocity_model_file="
        )
    return LayeredModel(**stated)


def rows(path: Path) -> list[Row]:
    """Of a CSV table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _with_computed_first_p(sequence: Sequence) -> Catalogue | None:
    """The catalogue, with the earliest P at any station wherever it states none."""
    events = () if sequence.catalogue is None else sequence.catalogue.events
    times_s = arrivals_s(sequence, events)
    if sequence.catalogue is None or times_s is None:
        return sequence.catalogue
    return sequence.catalogue.of(
        event
        if event.first_p_time_s is not None
        else dataclasses.replace(
            event, first_p_time_s=event.origin_time_s + float(travel_s.min()), first_p_is_computed=True
        )
        for event, travel_s in zip(events, times_s[..., 0], strict=True)
    )


def _event(row: Row) -> Event:
    return Event(
        event_id=row["event_id"],
        origin_time_s=time_s(row["origin_time_utc"], "peers.csv: origin_time_utc"),
        latitude_deg=float(row["latitude_deg"]),
        longitude_deg=float(row["longitude_deg"]),
        depth_km=float(row["depth_km"]),
        magnitude=None,
        magnitude_type=None,
        first_p_time_s=time_s(row["first_p_time_utc"], "peers.csv: first_p_time_utc"),
    )


def _templates(path: Path) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """`listed` and `listed_deg` of rows of number, date, time, latitude, longitude, depth, magnitude."""
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    found = [each for each in lines if each and each[0].isdigit()]  # below a head
    listed = [(time_s(f"{each[1].replace('/', '-')}T{each[2]}", f"{path}"), float(each[6])) for each in found]
    return listed, [(float(each[3]), float(each[4])) for each in found]
