import math

import pytest

from fcn.catalogue.released import LASTS_A_SECOND, Released, may_grow, read_released, write_released


def test_moment_is_linear_in_time():
    released = Released((0.0, 10.0, 20.0), (5.0, 7.0, 7.0))
    assert released.at(-0.1) is None
    assert released.share_at(-0.1) == 0.0
    assert released.at(0.0) == pytest.approx(5.0)
    half = (10 ** (1.5 * 5) + 10 ** (1.5 * 7)) / 2
    assert released.at(5.0) == pytest.approx(math.log10(half) / 1.5)
    assert released.share_at(5.0) == pytest.approx(half / 10**10.5)
    assert (released.at(15.0), released.at(99.0)) == (pytest.approx(7.0), 7.0)


@pytest.mark.parametrize(
    ("magnitude", "since_s", "may"),
    [
        (1.2, 0.0, True),  # nothing has lasted for no time
        (1.2, 2.0, False),
        (4.9, 2.0, True),
        (4.9, 30.0, False),
        (6.5, 30.0, True),
        (6.5, 100.0, True),
        (6.0, 100.0, False),
    ],
)
def test_what_still_ruptures_is_about_as_large_as_what_lasts_as_long(magnitude, since_s, may):
    assert may_grow(magnitude, since_s) is may


def test_a_source_lasts_for_twice_the_half_duration_of_the_global_cmt_project():
    moment_dyne_cm = 10 ** (1.5 * (7.0 + 10.7))
    lasts_s = 2 * 1.05e-8 * moment_dyne_cm ** (1 / 3)
    assert LASTS_A_SECOND + 2 * math.log10(lasts_s) == pytest.approx(7.0, abs=0.01)


def test_the_table_is_read_by_event_in_any_order_of_rows(tmp_path):
    path = tmp_path / "released.csv"
    path.write_text("event_id,after_origin_s,magnitude\na,10,6.5\nb,1,4\na,2,5\n")
    expected = {"a": Released((2.0, 10.0), (5.0, 6.5)), "b": Released((1.0,), (4.0,))}
    assert read_released(path) == expected
    write_released(expected, tmp_path / "again.csv")
    assert read_released(tmp_path / "again.csv") == expected


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,1,5\na,2,4.9\n", r"released\.csv: event 'a': .* magnitudes that do not fall"),
        ("a,1,5\na,1,5.5\n", r"released\.csv: event 'a': .* times that grow"),
        ("a,1,nan\n", r"event 'a'"),
        ("a,soon,5\n", r"released\.csv, line 2: after_origin_s is 'soon', not a number"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path, rows, message):
    (tmp_path / "released.csv").write_text("event_id,after_origin_s,magnitude\n" + rows)
    with pytest.raises(ValueError, match=message):
        read_released(tmp_path / "released.csv")
