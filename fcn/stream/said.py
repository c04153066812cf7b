"""What was said: one line of JSON per update, once each."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fcn.catalogue.event import DeclaredEvent

ALERTS = "alerts.jsonl"


def alert(declared: DeclaredEvent, version: int, said_s: float) -> dict[str, Any]:
    """An update as sinks have it. version: 1 for the alarm. said_s: POSIX time of the clock."""
    update = declared.updates[version - 1]
    event = update.event
    after_p_s = None if event.first_p_time_s is None else said_s - event.first_p_time_s
    found = {
        "id": declared.event_id,
        "version": version,
        "status": str(update.status),
        "now_s": update.now_s,
        "origin_time_s": event.origin_time_s,
        "latitude_deg": event.latitude_deg,
        "longitude_deg": event.longitude_deg,
        "depth_km": event.depth_km,
        "horizontal_uncertainty_km": event.horizontal_uncertainty_km,
        "depth_uncertainty_km": event.depth_uncertainty_km,
        "magnitude": event.magnitude,
        "magnitude_type": event.magnitude_type,
        "magnitude_uncertainty": event.magnitude_uncertainty,
        "is_lower_bound": update.is_lower_bound,
        "detection_score": update.detection_score,
        "location_score": update.location_score,
        "first_p_time_s": event.first_p_time_s,
        "latency_s": {"after_first_p": after_p_s, "after_window": said_s - update.now_s},
    }
    # JSON has no word for what is no number
    broken = (key for key, value in found.items() if isinstance(value, float) and not math.isfinite(value))
    return {**found, **dict.fromkeys(broken)}


class Said:
    """The journal `alerts.jsonl` in a folder: what is in it has been said, and is said no second time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / ALERTS
        self._versions: dict[str, int] = {}
        folder.mkdir(parents=True, exist_ok=True)
        if self.path.is_file():
            self._read()

    def missing(self, events: Sequence[DeclaredEvent], said_s: float) -> list[dict[str, Any]]:
        """What has been declared and is not in the journal, in order of time."""
        found = [
            alert(each, version, said_s)
            for each in events
            for version in range(self._versions.get(each.event_id, 0) + 1, len(each.updates) + 1)
        ]
        return sorted(found, key=lambda each: (each["now_s"], each["version"]))

    def write(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Append to the journal, to the disk."""
        if not alerts:
            return
        with self.path.open("a", encoding="utf-8") as file:
            for each in alerts:
                file.write(json.dumps(each, allow_nan=False) + "\n")
                self._versions[each["id"]] = each["version"]
            file.flush()
            os.fsync(file.fileno())

    def forget(self, events: Sequence[DeclaredEvent]) -> None:
        """Keep in mind what was said of these events alone."""
        names = {each.event_id for each in events}
        self._versions = {name: version for name, version in self._versions.items() if name in names}

    def _read(self) -> None:
        """What the journal holds; a last line that a kill has cut short is taken out of it."""
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                each = json.loads(line)
                self._versions[each["id"]] = max(self._versions.get(each["id"], 0), int(each["version"]))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"{self.path}, line {number} is no alert ({error}): move the file away to begin another"
                ) from error
