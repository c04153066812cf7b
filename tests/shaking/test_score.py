"""Scores of warnings, by hand."""

import numpy as np
import pytest

from fcn.alert.site_warning import Basis, SiteWarning
from fcn.shaking.score import Episode, ScoreRule, Shaken, SiteScore, Verdict, episodes, judge_sites

RULE = ScoreRule(joined_s=5.0, ahead_s=60.0, least_lead_s=0.0, near=0.5)


def shaken(*stretches, n=1000, floor=0.0):
    """One value a second from 0 s on: `stretches` of (first, last, intensity)."""
    intensity = np.full(n, floor)
    for first, last, value in stretches:
        intensity[first:last] = value
    return Shaken(0.0, 1.0, intensity)


def warned(site, now_s, level):
    return SiteWarning(site, now_s, level, level, level, level, Basis.PLUM, None, None, False)


def score_sites(told, truth, thresholds, rule):
    judged = judge_sites(told, truth, thresholds, rule)
    return [SiteScore.of(judged, threshold, rule) for threshold in thresholds]


def test_stretches_near_each_other_are_one_episode():
    truth = shaken((10, 20, 4.0), (24, 30, 5.0), (40, 50, 3.6))
    assert episodes(truth, 3.5, 5.0) == [Episode(10.0, 30.0, 5.0), Episode(40.0, 50.0, 3.6)]
    assert episodes(truth, 4.5, 5.0) == [Episode(24.0, 30.0, 5.0)]
    truth.intensity[12:15] = np.nan
    assert episodes(truth, 3.5, 5.0)[0] == Episode(10.0, 30.0, 5.0)


def test_each_site_is_counted_once():
    truth = {
        "in time": shaken((100, 130, 4.0)),
        "late": shaken((100, 130, 4.0)),
        "missed": shaken((100, 130, 4.0)),
        "too low": shaken((100, 130, 4.0)),
        "over": shaken(),
        "nearly": shaken((100, 130, 3.2)),
        "quiet": shaken(),
    }
    told = [
        warned("in time", 92.0, 4.5),
        warned("late", 103.0, 3.5),
        warned("missed", 140.0, 3.5),  # over by then: of shaking that does not come
        warned("too low", 92.0, 2.5),
        warned("over", 90.0, 3.5),
        warned("over", 95.0, 4.5),  # the same, grown
        warned("nearly", 95.0, 3.5),
        warned("a place of no truth", 95.0, 3.5),
    ]
    (found,) = score_sites(told, truth, [3.5], RULE)
    assert (found.n_shaken, found.n_in_time, found.n_late, found.n_missed) == (4, 1, 1, 2)
    assert (found.n_over, found.n_over_near) == (3, 1)
    assert found.lead_s == (-3.0, 8.0)
    figures = found.figures()
    assert figures["in_time_share"] == 0.25
    assert figures["right_share"] == 2 / 5
    assert figures["lead_s_p50"] == pytest.approx(2.5)


def test_what_came_of_each_is_told():
    truth = {"a": shaken((100, 130, 4.0)), "b": shaken((100, 130, 4.0)), "c": shaken((100, 130, 3.2))}
    told = [warned("a", 92.0, 4.5), warned("c", 95.0, 3.5)]
    found = {each.site: each for each in judge_sites(told, truth, [3.5], RULE)}
    assert {site: each.verdict for site, each in found.items()} == {
        "a": Verdict.IN_TIME,
        "b": Verdict.MISSED,
        "c": Verdict.OVER,
    }
    assert (found["a"].reached_s, found["a"].told_s, found["a"].lead_s) == (100.0, 92.0, 8.0)
    assert (found["b"].reached_s, found["b"].told_s, found["b"].lead_s) == (100.0, None, None)
    assert (found["c"].reached_s, found["c"].told_s, found["c"].largest) == (None, 95.0, 3.2)


def test_thresholds_are_scored_apart():
    truth = {"a": shaken((100, 130, 4.0)), "b": shaken((100, 130, 6.0))}
    told = [warned("a", 90.0, 3.5), warned("b", 90.0, 3.5), warned("b", 110.0, 5.5)]
    low, high = score_sites(told, truth, [3.5, 5.5], RULE)
    assert (low.n_in_time, low.n_late, low.n_over) == (2, 0, 0)
    assert (high.n_shaken, high.n_late, high.lead_s) == (1, 1, (-10.0,))


def test_a_lead_may_be_asked_for():
    rule = ScoreRule(joined_s=5.0, ahead_s=60.0, least_lead_s=5.0, near=0.5)
    truth = {"a": shaken((100, 130, 4.0))}
    (found,) = score_sites([warned("a", 97.0, 3.5)], truth, [3.5], rule)
    assert (found.n_in_time, found.n_late, found.lead_s) == (0, 1, (3.0,))


def test_nothing_shaken_and_nothing_said():
    (found,) = score_sites([], {"a": shaken()}, [3.5], RULE)
    assert found.figures()["in_time_share"] is None
    assert found.figures()["lead_s_p50"] is None
    with pytest.raises(ValueError, match="ahead_s"):
        ScoreRule(joined_s=5.0, ahead_s=-1.0, least_lead_s=0.0, near=0.5)
