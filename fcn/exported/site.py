"""What `fcn_edge` is told of one network of stations: no StationXML is read and no filter designed there."""

import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import obspy

from fcn.earth.travel_time import TravelTimeTable
from fcn.stream.network import WatchedNetwork
from fcn.waveform.choice import component_order
from fcn.waveform.filters import anti_alias_sos, samples_ahead, to_velocity_sos
from fcn.waveform.preprocess import PreprocessSpec
from fcn.waveform.response import describe

log = logging.getLogger(__name__)

STATIONS, FILTERS = "stations.json", "filters.json"


class Site:
    """Stations, the frame of the grid about them, and travel times to them.

    Raises ValueError for more stations than the network's image has rows.
    """

    def __init__(self, watched: WatchedNetwork, times: TravelTimeTable, n_rows: int) -> None:
        if len(watched.stations) > n_rows:
            raise ValueError(
                f"station_file= describes {len(watched.stations)} stations, and the network has rows for "
                f"{n_rows}: choose with station_ids=[NET.STA,...]"
            )
        self.watched, self.times = watched, times

    def write(self, folder: Path, spec: PreprocessSpec) -> None:
        """`stations.json` and `filters.json`. Raises ValueError where no channel is of use."""
        stations = list(self._stations(spec.sampling_rate_hz))
        used = {each["seed_id"] for one in stations for each in one["channels"]}
        if not used:
            raise ValueError("station_file= describes no channel of ground motion that is fast enough")
        rates_hz = {
            float(channel.sample_rate)
            for seed_id, channel in _channels_of(self.watched.inventory)
            if seed_id in used and channel.sample_rate >= spec.sampling_rate_hz
        }
        frame = self.watched.frame
        centre = {"latitude_deg": frame.latitude_deg, "longitude_deg": frame.longitude_deg}
        _write(folder / STATIONS, {"centre": centre, "stations": stations})
        _write(folder / FILTERS, filters(spec, sorted(rates_hz)))

    def _stations(self, slowest_hz: float) -> Iterable[dict[str, Any]]:
        km = self.watched.stations.local_km(self.watched.frame)
        for station, (east_km, north_km, _) in zip(self.watched.stations, km.tolist(), strict=True):
            channels = _channels(self.watched.inventory, station.id, slowest_hz)
            yield {"id": station.id, "east_km": east_km, "north_km": north_km, "channels": channels}


def _channels_of(inventory: obspy.Inventory) -> Iterable[tuple[str, Any]]:
    """Every epoch of every channel, with its id NET.STA.LOC.CHA."""
    for network in inventory:
        for site in network:
            for channel in site:
                yield f"{network.code}.{site.code}.{channel.location_code}.{channel.code}", channel


def _channels(inventory: obspy.Inventory, station_id: str, slowest_hz: float) -> list[dict[str, Any]]:
    """All epochs of a station's channels that can be used; the others are warned of."""
    begun_s: dict[str, float] = {}
    for seed_id, channel in _channels_of(inventory.select(*station_id.split("."))):
        if channel.sample_rate and channel.sample_rate >= slowest_hz:
            start_s = channel.start_date.timestamp if channel.start_date else -math.inf
            begun_s[seed_id] = min(start_s, begun_s.get(seed_id, math.inf))
    made = []
    for seed_id in sorted(begun_s, key=component_order):
        try:
            epochs = describe(inventory, seed_id, begun_s[seed_id], math.inf)
        except ValueError as error:
            log.warning("%s left out: %s", seed_id, error)
            continue
        made += [
            {
                "seed_id": seed_id,
                "start_s": each.start_s if math.isfinite(each.start_s) else None,
                "end_s": each.end_s if math.isfinite(each.end_s) else None,
                "sensitivity": each.sensitivity.value,
                "measurement": each.sensitivity.measurement,
                "direction": list(each.direction),
                "depth_km": -each.elevation_m / 1000.0,
            }
            for each in epochs
        ]
    return made


def filters(spec: PreprocessSpec, rates_hz: Sequence[float]) -> dict[str, list[dict[str, Any]]]:
    """Second-order sections of all filters of a preprocessing, each with what it was designed for; and
    `samples_ahead`."""
    stop = spec.anti_alias
    bands = [
        {
            "low_hz": each.low_hz,
            "high_hz": each.high_hz if math.isfinite(each.high_hz) else None,
            "order": each.order,
            "sampling_rate_hz": each.sampling_rate_hz,
            "integrated": each.integrated,
            "sos": each.sos().tolist(),
        }
        for each in spec.filters
        if each is not None
    ]
    motion = [
        {
            "highpass_hz": spec.highpass_hz,
            "acceleration": acceleration,
            "sampling_rate_hz": rate_hz,
            "sos": to_velocity_sos(spec.highpass_hz, acceleration, rate_hz).tolist(),
        }
        for rate_hz in rates_hz
        for acceleration in (False, True)
    ]
    low = [
        {
            "stop_hz": stop.stop_hz,
            "attenuation_db": stop.attenuation_db,
            "order": stop.order,
            "sampling_rate_hz": rate_hz,
            "samples_ahead": samples_ahead(stop.stop_hz, stop.attenuation_db, stop.order, rate_hz),
            "sos": anti_alias_sos(stop.stop_hz, stop.attenuation_db, stop.order, rate_hz).tolist(),
        }
        for rate_hz in rates_hz
    ]
    return {"butterworth": bands, "to_velocity": motion, "anti_alias": low}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
