"""The codes that name a channel, checked before one of them names a folder or a file.

FDSN Source Identifiers 1.0 (docs.fdsn.org/projects/source-identifiers, "Definition of identifiers"): network
codes of 1 to 8 letters and digits, station codes of 1 to 8 and location codes of up to 8 letters, digits and
dashes. SEED 2.4, and with it miniSEED 2 (fixed section of the data header), holds 2, 5 and 2 of them, and
channel codes of 3. The standards know capital letters only; small ones, which data do have, do no harm.
"""

import re
from collections.abc import Mapping
from typing import Any

LETTERS = {
    "network": "[A-Za-z0-9]",
    "station": "[A-Za-z0-9-]",
    "location": "[A-Za-z0-9-]",
    "channel": "[A-Za-z0-9]",
}
FDSN_LENGTHS: Mapping[str, tuple[int, int]] = {"network": (1, 8), "station": (1, 8), "location": (0, 8)}
MINISEED_LENGTHS: Mapping[str, tuple[int, int]] = {
    "network": (1, 2),
    "station": (1, 5),
    "location": (0, 2),
    "channel": (3, 3),
}
REMEDY = "correct it in the waveforms and in the station list alike"


def check_codes(
    codes: Mapping[str, Any], where: str, lengths: Mapping[str, tuple[int, int]] = MINISEED_LENGTHS
) -> None:
    """Raise ValueError, naming `where`, unless each code (by its kind, a key of `lengths`) is one."""
    for kind, (shortest, longest) in lengths.items():
        code = codes[kind]
        if re.fullmatch(f"{LETTERS[kind]}{{{shortest},{longest}}}", code):
            continue
        if not code:
            raise ValueError(f"{where} has no {kind} code, and what has none cannot be told apart: {REMEDY}")
        dashes = ", dashes" if re.fullmatch(LETTERS[kind], "-") else ""
        raise ValueError(
            f"{where}: {code!r} is no {kind} code ({shortest} to {longest} letters{dashes} or digits): "
            f"{REMEDY}"
        )
