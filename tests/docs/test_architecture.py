"""docs/architecture.md is what the import contracts say."""

import tomllib

from documents import ROOT, blocks

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def test_the_floors_are_those_of_the_contract():
    (floors,) = [block for language, block in blocks(PAGE) if language == "text"]
    assert floors.splitlines() == CONTRACTS[0]["layers"]


def test_every_contract_is_listed():
    for contract in CONTRACTS:
        assert f"| {contract['name']} |" in PAGE or f"## {contract['name']}" in PAGE
