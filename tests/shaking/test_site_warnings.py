"""Warnings of sites: levels, pause, countdown, what they rest on; causal."""

import math
import pickle
from dataclasses import replace

import pytest
import yaml
from made_sites import FRAME, VS_KMPS, HalfSpace, north, said

from fcn.alert.site_warning import Basis
from fcn.catalogue.event import Status
from fcn.config import CONF_DIR, build
from fcn.shaking.expected import SiMidorikawa
from fcn.shaking.intensity import JmaScale
from fcn.shaking.plum import Plum
from fcn.shaking.site_warnings import SiteWarnings, WarningRule

SITES = (north(20.0, "near"), north(60.0, "far"))
STATIONS = (north(0.0, "A"), north(15.0, "B"), north(55.0, "C"))


def warnings(**changed):
    parts = {
        "ground_motion": SiMidorikawa(),
        "scale": JmaScale(),
        "rule": WarningRule((2.5, 3.5, 4.5), pause_s=10.0, felt_s=20.0),
        "plum": Plum(radius_km=30.0, most_over_second=None),
        "sites": SITES,
        "stations": STATIONS,
        "travel_times": HalfSpace(),
        "frame": FRAME,
    }
    return SiteWarnings(**{**parts, **changed})


def brief(told):
    return [(each.site, each.level, str(each.basis)) for each in told]


def test_a_source_warns_before_s():
    told = warnings().process(1003.0, [said(6.0, magnitude_uncertainty=0.3)], {})
    assert brief(told) == [("near", 3.5, "source"), ("far", 2.5, "source")]
    near = told[0]
    assert near.event_id == "1"
    assert near.s_in_s == pytest.approx(math.hypot(20.0, 10.0) / VS_KMPS - 3.0, abs=0.02)
    assert near.low < near.intensity < near.high
    assert not near.is_lower_bound


def test_a_site_is_told_again_only_of_more():
    state = warnings()
    assert brief(state.process(1003.0, [said(5.0)], {})) == [("near", 2.5, "source")]
    assert state.process(1003.5, [said(5.0, now_s=1003.5)], {}) == []
    grown = state.process(1004.0, [said(7.0, lower_bound=True)], {})
    assert brief(grown) == [("near", 4.5, "source"), ("far", 4.5, "source")]
    assert all(each.is_lower_bound for each in grown)
    assert state.process(1004.5, [said(5.0)], {}) == []  # and not when it was less after all


def test_after_a_pause_it_is_told_anew_and_not_while_it_lasts():
    state = warnings(plum=None)
    assert len(state.process(1003.0, [said(5.0)], {})) == 1
    for now_s in (1008.0, 1014.0, 1020.0, 1026.0):
        assert state.process(now_s, [said(5.0)], {}) == []  # S + 20 s is 1026.4
    assert state.process(1035.5, [another(1034.0)], {}) == []  # 9.5 s after it was last reached
    assert len(state.process(1066.0, [another(1065.0)], {})) == 1


def another(origin_time_s):
    update = said(5.0, event_id="2")
    return replace(update, event=replace(update.event, origin_time_s=origin_time_s))


def test_neighbours_warn_without_a_source():
    told = warnings().process(1003.0, [], {"A": 4.6, "B": 1.0, "C": 2.0})
    assert brief(told) == [("near", 4.5, "plum")]
    assert (told[0].event_id, told[0].s_in_s) == (None, None)
    assert (told[0].low, told[0].high) == (None, None), "nobody has said how sure it is"


def test_the_larger_of_both_and_both():
    both = warnings().process(1003.0, [said(6.0)], {"B": 4.2})
    assert both[0].basis is Basis.BOTH
    assert both[0].intensity > 4.1
    assert both[0].s_in_s is not None
    source = warnings().process(1003.0, [said(6.0)], {"B": 3.0})
    assert (source[0].basis, source[0].event_id) == (Basis.SOURCE, "1")
    plum = warnings().process(1003.0, [said(4.0)], {"B": 5.0})
    assert (plum[0].basis, plum[0].level) == (Basis.PLUM, 4.5)


@pytest.mark.parametrize("update", [said(None), said(7.0, status=Status.RETRACTED)])
def test_what_counts_for_nothing(update):
    assert warnings().process(1003.0, [update], {}) == []


def test_shaking_that_has_passed_warns_no_more():
    assert brief(warnings(plum=None).process(1035.0, [said(6.0)], {})) == [("far", 2.5, "source")]
    assert warnings(plum=None).process(1039.0, [said(6.0)], {}) == []
    late = warnings(plum=None).process(1008.0, [said(6.0)], {})
    assert late[0].s_in_s < 0


def test_it_is_the_same_after_a_restart_and_knows_nothing_of_later():
    steps = [(1003.0, [said(5.0)]), (1004.0, [said(5.5)]), (1006.0, [said(6.5)]), (1030.0, [said(6.5)])]
    whole, state, told, restarted = warnings(), warnings(), [], []
    for now_s, events in steps:
        told += whole.process(now_s, events, {"A": 3.0})
        state = pickle.loads(pickle.dumps(state))
        restarted += state.process(now_s, events, {"A": 3.0})
    assert told == restarted
    other = warnings()
    assert [each for now_s, events in steps[:2] for each in other.process(now_s, events, {"A": 3.0})] == [
        each for each in told if each.now_s < 1005.0
    ]
    with pytest.raises(ValueError, match="order of time"):
        whole.process(1000.0, [], {})
    whole.reset()
    assert whole.process(1003.0, [said(5.0)], {}) == warnings().process(1003.0, [said(5.0)], {})


@pytest.mark.parametrize("levels", [(), (3.0, 3.0), (4.0, 3.0)])
def test_levels_rise(levels):
    with pytest.raises(ValueError, match="levels"):
        WarningRule(levels, pause_s=1.0, felt_s=1.0)


def test_as_configured():
    conf = {
        name: yaml.safe_load((CONF_DIR / name).read_text())
        for name in ("shaking/default.yaml", "sites/kumamoto.yaml", "sites/none.yaml")
    }
    assert conf["sites/none.yaml"] == {}
    sites = [build(each) for each in conf["sites/kumamoto.yaml"].values()]
    made = build(
        conf["shaking/default.yaml"],
        sites=sites,
        stations=STATIONS,
        travel_times=HalfSpace(),
        frame=FRAME,
    )
    told = made.process(1003.0, [said(6.5)], {"A": 2.0})
    assert {each.site for each in told} == {"Kumamoto castle", "Mashiki town hall", "Aso"}
