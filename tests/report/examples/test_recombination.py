"""Recombined events beside the same ones simulated as a whole: figures of both, page and command."""

import numpy as np
import pytest
from audited import RATE_HZ, configuration, made_table
from toy import resolved

from fcn.assemble import build_datamodule
from fcn.audit.direct import DirectSimulation
from fcn.audit.event_features import StationTable, measure
from fcn.audit.two_sample import tell_apart
from fcn.cache import cached_store
from fcn.config import build
from fcn.recombine.faults import SHARES
from fcn.recombine.noise import NoiseBank
from fcn.report import __main__ as command
from fcn.report.examples.comparison import Comparison, decay, figures_of
from fcn.report.examples.recombination import telling_table
from fcn.seeding import Purpose
from fcn.store.reader import BaseStore


def test_scatter_within_and_between_events_is_found_again():
    table = made_table(np.random.default_rng(0), within=0.2, between=0.1)
    found = figures_of(table)
    assert found["within-event deviation"] == pytest.approx(0.2, rel=0.05)
    assert found["between-event deviation"] == pytest.approx(0.1, rel=0.15)
    assert decay(table) == pytest.approx(-1.5, abs=0.05)


def test_what_differs_between_populations_is_named():
    rng = np.random.default_rng(1)
    comparison = Comparison.of(made_table(rng, 0.1, 0.2), made_table(rng, 0.3, 0.1))
    features = comparison.features()
    named = {row[0]: row[1] for row in telling_table(features).rows}
    assert float(named["log_peak: deviation"]) > 0.9
    assert "polarities agree" not in named
    assert all(v.low > 0.8 for v in tell_apart(*features.values(), seed=0))


def test_nothing_is_broken_in_what_is_compared(toy_store):
    faults = configuration(toy_store)["data"]["faults"]
    assert {name: faults[name] for name in SHARES} == dict.fromkeys(SHARES, 0.0)


def test_the_command_writes_page_figure_and_tables(toy_store, tmp_path):
    page = command.recombination(configuration(toy_store, "scenes=24"), tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "all data simulated" in text
    assert "Told apart" in text
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*") if path.is_file()}
    csv = {f"{name}.csv" for name in ("populations", "verdicts", "features")}
    assert found == {"report.html", "figures/comparison.png", *csv}
    with pytest.raises(ValueError, match="scenes must be"):
        command.recombination(configuration(toy_store, "scenes=0"), tmp_path)


@pytest.mark.slow
def test_recombined_events_are_like_directly_simulated_ones(tmp_path):
    """From a small simulated store: 192 events of each kind, which classifiers hardly tell apart."""
    overrides = ("store=smoke", "store.recipe.n_records=7680", f"cache={tmp_path}", "data.velocity.count=4")
    config = resolved("recombination", *overrides)
    store = cached_store(config["store"], tmp_path)
    made = build_datamodule(config, store).recombined(Purpose.TRAIN, "train")
    direct = DirectSimulation(
        build(config["store"]["recipe"]["recipe"]),
        NoiseBank(BaseStore.open(store), "train", made.recipe.noise_texture),
        5.0,
        seed=1,
    )
    tables: tuple[list[StationTable], list[StationTable]] = ([], [])
    for first in range(0, 192, 16):
        batch = made.__getitems__([(0, i) for i in range(first, first + 16)])
        for part, found in zip((direct.like(batch, first), batch), tables, strict=True):
            found.append(measure(part, RATE_HZ))
    comparison = Comparison.of(*(StationTable.join(part) for part in tables))
    direct_, recombined = (figures_of(table) for table in comparison.populations.values())
    name = "amplitude decay (log10 per log10 R)"
    assert recombined[name] == pytest.approx(direct_[name], abs=0.2)
    assert recombined["scatter of amplitudes"] == pytest.approx(direct_["scatter of amplitudes"], rel=0.15)
    within = recombined["within-event deviation"] / direct_["within-event deviation"]
    assert 0.8 < within < 1.2
    assert recombined["between-event deviation"] == pytest.approx(direct_["between-event deviation"], rel=0.4)
    for name, tolerance in (
        ("P over S, median of log10", 0.06),
        ("S minus P over distance (s/km), median", 0.004),
        ("spectral centroid (Hz), median", 0.3),
        ("duration of 75 % of the energy (s), median", 0.7),
    ):
        assert recombined[name] == pytest.approx(direct_[name], abs=tolerance), name
    for verdict in tell_apart(*comparison.features().values(), seed=1):
        assert verdict.accuracy < 0.67, verdict  # without source terms, three in four
