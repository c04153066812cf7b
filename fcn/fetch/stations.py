"""Stations of a region and time, and what StationXML says of their channels."""

import io
import warnings
from pathlib import Path

import obspy
from obspy import UTCDateTime
from obspy.core.inventory import Inventory

from fcn.fetch.centre import DataCentre, NoDataError, RefusedError
from fcn.fetch.instruments import Instrument, in_order, instruments_of
from fcn.fetch.pieces import answer
from fcn.fetch.refusals import Refusals
from fcn.fetch.source import FdsnSource
from fcn.geometry.network import Network
from fcn.waveform.inventory import read_stations

Candidates = dict[str, list[list[Instrument]]]  # lists of `in_order` by "NET.STA"


def select(centre: DataCentre, source: FdsnSource, folder: Path, refusals: Refusals) -> Candidates:
    """The stations of the region with channels that are wanted; the others are refused.

    Raises ValueError where there is none, RefusedError where the data centre does not say.
    """
    common = {
        "starttime": UTCDateTime(source.span_s[0]),
        "endtime": UTCDateTime(source.span_s[1]),
        "network": ",".join(source.networks),
        "station": ",".join(source.stations),
        **source.area.query(),
    }
    where = f"{source.area}, {source.start} to {source.end}, networks {common['network']}"
    if source.stations != ["*"]:
        where += f", stations {common['station']}"

    def asked(name: str, **more: str) -> Inventory:
        """Step by step, as channels of a region, not to speak of responses, may be a large answer."""

        def readable() -> bytes:
            content = centre.ask("station", **common, **more)
            _parsed(content)
            return content

        try:
            return _parsed(answer(folder / name, readable))
        except NoDataError:
            return Inventory()
        except RefusedError as error:
            raise RefusedError(
                f"{source.client} does not tell its stations in {where} ({error}): try again later, or a "
                "smaller region"
            ) from error

    inside = _by_station(asked("stations.xml", level="station"), source)
    if not inside:
        raise ValueError(
            f"{source.client} has no station in {where}: widen source.box, radius_km or networks"
        )
    channels = asked("channels.xml", level="channel", channel=source.channel_codes)
    described = _by_station(channels, source)
    found: Candidates = {}
    for station_id in sorted(inside):
        sites = described.get(station_id, [])
        n_channels = {each: _n_components(each, sites) for each in instruments_of(station_id, sites)}
        lists = in_order(
            list(n_channels), n_channels, source.channels, accelerometer_too=source.accelerometer_too
        )
        if lists:
            found[station_id] = lists
        else:
            refusals.add(station_id, f"it has no channel {source.channel_codes} in that time")
    if not found:
        raise ValueError(
            f"none of the {len(inside)} stations of {source.client} in {where} has a channel "
            f"{source.channel_codes}: add codes to source.channels"
        )
    return found


def _parsed(content: bytes) -> Inventory:
    """As far as a choice needs it: what is wrong with one station is said when its responses are read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return obspy.read_inventory(io.BytesIO(content), format="STATIONXML")
    except Exception as error:  # ObsPy's reader has exceptions of its own
        raise RefusedError(f"its answer is no StationXML: {error}") from error


def _by_station(inventory: Inventory, source: FdsnSource) -> dict[str, list[obspy.core.inventory.Station]]:
    """Epochs of the stations in the region, by "NET.STA"."""
    found: dict[str, list[obspy.core.inventory.Station]] = {}
    for network in inventory:
        for station in network:
            if source.area.holds(float(station.latitude), float(station.longitude)):
                found.setdefault(f"{network.code}.{station.code}", []).append(station)
    return found


def _n_components(instrument: Instrument, sites: list[obspy.core.inventory.Station]) -> int:
    return len(
        {
            channel.code
            for site in sites
            for channel in site
            if channel.code[:2] == instrument.code
            and (channel.location_code or "").strip(" -") == instrument.location
        }
    )


def described(
    centre: DataCentre, source: FdsnSource, folder: Path, candidates: Candidates, refusals: Refusals
) -> dict[str, Inventory]:
    """StationXML with responses of each station by "NET.STA"; stations of which there is none are refused."""
    found = {}
    for station_id, lists in candidates.items():
        network, station = station_id.split(".")
        query = {
            "starttime": UTCDateTime(source.span_s[0]),
            "endtime": UTCDateTime(source.span_s[1]),
            "network": network,
            "station": station,
            "channel": ",".join(sorted({f"{each.code}?" for kind in lists for each in kind})),
            "level": "response",
        }
        path = folder / "responses" / f"{station_id}.xml"
        try:
            answer(path, lambda query=query: centre.ask("station", **query))  # type: ignore[misc]
            inventory = read_stations(path)
            Network.from_inventory(inventory, source.span_s)
        except NoDataError:
            refusals.add(station_id, "the data centre lists its channels, and has no responses of them")
        except (RefusedError, ValueError) as error:
            refusals.add(station_id, str(error), again=True)
            if isinstance(error, ValueError):
                path.unlink(missing_ok=True)  # the data centre may mend it
        else:
            found[station_id] = inventory
    return found


def merged(inventories: list[Inventory], seed_ids: set[str]) -> Inventory:
    """One inventory of the channels named, with each network once."""
    whole = Inventory(networks=[], source="fcn")
    by_code: dict[str, obspy.core.inventory.Network] = {}
    for inventory in inventories:
        for network in inventory:
            for station in network:
                station.channels = [
                    channel
                    for channel in station
                    if f"{network.code}.{station.code}.{(channel.location_code or '').strip(' -')}."
                    f"{channel.code}" in seed_ids
                ]
            stations = [station for station in network if station.channels]
            if not stations:
                continue
            if network.code in by_code:
                by_code[network.code].stations += stations
            else:
                network.stations = stations
                by_code[network.code] = network
                whole.networks.append(network)
    return whole
