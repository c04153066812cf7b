"""Ids of events as QuakeML has them: URIs, which hold fewer characters than ids of other catalogues."""

import re
from pathlib import Path

from obspy.core import event as quakeml

OWN = "smi:local/"  # of names that are no URI
_URI = re.compile(  # QuakeML 1.2 basic event description, section 3.1
    r"(smi|quakeml):[\w\d][\w\d\-\.\*\(\)_~']{2,}/[\w\d\-\.\*\(\)_~'][\w\d\-\.\*\(\)\+\?_~'=,;#/&]*"
)
# What a URI has no place for, anywhere or first, and the tilde: bytes are written as ~3A, for % has none.
_UNFIT = re.compile(r"[^\w\-.*()+?'=,;#/&]|^[+?=,;#/&]")
_WRITTEN = re.compile(r"(?:~[0-9A-F]{2})+")


def check_ids(catalog: quakeml.Catalog, path: Path) -> None:
    """Raise ValueError naming the file and the event, or its pick, that has no publicID, as QuakeML asks for.

    ObsPy makes ids of events that come in other formats, and leaves out those that QuakeML leaves out.
    """
    for number, event in enumerate(catalog, start=1):
        if event.resource_id is None:
            when = f", of {event.origins[0].time}" if event.origins else ""
            raise ValueError(f"{path}: event {number} of {len(catalog)}{when} has no publicID: give it one")
        if any(pick.resource_id is None for pick in event.picks):
            event_id = of_uri(str(event.resource_id.id))
            raise ValueError(f"{path}: a pick of event {event_id!r} has no publicID: give it one")


def to_uri(event_id: str) -> str:
    """The id as it is where it is a URI of somebody's, else as one of ours, whatever it is made of."""
    if not event_id:
        raise ValueError("an event has no event_id, and QuakeML needs one: give it one")
    if _URI.fullmatch(event_id) and not event_id.startswith(OWN):
        return event_id
    return OWN + _UNFIT.sub(lambda found: "".join(f"~{each:02X}" for each in found[0].encode()), event_id)


def of_uri(uri: str) -> str:
    """The inverse of `to_uri`; what others write within our authority stays as it is."""
    name = uri.removeprefix(OWN)
    try:
        read = _WRITTEN.sub(lambda found: bytes.fromhex(found[0].replace("~", "")).decode(), name)
    except UnicodeDecodeError:
        return name
    return read if read and to_uri(read) == uri else name
