"""A snapshot as the JSON of the page: keys with their units, positions in km of the local frame as well."""

import base64
import dataclasses
import json
import math
from typing import Any

import numpy as np

from fcn.alert.alert import Alert, Origin
from fcn.catalogue.epicentre_pdf import EpicentrePdf
from fcn.catalogue.event import Status, WindowEstimate
from fcn.geometry.projection import LocalFrame
from fcn.waveform.amplitude import BLOCK_S
from fcn.web.fronts import Fronts, fronts_of
from fcn.web.snapshot import Snapshot, Story, Watched
from fcn.web.traces import Traces

SCHEMA, SCHEMA_VERSION = "fcn-page", 4
LATE_S = 10.0  # a station whose newest sample is older is late; packets are full of up to 8 s
LEAST_SCORE = 0.2  # of a hypothesis that is worth a mark on the map
MOST_ESTIMATES = 10
FRONTS_S = 180.0  # so long after its origin an event has fronts
KEPT_FRONTS = 64
FULL = 127  # of an envelope's bytes
UNKNOWN = -128
SHARES = (0.9, 0.5)  # regions of highest density that are drawn, of a pdf
DENSEST = 255  # of its bytes


class State:
    """Text of snapshots, each made once; for one thread."""

    def __init__(self) -> None:
        self._made: tuple[int, str] | None = None
        self._fronts: dict[tuple[str, int], Fronts | None] = {}

    def text(self, snapshot: Snapshot) -> str:
        """One line of JSON."""
        if self._made is None or self._made[0] != snapshot.number:
            self._made = (snapshot.number, json.dumps(self.plain(snapshot), allow_nan=False))
        return self._made[1]

    def plain(self, snapshot: Snapshot) -> dict[str, Any]:
        """Numbers, texts and None; times are POSIX seconds."""
        watched = snapshot.watched
        return {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "number": snapshot.number,
            "made_s": snapshot.made_s,
            "is_alive": snapshot.is_alive,
            "producer": dataclasses.asdict(watched.producer),
            "pace": watched.pace,
            "clock_s": _rounded(snapshot.clock_s, 3),
            "data_s": _rounded(snapshot.data_s, 3),
            "centre": dataclasses.asdict(watched.frame),
            "stations": _stations(snapshot),
            "traces": _traces(snapshot.traces),
            "estimates": [_estimate(each) for each in _undeclared(snapshot)],
            "events": [self._event(snapshot, each) for each in snapshot.stories],
            "sites": _sites(snapshot, watched),
            "health": {
                **dataclasses.asdict(snapshot.health),
                "sinks": {name: dataclasses.asdict(each) for name, each in snapshot.health.sinks.items()},
            },
        }

    def _event(self, snapshot: Snapshot, story: Story) -> dict[str, Any]:
        last, alarm = story.alerts[-1], story.alerts[0]
        east_km, north_km = _local_km(snapshot.watched.frame, last)
        has_fronts = (
            last.status is not Status.RETRACTED and 0 <= snapshot.clock_s - last.origin.time_s < FRONTS_S
        )
        return {
            "event_id": last.event_id,
            "is_open": story.is_open,
            "east_km": east_km,
            "north_km": north_km,
            "alarm_s": _rounded(alarm.data_time_s, 3),
            "versions": [_version(snapshot.watched.frame, each) for each in story.alerts],
            "pdf": _pdf(story.epicentre_pdf),
            "fronts": self._front(snapshot, last, (east_km, north_km)) if has_fronts else None,
        }

    def _front(
        self, snapshot: Snapshot, alert: Alert, epicentre_km: tuple[float, float]
    ) -> dict[str, Any] | None:
        key = alert.event_id, alert.version
        if key not in self._fronts:
            while len(self._fronts) >= KEPT_FRONTS:
                self._fronts.pop(next(iter(self._fronts)))
            self._fronts[key] = fronts_of(snapshot, (*epicentre_km, alert.origin.depth_km))
        found = self._fronts[key]
        if found is None:
            return None
        return {
            "station_p_s": np.round(found.station_s[:, 0], 2).tolist(),
            "station_s_s": np.round(found.station_s[:, 1], 2).tolist(),
            "distance_km": np.round(found.distance_km, 2).tolist(),
            "p_s": np.round(found.time_s[:, 0], 3).tolist(),
            "s_s": np.round(found.time_s[:, 1], 3).tolist(),
        }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, digits)


def _local_km(frame: LocalFrame, alert: Alert) -> tuple[float, float]:
    place = np.array(alert.origin.latitude_deg), np.array(alert.origin.longitude_deg)
    east_km, north_km = frame.to_local_km(*place)
    return round(float(east_km), 3), round(float(north_km), 3)


def _stations(snapshot: Snapshot) -> list[dict[str, Any]]:
    rows = []
    for station, km in zip(snapshot.watched.stations, snapshot.watched.station_km, strict=True):
        age_s = snapshot.ages_s.get(station.id)
        state = "silent" if age_s is None else "late" if age_s > LATE_S else "delivering"
        rows.append(
            {
                "id": station.id,
                "latitude_deg": round(station.latitude_deg, 5),
                "longitude_deg": round(station.longitude_deg, 5),
                "east_km": round(float(km[0]), 3),
                "north_km": round(float(km[1]), 3),
                "state": state,
                "age_s": _rounded(age_s, 2),
                "left_out": snapshot.health.left_out.get(station.id),
            }
        )
    return rows


def _traces(traces: Traces) -> dict[str, Any]:
    """Envelopes as bytes: pairs of least and largest, 127 the station's own largest; -128 unknown."""
    extremes = traces.extremes_mps.astype(np.float64)
    known = ~np.isnan(extremes)
    largest_mps = np.abs(np.where(known, extremes, 0.0)).max((1, 2))
    middle_mps = [
        float(np.median(np.abs(row[here]))) if here.any() else 0.0
        for row, here in zip(extremes, known, strict=True)
    ]
    scale = FULL / np.where(largest_mps > 0, largest_mps, 1.0)
    levels = np.where(known, np.round(np.nan_to_num(extremes) * scale[:, None, None]), UNKNOWN)
    return {
        "end_s": _rounded(traces.end_s, 3),
        "block_s": BLOCK_S,
        "n_blocks": extremes.shape[1],
        "largest_mps": [float(f"{each:.3g}") for each in largest_mps],
        "middle_mps": [float(f"{each:.3g}") for each in middle_mps],
        "envelopes": [base64.b64encode(row.astype(np.int8).tobytes()).decode() for row in levels],
    }


def _undeclared(snapshot: Snapshot) -> list[WindowEstimate]:
    """Hypotheses of the newest window that no event has, most evidence first."""
    declared = {id(story.epicentre_pdf) for story in snapshot.stories if story.epicentre_pdf is not None}
    found = [
        each
        for each in snapshot.estimates
        if each.follows is None
        and each.detection_score >= LEAST_SCORE
        and id(each.epicentre_pdf) not in declared
    ]
    return sorted(found, key=lambda each: -each.detection_score)[:MOST_ESTIMATES]


def _estimate(estimate: WindowEstimate) -> dict[str, Any]:
    return {
        "east_km": round(estimate.east_km, 2),
        "north_km": round(estimate.north_km, 2),
        "depth_km": round(estimate.depth_km, 1),
        "origin_s": round(estimate.origin_time_s, 2),
        "probability": round(estimate.detection_score, 3),
        "horizontal_uncertainty_km": _rounded(estimate.horizontal_uncertainty_km, 2),
        "pdf": _pdf(estimate.epicentre_pdf),
    }


def _pdf(pdf: EpicentrePdf | None) -> dict[str, Any] | None:
    """Cells as bytes, north fastest, 255 the most likely; least: of regions that hold `SHARES`."""
    if pdf is None or not (most := float(pdf.probability.max())) > 0:
        return None
    levels = np.round(pdf.probability * (DENSEST / most)).astype(np.uint8)
    return {
        "first_km": [round(each, 3) for each in pdf.first_km],
        "spacing_km": [round(each, 3) for each in pdf.spacing_km],
        "n_cells": list(levels.shape),
        "cells": base64.b64encode(levels.tobytes()).decode(),
        "shares": list(SHARES),
        "least": [round(pdf.least_within(share) * DENSEST / most, 2) for share in SHARES],
    }


def _version(frame: LocalFrame, alert: Alert) -> dict[str, Any]:
    origin, magnitude, latencies = alert.origin, alert.magnitude, alert.latencies
    east_km, north_km = _local_km(frame, alert)
    return {
        "version": alert.version,
        "status": str(alert.status),
        "origin_s": round(origin.time_s, 2),
        "latitude_deg": round(origin.latitude_deg, 4),
        "longitude_deg": round(origin.longitude_deg, 4),
        "east_km": east_km,
        "north_km": north_km,
        "depth_km": round(origin.depth_km, 1),
        "horizontal_uncertainty_km": _rounded(origin.horizontal_uncertainty_km, 2),
        "depth_uncertainty_km": _rounded(origin.depth_uncertainty_km, 2),
        "epicentre_km2": _epicentre_km2(origin),
        "magnitude": None
        if magnitude is None
        else {
            "value": round(magnitude.value, 2),
            "type": magnitude.type,
            "least": _rounded(magnitude.least, 2),
            "most": _rounded(magnitude.most, 2),
            "is_lower_bound": magnitude.is_lower_bound,
        },
        "probability": round(alert.probability, 3),
        "first_p_s": _rounded(alert.first_p_time_s, 2),
        "data_s": round(alert.data_time_s, 3),
        "data_latency_s": None if latencies is None else round(latencies.until_read_s, 3),
        "computation_s": None if latencies is None else round(latencies.computation_s, 3),
    }


def _epicentre_km2(origin: Origin) -> list[float] | None:
    """Variance east, covariance, variance north; round where a radius alone is known, None for none."""
    if origin.covariance_km2 is not None:
        (east, both, _), (_, north, _), _ = origin.covariance_km2
    elif origin.horizontal_uncertainty_km is not None:
        east = north = origin.horizontal_uncertainty_km**2 / 2.0  # its root mean square is of both directions
        both = 0.0
    else:
        return None
    return [round(each, 4) for each in (east, both, north)]


def _sites(snapshot: Snapshot, watched: Watched) -> list[dict[str, Any]]:
    if watched.sites is None:
        return []
    warnings = snapshot.warnings or (None,) * len(watched.sites)
    rows = []
    for name, km, told in zip(watched.sites.names, watched.sites.position_km, warnings, strict=True):
        row: dict[str, Any] = {"name": name, "east_km": round(float(km[0]), 3)}
        row["north_km"] = round(float(km[1]), 3)
        row["warning"] = (
            None
            if told is None
            else {
                "level": told.level,
                "intensity": round(told.intensity, 2),
                "low": _rounded(told.low, 2),
                "high": _rounded(told.high, 2),
                "event_id": told.event_id,
                "s_arrival_s": None if told.s_in_s is None else _rounded(told.now_s + told.s_in_s, 2),
                "is_lower_bound": told.is_lower_bound,
            }
        )
        rows.append(row)
    return rows
