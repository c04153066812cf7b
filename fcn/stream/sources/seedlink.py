"""Packets from SeedLink servers, protocol 3 or 4, over TCP or TLS (extra `live`)."""

import contextlib
import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fcn import checked
from fcn.stream.clock import WallClock
from fcn.stream.packet import Packet

log = logging.getLogger(__name__)

NO_RECORD = "miniSEED"  # in what the client says of a packet that holds none
MOST_WAITING = 100_000  # packets; then the oldest are dropped, and counted
MOST_TOLD = 20  # of one connection's troubles, in the log
NUMBERS_V3 = 0x1000000  # sequence numbers of protocol 3 have six digits of sixteen
LONGEST_PAUSE_S = 60.0  # between attempts at a server that has none of the stations
MOST_PER_BYTE = 8  # samples; what compresses best, Steim 2, has seven of them in four bytes


class NoMotionError(ValueError):
    """A sound record of no motion."""


@dataclass(frozen=True)
class Patience:
    """timeout_s: of connecting and of answers. reconnect_s: between attempts. idle_s: without data for so
    long, it connects again.
    """

    timeout_s: float
    reconnect_s: float
    idle_s: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            checked.positive(f"source.{name}", value)


class SeedLinkSource:
    """Some stations of one server, or of several, each received in a thread of its own.

    server: "HOST:PORT", or several, each asked for all stations; what comes twice is left out by the engine.
    station_ids: "NET.STA". selectors: as SeedLink has them ("HH? HN?"); None: all. tls: None: by the port.
    A thread goes on after every failure, and asks for what follows the last packet that it received.
    counts: packets lost here, and failures.
    Raises ValueError where the client library is not installed, or a server stands twice or is no address.
    """

    def __init__(
        self,
        server: str | Sequence[str],
        station_ids: Sequence[str],
        *,
        selectors: str | None,
        tls: bool | None,
        timeout_s: float,
        reconnect_s: float,
        idle_s: float,
    ) -> None:
        try:
            import seedlink_client
        except ImportError as error:
            raise ValueError("source=seedlink needs a client of SeedLink: pip install 'fcn[live]'") from error
        servers = [server] if isinstance(server, str) else list(server)
        if not servers or len(set(servers)) < len(servers):
            raise ValueError(f"source.server must be one or several, none of them twice: {servers}")
        for each in servers:
            _check_address(seedlink_client, each)
        patience = Patience(timeout_s, reconnect_s, idle_s)
        self.counts: Counter[str] = Counter()
        self._given: dict[str, dict[str, int]] = {each: {} for each in servers}  # number, by station
        self._waiting: queue.Queue[tuple[str, str, int | None, Packet]] = queue.Queue(MOST_WAITING)
        self._links = [
            _Link(seedlink_client, each, list(station_ids), selectors, tls, patience, self.counts, self._put)
            for each in servers
        ]
        self._clock = WallClock()
        self._started = self._closed = False

    @property
    def clock(self) -> WallClock:
        """The wall's."""
        return self._clock

    def poll(self, clock_s: float) -> list[Packet]:
        """See `Source`; the first call connects."""
        if not self._started:
            self._started = True
            for link in self._links:
                link.start(self._given[link.server])
        packets = []
        with contextlib.suppress(queue.Empty):
            for _ in range(MOST_WAITING):  # a source that is faster than this loop must not hold it
                server, station_id, number, packet = self._waiting.get_nowait()
                packets.append(packet)
                if number is not None:
                    self._given[server][station_id] = number
        return packets

    def is_over(self, clock_s: float) -> bool:
        """Once it is closed."""
        return self._closed

    def state(self) -> dict[str, Any]:
        """See `Source`: what was given, not what is waiting."""
        return {"given": {server: dict(numbers) for server, numbers in self._given.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Source`; before the first poll."""
        for server in self._given:
            self._given[server] = dict(state["given"].get(server, {}))

    def close(self) -> None:
        """End the threads, and the connections with them."""
        self._closed = True
        for link in self._links:
            link.end()
        for link in self._links:
            link.join()

    def select(self, station_ids: Sequence[str]) -> None:
        """Ask for these stations from now on, by new connections."""
        for link in self._links:
            link.select(list(station_ids))

    def _put(self, server: str, station_id: str, number: int | None, packet: Packet) -> None:
        """From a thread; of too many the oldest goes."""
        while True:
            try:
                self._waiting.put_nowait((server, station_id, number, packet))
                return
            except queue.Full:
                self.counts["dropped, nobody took them"] += 1
                with contextlib.suppress(queue.Empty):
                    self._waiting.get_nowait()


class _Link:
    """One server and the thread that listens to it; `put` takes what comes."""

    def __init__(
        self,
        client: Any,
        server: str,
        station_ids: list[str],
        selectors: str | None,
        tls: bool | None,
        patience: Patience,
        counts: Counter[str],
        put: Callable[[str, str, int | None, Packet], None],
    ) -> None:
        self.server, self._client, self._stations = server, client, station_ids
        self._selectors, self._tls, self._patience = selectors, tls, patience
        self._counts, self._put = counts, put
        self._received: dict[str, int] = {}  # sequence number, by station
        self._looks = False  # whether the server has refused, and is asked what it has
        self._n_refused = 0  # times that it did, since it sent a packet
        self._met_unreadable = False
        self._told: set[str] = set()  # of the connection, since the last packet
        self._without_motion: set[str] = set()  # channels that come without, and have been told
        self._ends = threading.Event()
        self._selected = threading.Event()  # since the connection was made
        self._open: Any = None
        self._thread = threading.Thread(target=self._receive, name=f"seedlink {server}", daemon=True)

    def start(self, received: Mapping[str, int]) -> None:
        self._received = dict(received)
        self._thread.start()

    def end(self) -> None:
        self._ends.set()
        self._selected.set()  # it may be in a pause
        if self._open is not None:
            with contextlib.suppress(Exception):  # whatever the thread is doing with it
                self._open.close()

    def select(self, station_ids: list[str]) -> None:
        self._stations, self._n_refused = station_ids, 0
        self._selected.set()
        if self._open is not None:
            with contextlib.suppress(Exception):  # whatever the thread is doing with it
                self._open.close()

    def join(self) -> None:
        if self._thread.is_alive():
            self._thread.join(timeout=self._patience.timeout_s)

    def _receive(self) -> None:
        """Connection after connection, until it ends."""
        library, its_log = _Library(self._tell), logging.getLogger(self._client.__name__)
        its_log.addHandler(library)
        its_log.propagate = False  # every attempt at a server that refuses stations would be logged
        while not self._ends.is_set():
            self._selected.clear()
            try:
                self._connection()
            except Exception as error:  # whatever a server sends, the monitor goes on
                if not self._ends.is_set() and not self._selected.is_set():
                    self._counts["connections lost"] += 1
                    most_s = LONGEST_PAUSE_S if self._n_refused else 0.0
                    seconds = max(most_s, self._patience.reconnect_s)
                    self._tell(logging.WARNING, f"{error}; again every {seconds:g} s")
            if not self._ends.is_set():
                self._selected.wait(self._pause_s())
        its_log.removeHandler(library)
        its_log.propagate = True

    def _pause_s(self) -> float:
        """Until the next attempt: doubled each time that all stations are refused, as it may be for days."""
        shortest_s = self._patience.reconnect_s
        return min(shortest_s * 2.0 ** max(self._n_refused - 1, 0), max(LONGEST_PAUSE_S, shortest_s))

    def _connection(self) -> None:
        patience = self._patience
        link = self._client.SeedLink.from_server_string(
            self.server,
            timeout=patience.timeout_s,
            tls=self._tls,
            keepalive=patience.idle_s / 2,
            idle_timeout=patience.idle_s,
            clientname="fcn",
        )
        self._open = link
        began_s = time.monotonic()
        try:
            link.connect()
            self._ask(link)
            self._tell(logging.INFO, "connected")
            for each in link.collect(reconnect=False):
                if self._ends.is_set() or self._selected.is_set():
                    return
                self._take(each)
            self._tell(logging.WARNING, "the connection has ended")
        except self._client.SeedLinkError as error:
            if NO_RECORD in str(error):
                self._unreadable(time.monotonic() - began_s)
            raise
        finally:
            link.close()

    def _tell(self, level: int, text: str) -> None:
        """Log it, once until a packet comes: a server that is away for days fills no log."""
        if text not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(text)
            log.log(level, "%s: %s", self.server, text)

    def _unreadable(self, lasted_s: float) -> None:
        """Protocol 3 tells neither length nor station of what is no record, and would send it for ever."""
        is_again = self._met_unreadable and lasted_s < self._patience.idle_s
        self._met_unreadable = not is_again
        if is_again:
            self._counts["damaged packets"] += 1
            log.warning("%s: what waits there cannot be read: on with what comes now", self.server)
            self._received = {}

    def _ask(self, link: Any) -> None:
        """For each station what follows its last packet."""
        is_v4 = link.protocol is self._client.Protocol.V4
        stations = self._stations
        if is_v4 and self._looks:  # one station that it does not have, and protocol 4 gives none
            self._looks = False
            there = {each["id"] for each in link.info_dict("STATIONS")["station"]}
            stations = [each for each in stations if each.replace(".", "_") in there]
            missing = sorted(set(self._stations) - set(stations))
            self._tell(logging.WARNING, f"has not {', '.join(missing)}")
            self._counts["stations refused"] += len(missing)
        for station_id in stations:
            number = self._received.get(station_id)
            if number is not None and not is_v4 and number + 1 >= NUMBERS_V3:
                number = -1  # the first of the next round
            link.add_stream(station_id.replace(".", "_"), self._selectors, seqnum=number)
        try:
            link.negotiate()
        except self._client.SeedLinkError:
            self._looks = is_v4
            self._n_refused = min(self._n_refused + 1, MOST_TOLD)
            raise

    def _take(self, each: Any) -> None:
        """One packet of the link; of one that is damaged the number counts alone."""
        station_id = each.station_id.replace("_", ".", 1)
        if each.seqnum is not None:
            self._received[station_id] = each.seqnum
        try:
            packet = decoded(each.payload)
        except NoMotionError as error:
            self._counts["packets without motion"] += 1
            if str(error) not in self._without_motion and len(self._without_motion) < MOST_TOLD:
                self._without_motion.add(str(error))
                log.info("%s: packets of %s are left out: %s", self.server, station_id, error)
            return
        except Exception as error:  # libmseed's, the package's, or our own
            self._counts["damaged packets"] += 1
            log.warning("%s: a packet of %s left out: %s", self.server, station_id, error)
            return
        self._told.clear()
        self._n_refused = 0
        self._put(self.server, station_id, each.seqnum, packet)


class _Library(logging.Handler):
    """What the client library logs in the thread that made this, for `tell`."""

    def __init__(self, tell: Callable[[int, str], None]) -> None:
        super().__init__()
        self._tell, self._thread = tell, threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        if record.thread == self._thread:
            self._tell(record.levelno, record.getMessage())


def _check_address(client: Any, server: str) -> None:
    """Raise ValueError for what is no address: nobody would ever answer there."""
    try:
        if not checked.text("source.server", server).lstrip().startswith(":"):
            client.SeedLink.from_server_string(server)  # connects to nothing yet
            return
    except ValueError as error:
        raise ValueError(f"source.server must be HOST:PORT, or several: {error}") from error
    raise ValueError(f"source.server must be HOST:PORT, or several: {server!r} names no host")


def decoded(payload: bytes) -> Packet:
    """A record of miniSEED 2 or 3. Raises what libmseed raises for one that is none, else ValueError."""
    from pymseed import MS3Record, sourceid2nslc

    stated = MS3Record.parse(payload)
    if stated.samplecnt == 0 or stated.samprate == 0.0:  # of a log, or of what a data logger has noticed
        raise NoMotionError(f"a record of {stated.sourceid} without samples or rate")
    n_stated = stated.samplecnt
    if not 0 < n_stated <= MOST_PER_BYTE * len(payload):  # libmseed would make room for what is stated
        raise ValueError(f"a record of {len(payload)} bytes with {n_stated} samples")
    record = MS3Record.parse(payload, unpack_data=True)
    if record.sampletype not in ("i", "f", "d"):
        raise NoMotionError(f"a record of {record.sourceid} with text")
    counts = np.array(record.np_datasamples, dtype=np.float64)
    start_s = record.starttime / 1e9  # ns
    return Packet(".".join(sourceid2nslc(record.sourceid)), start_s, float(record.samprate), counts)
