"""Units of ground motion, as station lists write them."""

import re
import unicodedata

# As StationXML and SEED (blockette 34) write units, capitals and blanks aside: M/S, NM/S, cm/s**2, M/(S^2),
# and as people do: m s-2.
LENGTHS_M = {"NM": 1e-9, "UM": 1e-6, "MM": 1e-3, "CM": 1e-2, "M": 1.0}
SQUARE = r"(\*\*|\^)?2"
INPUT_UNIT = re.compile(
    rf"(?P<length>[NUMC]?M)/(?P<per>SEC|S)(?P<again>{SQUARE}|/(?P=per))?"
    rf"|(?P<inner>[NUMC]?M)/\((SEC|S){SQUARE}\)"
    r"|(?P<times>[NUMC]?M)[*.]?(SEC|S)(\*\*|\^)?-(?P<power>[12])"
)
GAL = ("GAL", 1e-2)  # cm/s2
# What the middle letter of a channel's code says that it measures (SEED 2.4, appendix A).
CODE_LETTERS = 3
INSTRUMENT_KINDS = {"H": "velocity", "P": "velocity", "N": "acceleration", "G": "acceleration"}
COUNTS = "COUNTS"
# As manuals of SEED, RESP files and programs spell them.
COUNT_UNITS = (COUNTS, "COUNT", "CTS", "CNTS", "CNT", "DIGITAL COUNTS", "COUNTS - DIGITAL COUNTS")


def are_counts(unit: str | None) -> bool:
    """Whether a unit is that of samples."""
    return " ".join((unit or "").split()).upper() in COUNT_UNITS


def measured(unit: str) -> tuple[str, float] | None:
    """What a unit is of, "velocity" or "acceleration", and how many m/s or m/s2 it is; None for any other."""
    plain = unicodedata.normalize("NFKC", unit)  # a superscript 2 is a 2, and the micro sign a mu
    plain = "".join(plain.replace("\N{GREEK SMALL LETTER MU}", "u").split()).upper()
    if plain == GAL[0]:
        return "acceleration", GAL[1]
    found = INPUT_UNIT.fullmatch(plain)
    if found is None:
        return None
    is_velocity = found["power"] == "1" or (found["length"] and not found["again"])
    length = found["length"] or found["inner"] or found["times"]
    return "velocity" if is_velocity else "acceleration", LENGTHS_M[length]
