"""Alerts and sinks for tests."""

import dataclasses
import time

from fcn.alert.alert import Alert, Latencies, Magnitude, Origin, Producer
from fcn.alert.heartbeat import Heartbeat, SinkState
from fcn.alert.site_warning import Basis, SiteWarning, ToldWarning
from fcn.catalogue.event import Status

T0 = 1_460_636_794.25
PRODUCER = Producer("kyushu", "0123456789ab", "ba9876543210", is_simulated=False)
ORIGIN = Origin(
    T0, 32.7417, 130.8087, 11.4, 0.75, 1.5, 2.25, ((2.0, 0.5, 0.0), (0.5, 0.25, 0.0), (0.0, 0.0, 5.0))
)
MAGNITUDE = Magnitude(6.5, "M", 6.0, 7.0, is_lower_bound=True)

SINKS = (SinkState("jsonl", True, 0, 0.004), SinkState("mqtt", False, 2, None))


def alert(event_id="fcn20160414T122634", version=1, **changes):
    """The alarm where nothing is said, else an update; its magnitude grows by a tenth with every version."""
    size = min(round(6.4 + version / 10, 1), 9.0)
    made = Alert(
        event_id=event_id,
        version=version,
        status=Status.NEW if version == 1 else Status.UPDATE,
        origin=ORIGIN,
        magnitude=dataclasses.replace(MAGNITUDE, value=size, least=size - 0.5, most=size + 0.5),
        probability=0.97,
        first_p_time_s=T0 + 2.125,
        origin_stations=("JP.KMM", "JP.KMH"),
        magnitude_stations=("JP.KMM",),
        data_time_s=T0 + 4 + version,
        issued_time_s=T0 + 5.5 + version,
        latencies=Latencies(1.4, 0.1, 0.002, 0.5),
        producer=PRODUCER,
    )
    return dataclasses.replace(made, **changes)


def heartbeat(after_s=0.0, **changes):
    return dataclasses.replace(
        Heartbeat(T0 + after_s, True, T0 + after_s - 1.5, 24, 23, 1, PRODUCER, SINKS), **changes
    )


def site_warning(site="Aso", after_s=0.0, level=4.5, **changes):
    """Of a source, with S to come; changes are of the warning."""
    warning = SiteWarning(site, T0 + after_s, level, level + 0.2, level - 0.4, level + 0.8, Basis.SOURCE,
                          "fcn20160414T122634", 7.5, is_lower_bound=True)  # fmt: skip
    return ToldWarning(T0 + after_s + 0.1, dataclasses.replace(warning, **changes), PRODUCER)


def until(is_so, within_s=20.0):
    """Waits until something is so; fails where it never is."""
    end_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.002)
