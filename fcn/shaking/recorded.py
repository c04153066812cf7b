"""Intensity that stations recorded themselves: the truth of warnings, where nothing clipped."""

import logging
from collections import defaultdict
from collections.abc import Iterable

import obspy

from fcn.shaking.observed import station_acceleration
from fcn.shaking.score import Shaken
from fcn.waveform.stored import AnyTrace

log = logging.getLogger(__name__)


def recorded_intensity(
    traces: Iterable[AnyTrace], inventory: obspy.Inventory, *, window_s: float, max_gap_s: float
) -> dict[str, Shaken]:
    """Real-time intensity of whole records, by station "NET.STA"; see `RealTimeIntensity`.

    Stations that give no acceleration (`station_acceleration`) are left out with a warning.
    """
    by_station: dict[str, list[AnyTrace]] = defaultdict(list)
    for trace in traces:
        by_station[f"{trace.stats.network}.{trace.stats.station}"].append(trace)
    found = {}
    for station_id, own in by_station.items():
        try:
            motion = station_acceleration(own, inventory)
        except ValueError as error:
            log.warning("%s records no intensity: %s", station_id, error)
            continue
        intensity = motion.real_time_intensity(window_s=window_s, max_gap_s=max_gap_s)
        step_s = 1.0 / motion.sampling_rate_hz
        found[station_id] = Shaken(motion.start_time_s, step_s, intensity, motion.is_clipped)
    return found
