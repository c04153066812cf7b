"""An alert in words, for people."""

from fcn.alert.alert import Alert, Magnitude
from fcn.alert.plain import utc


def line(alert: Alert) -> str:
    """A line: when, status, event, version; magnitude, place, time of origin, probability."""
    replayed = ", replayed" if alert.producer.is_simulated else ""
    return (
        f"{utc(alert.issued_time_s)[11:19]} {alert.status} {alert.event_id} {alert.version}: "
        f"{size(alert.magnitude)}, {place(alert)}, real with {alert.probability:.2f}{replayed}"
    )


def size(magnitude: Magnitude | None) -> str:
    """A magnitude with its range, as in `M 6.5 (6.0 to 7.0), at least`."""
    if magnitude is None:
        return "size unknown"
    words = f"{magnitude.type} {magnitude.value:.1f}"
    if magnitude.least is not None:
        words += f" ({magnitude.least:.1f} to {magnitude.most:.1f})"
    return f"{words}, at least" if magnitude.is_lower_bound else words


def place(alert: Alert) -> str:
    """Where and when, UTC."""
    origin = alert.origin
    return (
        f"{origin.latitude_deg:.3f} {origin.longitude_deg:.3f}, {origin.depth_km:.0f} km deep, "
        f"at {utc(origin.time_s)[11:19]}"
    )
