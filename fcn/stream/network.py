"""The stations that are watched: what a recording or a station file says of them."""

import contextlib
import logging
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import obspy

from fcn import checked
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import MovedError, Network, Station, ended_before, require_elevation, warn_of_places
from fcn.geometry.projection import LocalFrame
from fcn.waveform.archive import open_sds
from fcn.waveform.counted import without_motion
from fcn.waveform.folder import STATIONS, WAVEFORMS, Description, read_description
from fcn.waveform.inventory import read_stations
from fcn.waveform.preprocess import PreprocessSpec
from fcn.waveform.recording import described_stations, shared_time
from fcn.waveform.response import channel_response, location_code
from fcn.waveform.station import usable_channels
from fcn.waveform.stored import StoredStream

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class WatchedNetwork:
    """Stations in the order of windows, what StationXML says of their channels, and a local frame.

    velocity_model: None where nothing states one. unusable: stations that were left out, and why.
    """

    name: str
    stations: Network
    inventory: obspy.Inventory
    frame: LocalFrame
    velocity_model: LayeredModel | None = None
    unusable: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_file(cls, path: str | Path, wanted: Collection[str] | None = None) -> "WatchedNetwork":
        """All stations of a StationXML file, or those wanted, "NET.STA"; with the epochs that are open.

        Those whose elevation none can have, of which two epochs that are open have other places, or of which
        no channel has a sensitivity to motion, are left out, and, where not all are, those that were closed.
        Raises ValueError for wanted ones that are no list, for one that the file does not describe, and where
        none is left.
        """
        path = Path(path).expanduser()
        if wanted is not None and not checked.listed("station_ids", wanted):
            raise ValueError(f"station_ids=[] leaves no station: name some, or null for all of {path}")
        inventory = read_stations(path)
        now_s = obspy.UTCDateTime().timestamp
        found, unusable = _standing(inventory, now_s, wanted)
        names = [*found, *unusable] if wanted is None else list(wanted)
        closed = ended_before(inventory, now_s) if wanted is None else set()
        if 0 < len(closed) < len(names):
            shown = checked.shown(", ".join(each for each in names if each in closed))
            log.warning("%s: left out, their last epochs have ended: %s (station_ids)", path, shown)
            names = [each for each in names if each not in closed]
        if missing := sorted(map(str, set(names) - {*found, *unusable})):
            raise ValueError(
                f"stations {', '.join(missing)} are not in {path}, or have no epoch that is open: there are "
                f"{checked.shown(', '.join(found))} (station_ids)"
            )
        unusable = {name: why for name, why in unusable.items() if name in names}
        usable = []
        for name in (name for name in names if name in found):
            try:
                require_elevation(found[name].elevation_m, f"station {name}")
                _require_motion(inventory, name)
            except ValueError as error:
                unusable[name] = str(error)
            else:
                usable.append(found[name])
        for name, why in unusable.items():
            log.warning("%s left out: %s", name, why)
        if unusable and not usable:
            raise ValueError(f"{path}: no station can be used: {'; '.join(unusable.values())}")
        stations = Network(tuple(usable))
        warn_of_places(stations, str(path))
        frame = LocalFrame(*stations.centre())
        return cls(path.stem, stations, inventory, frame, unusable=unusable)

    @classmethod
    def of_folder(
        cls, root: str | Path, spec: PreprocessSpec, wanted: Collection[str] | None = None
    ) -> tuple["WatchedNetwork", StoredStream]:
        """The network of a sequence folder as `Sequence` has it, or of those wanted, and its waveforms.

        Raises FileNotFoundError where a part is missing, ValueError as `Sequence.load` does, and for wanted
        ones that are no list or none.
        """
        root = Path(root).expanduser()
        for part in (WAVEFORMS, STATIONS):
            if not (root / part).exists():
                raise FileNotFoundError(f"{root} is no sequence folder: {part} is missing (source.root)")
        if wanted is not None and not checked.listed("station_ids", wanted):
            raise ValueError(f"station_ids=[] leaves no station: name some, or null for all of {root}")
        stated: Description = read_description(root)
        names = stated.stations if wanted is None else list(map(str, wanted))
        inventory = read_stations(root / STATIONS)
        stream = open_sds(root / WAVEFORMS, names, *(stated.span_s or (None, None)))
        stream = without_motion(shared_time(stream, str(root)), inventory)
        described = described_stations(inventory, stream, names)
        usable, unusable = [], {}
        for name, station in described.items():
            traces = stream.of_stations([name])
            try:
                usable_channels(traces, inventory, spec.sampling_rate_hz)
            except ValueError as error:
                log.warning("%s left out: %s", name, error)
                unusable[name] = str(error)
            else:
                usable.append(station)
        if not usable:
            raise ValueError(f"{root}: no station can be used")
        network = Network(tuple(usable))
        stated.check_against(network, str(root))
        centre = stated.centre or dict(zip(("latitude_deg", "longitude_deg"), network.centre(), strict=True))
        model = LayeredModel(**stated.velocity_model) if stated.velocity_model else None
        kept = stream.of_stations(each.id for each in usable)
        name = stated.name or root.name
        return cls(name, network, inventory, LocalFrame(**centre), model, unusable), kept


def _require_motion(inventory: obspy.Inventory, station_id: str) -> None:
    """Raise ValueError unless some channel of a station can be read, at whatever time."""
    network_code, code = station_id.split(".")
    channels = [
        (f"{station_id}.{location_code(channel)}.{channel.code}", channel)
        for network in inventory
        if network.code == network_code
        for site in network
        if site.code == code
        for channel in site
    ]
    wrong: ValueError | None = None
    for seed_id, channel in channels:
        try:
            channel_response(channel, seed_id)
        except ValueError as error:
            wrong = wrong or error
        else:
            return
    raise wrong or ValueError(f"StationXML describes no channel of {station_id}: ask for level=response")


def _standing(
    inventory: obspy.Inventory, now_s: float, wanted: Collection[str] | None
) -> tuple[dict[str, Station], dict[str, str]]:
    """Stations where they stand at a POSIX time, by id; of others why nobody can say where that is.

    One that is to move stands where it is, with a warning if it is wanted.
    """
    with contextlib.suppress(MovedError):  # as hardly ever; one by one takes as long as there are, squared
        return {each.id: each for each in Network.from_inventory(inventory, (now_s, math.inf))}, {}
    found, unclear = dict[str, Station](), dict[str, str]()
    for name in dict.fromkeys(f"{network.code}.{site.code}" for network in inventory for site in network):
        try:
            (found[name],) = Network.from_inventory(inventory, (now_s, math.inf), {name})
        except MovedError:
            try:
                (found[name],) = Network.from_inventory(inventory, (now_s, now_s), {name})
                if wanted is None or name in wanted:
                    log.warning("%s is to move: its present place counts until the file is read again", name)
            except MovedError as error:
                moved = str(error).partition(":")[0]
                unclear[name] = f"{moved}, and both are open: end the one that is over"
    return found, unclear
