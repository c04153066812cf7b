"""Several station lists read as one: what one leaves out another may say, and none may contradict another."""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from obspy.core.inventory import Channel, Inventory, Station

from fcn.waveform.inventory import read_stations
from fcn.waveform.response import location_code
from fcn.waveform.stages import overall_sensitivity
from fcn.waveform.units import measured

# What may differ between two lists of one channel, as by rounding: degrees of place and of direction, metres,
# and the share of a sensitivity.
SAME_PLACE_DEG, SAME_DIRECTION_DEG, SAME_HEIGHT_M, SAME_SENSITIVITY = 1e-3, 1.0, 10.0, 1e-3
_TOLERANCES: Mapping[str, float] = {
    "latitude (deg)": SAME_PLACE_DEG,
    "longitude (deg)": SAME_PLACE_DEG,
    "elevation (m)": SAME_HEIGHT_M,
    "depth (m)": SAME_HEIGHT_M,
    "azimuth (deg)": SAME_DIRECTION_DEG,
    "dip (deg)": SAME_DIRECTION_DEG,
}
Facts = Mapping[str, float | str]
_ANGLES = ("longitude (deg)", "azimuth (deg)")  # 359.9 and 0 are near each other


def read_all_stations(paths: Sequence[Path], recorded_ids: Collection[str]) -> Inventory:
    """One inventory of several files, each as `read_stations` has it.

    recorded_ids: "NET.STA.LOC.CHA" of the channels that matter: where two files describe one of them from one
    time on they are one, and so are their stations. What a file does not state contradicts nothing, and is
    taken from the other. Raises ValueError naming two files, and what they say, that describe one not alike.
    """
    inventory = Inventory()
    sites, channels = dict[str, tuple[Path, Station]](), dict[str, tuple[Path, Channel]]()
    recorded_sites = {each.rsplit(".", 2)[0] for each in recorded_ids}
    for path in paths:
        found = read_stations(path)
        for network in found:
            for site in network:
                site_id = f"{network.code}.{site.code}"
                if site_id not in recorded_sites:
                    continue
                from_on = f"{site_id} from {site.start_date} on"
                other, listed = sites.setdefault(from_on, (path, site))
                if other != path:  # of one file's own, `Network.from_inventory` says what is too much
                    _check_alike(_place_of(listed), _place_of(site), (other, path), from_on)
                for channel in list(site.channels):
                    seed_id = f"{site_id}.{location_code(channel)}.{channel.code}"
                    from_on = f"{seed_id} from {channel.start_date} on"
                    if seed_id not in recorded_ids:
                        continue
                    other, before = channels.setdefault(from_on, (path, channel))
                    if other != path:  # of one file's own contradictions `describe` warns
                        _merge(before, channel, (other, path), from_on)
                        site.channels.remove(channel)
        inventory += found
    return inventory


def _merge(before: Channel, channel: Channel, paths: tuple[Path, Path], from_on: str) -> None:
    """Into the channel of an earlier file what it leaves out and a later one states."""
    one, other = (
        {**_place_of(each), **_direction_of(each), **_sensitivity_of(each, from_on)}
        for each in (before, channel)
    )
    _check_alike(one, other, paths, from_on)
    for name in ("depth", "azimuth", "dip"):
        if getattr(before, name) is None:
            setattr(before, name, getattr(channel, name))
    if not _sensitivity_of(before, from_on):
        before.response = channel.response
    if before.end_date is not None:  # open in either: open
        before.end_date = channel.end_date and max(before.end_date, channel.end_date)


def _check_alike(one: Facts, other: Facts, paths: tuple[Path, Path], from_on: str) -> None:
    for name in [name for name in one if name in other]:
        here, there = one[name], other[name]
        if _are_alike(name, here, there):
            continue
        values = " and ".join(each if isinstance(each, str) else f"{each:.10g}" for each in (here, there))
        raise ValueError(
            f"{paths[0]} and {paths[1]} describe {from_on}, and not alike: {name} {values}; "
            "leave out one of them"
        )


def _are_alike(name: str, here: float | str, there: float | str) -> bool:
    if isinstance(here, str) or isinstance(there, str):
        return here == there
    apart = abs(here - there)
    if name in _ANGLES:
        apart = abs((apart + 180.0) % 360.0 - 180.0)
    return apart <= _TOLERANCES.get(name, SAME_SENSITIVITY * abs(here))


def _place_of(site: Station | Channel) -> dict[str, float]:
    stated = {
        "latitude (deg)": site.latitude,
        "longitude (deg)": site.longitude,
        "elevation (m)": site.elevation,
        "depth (m)": getattr(site, "depth", None),
    }
    return _stated(stated)


def _direction_of(channel: Channel) -> dict[str, float]:
    """A vertical's azimuth says nothing."""
    is_vertical = channel.dip is not None and abs(abs(float(channel.dip)) - 90.0) < SAME_DIRECTION_DEG
    return _stated({"azimuth (deg)": None if is_vertical else channel.azimuth, "dip (deg)": channel.dip})


def _sensitivity_of(channel: Channel, name: str) -> Facts:
    """Its unit and its value; nothing where none is stated, or one of something else."""
    stated = overall_sensitivity(channel, name)
    known = None if stated is None else measured(str(stated.input_units))
    if stated is None or known is None:
        return {}
    unit = {"velocity": "counts per m/s", "acceleration": "counts per m/s2"}[known[0]]
    return {"sensitivity in": unit, "sensitivity": float(stated.value) / known[1]}


def _stated(values: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in values.items()
        if value is not None and math.isfinite(float(value))
    }
