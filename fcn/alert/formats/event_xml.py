"""QuakeML 1.2 and SCML of an event with all its versions, through ObsPy.

Each version is an origin and, where it has one, a magnitude of the one event; the newest is preferred. The
file is its own memory: the next version is added to what it holds.
"""

import io
import logging
import math
import threading

import numpy as np
from obspy import UTCDateTime, read_events
from obspy.core import event as quakeml

from fcn.alert.alert import WITHIN, Alert, Covariance, Magnitude, Origin
from fcn.alert.plain import utc
from fcn.checked import text

log = logging.getLogger(__name__)

SUFFIXES = {"QUAKEML": ".xml", "SCML": ".scml"}
_METRES_PER_KM = 1000.0
_ONE_AT_A_TIME = threading.Lock()  # ObsPy keeps a table of all identifiers, and sinks have threads


class EventXml:
    """The file of one event, in the format of ObsPy of that name: QUAKEML or SCML; agency: whose it is.

    A magnitude's range is its error, with the confidence level; which stations count, that it is a lower
    bound, the probability that the event is real, first P, latencies and digests are comments. A retracted
    event is `not existing`, its last origin and magnitude are rejected; all others are preliminary: nobody
    has looked.
    """

    def __init__(self, format: str, agency: str) -> None:
        if format not in SUFFIXES:
            raise ValueError(f"format must be one of {', '.join(SUFFIXES)}, got {format!r}")
        self.format, self.suffix, self.agency = format, SUFFIXES[format], text("agency", agency)

    def render(self, alert: Alert, before: bytes | None) -> bytes:
        """The file once this version has been said; before: as it was, None where there was none.

        A file that cannot be read is begun anew, with a warning.
        """
        with _ONE_AT_A_TIME:
            event = (self._read(alert, before) if before else None) or quakeml.Event(
                resource_id=_id(alert.event_id)
            )
            self._add(event, alert)
            catalog = quakeml.Catalog([event], resource_id=_id(alert.producer.monitor))
            catalog.creation_info = None
            made = io.BytesIO()
            catalog.write(made, format=self.format)
        return made.getvalue()

    def _read(self, alert: Alert, before: bytes) -> quakeml.Event | None:
        try:
            (event,) = read_events(io.BytesIO(before), format=self.format)
            for each in (*event.origins, *event.magnitudes):
                int(each.creation_info.version)
        except Exception as error:  # each of ObsPy's readers has exceptions of its own
            log.warning("what was written of %s cannot be read and is begun anew: %s", alert.event_id, error)
            return None
        return event

    def _add(self, event: quakeml.Event, alert: Alert) -> None:
        """A version in its place; what was there of the same version goes."""
        origin = self._origin(alert)
        magnitude = self._magnitude(alert, alert.magnitude, origin) if alert.magnitude else None
        event.origins = _in_order([*_others(event.origins, alert.version), origin])
        event.magnitudes = _in_order(
            [*_others(event.magnitudes, alert.version), *([magnitude] if magnitude else [])]
        )
        event.preferred_origin_id = event.origins[-1].resource_id
        event.preferred_magnitude_id = event.magnitudes[-1].resource_id if event.magnitudes else None
        if event.origins[-1] is origin:
            event.event_type = "not existing" if alert.is_retracted else "earthquake"
            event.creation_info = self._creation(alert)

    def _creation(self, alert: Alert) -> quakeml.CreationInfo:
        return quakeml.CreationInfo(
            agency_id=self.agency,
            author=alert.producer.monitor,
            creation_time=UTCDateTime(alert.issued_time_s),
            version=str(alert.version),
        )

    def _origin(self, alert: Alert) -> quakeml.Origin:
        said = alert.origin
        place = f"{alert.event_id}/origin/{alert.version}"
        stations = alert.origin_stations
        replayed = ", replayed" if alert.producer.is_simulated else ""
        remark = f"{alert.status}, real with a probability of {alert.probability:.3g}{replayed}"
        return quakeml.Origin(
            resource_id=_id(place),
            time=UTCDateTime(said.time_s),
            time_errors=_error(said.time_uncertainty_s),
            latitude=said.latitude_deg,
            longitude=said.longitude_deg,
            depth=said.depth_km * _METRES_PER_KM,
            depth_errors=_error(said.depth_uncertainty_km, _METRES_PER_KM),
            origin_uncertainty=_uncertainty(said),
            quality=None if stations is None else quakeml.OriginQuality(used_station_count=len(stations)),
            evaluation_mode="automatic",
            evaluation_status="rejected" if alert.is_retracted else "preliminary",
            comments=[
                quakeml.Comment(text=remark, resource_id=_id(f"{place}/comment")),
                *_stations(stations, place),
                *_how_made(alert, place),
            ],
            creation_info=self._creation(alert),
        )

    def _magnitude(self, alert: Alert, said: Magnitude, origin: quakeml.Origin) -> quakeml.Magnitude:
        place = f"{alert.event_id}/magnitude/{alert.version}"
        bound = quakeml.Comment(text="magnitude is a lower bound", resource_id=_id(f"{place}/comment"))
        stations = alert.magnitude_stations
        return quakeml.Magnitude(
            resource_id=_id(place),
            mag=said.value,
            magnitude_type=said.type,
            mag_errors=_range(said),
            origin_id=origin.resource_id,
            station_count=None if stations is None else len(stations),
            evaluation_mode="automatic",
            evaluation_status="rejected" if alert.is_retracted else "preliminary",
            comments=[*([bound] if said.is_lower_bound else []), *_stations(stations, place)],
            creation_info=self._creation(alert),
        )


def _id(place: str) -> quakeml.ResourceIdentifier:
    return quakeml.ResourceIdentifier(f"smi:local/{place}")  # as `fcn.catalogue.io` has them


def _stations(stations: tuple[str, ...] | None, place: str) -> list[quakeml.Comment]:
    """Which they were: an arrival would need a pick, and alerts carry none."""
    said = f"stations: {', '.join(stations)}" if stations else ""
    return [quakeml.Comment(text=said, resource_id=_id(f"{place}/stations"))] if said else []


def _how_made(alert: Alert, place: str) -> list[quakeml.Comment]:
    """First P, latencies by stage and digests: neither format has a place of their own for them."""
    made = alert.producer
    said = {"producer": f"checkpoint {made.checkpoint_digest}, configuration {made.config_digest}"}
    if alert.first_p_time_s is not None:
        said["first_p"] = f"first P: {utc(alert.first_p_time_s)}"
    if alert.latencies is not None:
        stages = alert.latencies.stages()
        said["latencies"] = "latencies: " + ", ".join(f"{key} {value:.2f} s" for key, value in stages)
    return [quakeml.Comment(text=words, resource_id=_id(f"{place}/{key}")) for key, words in said.items()]


def _version(part: quakeml.Origin | quakeml.Magnitude) -> int:
    return int(part.creation_info.version)


def _others(parts: list, version: int) -> list:
    return [each for each in parts if _version(each) != version]


def _in_order(parts: list) -> list:
    return sorted(parts, key=_version)


def _error(uncertainty: float | None, factor: float = 1.0) -> quakeml.QuantityError | None:
    return None if uncertainty is None else quakeml.QuantityError(uncertainty=uncertainty * factor)


def _range(said: Magnitude) -> quakeml.QuantityError | None:
    if said.least is None or said.most is None:
        return None
    return quakeml.QuantityError(
        lower_uncertainty=said.value - said.least,
        upper_uncertainty=said.most - said.value,
        confidence_level=100.0 * WITHIN,
    )


def _uncertainty(said: Origin) -> quakeml.OriginUncertainty | None:
    """The ellipse of the epicentre where its covariance is known, else the circle."""
    if said.covariance_km2 is None and said.horizontal_uncertainty_km is None:
        return None
    made = quakeml.OriginUncertainty(preferred_description="horizontal uncertainty")
    if said.horizontal_uncertainty_km is not None:
        made.horizontal_uncertainty = said.horizontal_uncertainty_km * _METRES_PER_KM
    if said.covariance_km2 is not None:
        least_km, most_km, azimuth_deg = ellipse(said.covariance_km2)
        made.min_horizontal_uncertainty = least_km * _METRES_PER_KM
        made.max_horizontal_uncertainty = most_km * _METRES_PER_KM
        made.azimuth_max_horizontal_uncertainty = azimuth_deg
        made.confidence_ellipsoid = ellipsoid(said.covariance_km2)
        made.preferred_description = "uncertainty ellipse"
    return made


def ellipsoid(covariance_km2: Covariance) -> quakeml.ConfidenceEllipsoid:
    """Of one standard deviation along each axis, in m; its angles are Tait and Bryan's, in degrees.

    From north, east and down: azimuth of the major axis, 0 to 360; its plunge, down, 0 to 90; rotation about
    it that takes the horizontal axis to the right of it to the intermediate one, -90 to 90.
    """
    variances, axes = np.linalg.eigh(np.array(covariance_km2))
    least, middle, most = (_METRES_PER_KM * math.sqrt(max(0.0, float(each))) for each in variances)
    major, intermediate = (axes[[1, 0, 2], column] for column in (2, 1))  # north, east, down
    major = major if major[2] >= 0 else -major
    azimuth = math.atan2(major[1], major[0])
    right = np.array([-math.sin(azimuth), math.cos(azimuth), 0.0])
    rotation = math.atan2(intermediate @ np.cross(major, right), intermediate @ right)
    half_turn = math.pi if abs(rotation) > math.pi / 2 else 0.0
    return quakeml.ConfidenceEllipsoid(
        semi_major_axis_length=most,
        semi_intermediate_axis_length=middle,
        semi_minor_axis_length=least,
        major_axis_azimuth=math.degrees(azimuth) % 360.0,
        major_axis_plunge=math.degrees(math.asin(min(1.0, float(major[2])))),
        major_axis_rotation=math.degrees(rotation - math.copysign(half_turn, rotation)),
    )


def ellipse(covariance_km2: Covariance) -> tuple[float, float, float]:
    """Standard deviations along the short and the long axis of the epicentre, and the long one's azimuth.

    In km and degrees from north, 0 to 180; covariance_km2: of east, north and down.
    """
    variances, axes = np.linalg.eigh(np.array(covariance_km2)[:2, :2])
    least, most = (math.sqrt(max(0.0, float(each))) for each in variances)
    east, north = axes[:, 1]
    return least, most, math.degrees(math.atan2(east, north)) % 180.0
