"""Maps of what settings find, and parallel coordinates."""

import math

import numpy as np
import pytest

from fcn.metrics.by_event import EventOutcome
from fcn.report.sweep.comparison import compare_settings
from fcn.report.sweep.maps import found_maps, largest_sequence
from fcn.report.sweep.parallel import parallel_figure
from fcn.report.sweep.scored import Scored


def scored(found, *, latency_s=3.0, n_false=0, lengths=(6, 2)) -> Scored:
    """Two sequences, the first of six events a tenth of a degree apart along a meridian."""
    places = [(name, i) for name, n in zip(("v0", "v1"), lengths, strict=True) for i in range(n)]
    events = {
        f"{name}/{i}": EventOutcome(
            f"{i}", 3.0, i in found, 32.0 + 0.1 * i, 130.0, latency_s=latency_s if i in found else None
        )
        for name, i in places
    }
    return Scored(events, {"v0": n_false, "v1": 0}, {"v0": 0.5, "v1": 0.5})


def test_a_map_per_setting_tells_found_from_missed():
    jobs = [("a", scored({0, 1, 2})), ("b", scored({0, 1, 2, 3})), ("b", scored({0, 1}))]
    figure = found_maps(jobs)
    shown = figure.axes
    assert [axes.get_title(loc="left") for axes in shown] == ["a", "b"]
    counted = [[len(each.get_offsets()) for each in axes.collections] for axes in shown]
    assert counted == [[3, 0, 3], [2, 2, 2]]
    north_km = np.concatenate([each.get_offsets()[:, 1] for each in shown[0].collections])
    assert np.ptp(north_km) == pytest.approx(5 * 11.1, rel=0.01)
    assert [axes.texts[0].get_text() for axes in shown] == ["50 % found", "50 % found"]


def test_events_on_both_sides_of_180_deg_are_near_each_other():
    events = {
        f"v0/{i}": EventOutcome(f"{i}", 3.0, True, -17.0, longitude_deg)
        for i, longitude_deg in enumerate((179.9, -179.9))
    }
    (axes,) = found_maps([("a", Scored(events, {"v0": 0}, {"v0": 1.0}))]).axes
    east_km = np.asarray(axes.collections[0].get_offsets())[:, 0]
    assert east_km == pytest.approx([-10.65, 10.65], abs=0.1)


def test_the_map_is_of_the_sequence_with_most_events_whose_places_are_known():
    assert largest_sequence([("a", scored({0}))]) == "v0"
    assert largest_sequence([("a", scored({0}, lengths=(2, 5)))]) == "v1"
    nowhere = Scored({"v0/0": EventOutcome("0", 3.0, True)}, {"v0": 0}, {"v0": 1.0})
    assert largest_sequence([("a", nowhere)]) is None
    assert found_maps([("a", nowhere)]) is None


def test_what_is_best_is_upmost_and_what_is_unknown_breaks_the_line():
    jobs = [
        ("n=4", scored({0}, latency_s=5.0, n_false=2)),
        ("n=8", scored({0, 1, 2}, latency_s=4.0)),
        ("n=none", scored(())),
    ]
    swept = {name: {"stations.n": name.rpartition("=")[2]} for name, _ in jobs}
    figure = parallel_figure(compare_settings(jobs), swept)
    (axes,) = figure.axes
    lines = [line for line in axes.lines if len(line.get_xdata()) > 2]
    labels = [tick.get_text() for tick in axes.get_xticklabels()]
    assert labels[:4] == ["n", "F1", "found", "false/h"]
    assert "alarm\np50 (s)" in labels
    latency = labels.index("alarm\np50 (s)")
    heights = np.array([line.get_ydata() for line in lines])
    assert heights[:, 0].tolist() == [1.0, 0.5, 0.0]  # in the order swept
    assert heights[:, 1].tolist() == pytest.approx([heights[0, 1], 1.0, 0.0])
    assert heights[:2, 3].tolist() == [0.0, 1.0]  # more false alarms are worse
    assert heights[:2, latency].tolist() == [0.0, 1.0]
    assert math.isnan(heights[2, latency])
    assert lines[1].get_linewidth() > lines[0].get_linewidth()  # the best
    assert parallel_figure(compare_settings(jobs[:1]), swept) is None
