"""Codes are letters and digits before they are part of a path."""

import pytest

from fcn.geometry.codes import FDSN_LENGTHS, check_codes
from fcn.geometry.network import Station

GOOD = {"network": "XX", "station": "ABC12", "location": "00", "channel": "HHZ"}


def test_codes_of_seed_pass():
    check_codes(GOOD, "here")
    check_codes({**GOOD, "station": "A-1", "location": ""}, "here")
    check_codes({"network": "XX2020", "station": "FKOH0612", "location": "10-20"}, "here", FDSN_LENGTHS)


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize(
    "code", ["..", "/x/", "../x", "A B", "A\\B", "A.B", "A\n", "\0", "~", "*", "É", "ABCDEF"]
)
def test_what_could_be_a_path_is_none(kind, code):
    with pytest.raises(ValueError, match=rf"^here: .* is no {kind} code \(\d to \d letters.*: correct it in"):
        check_codes({**GOOD, kind: code}, "here")


@pytest.mark.parametrize(
    ("kind", "code", "may_be"),
    [
        ("network", "X-X", "1 to 2 letters or digits"),
        ("station", "ST_A", "1 to 5 letters, dashes or digits"),
        ("channel", "Z", "3 to 3 letters or digits"),
    ],
)
def test_what_a_code_may_be_is_told(kind, code, may_be):
    """Dashes were said to be letters of networks and channels, which refuse them."""
    with pytest.raises(ValueError, match=rf"{code!r} is no {kind} code \({may_be}\)"):
        check_codes({**GOOD, kind: code}, "here")


@pytest.mark.parametrize("kind", ["network", "station", "channel"])
def test_a_code_that_is_not_there_is_missed(kind):
    with pytest.raises(ValueError, match=f"here has no {kind} code"):
        check_codes({**GOOD, kind: ""}, "here")


@pytest.mark.parametrize(
    "codes", [("../x", "A", ""), ("XX", "/x/", ""), ("XX", "A", "../.."), ("XX", "", "")]
)
def test_no_station_has_such_a_code(codes):
    with pytest.raises(ValueError, match=r"station .* code"):
        Station(*codes, 0.0, 0.0, 0.0)
    assert Station("", "A", "", 0.0, 0.0, 0.0).id == ".A"  # some data sets know no network
