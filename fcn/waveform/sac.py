"""What headers of SAC say beyond what ObsPy makes of them (SAC manual, "SAC data file format")."""

import logging

import numpy as np
import obspy

log = logging.getLogger(__name__)

DISPLACEMENT = 6  # IDISP of IDEP
MEASUREMENTS = {7: "velocity", 8: "acceleration"}  # IVEL, IACC
UNDEFINED = -12345


def measurement(trace: obspy.Trace) -> str | None:
    """What the header says its samples are of, "velocity" or "acceleration"; None where it does not."""
    return MEASUREMENTS.get(trace.stats.get("sac", {}).get("idep", UNDEFINED))


def orientation_deg(trace: obspy.Trace) -> tuple[float, float] | None:
    """Azimuth and dip in degrees of a horizontal, as SEED has them; None where the header states none.

    So it is of a direction that is rather vertical: azimuths and inclinations of 0 are what converters write
    of all channels.
    """
    header = trace.stats.get("sac", {})
    azimuth_deg, from_up_deg = (float(header.get(key, UNDEFINED)) for key in ("cmpaz", "cmpinc"))
    if UNDEFINED in (azimuth_deg, from_up_deg) or not np.isfinite(azimuth_deg + from_up_deg):
        return None
    return (azimuth_deg % 360.0, from_up_deg - 90.0) if 45.0 <= from_up_deg <= 135.0 else None


def check_motion(trace: obspy.Trace, name: str) -> None:
    """Warn of displacement, which no sensitivity is of."""
    if trace.stats.sac.get("idep") == DISPLACEMENT:
        log.warning(
            "%s: the header of %s says displacement (IDEP), and sensitivities are of velocity or "
            "acceleration: differentiate it, where it is right",
            *(name, trace.id),
        )


def restore_rate(trace: obspy.Trace) -> None:
    """ObsPy rounds SAC's interval to 1 us: 128 Hz would be 128.008, a quarter of a second in an hour.

    The interval is a single-precision number: where that of microseconds is not the nearest one, that of a
    whole number of Hz may be, and else it is taken as it stands.
    """
    stated_s = np.float32(trace.stats.sac.delta)

    def is_nearest(interval_s: float) -> bool:
        return bool(abs(np.float32(interval_s) - stated_s) <= np.spacing(stated_s))

    if is_nearest(trace.stats.delta):
        return
    whole_hz = max(round(1 / float(stated_s)), 1)
    trace.stats.sampling_rate = float(whole_hz) if is_nearest(1 / whole_hz) else 1 / float(stated_s)
