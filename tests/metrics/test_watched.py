"""One definition of the time that counts."""

import numpy as np
import pytest

from fcn.metrics.watched import FLICKER_S, Watched


def test_three_stations_make_a_watch():
    delivers = np.zeros((5, 2000), dtype=bool)
    delivers[0] = True
    delivers[1, 200:1500] = True
    delivers[2, 400:] = True
    delivers[3, 1600:] = True
    watched = Watched.of(delivers, 1000.0, 10.0)
    assert watched.spans_s == ((1040.0, 1150.0), (1160.0, 1200.0))
    assert watched.length_s == 150.0
    for time_s, inside in ((1039.9, False), (1040.0, True), (1155.0, False), (1200.0, True), (1200.1, False)):
        assert (time_s in watched) == inside
    assert watched.until(1100.0).spans_s == ((1040.0, 1100.0),)
    assert watched.until(1160.0).spans_s == ((1040.0, 1150.0),)


def test_a_smaller_network_needs_all_it_has():
    delivers = np.ones((2, 100), dtype=bool)
    delivers[1, :50] = False
    assert Watched.of(delivers, 0.0, 1.0).spans_s == ((50.0, 100.0),)


def test_lost_packets_do_not_end_it():
    delivers = np.ones((3, 600), dtype=bool)
    delivers[0, 100 : 100 + round(FLICKER_S * 20)] = False
    assert Watched.of(delivers, 0.0, 20.0).spans_s == ((0.0, 30.0),)
    delivers[0, 300 : 300 + round(FLICKER_S * 20) + 1] = False
    assert len(Watched.of(delivers, 0.0, 20.0).spans_s) == 2


@pytest.mark.parametrize("spans", [(), ((2.0, 2.0),), ((3.0, 2.0),), ((1.0, 3.0), (2.0, 4.0))])
def test_what_is_no_span_of_time_is_refused(spans):
    with pytest.raises(ValueError, match="a watch needs spans of time"):
        Watched(spans)
