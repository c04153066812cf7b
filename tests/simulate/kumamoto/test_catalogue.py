import datetime
from dataclasses import replace

import numpy as np
import pytest

from fcn.simulate.kumamoto.catalogue import (
    CATALOGUE,
    FAULTS,
    SEPARATION_S,
    SPAN_S,
    START,
    _chance_of_entry,
    complete_catalogue,
    format_catalogue,
    moment_magnitude,
    read_catalogue,
)


@pytest.fixture(scope="module")
def catalogue():
    return read_catalogue()


@pytest.fixture(scope="module")
def felt(catalogue):
    return [event for event in catalogue if event.source == "jma"]


def seconds(events):
    return np.array([event.origin_time_s for event in events]) - START.timestamp()


def test_committed_table_is_what_the_code_makes():
    assert format_catalogue(complete_catalogue()) == CATALOGUE.read_text(encoding="utf-8")


def test_179_events_in_the_hour_22_of_them_jma(catalogue, felt):
    assert len(catalogue) == 179
    assert len(felt) == 22
    assert {event.source for event in catalogue} == {"jma", "completed"}
    assert len({event.event_id for event in catalogue}) == 179
    times_s = seconds(catalogue)
    assert times_s[0] == 0.0
    assert (np.diff(times_s) > 0.0).all()
    assert times_s[-1] < SPAN_S


def test_what_jma_states_is_kept(felt):
    by_time = {event.event_id: event for event in felt}
    main = by_time["jma-20160414212634"]
    assert (main.magnitude, main.depth_km, main.latitude_deg, main.longitude_deg) == (
        6.5,
        11.4,
        32.7417,
        130.8087,
    )
    second = by_time["jma-20160414220735"]
    assert (second.magnitude, second.depth_km, second.latitude_deg, second.longitude_deg) == (
        5.8,
        8.3,
        32.7755,
        130.8495,
    )
    for event in felt:
        stated = datetime.datetime.strptime(event.event_id.removeprefix("jma-"), "%Y%m%d%H%M%S")
        utc = stated - datetime.timedelta(hours=9)
        assert event.origin_time_utc == utc.isoformat() + ".000+00:00"


def test_felt_events_are_those_of_the_transcription(felt, shared_dir):
    lines = (shared_dir / "tables" / "jma_felt_20160414.csv").read_text().splitlines()[1:]
    rows = [
        line.split(",") for line in lines if "12:26:34" <= line[11:19] <= "13:26:34" and line[8:10] == "14"
    ]
    assert len(rows) == len(felt) == 22
    for row, event in zip(rows, felt, strict=True):
        assert event.depth_km == float(row[3])
        if row[2]:
            assert event.magnitude == float(row[2])


def test_one_magnitude_is_not_jmas_and_says_so(felt):
    guessed = [event for event in felt if "Mj missing" in event.how]
    assert [event.event_id for event in guessed] == ["jma-20160414212745"]
    assert 3.0 < guessed[0].magnitude < 4.5


def test_epicentres_lie_along_the_faults(catalogue):
    """Within 5 km of a fault's trace, none beyond its ends by more than that."""
    km = np.array([110.9, 111.32 * np.cos(np.radians(32.7))])
    places = np.array([[event.latitude_deg, event.longitude_deg] for event in catalogue]) * km
    distances = []
    for start, end, _ in FAULTS:
        origin, along = np.array(start) * km, (np.array(end) - start) * km
        share = np.clip((places - origin) @ along / (along @ along), 0.0, 1.0)
        distances.append(np.linalg.norm(places - origin - share[:, None] * along, axis=1))
    assert np.min(distances, axis=0).max() < 5.0


def test_aftershocks_decay_and_come_back_after_the_second_large_one(catalogue):
    times_s = seconds(catalogue)
    well_seen = times_s[np.array([event.magnitude for event in catalogue]) >= 3.0]
    assert (well_seen < 900.0).sum() > ((well_seen > 1500.0) & (well_seen < 2400.0)).sum()
    second_s = 2461.0  # M 5.8, 13:07:35
    before, after = (
        ((times_s > start) & (times_s < start + 600.0)).sum() for start in (second_s - 600.0, second_s)
    )
    assert after > before


def test_entries_are_no_closer_than_an_analyst_would_tell_apart(catalogue):
    assert np.diff(seconds(catalogue)).min() >= SEPARATION_S


def test_magnitudes_are_small_and_were_not_felt(catalogue):
    magnitudes = np.array([event.magnitude for event in catalogue if event.source == "completed"])
    assert magnitudes.min() >= 1.5
    assert magnitudes.max() <= 3.4
    assert 2.0 < np.median(magnitudes) < 2.9


def test_small_events_get_lost_just_after_large_ones():
    parents = [(0.0, 6.5)]
    early, late = (_chance_of_entry(parents, time_s, 2.1) for time_s in (60.0, 3600.0))
    assert early < 1e-3
    assert late == pytest.approx(0.5)


@pytest.mark.parametrize(("magnitude_mj", "mw"), [(6.5, 6.15), (4.909, 4.909), (2.0, 2.64)])
def test_moment_magnitude_of_takemura(magnitude_mj, mw):
    assert moment_magnitude(magnitude_mj) == pytest.approx(mw, abs=0.01)


def test_table_is_read_as_it_was_written(catalogue, tmp_path):
    odd = (replace(catalogue[0], how='a "quoted", how', depth_km=0.1 + 0.2),)
    path = tmp_path / "odd.csv"
    path.write_text(format_catalogue(odd), encoding="utf-8")
    assert read_catalogue(path) == odd
