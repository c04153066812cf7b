"""Phase hints as analysts and their programs spell them."""

import pytest

from fcn.catalogue.phase import p_or_s


@pytest.mark.parametrize(
    "hint",
    ["P", "p", "iP", "eP", "IPU0", "IPD 2", "EP", "EP 1", "P U0", "IP+0", "Pg", "Pn", "ePn", "Pb", "P*",
     "P1", "PC", "Pdif", "qP"],
)  # fmt: skip
def test_direct_p_and_s(hint):
    assert p_or_s(hint) == "P"
    assert p_or_s(hint.replace("P", "S").replace("p", "s")) == "S"


@pytest.mark.parametrize(
    "hint",
    [None, "", "pP", "sP", "PP", "PcP", "PKP", "SS", "SKS", "ScS", "Lg", "AML", "E", "END", "P wave", "Rg"],
)
def test_other_phases_are_neither(hint):
    assert p_or_s(hint) is None
