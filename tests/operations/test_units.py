"""Units of deploy/: their commands and options are there, and they are told that these live."""

import configparser
import importlib
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from documents import ROOT
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from fcn import arguments
from fcn.config import CONF_DIR

UNITS = sorted((ROOT / "deploy").glob("*.service"))
SPECIFIERS = {"%i": "kyushu", "%S": "/var/lib", "%C": "/var/cache"}
units = pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)


def read(path: Path) -> configparser.ConfigParser:
    """A unit, by sections and keys; a section or key that stands twice is an error."""
    unit = configparser.ConfigParser(interpolation=None, delimiters="=", comment_prefixes="#")
    unit.optionxform = str
    unit.read_string(path.read_text("utf-8"))
    return unit


def started(path: Path) -> list[str]:
    """Words of the command that a unit starts, the variable replaced by the example above it."""
    examples = dict(re.findall(r"^# (FCN_[A-Z]+)=(.*)$", path.read_text("utf-8"), re.MULTILINE))
    line = read(path)["Service"]["ExecStart"]
    for name, meant in {**{f"${name}": line for name, line in examples.items()}, **SPECIFIERS}.items():
        line = line.replace(name, meant)
    assert "$" not in line, "a variable without an example"
    assert "%" not in line
    return shlex.split(line)


def test_there_are_two():
    assert [path.name for path in UNITS] == ["fcn-merge.service", "fcn-monitor@.service"]


@units
def test_it_starts_a_command_with_options_that_there_are(path):
    command, *overrides = started(path)
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    module, _, name = scripts[Path(command).name].partition(":")
    assert callable(getattr(importlib.import_module(module), name))
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        cfg = compose(module.removeprefix("fcn."), overrides=overrides)
    assert not OmegaConf.missing_keys(cfg)
    found = OmegaConf.to_container(cfg, resolve=True)
    arguments.check(found)
    service = read(path)["Service"]
    home = service["StateDirectory"]
    for name, meant in SPECIFIERS.items():
        home = home.replace(name, meant)
    assert found["folder"] == f"/var/lib/{home}", "it may write nowhere else"


@units
def test_systemd_is_told_that_it_lives(path):
    service = read(path)["Service"]
    assert (service["Type"], service["NotifyAccess"], service["Restart"]) == ("notify", "main", "always")
    assert 10 <= int(service["WatchdogSec"]) <= 120
    assert "AF_UNIX" in service["RestrictAddressFamilies"].split(), "by this it is told"
