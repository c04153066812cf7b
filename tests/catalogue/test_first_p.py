import dataclasses

import pytest

from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.first_p import FirstP, read_first_p, with_first_p

T0 = 1_663_422_079.0  # 2022-09-17T13:41:19 UTC
EVENT = Event("a", T0, 23.08, 121.16, 7.3, 6.5, "M")
OTHER = dataclasses.replace(EVENT, event_id="b", origin_time_s=T0 + 60, first_p_time_s=T0 + 63)
HEADER = "set,origin_time_utc,first_p_time_utc,uncertainty_s,note\n"


def test_a_table_of_several_sets_gives_each_catalogue_its_own(tmp_path):
    path = tmp_path / "first_p.csv"
    path.write_text(
        HEADER
        + "one,2022-09-17T13:41:19,2022-09-17T13:41:20.86,0.06,clear\n"
        + "two,2021/04/18 14:11:39Z,2021-04-18T14:11:42.66Z,0.05,\n"
    )
    picked = read_first_p(path)
    assert picked[0] == FirstP(T0, T0 + 1.86, 0.06)
    first, second = with_first_p(Catalogue("c", (EVENT, OTHER)), picked, path)
    assert first.first_p_time_s == pytest.approx(T0 + 1.86)
    assert (first.first_p_uncertainty_s, first.first_p_is_computed) == (0.06, False)
    assert second == OTHER


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,soon,2022-09-17T13:41:20,0.1,", r"line 2: origin_time_utc cannot be read: 'soon'"),
        (
            "x,2022-09-17T13:41:19,2022-09-17T13:40:20,0.1,",
            "line 2: P 59.0 s before its origin, .* must be UTC",
        ),
        ("x,2022-09-17T13:41:19,2022-09-17T22:41:20,0.1,", "line 2: P 32401.0 s after its origin, .* UTC"),
        ("x,2022-09-17T13:41:19,2022-09-17T13:41:20,-1,", "line 2: an uncertainty below zero: -1"),
        ("x,2022-09-17T13:41:19,2022-09-17T13:41:20,?,", "line 2: uncertainty_s is '\\?', not a number"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path, row, message):
    path = tmp_path / "first_p.csv"
    path.write_text(HEADER + row + "\n")
    with pytest.raises(ValueError, match=message):
        read_first_p(path)
    with pytest.raises(FileNotFoundError, match="no table of first P at"):
        read_first_p(tmp_path / "nowhere.csv")


def test_a_table_of_another_catalogue_and_one_that_is_not_definite_are_refused(tmp_path):
    path = tmp_path / "first_p.csv"
    with pytest.raises(ValueError, match=r"first_p\.csv holds no first P of an event of catalogue 'c'"):
        with_first_p(Catalogue("c", (EVENT,)), [FirstP(T0 + 5.1, T0 + 7, 0.1)], path)
    near = dataclasses.replace(EVENT, event_id="n", origin_time_s=T0 + 4)
    with pytest.raises(ValueError, match="may be of several events: a, n"):
        with_first_p(Catalogue("c", (EVENT, near)), [FirstP(T0, T0 + 2, 0.1)], path)
