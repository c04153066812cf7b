import math

import pytest
from hydra.utils import get_object
from toy import resolved

from fcn import former
from fcn.assemble import build_scheme
from fcn.checkpoint import load
from fcn.config import build


def test_a_former_name_is_replaced_wherever_it_stands(monkeypatch):
    monkeypatch.setattr(former, "NAMES", {"fcn.old.Thing": "fcn.new.Thing"})
    node = {"a": [{"_target_": "fcn.old.Thing", "n": 1}], "b": {"_target_": "fcn.other.Thing"}, "c": 2.0}
    wanted = {"a": [{"_target_": "fcn.new.Thing", "n": 1}], "b": {"_target_": "fcn.other.Thing"}, "c": 2.0}
    assert former.current(node) == wanted
    assert node["a"][0]["_target_"] == "fcn.old.Thing"  # a copy


def test_rules_that_counted_windows_count_seconds():
    """Three of eight windows, one every 0.5 s, are the third within 4 s: two that stood before it."""
    scores = {"min_detection_score": 0.7, "min_location_score": 0.5}
    old = {"_target_": "fcn.stream.declare.Evidence", "n_agree": 3, "n_windows": 8, **scores}
    new = {"_target_": "fcn.alarm.rules.Evidence", "agree_s": 1.0, "within_s": 4.0, **scores}
    assert former.current({"evidence": old}) == {"evidence": new}


def test_rules_that_settled_after_six_windows_settle_after_as_many_seconds():
    settle = {"_target_": "fcn.stream.declare.Settlement", "n_stable": 6, "min_s": 8.0, "max_s": 20.0}
    counted = {"_target_": "fcn.stream.declare.Evidence", "n_agree": 2, "n_windows": 4}
    summed = {"_target_": "fcn.stream.declare.SummedEvidence", "n_windows": 5}
    for evidence, wanted_s in ((counted, 2.5), (summed, 5.0)):
        rule = {"_target_": "fcn.stream.declare.Declarer", "settle": settle, "evidence": evidence}
        found = former.current(rule)["settle"]
        assert found["stable_s"] == wanted_s
        assert "n_stable" not in found


def test_matching_knew_no_magnitudes():
    old = {"_target_": "fcn.metrics.matching.MatchTolerance", "origin_time_s": 4.0, "epicentre_km": 25.0}
    assert build(former.current(old)).magnitude_scale == math.inf
    assert former.current({**old, "magnitude_scale": 1.0})["magnitude_scale"] == 1.0


RULES = {"generalized": "migration", "compact": "compact", "eewnet": "eewnet_short", "lite": "eewnet_short"}


@pytest.mark.parametrize("name", RULES)
def test_the_rules_of_shipped_checkpoints_are_those_of_the_configuration(name):
    rule = f"declare={RULES[name]}"
    assert dict(load(name).config["declare"]) == resolved("train", rule)["declare"]


@pytest.mark.parametrize("old", former.NAMES)
def test_every_row_leads_from_a_name_that_is_gone_to_one_that_exists(old):
    assert get_object(former.NAMES[old])
    assert former.NAMES[old] not in former.NAMES, "one step, not a chain"
    with pytest.raises(Exception, match=r"Error|locat"):
        get_object(old)


def test_an_older_checkpoint_is_given_what_it_was_trained_on():
    """No long-period band, 0.1 Hz before every band, whole windows."""
    restored = load("lite")
    assert restored.preprocess.long is None
    assert restored.preprocess.highpass_hz == 0.1
    assert not restored.module.scheme.partial
    assert build(resolved("train")["preprocess"]).long is not None


def test_the_papers_network_reads_the_papers_bands():
    """Of the preprocessing of today, with which its location branch was trained on."""
    restored = load("eewnet")
    assert restored.preprocess == build(resolved("train")["preprocess"])
    bands = [(band.low_hz, band.high_hz) for band in (restored.preprocess.narrow, restored.preprocess.broad)]
    assert bands == [(2.0, 8.0), (0.5, 9.0)]
    assert not restored.module.scheme.partial


@pytest.mark.parametrize(
    ("experiment", "partial"), [("generalized", True), ("compact", True), ("lite", False)]
)
def test_new_migration_networks_read_a_streams_first_windows(experiment, partial):
    assert build_scheme(resolved("train", f"experiment={experiment}")).partial == partial


def test_readings_of_older_checkpoints_are_without_what_came_later():
    old = {"_target_": "fcn.scheme.migration.Reading", "least_picks": 2, "terms": {"fewest": 6}}
    found = former.current(old)
    assert found.pop("_target_") == "fcn.scheme.migration.reading.Reading"
    off = {"moveout": None, "health": None, "candidates": None, "refine": None}
    off |= {"margin": 1.15, "judges_within_s": 1000.0}
    assert found == {"least_picks": 2, "terms": {"fewest": 6}, **off}
    # by picks of S that no network hears any more
    law = {"_target_": "fcn.scheme.migration.refinement.PickLaw", "p_s": 0.3}
    assert former.current({**old, "refine": law})["refine"] is None


def test_terms_of_older_checkpoints_are_in_no_range():
    old = {"_target_": "fcn.scheme.migration.station_terms.TermsLaw", "fewest": 6}
    now = former.current(old)
    assert now["epicentre_kmps"] == 0.0
    assert set(now) - set(old) == {
        *("misfit_s", "misfit_of", "epicentre_kmps"),
        *("s_prior_s", "s_residual_s", "least_s_probability"),
    }


def test_losses_of_before_arrivals_were_timed_do_not_train_it():
    """Only those of the migration network: an image network times none."""
    target = "fcn.loss.multitask.MultitaskLoss"
    old = {"_target_": target, "weights": {"station_p": 20.0, "evidence": 2.0}, "learned": False}
    image = {"_target_": target, "weights": {"station_p": 20.0, "first_p": 1.0}, "learned": False}
    assert former.current(old)["weights"] == {"station_p": 20.0, "evidence": 2.0, "arrivals": 0.0}
    heard_s = {**old, "weights": {**old["weights"], "station_s": 10.0}}
    assert former.current(heard_s) == former.current(old)
    assert former.current(image) == image


def test_what_is_stated_is_not_supplied():
    node = {"_target_": "fcn.waveform.preprocess.PreprocessSpec", "long": {"order": 3}}
    assert former.current(node) == node
