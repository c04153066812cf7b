"""Where configuration is read: but for planned.py, the checkpoint and the entry points, Hydra stops here."""

import datetime
import functools
import hashlib
import inspect
import json
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, make_dataclass
from pathlib import Path
from typing import Any, Literal

import hydra
import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from hydra.utils import get_method, instantiate
from omegaconf import MISSING, DictConfig, ListConfig, OmegaConf

from fcn import arguments
from fcn.command_line import help_text, misplaced_choices, unknown_choices, unwritable_folder
from fcn.run_folder import unused

_PACKAGE = Path(__file__).parent
# beside the package in a checkout, inside it in an installed wheel
CONF_DIR = _PACKAGE / "conf" if (_PACKAGE / "conf").is_dir() else _PACKAGE.parent / "conf"

Task = Callable[[DictConfig], Any]

# Files of conf/hydra/launcher say all that their launchers need, and hold without the plugins' schemas of the
# same names, which Hydra 1.3 still applies, and says that it will not for ever.
warnings.filterwarnings("ignore", r"\s*'hydra/launcher/.*' is validated against ConfigStore schema")

_TAGS = ("experiment", "sweep", "dataset", "budget")  # groups by which runs are found in a dashboard

# The top-level keys of each entry point: an experiment file that misspells one is rejected.
TOP_LEVEL = {
    "train": (
        "name seed cache ckpt resume weights geometry stations velocity_model preprocess store data "
        "magnitude arch scheme loss optim callbacks trainer logger declare matching validation evaluation "
        "budget"
    ),
    "test": (
        "name cache ckpt resume trust reading dataset subset budget velocity_model declare matching packet_s "
        "latency_s windows site_scores trainer logger backend"
    ),
    "monitor": (
        "name folder ckpt trust reading source station_file station_ids velocity_model declare windows "
        "patience_s skip_s habits operations log sinks alerts sites shaking observe web limits threads "
        "backend"
    ),
    "status": "folder",
    "check": "folder limits",
    "merge": "name folder listen likeness keeping habits log sinks alerts",
    "export": "ckpt trust out cache station_file station_ids centre velocity_model dataset matching",
    "ship": "ckpt out declare reading half_precision",
    "report": "sweep run store examples out",
}

# Of groups of which a command takes some only: which.
TAKES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "monitor": {"source": ("directory", "replay", "seedlink")},
    "build_sequence": {"source": ("fdsn",)},
    "build_store": {"source": ("archive", "knet", "seisbench", "simulated", "simulated_smoke")},
}

# What a configuration states, if with ???, which takes no other default's place: None would not be missed.
STATED = ("ckpt", "out", "folder")

for _entry, _keys in TOP_LEVEL.items():
    _schema = make_dataclass(
        f"{_entry.capitalize()}Schema",
        [(key, Any, field(default=MISSING if key in STATED else None)) for key in _keys.split()],
    )
    ConfigStore.instance().store(name=f"{_entry}_schema", node=_schema)


def entry_point(
    name: str, folder: Path = CONF_DIR
) -> Callable[[Callable[[DictConfig], Any]], Callable[..., Any]]:
    """Make a function of a configuration the command that folder/name.yaml configures; `--help` shows that.

    Hydra's own help composes the configuration, which it cannot where a choice is left to be made, loses its
    comments, and takes seconds to list all groups there are. What is for another command (`TAKES`) is said to
    be.
    """
    decorate = hydra.main(version_base="1.3", config_path=str(folder), config_name=name)

    def decorated(task: Task) -> Callable[..., Any]:
        run = decorate(task)

        @functools.wraps(task)
        def main(*given: DictConfig) -> Any:
            if not given and {"--help", "-h"} & set(sys.argv[1:]):
                sys.stdout.write(help_text(name, folder, sys.argv[1:], TAKES.get(name, {})))
                return None
            if not given and (unknown := unknown_choices(sys.argv[1:], folder)):
                sys.exit(unknown)
            if not given and (misplaced := misplaced_choices(name, sys.argv[1:], TAKES)):
                sys.exit(misplaced)
            if not given and (unwritable := unwritable_folder(name, sys.argv[1:], folder)):
                sys.exit(unwritable)
            return run(*given)

        return main

    return decorated


def plain(cfg: DictConfig) -> dict[str, Any]:
    """Resolved plain containers, their values checked (`fcn.arguments`).

    Raises omegaconf's MissingMandatoryValue naming what was left as ???, and ValueError naming a key whose
    value its class or its unit cannot have.
    """
    found: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    arguments.check(found)
    return found


class MisfitError(TypeError):
    """What a node names does not take the arguments it would be given."""


def build(node: Any, **runtime: Any) -> Any:
    """The object a node's `_target_` describes, its plain containers as lists and dicts; None of None.

    Runtime objects are passed by Python to a node with `_partial_: true`, never through the configuration.
    Such a node is built, too, where there are none. Raises MisfitError for arguments that it does not take
    or lacks, and for runtime objects without `_partial_: true`; ValueError (FileNotFoundError for a missing
    file) naming class, key and what the class refused of the configuration. What a class that is given
    runtime objects raises comes as it is.
    """
    made = _instantiate(node)
    if not _is_partial(node):
        if runtime:
            raise MisfitError(
                f"{_target(node)} is to be given {', '.join(runtime)} at run time: it needs _partial_: true"
            )
        return made
    try:
        inspect.signature(made.func).bind(*made.args, **{**made.keywords, **runtime})
    except TypeError as error:
        raise MisfitError(f"{_target(node)}: {error}") from None
    return made(**runtime)


def factory(node: Any) -> Any:
    """What makes the object of a node with `_partial_: true` once it is called with the rest; None of None.

    Raises MisfitError for a node without.
    """
    if node is not None and not _is_partial(node):
        raise MisfitError(f"{_target(node)} is to be given more at run time: it needs _partial_: true")
    return _instantiate(node)


def _instantiate(node: Any) -> Any:
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        cause, text = error.__cause__, str(error)
        if isinstance(cause, OSError) and cause.filename is not None:
            text = f"{text}\n{cause}"  # which file: Hydra leaves that out
        raise (FileNotFoundError if isinstance(cause, FileNotFoundError) else ValueError)(text) from error


def _is_partial(node: Any) -> bool:
    return isinstance(node, Mapping | DictConfig) and bool(node.get("_partial_"))


def _target(node: Any) -> str:
    return (
        str(node["_target_"]) if isinstance(node, Mapping | DictConfig) and "_target_" in node else repr(node)
    )


def digest(node: Any) -> str:
    """Twelve hexadecimal digits that name a configuration, for caches."""
    return hashlib.sha256(json.dumps(node, sort_keys=True).encode()).hexdigest()[:12]


def check_choices() -> None:
    """Raise ValueError where a group that takes one file was given a list, which Hydra would merge."""
    for group, choice in HydraConfig.get().runtime.choices.items():
        if isinstance(choice, list | ListConfig) and group not in ("source", "sinks"):
            raise ValueError(
                f"{group} takes one choice, got {list(choice)}; to run several use -m {group}=a,b"
            )


def overrides() -> list[str]:
    """The command line's overrides of the running job."""
    return lasting(HydraConfig.get().overrides.task)


def is_of_sweep() -> bool:
    """Whether what runs is a job of a multirun."""
    return HydraConfig.get().mode == RunMode.MULTIRUN


class BeforeSweep(Callback):
    """Of conf/: asks whether what has a `trainer` can be run in a sweep, before a folder of it is made.

    check: full name of a function of conf/trainer's options, which raises ValueError where it cannot.
    """

    def __init__(self, check: str) -> None:
        self.check = check

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Ends the command where it cannot; a trainer that is itself swept over, its jobs ask."""
        launcher = config.hydra.launcher
        if (launcher.get("tasks_per_node") or 1) * (launcher.get("nodes") or 1) > 1:
            return  # Slurm starts a job's processes
        try:
            get_method(self.check)(OmegaConf.to_container(config.trainer, resolve=True))
        except ValueError as error:
            sys.exit(str(error))  # of what a callback raises Hydra makes a warning


def sweep_folder(resume: str | bool | None, given: Sequence[str]) -> str:
    """Folder of a multirun, for `hydra.sweep.dir`: a new one, or that of the one to resume.

    resume: true looks in logs/ for the last sweep with the same overrides, of those in which a job was begun
    if there are such; a folder is taken as it is.
    Raises ValueError where there is none, FileNotFoundError for a folder that does not exist.
    """
    if isinstance(resume, str):
        if not Path(resume).expanduser().is_dir():
            raise FileNotFoundError(f"no sweep folder at {resume} (resume=true finds the last one in logs/)")
        return str(Path(resume).expanduser())
    if not resume:
        return f"logs/{unused('logs', f'sweep-{datetime.datetime.now():%Y%m%d-%H%M%S}')}"
    begun = sorted(Path("logs").glob("sweep-*/multirun.yaml"), key=lambda path: _numbers(path.parent.name))
    none_begun: Path | None = None  # a sweep that was stopped before its first job is there as well
    for path in reversed(begun):
        if _overrides_of(path) != lasting(given):
            continue
        if any(path.parent.glob("*/.hydra")):  # of a job Hydra's record comes first
            return str(path.parent)
        none_begun = none_begun or path.parent
    if none_begun is not None:
        return str(none_begun)
    raise ValueError(
        f"resume=true: no sweep in {Path('logs').resolve()} was begun with {' '.join(lasting(given))}; give "
        "its folder, resume=FOLDER, or leave resume out to begin one"
    )


def jobs_at_once(threads: int) -> int:
    """How many jobs of so many threads each this machine has cores for: at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // threads)


def _overrides_of(multirun: Path) -> list[str] | None:
    """That a sweep was begun with, of its multirun.yaml; None of a file that does not say."""
    try:
        return lasting(yaml.safe_load(multirun.read_text(encoding="utf-8"))["hydra"]["overrides"]["task"])
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
        return None  # as of a disk that was full


def _numbers(name: str) -> list[int]:
    """By which names with numbers in them sort: of the tenth of one second after the second."""
    return [int(each) for each in re.findall(r"\d+", name)]


def of_run(what: Literal["name", "group", "job_type", "tags", "id"]) -> str | list[str] | None:
    """What the running job is called where runs are compared, for conf/logger; nothing outside of a command.

    name: of its folder, in a sweep with the sweep's. group: name and folder of its sweep; id: twelve digits
    of its folder, in a sweep; None outside of one. job_type: train or test. tags: what was chosen of the
    groups that name a question.
    """
    if not HydraConfig.initialized():
        return [] if what == "tags" else None
    running, folder = HydraConfig.get(), run_dir().resolve()
    choices, sweep = running.runtime.choices, folder.parent.name if is_of_sweep() else None
    if what == "tags":
        return [f"{group}:{choices[group]}" for group in _TAGS if choices.get(group)]
    found = {
        "job_type": running.job.config_name,
        "name": folder.name if sweep is None else f"{sweep}/{folder.name}",
        "group": sweep and "-".join(filter(None, [choices.get("sweep"), sweep])),
        "id": sweep and digest(str(folder)),
    }
    return found[what]


OmegaConf.register_new_resolver("jobs_at_once", jobs_at_once, replace=True)
OmegaConf.register_new_resolver("of_run", of_run, replace=True)
OmegaConf.register_new_resolver("sweep_folder", sweep_folder, use_cache=True, replace=True)
OmegaConf.register_new_resolver("unused", unused, use_cache=True, replace=True)


def lasting(given: Iterable[str]) -> list[str]:
    """Overrides that say what is run, and not whether it is run again."""
    return [each for each in given if each.lstrip("+").partition("=")[0] != "resume"]


def run_dir() -> Path:
    """Folder of the running job."""
    return Path(HydraConfig.get().runtime.output_dir)
