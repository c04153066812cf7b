"""A monitor of three stations that hears of one event, with a page's board, and a page to ask."""

import http.client
import socket
from pathlib import Path

import numpy as np
from made_alarms import declarer, estimate
from made_alerts import PRODUCER
from made_networks import START_S, make_network, make_site
from made_sites import FRAME, HalfSpace
from made_streams import SPEC, Listener, engine_of
from toy import resolved

from fcn.alert.sinks.jsonl import JsonLines
from fcn.alert.sinks.lane import Patience
from fcn.alert.sinks.sinks import Sinks
from fcn.catalogue.epicentre_pdf import EpicentrePdf
from fcn.config import build
from fcn.geometry.network import Network
from fcn.rotated import RotatedFile
from fcn.shaking.expected import SiMidorikawa
from fcn.shaking.intensity import JmaScale
from fcn.shaking.site import Site
from fcn.shaking.site_warnings import SiteWarnings, WarningRule
from fcn.stream.loop import Habits, Monitor
from fcn.stream.network import WatchedNetwork
from fcn.stream.sites import Unbatched, WarnedSites
from fcn.stream.sources.replay import Link, ReplaySource
from fcn.waveform.folder import write_sequence_folder
from fcn.web.snapshot import Watched

MADE = Watched(
    PRODUCER, FRAME, Network((make_site("S00"),)), np.zeros((1, 3), dtype=np.float32), sites=None, pace=1.0
)
LIMITS = build(resolved("check", "folder=x")["limits"])
ORIGIN_S = START_S + 6.0
SITES = (("near", 32.75, 130.8), ("far", 36.0, 134.0))


def pdf_of(spread_km):
    """Of 20 by 16 cells of 1 by 2 km, wider towards the east, about the earthquake."""
    east_km, north_km = np.arange(20) - 9.0, 2.0 * np.arange(16) - 15.0
    off = (east_km[:, None] / spread_km) ** 2 + (2.0 * north_km / spread_km) ** 2
    density = np.exp(-0.5 * off).astype(np.float32)
    return EpicentrePdf((3.0 - 9.0, -4.0 - 15.0), (1.0, 2.0), density / density.sum())


def quake(batch, known):
    """Spoken of from 2 s to 8 s after its origin."""
    now_s = float(batch.now_s[0])
    if not 2.0 < now_s - ORIGIN_S < 8.0:
        return []
    spread = max(9.0 - (now_s - ORIGIN_S), 2.0)  # of what shrinks as time goes on
    covariance_km2 = (
        (spread**2, 0.6 * spread**2, 0.0),
        (0.6 * spread**2, 0.5 * spread**2, 0.0),
        (0.0, 0.0, 4.0),
    )
    told = {"magnitude": 5.0, "horizontal_uncertainty_km": 2.0, "covariance_km2": covariance_km2}
    told |= {"origin_time_s": ORIGIN_S, "epicentre_pdf": pdf_of(spread)}
    follows = known[0].event_id if known else None
    return [estimate(now_s, east_km=3.0, north_km=-4.0, follows=follows, **told)]


class Watch:
    """Keeps every snapshot of a board, beside it."""

    def __init__(self, board):
        self.board, self.seen = board, []
        self.said = board.said

    def leave(self, monitor):
        self.board.close()

    def attend(self, monitor, now_s):
        self.board.look(monitor, monitor.steps)
        if self.board.newest is not None and (not self.seen or self.seen[-1] is not self.board.newest):
            self.seen.append(self.board.newest)


def watched_monitor(
    folder: Path, make_watcher, seconds=16.0, link=None, says=quake
) -> tuple[Monitor, object]:
    """A monitor, and the watcher that is made of what it watches; it has not run."""
    _, stream, inventory = make_network(3, seconds=seconds)
    if not (folder / "made").exists():
        write_sequence_folder(folder / "made", stream, inventory)
    network, stream = WatchedNetwork.of_folder(folder / "made", SPEC)
    engine = engine_of(
        network, inventory, Listener(says), declarer(min_s=3.0, max_s=6.0, frame=network.frame)
    )
    engine.travel_times = lambda station_km: HalfSpace()
    sites = SiteWarnings(
        ground_motion=SiMidorikawa(),
        scale=JmaScale(),
        rule=WarningRule((2.5,), pause_s=10.0, felt_s=20.0),
        plum=None,
        sites=[Site(name, *place, vs30_mps=400.0) for name, *place in SITES],
        stations=[],
        travel_times=Unbatched(HalfSpace()),
        frame=network.frame,
    )
    watched = Watched(
        PRODUCER,
        network.frame,
        network.stations,
        network.stations.local_km(network.frame).astype(np.float32),
        sites.sites,
        pace=None,
    )
    watcher = make_watcher(watched)
    monitor = Monitor(
        engine,
        ReplaySource(stream, link or Link(1, 1.0, 0.4, [0.0, 0.0], 0.0, 0.0, 0.0, 0.0, 0.0), pace=None),
        folder,
        Habits(wait_s=0.0, heartbeat_s=10.0, state_s=100.0),
        {"of": "a test"},
        Sinks(
            {"jsonl": JsonLines(str(folder / "alerts.jsonl"), 100.0, 1, None, False)},
            Patience(256, 1000, 0.1, 1.0),
            None,
        ),
        PRODUCER,
        WarnedSites(sites, RotatedFile(folder / "sites.jsonl", 1.0, 1, None, flushes=False), PRODUCER),
        (watcher,),
    )
    return monitor, watcher


def ask(port: int, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a request on loopback; `host` and `origin` among the headers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host="host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def raw(port: int, content: bytes, within_s: float = 20.0) -> bytes:
    """What comes back for bytes, until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=within_s) as link:
        link.sendall(content)
        found = b""
        while part := link.recv(65_536):
            found += part
        return found
