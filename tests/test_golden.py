"""What the shipped checkpoints say of three minutes of the twin is what they said when they were shipped.

Golden values are of the command below: of `generalized` since its fine volumes lie on one grid and picks
without company anchor nothing, of the others since commit a4aefc9. Another release of torch, or another
processor, moves them by less than the tolerances.

    python -m fcn.test ckpt=NAME dataset=kumamoto trainer.precision=32-true logger=csv \
        dataset.builder.window.start_time_utc=2016-04-14T12:43:40 dataset.builder.window.duration_s=180
"""

import csv
from datetime import datetime
from pathlib import Path

import pytest
from toy import resolved

from fcn.test import test as replay_sequence

GOLDEN = Path(__file__).parent / "golden"
EXCERPT = (
    "dataset=kumamoto",
    "dataset.builder.window.start_time_utc=2016-04-14T12:43:40",
    "dataset.builder.window.duration_s=180",
)
TOLERANCE = {"latitude_deg": 0.003, "longitude_deg": 0.003, "depth_km": 0.5, "magnitude": 0.03}
TIME_S = 0.05


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the excerpt, simulated once for all."""
    return tmp_path_factory.mktemp("cache")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize("name", ["generalized", "eewnet", "lite"])
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
    said: dict[str, list[dict[str, str]]] = {}
    for row in rows(tmp_path / "updates.csv"):
        said.setdefault(row["event_id"], []).append(row)
    for new, old in zip(found, wanted, strict=True):
        updates = said[old["event_id"]]
        assert seconds(updates[0]["now_utc"]) == seconds(old["alarm_utc"])
        assert abs(len(updates) - int(old["n_updates"])) <= 1
        origin_s, before_s = (seconds(row["origin_time_utc"]) for row in (new, old))
        assert origin_s == pytest.approx(before_s, abs=TIME_S)
        for key, tolerance in TOLERANCE.items():
            assert float(new[key]) == pytest.approx(float(old[key]), abs=tolerance), (old["event_id"], key)
