"""The jobs that a multirun was to run, begun or not."""

import itertools
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ValueType
from omegaconf import OmegaConf

from fcn.config import lasting


def planned_jobs(sweep: Path) -> list[list[str]]:
    """Overrides of each job in the order of their numbers, by what Hydra wrote as the sweep began.

    Empty where they are not known: without its multirun.yaml, and of a glob, which says nothing by itself.
    What a search will try (hparams_search) is not known before: its trials have no overrides; nor have jobs
    whose order was drawn.
    """
    path = sweep / "multirun.yaml"
    config = OmegaConf.load(path) if path.is_file() else OmegaConf.create()
    sweeper, given = (OmegaConf.select(config, f"hydra.{key}") for key in ("sweeper", "overrides.task"))
    if sweeper is None or given is None:
        return []
    if "n_trials" in sweeper:
        return [[] for _ in range(sweeper.n_trials)]
    # as Hydra's sweeper does: its own parameters first, and of one key the last counts, in the first's place
    texts = [f"{key}={value}" for key, value in (sweeper.params or {}).items()]
    values: dict[str, list[str]] = {}
    is_drawn = False
    for each in OverridesParser.create().parse_overrides([*texts, *lasting(given)]):
        if each.value_type == ValueType.GLOB_CHOICE_SWEEP:
            return []
        key = each.get_key_element()
        one = not each.is_sweep_override()
        tried = [each.get_value_element_as_str()] if one else each.sweep_string_iterator()
        values[key] = [f"{key}={value}" for value in tried]
        is_drawn |= not one and getattr(each.value(), "shuffle", False)
    return [[] if is_drawn else list(job) for job in itertools.product(*values.values())]
