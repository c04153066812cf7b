"""What several monitors say, for tests, and rules by which it is one."""

import dataclasses

from made_alerts import ORIGIN, PRODUCER, T0, alert

from fcn.catalogue.event import Status
from fcn.operations.association import Likeness
from fcn.operations.merger import Keeping

LIKENESS = Likeness(time_s=4.0, distance_km=25.0, sigmas=3.0, most_km=80.0)
KEEPING = Keeping(settle_s=30.0, remember_s=3600.0, kept_events=1000)
MERGED = dataclasses.replace(PRODUCER, monitor="merged", config_digest="cafecafecafe")


def made(monitor, event, version=1, *, time_s=0.0, north_km=0.0, unsure_km=1.5, status=None, **changes):
    origin = dataclasses.replace(
        ORIGIN,
        time_s=T0 + time_s,
        latitude_deg=32.0 + north_km / 110.9,
        horizontal_uncertainty_km=unsure_km,
    )
    status = status or (Status.NEW if version == 1 else Status.UPDATE)
    producer = dataclasses.replace(PRODUCER, monitor=monitor)
    return alert(event, version, origin=origin, producer=producer, status=status, **changes)
