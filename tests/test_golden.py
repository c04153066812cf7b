"""What the shipped checkpoints say of two minutes of the twin is what they said when they were shipped.

Golden values are of the command below: of `generalized` since arrivals move its places (the same seven events
and alarms as before; one that matches nothing comes to another's place in its last two seconds, as it did
before picks moved them),
of `lite` as commit 526d2c6 reads it, of eewnet since its location branch was trained on. Another release of
torch, or another processor, moves them by less than the tolerances; what is badly located by more (1 km of
5 km stated).

    python -m fcn.test ckpt=NAME dataset=kumamoto trainer.precision=32-true logger=csv \
        dataset.builder.window.start_time_utc=2016-04-14T12:43:40 dataset.builder.window.duration_s=110
"""

import csv
import math
from datetime import datetime
from pathlib import Path

import pytest
from obspy import read_events
from toy import resolved

from fcn.test import test as replay_sequence

GOLDEN = Path(__file__).parent / "golden"
EXCERPT = (
    "dataset=kumamoto",
    "dataset.builder.window.start_time_utc=2016-04-14T12:43:40",
    "dataset.builder.window.duration_s=110",
)
TOLERANCE = {"latitude_deg": 0.003, "longitude_deg": 0.003, "depth_km": 0.5, "magnitude": 0.03}
TIME_S = 0.05
LOOSE = 0.25  # of the horizontal uncertainty, where that is more; by so much it may itself be another
P_KMPS, DEGREE_KM = 6.0, 111.2


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the excerpt, simulated once for all."""
    return tmp_path_factory.mktemp("cache")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(  # lite is read as eewnet is; each takes half a minute
    "name", ["generalized", *(pytest.param(name, marks=pytest.mark.slow) for name in ("eewnet", "lite"))]
)
def test_the_catalogue_is_that_of_before(name, cache, tmp_path):
    config = resolved(
        "test",
        f"ckpt={name}",
        *EXCERPT,
        f"cache={cache}",
        "trainer.precision=32-true",
        "trainer.enable_progress_bar=false",
        "logger=csv",
    )
    replay_sequence(config, tmp_path, [])
    wanted, found = rows(GOLDEN / f"kumamoto_excerpt_{name}.csv"), rows(tmp_path / "catalogue.csv")
    assert [row["event_id"] for row in found] == [row["event_id"] for row in wanted]
    if name == "generalized":
        phases = [
            {
                arrival.phase
                for arrival in event.preferred_origin().arrivals
                if abs(arrival.time_residual) < 0.9
            }
            for event in read_events(str(tmp_path / "catalogue.xml"))
        ]
        assert phases == [{"P", "S"}] * len(found), "what the reader hears comes into the catalogue"
    said: dict[str, list[dict[str, str]]] = {}
    for row in rows(tmp_path / "updates.csv"):
        said.setdefault(row["event_id"], []).append(row)
    for new, old in zip(found, wanted, strict=True):
        updates = said[old["event_id"]]
        assert seconds(updates[0]["now_utc"]) == seconds(old["alarm_utc"])
        assert abs(len(updates) - int(old["n_updates"])) <= 1
        # volumes are steps: a rounding moves a place that nothing holds
        stated_km = float(old.get("horizontal_uncertainty_km") or 0.0)  # not of `lite`
        across_km = LOOSE * stated_km
        if stated_km:
            assert float(new["horizontal_uncertainty_km"]) == pytest.approx(stated_km, rel=LOOSE)
        allowed = {"latitude_deg": across_km / DEGREE_KM}
        allowed["longitude_deg"] = allowed["latitude_deg"] / math.cos(
            math.radians(float(new["latitude_deg"]))
        )
        origin_s, before_s = (seconds(row["origin_time_utc"]) for row in (new, old))
        assert origin_s == pytest.approx(before_s, abs=max(TIME_S, across_km / P_KMPS))
        for key, tolerance in TOLERANCE.items():
            within = max(tolerance, allowed.get(key, 0.0))
            assert float(new[key]) == pytest.approx(float(old[key]), abs=within), (old["event_id"], key)
