"""What is said of a command line before Hydra reads it: its help, and what is wrong with it."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

# what takes a file or a folder of one's own in a group of choices
WITH_PATH = {
    "velocity_model": "velocity_model=table velocity_model.path",
    "dataset": "dataset=archive dataset.root",
}
GRIDS = (".h5", ".hdf5")
# where a command line says that there are other configurations
ELSEWHERE = ("hydra.searchpath=", "--config-dir", "-cd", "--config-path", "-cp")


def help_text(name: str, folder: Path, given: Sequence[str], takes: Mapping[str, Sequence[str]]) -> str:
    """What a command says of itself: its configuration as it is written, and the choices of its groups.

    given: its command line; of a choice that it makes the file is shown, too. takes: choices of groups of
    which the command takes some only.
    """
    files = list(_primary(name, folder))
    groups = {key: folder / key for path in files for key in _groups(path) if (folder / key).is_dir()}
    choices = {
        key: sorted(set(takes.get(key, ())) or {path.stem for path in place.glob("*.yaml")})
        for key, place in groups.items()
    }
    lines = [path.read_text(encoding="utf-8") for path in files]
    for key, chosen in _chosen(given):
        if chosen in choices.get(key, ()):
            shown = [
                f"# conf/{path.relative_to(folder).as_posix()}:\n{path.read_text(encoding='utf-8')}"
                for path in _with_bases(folder / key / f"{chosen}.yaml")
            ]
            lines += [f"# {key}={chosen} takes its keys from", *shown]
    if groups:
        lines.append("# Choices; each is a file of conf/<group>/ that says what it takes:")
    lines += [f"{key}={', '.join(known)}" for key, known in choices.items()]
    lines.append(
        "\n# Override KEY=VALUE and GROUP=CHOICE: with --help it shows what that takes, with --cfg job"
    )
    lines.append("# what it makes.")
    return "\n".join(lines) + "\n"


def _chosen(given: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each GROUP=CHOICE, of GROUP=[A,B] as well; other keys and their values are among them."""
    for each in given:
        key, _, values = each.lstrip("+").partition("=")
        yield from ((key, value.strip()) for value in values.strip("[]").split(","))


def _with_bases(path: Path) -> Iterator[Path]:
    """The file of a choice, and those of its group that it starts from."""
    yield path
    for each in _defaults(path):
        if isinstance(each, str) and (base := path.with_stem(each.partition("@")[0])).is_file():
            yield from _with_bases(base)


def unknown_choices(given: Sequence[str], folder: Path) -> str:
    """What is wrong with GROUP=[A,B], GROUP=null or GROUP=PATH of a command line, and what there is; else
    nothing.

    Hydra says so of GROUP=A, of a list only that there is no such file, of null not even which group it is,
    and of a path nothing of the choice that takes one.
    """
    if any(each.lstrip("+").startswith(ELSEWHERE) for each in given):
        return ""  # there may be more
    for each in given:
        group, _, listed = each.partition("=")
        if not (re.fullmatch(r"\w+", group) and (folder / group).is_dir()):
            continue
        known = sorted(path.stem for path in (folder / group).glob("*.yaml"))
        if group in WITH_PATH and re.search(r"[./~]", listed):
            is_grid = listed.strip("'\"").endswith(GRIDS)
            choice = WITH_PATH[group].replace("=table", "=grid3d" if is_grid else "=table")
            return f"{group}={listed} is a file or folder, and no choice: write {choice}={listed}"
        if listed == "null":
            return f"{group}={listed} is no choice; known are {', '.join(known)}"
        if re.fullmatch(r"\[[\w, ]*\]", listed):
            for choice in filter(None, listed[1:-1].replace(" ", "").split(",")):
                if choice not in known:
                    return f"{group}: there is no {choice}; known are {', '.join(known)}"
    return ""


def misplaced_choices(
    name: str, given: Sequence[str], takes: Mapping[str, Mapping[str, Sequence[str]]]
) -> str:
    """What of a command line is for another command, and which; else nothing.

    takes: of commands that share a group, which choices of it each takes.
    """
    if any(each.lstrip("+").startswith(ELSEWHERE) for each in given):
        return ""  # it may be the user's own
    for group, choice in _chosen(given):
        others = [other for other, groups in takes.items() if choice in groups.get(group, ())]
        own = takes.get(name, {}).get(group)
        if own is not None and others and name not in others:
            owners = " and fcn.".join(others)
            return (
                f"{group}={choice} is for python -m fcn.{owners}; "
                f"python -m fcn.{name} takes {group}={', '.join(own)}"
            )
    return ""


def unwritable_folder(name: str, given: Sequence[str], folder: Path) -> str:
    """What is wrong with where a command line's runs are put, which Hydra makes at first; else nothing."""
    flags = {each for each in given if each.startswith("-")}
    if flags - {"-m", "--multirun"}:
        return ""  # that shows something, or says itself where things are
    kind = "sweep" if flags else "run"
    stated = dict(each.lstrip("+").split("=", 1) for each in given if "=" in each)
    where = stated.get(key := f"hydra.{kind}.dir") or _stated_folder(name, kind, folder)
    if where is None:
        return ""
    place = Path(where.strip("'\"").partition("$")[0])
    while not os.access(place, os.F_OK):  # Path.exists raises where it may not look
        place = place.parent
    if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
        return ""
    return (
        f"{place.resolve()} is no folder that can be written to, and a run puts its records there: begin it "
        f"in another, or say which with {key}=FOLDER"
    )


def _stated_folder(name: str, kind: str, folder: Path) -> str | None:
    """Where a command's configuration puts its runs; of sweeps those that are new; None: it keeps none."""
    for path in _primary(name, folder):
        stated = yaml.safe_load(path.read_text(encoding="utf-8")).get("hydra", {})
        if "run" in stated:
            if stated.get("output_subdir", "") is None:
                return None
            return "logs" if kind == "sweep" else str(stated["run"]["dir"])
    return "."


def _primary(name: str, folder: Path) -> Iterator[Path]:
    """Files of a command's own: of that name, and those at the folder's top that it starts from."""
    path = folder / f"{name}.yaml"
    if path.is_file():  # schemas are none
        yield path
        for each in _defaults(path):
            if isinstance(each, str) and each != "_self_":
                yield from _primary(each, folder)


def _groups(path: Path) -> Iterator[str]:
    for each in _defaults(path):
        if isinstance(each, Mapping):
            yield from (str(key).split()[-1] for key in each)  # `override GROUP`, too


def _defaults(path: Path) -> list[Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")).get("defaults", [])
