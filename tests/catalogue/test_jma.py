"""JMA's hypocentre records, column by column."""

import math

import pytest
from win32_files import deck_line

from fcn.catalogue.jma import read_jma_deck


def read(tmp_path, *lines):
    (tmp_path / "a.deck").write_text("\n".join(lines) + "\n", encoding="latin-1")
    return read_jma_deck(tmp_path / "a.deck")


def test_a_record(tmp_path):
    line = deck_line()
    assert len(line) == 96
    (event,) = read(tmp_path, line)
    assert event.event_id == "jma2016041421263443"
    assert event.origin_time_s == pytest.approx(1_460_636_794.43)
    assert event.latitude_deg == pytest.approx(32.0 + 44.50 / 60.0)
    assert event.longitude_deg == pytest.approx(130.0 + 48.52 / 60.0)
    assert event.depth_km == 11.39
    assert (event.magnitude, event.magnitude_type) == (6.5, "Mj")
    assert event.origin_time_uncertainty_s == 0.12
    assert event.depth_uncertainty_km == 0.70
    east_km, north_km = 0.40 * 1.852 * math.cos(math.radians(event.latitude_deg)), 0.30 * 1.852
    assert event.horizontal_uncertainty_km == pytest.approx(math.sqrt((east_km**2 + north_km**2) / 2.0))
    assert event.note == "JMA determination K"


@pytest.mark.parametrize(
    ("text", "depth_km"),
    [(" 12  ", 12.0), (" 1139", 11.39), ("    0", 0.0), (" 700 ", 70.0), ("10   ", 10.0)],
)
def test_depths_free_and_sliced(tmp_path, text, depth_km):
    (event,) = read(tmp_path, deck_line(depth=text, depth_error="   "))
    assert event.depth_km == pytest.approx(depth_km)
    assert event.depth_uncertainty_km is None


@pytest.mark.parametrize(
    ("text", "magnitude"),
    [
        ("65", 6.5),
        (" 5", 0.5),
        ("00", 0.0),
        ("-1", -0.1),
        ("-9", -0.9),
        ("A0", -1.0),
        ("A9", -1.9),
        ("B3", -2.3),
        ("C0", -3.0),
    ],
)
def test_magnitudes_above_and_below_zero(tmp_path, text, magnitude):
    (event,) = read(tmp_path, deck_line(magnitude=text))
    assert event.magnitude == pytest.approx(magnitude)


@pytest.mark.parametrize(
    ("letter", "kind"), [("J", "Mj"), ("V", "Mj"), ("v", "Mj"), ("W", "Mw"), ("B", "mb"), ("S", "Ms")]
)
def test_magnitude_types(tmp_path, letter, kind):
    assert read(tmp_path, deck_line(magnitude_type=letter))[0].magnitude_type == kind


def test_an_event_may_lack_a_magnitude(tmp_path):
    (event,) = read(tmp_path, deck_line(magnitude="  ", magnitude_type=" "))
    assert event.magnitude is None
    assert event.magnitude_type is None


def test_fixed_hypocentres_have_no_decimals_and_no_errors(tmp_path):
    blank = "    "
    line = deck_line(
        second="34  ",
        second_error=blank,
        latitude_minutes="44  ",
        latitude_error=blank,
        longitude_minutes="48  ",
        longitude_error=blank,
    )
    (event,) = read(tmp_path, line)
    assert event.origin_time_s == 1_460_636_794.0
    assert event.latitude_deg == pytest.approx(32.0 + 44.0 / 60.0)
    assert event.horizontal_uncertainty_km is None
    assert event.origin_time_uncertainty_s is None
    assert event.event_id == "jma20160414212634"


def test_the_southern_and_western_hemispheres(tmp_path):
    (event,) = read(tmp_path, deck_line(latitude="-12", longitude="-130"))
    assert event.latitude_deg == pytest.approx(-12.0 - 44.50 / 60.0)
    assert event.longitude_deg == pytest.approx(-130.0 - 48.52 / 60.0)


def test_picks_other_agencies_and_unlocated_events_are_skipped(tmp_path):
    later = deck_line(date="201604142127", flag=" ")
    unlocated = deck_line(date="201604142128", latitude="   ", latitude_minutes="    ")
    found = read(
        tmp_path, deck_line(), "_KMM006 1234", deck_line(agency="U"), later, "E", unlocated, deck_line()
    )
    assert [event.event_id[3:15] for event in found] == ["201604142126", "201604142127"]
    assert found[1].note == ""


@pytest.mark.parametrize("line", ["J2016", deck_line(date="201613142126"), deck_line(latitude="3x ")])
def test_lines_that_cannot_be_read_are_named(tmp_path, line):
    with pytest.raises(ValueError, match=r"a\.deck, line 2: no hypocentre record of JMA"):
        read(tmp_path, deck_line(), line)


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="no hypocentre deck"):
        read_jma_deck(tmp_path / "a.deck")
    with pytest.raises(ValueError, match="holds no hypocentre records of JMA"):
        read(tmp_path, "words")
