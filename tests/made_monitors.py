"""Monitors whose reader is told what to say."""

from made_alarms import declarer
from made_alerts import PRODUCER
from made_sites import HalfSpace
from made_streams import engine_of

from fcn.alert.sinks.jsonl import JsonLines
from fcn.alert.sinks.lane import Patience
from fcn.alert.sinks.sinks import Sinks
from fcn.rotated import RotatedFile
from fcn.shaking.expected import SiMidorikawa
from fcn.shaking.intensity import JmaScale
from fcn.shaking.plum import Plum
from fcn.shaking.site import Site, station_sites
from fcn.shaking.site_warnings import SiteWarnings, WarningRule
from fcn.stream.loop import Habits, Monitor
from fcn.stream.network import WatchedNetwork
from fcn.stream.observing import ObservedNetwork, Observing
from fcn.stream.sites import Unbatched, WarnedSites


def monitor_of(watched: WatchedNetwork, source, reader, folder, *, state_s: float, **timing) -> Monitor:
    """One site, beside the first station, warned by sources and PLUM; alerts in `alerts.jsonl`."""
    first = next(iter(watched.stations))
    warnings = SiteWarnings(
        ground_motion=SiMidorikawa(),
        scale=JmaScale(),
        rule=WarningRule((2.5,), pause_s=10.0, felt_s=20.0),
        plum=Plum(radius_km=30.0, most_over_second=None),
        sites=[Site("near", first.latitude_deg, first.longitude_deg, vs30_mps=300.0)],
        stations=station_sites(watched.stations, {}, 600.0),
        travel_times=Unbatched(HalfSpace()),
        frame=watched.frame,
    )
    ids, observing = [each.id for each in watched.stations], Observing(10.0, 1.0, 1.0, 5.0)
    observed = ObservedNetwork(ids, watched.inventory, observing)
    return Monitor(
        engine_of(watched, watched.inventory, reader, declarer(), **timing),
        source,
        folder,
        Habits(0.0, 5.0, state_s),
        {},
        Sinks(
            {"jsonl": JsonLines(str(folder / "alerts.jsonl"), 1.0, 1, None, True)},
            Patience(9, 9, 0.1, 1.0),
            None,
        ),
        PRODUCER,
        WarnedSites(
            warnings,
            RotatedFile(folder / "sites.jsonl", 1.0, 1, None, flushes=False),
            PRODUCER,
            observed,
        ),
    )
