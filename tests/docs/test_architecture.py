"""docs/architecture.md speaks of packages and import contracts that there are."""

import re
import tomllib

from documents import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def rows(heading: str) -> list[list[str]]:
    """Cells of the table whose first column has this heading, below it."""
    (table,) = re.findall(rf"^\| {heading} \|.*(?:\n\|.*)+", PAGE, flags=re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_its_contracts_are_contracts():
    assert {cells[0] for cells in rows("contract")} <= {contract["name"] for contract in CONTRACTS}
    assert "<!-- floors of pyproject.toml -->" in PAGE  # which docs/hooks.py fills


def test_its_packages_and_commands_are_there():
    for _, packages, commands in rows("stage"):
        for name in re.findall(r"`([\w.]+)`", packages):
            path = ROOT / "fcn" / name.replace(".", "/")
            assert path.is_dir() or path.with_suffix(".py").is_file(), name
        for name in re.findall(r"`fcn\.(\w+)", commands):
            assert (ROOT / "fcn" / name).is_dir() or (ROOT / "fcn" / f"{name}.py").is_file(), name
