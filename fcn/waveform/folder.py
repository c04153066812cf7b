"""A sequence folder: waveforms/ (SDS miniSEED), stations.xml, catalogue.xml and sequence.yaml."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import obspy
import yaml

from fcn.catalogue.event import Catalogue
from fcn.catalogue.io import PhasePick, write_quakeml
from fcn.publish import new_folder
from fcn.waveform.archive import write_sds

WAVEFORMS = "waveforms"
STATIONS = "stations.xml"
CATALOGUE = "catalogue.xml"
DESCRIPTION = "sequence.yaml"


@dataclass(frozen=True)
class Description:
    """What sequence.yaml may say; all of it optional, what it leaves out comes from the network and the data.

    centre: latitude_deg, longitude_deg of the local frame. half_width_km: east, north half widths of the box
    in which events are looked for. span: start, end as ISO times. velocity_model: the fields of a
    LayeredModel. stations: ids "NET.STA", in the order wanted.
    """

    name: str | None = None
    simulated: bool = False
    centre: dict[str, float] | None = None
    half_width_km: list[float] | None = None
    span: dict[str, str] | None = None
    velocity_model: dict[str, Any] | None = None
    stations: list[str] | None = None

    @classmethod
    def from_mapping(cls, plain: Mapping[str, Any], where: str) -> "Description":
        """The description a mapping holds; ValueError names `where`, the key and what is wrong with it."""
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(plain) - set(known))
        if unknown:
            raise ValueError(f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(known)}")
        for key, wanted in (("centre", ("latitude_deg", "longitude_deg")), ("span", ("start", "end"))):
            inner = plain.get(key)
            if inner is not None and (not isinstance(inner, Mapping) or set(inner) != set(wanted)):
                raise ValueError(f"{where}: {key} needs exactly {', '.join(wanted)}: {inner}")
        half_width_km = plain.get("half_width_km")
        if half_width_km is not None and (len(half_width_km) != 2 or min(half_width_km) <= 0):
            raise ValueError(
                f"{where}: half_width_km needs two positive values, east, north: {half_width_km}"
            )
        return cls(**plain)


def read_description(root: Path) -> Description:
    """What root/sequence.yaml says; nothing where there is none."""
    path = root / DESCRIPTION
    if not path.is_file():
        return Description()
    plain = yaml.safe_load(path.read_text()) or {}
    if not isinstance(plain, dict):
        raise ValueError(f"{path} must be a mapping of keys to values")
    if isinstance(plain.get("span"), dict):
        # YAML turns an unquoted time into a datetime
        plain["span"] = {key: str(value) for key, value in plain["span"].items()}
    return Description.from_mapping(plain, str(path))


def write_sequence_folder(
    root: str | Path,
    stream: obspy.Stream,
    inventory: obspy.Inventory,
    catalogue: Catalogue | None = None,
    picks: Mapping[str, Sequence[PhasePick]] | None = None,
    **description: Any,
) -> None:
    """Write a sequence folder, whole or not at all; the arguments are those of `fill_sequence_folder`.

    Raises FileExistsError where root exists.
    """
    with new_folder(Path(root)) as folder:
        fill_sequence_folder(folder, stream, inventory, catalogue, picks, **description)


def fill_sequence_folder(
    folder: Path,
    stream: obspy.Stream,
    inventory: obspy.Inventory,
    catalogue: Catalogue | None = None,
    picks: Mapping[str, Sequence[PhasePick]] | None = None,
    **description: Any,
) -> None:
    """Write what a sequence folder holds; `description` has the keys of `Description`.

    Counts stay counts: `inventory` says what they mean. picks: arrivals per event_id of the catalogue.
    """
    stated = asdict(Description.from_mapping(description, "the description of a sequence"))
    write_sds(stream, folder / WAVEFORMS)
    inventory.write(str(folder / STATIONS), format="STATIONXML")
    if catalogue is not None:
        write_quakeml(catalogue, folder / CATALOGUE, picks)
    kept = {key: value for key, value in stated.items() if value is not None}
    (folder / DESCRIPTION).write_text(yaml.safe_dump(kept, sort_keys=False))
