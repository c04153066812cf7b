"""docs/metrics.md has every figure of metrics.json, and every key and value of conf/declare."""

import re

import numpy as np
from documents import ROOT
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from fcn.config import CONF_DIR
from fcn.metrics.matching import MatchTolerance
from fcn.metrics.moments import MOMENTS
from fcn.metrics.score import score_sequence
from fcn.metrics.watched import Watched
from fcn.shaking.score import ScoreRule, SiteScore

PAGE = (ROOT / "docs" / "metrics.md").read_text("utf-8")


def rows(first_heading: str) -> list[list[str]]:
    """Cells of the table whose first column has this heading."""
    (table,) = re.findall(rf"^\| {first_heading} \|.*(?:\n\|.*)+", PAGE, flags=re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def leaves(node: dict, prefix: str = "") -> dict[str, str]:
    """Every value by its dotted key, as the page writes it; groups that are null are values."""
    found: dict[str, str] = {}
    for key, value in node.items():
        if isinstance(value, dict):
            found |= leaves(value, f"{prefix}{key}.")
        elif not key.startswith("_"):
            found[prefix + key] = "null" if value is None else str(value)
    return found


def test_every_figure_of_metrics_json_is_explained():
    header, _, *table = rows("figure")
    named: list[str] = []
    for cells in table:
        names = re.findall(r"`(\w+)`", cells[0])
        for name in names:
            if cells[header.index("at moments")]:
                named += [name + moment for moment in MOMENTS if name + moment != "n"]
            else:
                named.append(name)
    score = score_sequence(
        [],
        None,
        Watched(((0.0, 60.0),)),
        np.zeros(0),
        tolerance=MatchTolerance(4.0, 25.0, 1.0),
        simulated=True,
    )
    assert sorted(named) == sorted(score)


def test_every_figure_of_sites_is_explained():
    page = (ROOT / "docs" / "shaking.md").read_text("utf-8")
    (table,) = re.findall(r"^\| figure of sites \|.*(?:\n\|.*)+", page, flags=re.MULTILINE)
    named = [name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])]
    score = SiteScore.of([], 2.5, ScoreRule(joined_s=30.0, ahead_s=60.0, least_lead_s=0.0, near=0.5))
    assert named == ["n_sites", "n_sites_clipped", *score.figures()]


def test_every_key_of_an_alarm_rule_is_explained_with_its_values():
    header, _, *table = rows("key")
    written = {cells[0].strip("`"): dict(zip(header[2:], cells[2:], strict=True)) for cells in table}
    files = {path.stem for path in (CONF_DIR / "declare").glob("*.yaml")} - {"base"}
    assert set(header[2:]) == files
    keys = set()
    for name in files:
        with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            values = leaves(OmegaConf.to_container(compose("train", overrides=[f"declare={name}"]).declare))
        keys |= set(values)
        assert {key: columns[name] for key, columns in written.items()} == {
            key: values.get(key, "-") for key in written
        }
    assert keys == set(written)


def test_the_matching_is_the_one_that_is_stated():
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        matching = compose("test", overrides=["ckpt=none"]).matching
    stated = f"within {matching.origin_time_s:g} s and epicentres within {matching.epicentre_km:g} km"
    assert stated in PAGE
    assert f"of magnitude, in units of {matching.magnitude_scale} " in PAGE
