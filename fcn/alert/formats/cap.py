"""Common Alerting Protocol 1.2: one message for each version of an event.

OASIS Standard CAP-V1.2, 1 July 2010 (docs.oasis-open.org/emergency/cap/v1.2/CAP-v1.2-os.html): section 3.2 is
the data dictionary, 3.3.2 the form of times, 3.4 the order of elements.
"""

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from fcn.alert.alert import Alert
from fcn.alert.formats.event_xml import ellipse
from fcn.alert.plain import utc
from fcn.alert.words import place, size
from fcn.checked import number, positive, text

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
STATUSES = ("Actual", "Exercise", "Test")
SEVERITIES = ("Minor", "Moderate", "Severe", "Extreme")
_LIKELY = 0.5  # "Likely (p > ~50%)", 3.2.2

ElementTree.register_namespace("", NAMESPACE)


@dataclass(frozen=True)
class Severity:
    """What an event of at least from_magnitude is called, and how far from its epicentre people are told.

    severity: a word of CAP's (`Minor`, `Moderate`, `Severe`, `Extreme`).
    """

    severity: str
    from_magnitude: float
    radius_km: float

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity must be one of {', '.join(SEVERITIES)}, got {self.severity!r}")
        number("from_magnitude", self.from_magnitude)
        positive("radius_km", self.radius_km, 20_038.0)


@dataclass(frozen=True)
class Reference:
    """An earlier message: who sent it, under what identifier, and when, as the message has it."""

    sender: str
    identifier: str
    sent: str

    def __str__(self) -> str:
        return f"{self.sender},{self.identifier},{self.sent}"


class Cap:
    """Makes messages.

    sender: who is responsible, unique in the world, as an address of mail is; sender_name: for people.
    status: `Actual`, `Exercise` or `Test`; a replay is always a `Test`. restriction: to whom it may
    be shown; None is everybody. expires_s: after it was issued. severities: by rising magnitude; an event
    below the first, or of unknown size, has its radius, and `Unknown` as severity.
    Raises ValueError naming what CAP does not allow.
    """

    def __init__(
        self,
        sender: str,
        sender_name: str,
        status: str,
        restriction: str | None,
        language: str,
        expires_s: float,
        severities: Sequence[Severity],
    ) -> None:
        if any(letter in " ,<&" for letter in text("sender", sender)):
            raise ValueError(f"sender must have no blanks, commas, < or &: {sender!r}")
        if status not in STATUSES:
            raise ValueError(f"status must be one of {', '.join(STATUSES)}, got {status!r}")
        steps = [each.from_magnitude for each in severities]
        if not steps or sorted(set(steps)) != steps:
            raise ValueError(f"severities must be by rising magnitude, and one at least: {steps}")
        self.sender, self.sender_name, self.status = sender, text("sender_name", sender_name), status
        self.restriction = None if restriction is None else text("restriction", restriction)
        self.language, self.severities = text("language", language), tuple(severities)
        self.expires_s = positive("expires_s", expires_s)

    def render(self, alert: Alert, before: Sequence[Reference]) -> bytes:
        """The message; before: those of earlier versions. A retracted event of which none was sent has none.

        Raises ValueError for such.
        """
        if alert.is_retracted and not before:
            raise ValueError(f"{alert.event_id} was retracted before anything was sent of it")
        root = ElementTree.Element(_tag("alert"))
        kind = "Cancel" if alert.is_retracted else "Update" if before else "Alert"
        _add(root, "identifier", identifier(alert))
        _add(root, "sender", self.sender)
        _add(root, "sent", _time(alert.issued_time_s))
        _add(root, "status", "Test" if alert.producer.is_simulated else self.status)
        _add(root, "msgType", kind)
        _add(root, "source", alert.producer.monitor)
        _add(root, "scope", "Public" if self.restriction is None else "Restricted")
        if self.restriction is not None:
            _add(root, "restriction", self.restriction)
        if kind == "Cancel":
            _add(root, "note", "The earthquake that was announced did not happen.")
        if before:
            _add(root, "references", " ".join(map(str, before)))
        _add(root, "incidents", alert.event_id)
        self._add_info(root, alert)
        ElementTree.indent(root)
        made: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
        return made + b"\n"

    def _add_info(self, root: ElementTree.Element, alert: Alert) -> None:
        severity, radius_km = self._severity(alert)
        is_likely = alert.probability > _LIKELY
        info = ElementTree.SubElement(root, _tag("info"))
        _add(info, "language", self.language)
        _add(info, "category", "Geo")
        _add(info, "event", "Earthquake")
        _add(info, "urgency", "Past" if alert.is_retracted else "Immediate")
        _add(info, "severity", severity)
        _add(info, "certainty", "Unlikely" if alert.is_retracted else "Likely" if is_likely else "Possible")
        _add(info, "onset", _time(alert.origin.time_s))
        _add(info, "expires", _time(alert.issued_time_s + self.expires_s))
        _add(info, "senderName", self.sender_name)
        _add(info, "headline", f"Earthquake, {size(alert.magnitude)}")
        _add(info, "description", f"{size(alert.magnitude)}, {place(alert)}. Automatic, not reviewed.")
        for name, value in _parameters(alert):
            parameter = ElementTree.SubElement(info, _tag("parameter"))
            _add(parameter, "valueName", name)
            _add(parameter, "value", value)
        area = ElementTree.SubElement(info, _tag("area"))
        _add(area, "areaDesc", f"Within {radius_km:g} km of {_point(alert)}")
        _add(area, "circle", f"{_point(alert)} {radius_km:g}")

    def _severity(self, alert: Alert) -> tuple[str, float]:
        magnitude = -math.inf if alert.magnitude is None else alert.magnitude.value
        reached = [each for each in self.severities if magnitude >= each.from_magnitude]
        if not reached:
            return "Unknown", self.severities[0].radius_km
        return reached[-1].severity, reached[-1].radius_km


def identifier(alert: Alert) -> str:
    """The name of a version's message."""
    return f"{alert.producer.monitor}.{alert.event_id}.{alert.version}"


def reference(message: bytes) -> Reference:
    """What a later message calls this one; ValueError for what is none of ours."""
    try:
        root = ElementTree.fromstring(message)
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML: {error}") from error
    found = [root.findtext(_tag(name)) for name in ("sender", "identifier", "sent")]
    if None in found:
        raise ValueError("a message without sender, identifier or time of sending")
    return Reference(*(each or "" for each in found))


def _parameters(alert: Alert) -> list[tuple[str, str]]:
    known = [
        ("eventId", alert.event_id),
        ("version", str(alert.version)),
        ("status", str(alert.status)),
        ("depthKm", f"{alert.origin.depth_km:.1f}"),
        ("probability", f"{alert.probability:.2f}"),
    ]
    if alert.origin.covariance_km2 is not None:
        least_km, most_km, azimuth_deg = ellipse(alert.origin.covariance_km2)
        known.append(("epicentreEllipseKm", f"{most_km:.1f} {least_km:.1f} {azimuth_deg:.0f}"))
    for name, stations in (
        ("originStations", alert.origin_stations),
        ("magnitudeStations", alert.magnitude_stations),
    ):
        if stations:
            known.append((name, " ".join(stations)))
    if alert.latencies is not None:
        known += [(f"latency{key.capitalize()}S", f"{value:.2f}") for key, value in alert.latencies.stages()]
    if (magnitude := alert.magnitude) is not None:
        known.append(("magnitude", f"{magnitude.value:.1f}"))
        if magnitude.least is not None:
            known += [
                ("magnitudeLeast", f"{magnitude.least:.1f}"),
                ("magnitudeMost", f"{magnitude.most:.1f}"),
            ]
        known.append(("magnitudeIsLowerBound", str(magnitude.is_lower_bound).lower()))
    if alert.first_p_time_s is not None:
        known.append(("firstPTime", utc(alert.first_p_time_s)))
    known.append(("checkpointDigest", alert.producer.checkpoint_digest))
    known.append(("configDigest", alert.producer.config_digest))
    return known


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _add(parent: ElementTree.Element, name: str, content: str) -> None:
    ElementTree.SubElement(parent, _tag(name)).text = content


def _point(alert: Alert) -> str:
    return f"{alert.origin.latitude_deg:.4f},{alert.origin.longitude_deg:.4f}"


def _time(time_s: float) -> str:
    """To the second; UTC is -00:00, and Z is forbidden (3.3.2)."""
    return f"{datetime.datetime.fromtimestamp(math.floor(time_s), datetime.UTC):%Y-%m-%dT%H:%M:%S}-00:00"
