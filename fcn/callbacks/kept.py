"""The best checkpoint, which outlives an interruption."""

import logging
import shutil
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint

from fcn.publish import new_file

log = logging.getLogger(__name__)


class BestCheckpoint(ModelCheckpoint):
    """The best checkpoint so far, resumed or not: a run that goes on elsewhere takes it along.

    Lightning forgets what was best when the folder changes, and would keep the best of the resumed part.
    """

    @property
    def state_key(self) -> str:
        """That of Lightning's own: trainings that kept their best by it can be gone on with."""
        return super().state_key.replace(type(self).__qualname__, ModelCheckpoint.__qualname__, 1)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As it was when the run was interrupted, with a copy of the best file in this run's folder."""
        best, here = Path(state_dict["best_model_path"] or "."), Path(str(self.dirpath))
        if state_dict.get("monitor") == self.monitor and best.is_file() and best.parent != here:
            copy = here / best.name
            with new_file(copy) as partial:
                shutil.copyfile(best, partial)
            moved = {str(best): str(copy)}
            state_dict = {**state_dict, "dirpath": self.dirpath, "best_model_path": str(copy)}
            state_dict["best_k_models"] = {
                moved.get(path, path): score for path, score in state_dict["best_k_models"].items()
            }
            kth = state_dict["kth_best_model_path"]
            state_dict["kth_best_model_path"] = moved.get(kth, kth)
            log.info("the best so far, %s = %.4g, is %s", self.monitor, state_dict["best_model_score"], best)
        elif state_dict.get("monitor") != self.monitor:
            log.warning(
                "the resumed training kept its best by %s, this one by %s: what is best begins anew",
                state_dict.get("monitor"),
                self.monitor,
            )
            state_dict = {**state_dict, "dirpath": None, "best_model_path": ""}
        elif not best.is_file():
            log.warning("the best checkpoint so far, %s, is gone: what is best begins anew", best)
            state_dict = {**state_dict, "dirpath": None, "best_model_path": ""}
        if state_dict["dirpath"] == self.dirpath:
            super().load_state_dict(state_dict)
