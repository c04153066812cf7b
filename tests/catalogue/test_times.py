"""Times as people and spreadsheets write them."""

import pytest

from fcn.catalogue.times import utc_s

T0 = 1_460_636_794.25


@pytest.mark.parametrize(
    "text",
    [
        "2016-04-14T12:26:34.25Z",
        "2016-04-14 12:26:34.25",
        "2016-04-14T21:26:34.25+09:00",
        "20160414T122634.25",
        "2016/04/14 12:26:34.25",
        "2016/4/14 12:26:34.25",
        "2016/04/14T21:26:34.25+09:00",
    ],
)
def test_times_year_first_are_utc_unless_they_say_otherwise(text):
    assert utc_s(text, "x") == T0


@pytest.mark.parametrize(
    ("text", "time_s"),
    [
        ("2016/4/4 2:06", 1_459_735_560.0),
        ("2016/04/04", 1_459_728_000.0),
        ("2016-4-4 2:06:00", 1_459_735_560.0),
    ],
)
def test_digits_may_be_lacking(text, time_s):
    assert utc_s(text, "x") == time_s


@pytest.mark.parametrize(
    ("text", "time_s"),
    [
        ("2016-12-31T23:59:60", 1_483_228_800.0),
        ("2016-12-31 23:59:60.25Z", 1_483_228_800.25),
        ("2017/1/1 8:59:60.25+09:00", 1_483_228_800.25),
        ("20161231T235960.5", 1_483_228_800.5),
    ],
)
def test_a_leap_second_is_the_next_to_posix_time(text, time_s):
    assert utc_s(text, "x") == time_s


@pytest.mark.parametrize(
    "text",
    [
        "2016-12-31T23:58:60",
        "2016-12-31T23:59:61",
        "14/04/2016 12:26:34",
        "04/14/2016",
        "2016/04-14",
        "2016/13/14",
        "2016/4/141",
        "16/4/14",
        "",
        "x",
    ],
)
def test_other_orders_are_refused(text):
    with pytest.raises(
        ValueError, match=r"line 2: origin_time_utc cannot be read: .*; write it as 2016-04-14T"
    ):
        utc_s(text, "c.csv, line 2: origin_time_utc")
