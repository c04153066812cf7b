"""The best checkpoint, which outlives an interruption."""

import itertools
import logging
import shutil
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only

from fcn.publish import new_file

log = logging.getLogger(__name__)


def set_aside(folder: Path) -> None:
    """The checkpoints of an earlier training in a run's folder, before another begins there from nothing.

    Else the other's `best.ckpt` would be taken for this one's, as long as that has none.
    """
    if not any(folder.glob("*.ckpt")):
        return
    aside = next(
        place for n in itertools.count(1) if not (place := folder.with_name(f"{folder.name}-{n}")).exists()
    )
    folder.rename(aside)
    log.warning("%s holds checkpoints of an earlier training: they are kept in %s", folder, aside)


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
        if not state_dict["best_model_path"]:
            return  # interrupted before anything was best
        former = Path(state_dict["best_model_path"])
        here = Path(str(self.dirpath)) / former.name
        if not former.is_file():
            log.warning("the best checkpoint so far, %s, is gone: what is best begins anew", former)
            return
        if former.resolve() != here.resolve() and getattr(rank_zero_only, "rank", 0) == 0:
            with new_file(here) as partial:
                shutil.copyfile(former, partial)
            log.info(
                "the best so far, %s = %.4g, is %s", self.monitor, state_dict["best_model_score"], former
            )
        moved = {str(former): str(here)}
        kept = {moved.get(path, path): score for path, score in state_dict["best_k_models"].items()}
        kth = moved.get(state_dict["kth_best_model_path"], state_dict["kth_best_model_path"])
        where = {"dirpath": self.dirpath, "best_model_path": str(here), "last_model_path": ""}
        super().load_state_dict({**state_dict, **where, "best_k_models": kept, "kth_best_model_path": kth})
