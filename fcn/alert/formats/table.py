"""The table of an event's versions that operators know from SeisComP's sceewlog.

One line a version: time since origin, type, magnitude, latitude, longitude, depth, time of origin,
likelihood, stations of the origin, stations of the magnitude; then what the alert was, and when it was said.
The file is its own memory: it is complete once the last word is said, and true before.
"""

from fcn.alert.alert import Alert
from fcn.alert.plain import utc

HEADER = (
    f"{'':74}|{'#St.':^9}|\n"
    "Ver.|  Tdiff|Type|Mag.|   Lat.|    Lon.| Depth|origin time (UTC)     |Lik.| Or.| Ma.|status   |"
    "Creation t. (UTC)\n"
)
UNKNOWN = "-"


class EventTable:
    """The file of one event: text, a line a version, in their order."""

    suffix = ".txt"

    def render(self, alert: Alert, before: bytes | None) -> bytes:
        """The file once this version has been said; before: as it was, None where there was none."""
        title = f"{alert.event_id}, monitor {alert.producer.monitor}"
        rows = {alert.version: row(alert)}
        for line in (before or b"").decode(errors="replace").splitlines():
            version = line.split("|")[0].strip()
            if version.isdecimal():
                rows.setdefault(int(version), line)
        replayed = " (replayed)" if alert.producer.is_simulated else ""
        lines = [f"{rows[version]}\n" for version in sorted(rows)]
        return f"{title}{replayed}\n{HEADER}{''.join(lines)}".encode()


def row(alert: Alert) -> str:
    """The line of one version; the time since origin is that until it was said, s."""
    origin, size = alert.origin, alert.magnitude
    return "|".join(
        (
            f"{alert.version:4d}",
            f"{alert.issued_time_s - origin.time_s:7.2f}",
            f"{size.type if size else UNKNOWN:4.4}",
            f"{size.value:4.1f}" if size else f"{UNKNOWN:>4}",
            f"{origin.latitude_deg:7.3f}",
            f"{origin.longitude_deg:8.3f}",
            f"{origin.depth_km:6.1f}",
            utc(origin.time_s)[:22].replace("T", " "),
            f"{alert.probability:4.2f}",
            f"{_count(alert.origin_stations):>4}",
            f"{_count(alert.magnitude_stations):>4}",
            f"{alert.status:9}",
            utc(alert.issued_time_s)[:22].replace("T", " "),
        )
    )


def _count(stations: tuple[str, ...] | None) -> str:
    return UNKNOWN if stations is None else str(len(stations))
