"""What a resumed run knows of the best so far."""

import logging
from pathlib import Path

import pytest
import torch

from fcn.callbacks.kept import BestCheckpoint


def callback(folder: Path) -> BestCheckpoint:
    return BestCheckpoint(dirpath=str(folder), monitor="val/loss", mode="min", filename="best")


def state(best: Path | str) -> dict:
    return {
        "monitor": "val/loss",
        "best_model_score": torch.tensor(2.0),
        "best_model_path": str(best),
        "current_score": torch.tensor(2.5),
        "dirpath": str(Path(best).parent),
        "best_k_models": {str(best): torch.tensor(2.0)},
        "kth_best_model_path": str(best),
        "kth_value": torch.tensor(2.0),
        "last_model_path": "",
    }


@pytest.fixture
def best(tmp_path) -> Path:
    path = tmp_path / "first" / "best.ckpt"
    path.parent.mkdir()
    path.write_text("the best")
    return path


def test_another_folder_gets_a_copy(best, tmp_path):
    kept = callback(tmp_path / "second")
    kept.load_state_dict(state(best))
    here = tmp_path / "second" / "best.ckpt"
    assert here.read_text() == "the best"
    assert kept.best_model_path == kept.kth_best_model_path == str(here)
    assert kept.best_k_models == {str(here): torch.tensor(2.0)}
    assert kept.best_model_score == 2.0
    assert best.exists()


def test_the_same_folder_keeps_its_own(best):
    kept = callback(best.parent)
    kept.load_state_dict(state(best))
    assert kept.best_model_path == str(best)
    assert kept.best_model_score == 2.0
    assert [path.name for path in best.parent.iterdir()] == ["best.ckpt"]


@pytest.mark.parametrize(("missing", "said"), [(True, "is gone: what is best begins anew"), (False, "")])
def test_without_a_best_it_begins_anew_and_says_so(tmp_path, caplog, missing, said):
    """A file that was removed, or a run that was interrupted before its first validation."""
    kept = callback(tmp_path / "second")
    with caplog.at_level(logging.WARNING):
        kept.load_state_dict(state(tmp_path / "first" / "best.ckpt" if missing else ""))
    assert kept.best_model_score is None
    assert said in caplog.text
    assert bool(caplog.text) == bool(said)


def test_trainings_that_kept_their_best_by_lightnings_own_can_go_on(tmp_path):
    assert callback(tmp_path).state_key.startswith("ModelCheckpoint{'monitor': 'val/loss'")
