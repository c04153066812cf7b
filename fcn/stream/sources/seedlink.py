"""Packets from a SeedLink server, protocol 3 or 4, over TCP or TLS (extra `live`)."""

import contextlib
import logging
import queue
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fcn.stream.clock import WallClock
from fcn.stream.packet import Packet

log = logging.getLogger(__name__)

NO_RECORD = "miniSEED"  # in what the client says of a packet that holds none
MOST_WAITING = 100_000  # packets; then the oldest are dropped, and counted


class SeedLinkSource:
    """Some stations of one server, received in a thread of its own, which goes on after every failure.

    station_ids: "NET.STA". selectors: as SeedLink has them ("HH? HN?"); None: all. tls: None: by the port.
    reconnect_s: between attempts. idle_s: without data for so long, it connects again. A station is asked for
    what follows the last packet that was received, but for one that cannot be read and would be sent again.
    counts: packets lost here, and failures.
    Raises ValueError where the client library is not installed.
    """

    def __init__(
        self,
        server: str,
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
        self._client, self._server = seedlink_client, server
        self._stations, self._selectors, self._tls = list(station_ids), selectors, tls
        self._timeout_s, self._reconnect_s, self._idle_s = timeout_s, reconnect_s, idle_s
        self.counts: Counter[str] = Counter()
        self._received: dict[str, int] = {}  # sequence number, by station
        self._given: dict[str, int] = {}
        self._waiting: queue.Queue[tuple[str, int | None, Packet]] = queue.Queue(MOST_WAITING)
        self._ends = threading.Event()
        self._selected = threading.Event()  # since the connection was made
        self._link: Any = None
        self._thread: threading.Thread | None = None
        self._clock = WallClock()

    @property
    def clock(self) -> WallClock:
        """The wall's."""
        return self._clock

    def poll(self, clock_s: float) -> list[Packet]:
        """See `Source`; the first call connects."""
        if self._thread is None:
            self._received = dict(self._given)
            self._thread = threading.Thread(
                target=self._receive, name=f"seedlink {self._server}", daemon=True
            )
            self._thread.start()
        packets = []
        with contextlib.suppress(queue.Empty):
            while True:
                station_id, number, packet = self._waiting.get_nowait()
                packets.append(packet)
                if number is not None:
                    self._given[station_id] = number
        return packets

    def is_over(self, clock_s: float) -> bool:
        """Once it is closed."""
        return self._ends.is_set()

    def state(self) -> dict[str, Any]:
        """See `Source`: what was given, not what is waiting."""
        return {"given": dict(self._given)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Source`; before the first poll."""
        self._given = dict(state["given"])

    def close(self) -> None:
        """End the thread, and the connection with it."""
        self._ends.set()
        if self._link is not None:
            with contextlib.suppress(Exception):  # whatever the thread is doing with it
                self._link.close()
        if self._thread is not None:
            self._thread.join(timeout=self._timeout_s)

    def select(self, station_ids: Sequence[str]) -> None:
        """Ask for these stations from now on, by a new connection."""
        self._stations = list(station_ids)
        self._selected.set()
        if self._link is not None:
            with contextlib.suppress(Exception):  # whatever the thread is doing with it
                self._link.close()

    def _receive(self) -> None:
        """Connection after connection, until it ends."""
        while not self._ends.is_set():
            self._selected.clear()
            try:
                self._connection()
                if not self._selected.is_set():
                    log.warning("%s: the connection has ended", self._server)
            except Exception as error:  # whatever a server sends, the monitor goes on
                if not (self._selected.is_set() or self._ends.is_set()):
                    self.counts["connections lost"] += 1
                    log.warning("%s: %s; again in %g s", self._server, error, self._reconnect_s)
            if not self._selected.is_set():
                self._ends.wait(self._reconnect_s)

    def _connection(self) -> None:
        link = self._client.SeedLink.from_server_string(
            self._server,
            timeout=self._timeout_s,
            tls=self._tls,
            keepalive=self._idle_s / 2,
            idle_timeout=self._idle_s,
            clientname="fcn",
        )
        for station_id in self._stations:
            name = station_id.replace(".", "_")
            link.add_stream(name, self._selectors, seqnum=self._received.get(station_id))
        self._link = link
        link.connect()
        log.info("connected to %s", self._server)
        n_received = 0
        try:
            for each in link.collect(reconnect=False):
                n_received += 1
                if self._ends.is_set() or self._selected.is_set():
                    return
                self._take(each)
        except self._client.SeedLinkError as error:
            if not n_received and NO_RECORD in str(error):
                # the first packet is garbage, and would be the next time: protocol 3 does not tell its length
                self.counts["damaged packets"] += 1
                self._received = {name: number + 1 for name, number in self._received.items()}
            raise
        finally:
            link.close()

    def _take(self, each: Any) -> None:
        """One packet of the link into the queue; of one that is damaged the number counts alone."""
        station_id = each.station_id.replace("_", ".", 1)
        try:
            packet = decoded(each.payload)
        except Exception as error:  # libmseed's, the package's, or our own
            self.counts["damaged packets"] += 1
            log.warning("%s: a packet of %s left out: %s", self._server, station_id, error)
            return
        if each.seqnum is not None:
            self._received[station_id] = each.seqnum
        while True:
            try:
                self._waiting.put_nowait((station_id, each.seqnum, packet))
                return
            except queue.Full:
                self.counts["dropped, nobody took them"] += 1
                with contextlib.suppress(queue.Empty):
                    self._waiting.get_nowait()


def decoded(payload: bytes) -> Packet:
    """A record of miniSEED 2 or 3. Raises what libmseed raises for one that is none."""
    from pymseed import MS3Record, sourceid2nslc

    record = MS3Record.parse(payload, unpack_data=True)
    if record.sampletype not in ("i", "f", "d"):
        raise ValueError(f"a record of {record.sourceid} without samples")
    counts = np.array(record.np_datasamples, dtype=np.float64)
    start_s = record.starttime / 1e9  # ns
    return Packet(".".join(sourceid2nslc(record.sourceid)), start_s, float(record.samprate), counts)
