"""A sequence folder: waveforms/ (SDS miniSEED), stations.xml, catalogue.xml and sequence.yaml."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import obspy
import yaml

from fcn.catalogue.event import Catalogue
from fcn.catalogue.io import PhasePick, write_quakeml
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
    """Write a sequence folder, whole or not at all; `description` holds the keys of `Description`.

    Counts stay counts: `inventory` says what they mean. picks: arrivals per event_id of the catalogue.
    Raises FileExistsError where root exists.
    """
    root = Path(root)
    if root.exists():
        raise FileExistsError(f"{root} exists; remove it or give another folder for the sequence")
    stated = asdict(Description.from_mapping(description, "write_sequence_folder"))
    partial = root.with_name(root.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)  # left by a run that was killed
    try:
        write_sds(stream, partial / WAVEFORMS)
        inventory.write(str(partial / STATIONS), format="STATIONXML")
        if catalogue is not None:
            write_quakeml(catalogue, partial / CATALOGUE, picks)
        kept = {key: value for key, value in stated.items() if value is not None}
        (partial / DESCRIPTION).write_text(yaml.safe_dump(kept, sort_keys=False))
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    partial.rename(root)
