"""What pages say can be done: commands compose, files and links are there, Python runs."""

import functools
import re
import tomllib
from pathlib import Path

import pytest
from documents import PAGES, ROOT, blocks, commands, links, name_of, python_blocks
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf

from fcn import arguments
from fcn.config import CONF_DIR
from fcn.monitor import as_keys
from fcn.report.__main__ import COMMANDS as REPORTS

# what stands for a choice of the reader's; other <names> are paths, which need not exist
CHOICES = {
    "experiment=<name>": "experiment=smoke",
    "dataset=<name>": "dataset=smoke",
    "dataset=Y": "dataset=smoke",
    "velocity_model=<name>": "velocity_model=iasp91",
    "declare=<name>": "declare=migration",
}
# "...", plugins that need not be installed, and see test_a_monitor_takes_a_list_of_stations
LEFT_OUT = re.compile(r"^\.\.\.$|=\.\.\.$|^hydra[/.](launcher|sweeper)\b")
pages = pytest.mark.parametrize("page", PAGES, ids=name_of)


def first_of_each(override: str) -> str:
    """Of a sweep over values its first job."""
    (parsed,) = OverridesParser.create().parse_overrides([override])
    if not parsed.is_sweep_override():
        return override
    return f"{override.partition('=')[0]}={next(parsed.sweep_string_iterator())}"


def composed(words: list[str]) -> dict:
    """The configuration of `python -m fcn.NAME ...`, resolved; values are checked where none is missing."""
    entry, *overrides = words[2:]
    name, folder = entry.removeprefix("fcn."), CONF_DIR
    if name == "report" and overrides and overrides[0] in REPORTS:
        name = overrides.pop(0)
    elif name == "report":
        folder = CONF_DIR / "report"
    overrides = [re.sub(r"<[^>]+>", "NAME", CHOICES.get(each, each)) for each in overrides if each != "-m"]
    if name == "monitor":
        overrides += ["source=replay"] if "..." in overrides else []
    overrides = [each for each in overrides if not LEFT_OUT.search(each)]
    return resolved_once(folder, name, tuple(first_of_each(each) for each in overrides))


@functools.cache
def resolved_once(folder: Path, name: str, overrides: tuple[str, ...]) -> dict:
    """As `composed` has it; pages repeat commands, and composing takes a while."""
    with initialize_config_dir(str(folder), version_base="1.3"):
        cfg = compose(name, overrides=list(overrides))
    found = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=False)
    if not OmegaConf.missing_keys(cfg):
        arguments.check(found)
    return found


@pages
def test_commands_compose_and_their_files_exist(page):
    for words in commands(page.read_text("utf-8")):
        if words[1] == "-m" and len(words) > 3 and "--help" not in words:
            try:
                composed(words)
            except (HydraException, ValueError) as error:
                pytest.fail(f"{' '.join(words)}: {error}")
        elif words[1] != "-m":
            source = (ROOT / words[1]).read_text("utf-8")
            for option in (word for word in words if word.startswith("--")):
                assert f'"{option}"' in source, f"{words[1]} has no {option}"


@pages
def test_extras_that_are_installed_exist(page):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for names in re.findall(r"""['"](?:\.|fcn)\[([\w,]+)\]['"]""", page.read_text("utf-8")):
        assert set(names.split(",")) <= set(extras)


@pages
def test_links_lead_to_files(page):
    for target in links(page.read_text("utf-8")):
        assert (page.parent / target.partition("#")[0]).exists(), target


@pages
def test_python_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "a page"}
    for number, block in enumerate(python_blocks(page.read_text("utf-8"))):
        exec(compile(block, f"{name_of(page)}, block {number}", "exec"), namespace)


def test_experiments_of_pages_compose(tmp_path):
    found = [
        block
        for page in PAGES
        for language, block in blocks(page.read_text("utf-8"))
        if language == "yaml" and block.startswith("# @package _global_")
    ]
    assert found
    (tmp_path / "experiment").mkdir()
    for block in found:
        (tmp_path / "experiment" / "of_page.yaml").write_text(block + "\n")
        with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            cfg = compose("train", overrides=[f"hydra.searchpath=[file://{tmp_path}]", "experiment=of_page"])
        assert OmegaConf.to_container(cfg, resolve=True)["name"] == "inside"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("python -m fcn.train experiment=nonesuch", "nonesuch"),
        ("python -m fcn.train trainer.max_stepz=3", "max_stepz"),
        ("python -m fcn.train -m experiment=smoke seeds=1,2", "seeds"),
        ("python -m fcn.report examples counts=3", "counts"),
        ("python -m fcn.report swept=FOLDER", "swept"),
        ("python -m fcn.train experiment=smoke declare.settle.max_s=late", "late"),
    ],
)
def test_what_does_not_compose_is_seen(command, message):
    ((*words,),) = commands(f"A page.\n\n    {command}  # a remark\n")
    with pytest.raises((HydraException, ValueError), match=message):
        composed(words)


def test_a_monitor_takes_a_list_of_stations():
    given = ["ckpt=a", "source=directory", "source.root=b", "stations=c.xml"]
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        assert compose("monitor", overrides=as_keys(given)).station_file == "c.xml"
    assert as_keys(["source.stations=1", "stations=a=b"]) == ["source.stations=1", "station_file=a=b"]
    assert as_keys(["pace=2", "--help"]) == ["source.pace=2", "--help"]


def test_blocks_of_either_kind_are_found():
    text = "a\n\n    one\n\n    two\n\nb\n    no block\n\n```python\nx = 1\n\n    y\n```\n\n    last\n"
    assert list(blocks(text)) == [("", "one\ntwo"), ("python", "x = 1\n\n    y"), ("", "last")]
    assert python_blocks(text) == ["x = 1\n\n    y"]
    broken = (
        "\n    python -m fcn.test \\\n        ckpt=a\n\nsee `python docs/a.py --b` and [c](d.md), `[e](f)`\n"
    )
    assert commands(broken) == [["python", "-m", "fcn.test", "ckpt=a"], ["python", "docs/a.py", "--b"]]
    assert links(broken) == ["d.md"]


def test_all_pages_are_looked_at():
    assert {Path("README.md"), Path("docs/monitor.md")} <= {page.relative_to(ROOT) for page in PAGES}
    assert sum(len(commands(page.read_text("utf-8"))) for page in PAGES) > 60
