"""A monitor at one moment: what its page, and whoever else looks on, may know of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from torch import Tensor

from fcn.alert.alert import Alert, Producer
from fcn.alert.sinks.lane import Counts
from fcn.alert.site_warning import SiteWarning
from fcn.catalogue.epicentre_pdf import EpicentrePdf
from fcn.catalogue.event import WindowEstimate
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.shaking.site import Sites
from fcn.types import TravelTimes
from fcn.web.traces import Traces


@dataclass(frozen=True, eq=False)
class Watched:
    """What changes in a monitor only with its list of stations.

    pace: seconds of its clock in a second; None where that stands still while it works.
    """

    producer: Producer
    frame: LocalFrame
    stations: Network
    station_km: Float32[np.ndarray, "station 3"]
    sites: Sites | None
    pace: float | None


@dataclass(frozen=True, eq=False)
class Health:
    """How a monitor does.

    since_s: POSIX time of its start. n_windows: read since then. window_ms: what each of the last ones took;
    None before the first. counts: of packets, windows and connections, by what was done with them. sinks: by
    name. left_out: stations that do not count, and why.
    """

    since_s: float
    n_windows: int
    window_ms: float | None
    counts: Mapping[str, int]
    sinks: Mapping[str, Counts]
    left_out: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Story:
    """One event as it was told: its alarm, and the last of its versions, in order.

    epicentre_pdf: as the network last located it; None of one that is over, or where no network says.
    """

    alerts: tuple[Alert, ...]
    is_open: bool
    epicentre_pdf: EpicentrePdf | None


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Nothing of it is changed any more, by nobody: threads may share it.

    number: it is newer than those of lower ones. made_s: POSIX time by the machine's clock. clock_s: by the
    source's. data_s: end of the newest window; None before there is one. ages_s: by station, as
    `Engine.delivering`. estimates: of the newest window. stories: of the newest event first. warnings: in the
    order of the sites, None where nothing is expected. sensor_km, travel_times: of the newest window.
    """

    number: int
    made_s: float
    is_alive: bool
    watched: Watched
    clock_s: float
    data_s: float | None
    ages_s: Mapping[str, float | None]
    traces: Traces
    estimates: tuple[WindowEstimate, ...]
    stories: tuple[Story, ...]
    warnings: tuple[SiteWarning | None, ...]
    sensor_km: Tensor | None
    travel_times: TravelTimes | None
    health: Health
