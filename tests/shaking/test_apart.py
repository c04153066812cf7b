"""Stations as sites, each by itself."""

import numpy as np
from made_sites import FRAME, HalfSpace, north, said

from fcn.shaking.apart import Heard, warn_apart
from fcn.shaking.expected import SiMidorikawa
from fcn.shaking.intensity import JmaScale
from fcn.shaking.plum import Plum
from fcn.shaking.site_warnings import SiteWarnings, WarningRule

STATIONS = (north(0.0, "A"), north(15.0, "B"), north(300.0, "alone"))


class Within500Km(HalfSpace):
    def between(self, source_km, station_km):
        if float(source_km.norm(dim=-1).max()) > 500.0:
            raise ValueError("beyond the table")
        return super().between(source_km, station_km)


def of_site(site, others):
    return SiteWarnings(
        ground_motion=SiMidorikawa(),
        scale=JmaScale(),
        rule=WarningRule((2.5, 3.5), pause_s=10.0, felt_s=20.0),
        plum=Plum(radius_km=30.0, most_over_second=None),
        sites=[site],
        stations=others,
        travel_times=Within500Km(),
        frame=FRAME,
    )


def told(updates, *observed):
    """(site, clock time, level) of warnings; observed: of A, B and the one alone, a row every second."""
    rows = np.array(observed, dtype=np.float64)
    heard = Heard(("A", "B", "alone"), 1000.0 + np.arange(len(rows)), rows)
    return [
        (each.site, each.now_s, each.level)
        for each in warn_apart(STATIONS, STATIONS, of_site, updates, heard)
    ]


def test_what_a_station_observed_itself_does_not_warn_it():
    assert told([], (0.0, 0.0, 0.0), (4.0, np.nan, 4.0)) == [("B", 1001.0, 3.5)]
    assert told([], (0.0, 0.0, 0.0), (4.0, 3.0, 4.0)) == [("A", 1001.0, 2.5), ("B", 1001.0, 3.5)]


def test_an_event_counts_from_the_moment_it_was_declared():
    quiet = [(0.0, 0.0, 0.0)] * 5
    first, grown = said(4.7, now_s=1002.0), said(6.5, now_s=1003.0)
    assert told([first], *quiet) == [("A", 1002.0, 2.5), ("B", 1002.0, 2.5)]
    assert told([first, grown], *quiet)[:2] == [("A", 1002.0, 2.5), ("A", 1003.0, 3.5)]
    assert told([said(6.5, now_s=1005.0)], *quiet) == []


def test_an_event_that_travel_times_do_not_reach_silences_nothing():
    far = said(7.0, now_s=1000.0, event_id="far", depth_km=600.0)
    assert told([far, said(4.7, now_s=1000.0)], (0.0, 0.0, 0.0)) == [("A", 1000.0, 2.5), ("B", 1000.0, 2.5)]
