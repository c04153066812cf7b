"""Times and uncertainties as QuakeML has them, there and back."""

from obspy import UTCDateTime
from obspy.core import event as quakeml


def error_of(uncertainty: float | None, factor: float = 1.0) -> quakeml.QuantityError | None:
    """An uncertainty, in units of which QuakeML's are `factor` to one."""
    return None if uncertainty is None else quakeml.QuantityError(uncertainty=uncertainty * factor)


def uncertainty_of(error: quakeml.QuantityError | None, factor: float = 1.0) -> float | None:
    """What `error_of` was made of; None where nothing is stated."""
    return None if error is None or error.uncertainty is None else error.uncertainty / factor


def posix_s(time: UTCDateTime) -> float:
    """POSIX seconds; UTCDateTime.timestamp divides nanoseconds too large for a double."""
    seconds, nanoseconds = divmod(time.ns, 1_000_000_000)
    return seconds + nanoseconds / 1e9
