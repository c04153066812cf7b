"""A small SeedLink server on loopback, protocol 3 or 4, that fails in every way and knows its stations."""

import contextlib
import io
import json
import re
import socketserver
import struct
import threading
import time

import obspy


class SeedLinkServer(socketserver.ThreadingTCPServer):
    """Packets of a stream, numbered from `first` in order of time; asked for none of them by number, what
    comes after those it has sent.

    drop_after: packets of each connection, in turn; then it is closed (None: it stays open). garbage: sent in
    place of the packets with these numbers. silent: so many connections, the first, are not answered at all.
    slow_s: between pieces of 100 bytes. tls: context of a server.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        stream: obspy.Stream,
        drop_after: list[int | None],
        garbage: set[int] = frozenset(),
        *,
        protocol: int = 3,
        first: int = 1,
        silent: int = 0,
        slow_s: float | None = None,
        tls=None,
    ):
        super().__init__(("127.0.0.1", 0), Handler)
        records = []
        for trace in stream:
            file = io.BytesIO()
            trace.write(file, format="MSEED", reclen=512)
            content = file.getvalue()
            name = f"{trace.stats.network}_{trace.stats.station}"
            for at in range(0, len(content), 512):
                record = content[at : at + 512]
                start = obspy.read(io.BytesIO(record), headonly=True)[0].stats.starttime
                records.append((start, name, record))
        self.records = [each[1:] for each in sorted(records, key=lambda each: each[:2])]
        self.drop_after, self.garbage, self.protocol, self.first = drop_after, garbage, protocol, first
        self.silent, self.slow_s, self.tls = silent, slow_s, tls
        self.asked: list[list[str]] = []
        self.n_sent = 0  # of the records, by any connection

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def get_request(self):
        request, address = super().get_request()
        if self.tls is not None:  # hands are shaken in the thread of the connection
            request = self.tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        return request, address

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def numbered(self) -> list[tuple[int, str, bytes]]:
        most = 0x1000000 if self.protocol == 3 else 1 << 63
        return [((self.first + i) % most, *each) for i, each in enumerate(self.records)]


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            self.converse()

    def converse(self):
        server = self.server
        commands: list[str] = []
        server.asked.append(commands)
        turn = len(server.asked) - 1
        if turn < server.silent:
            self.rfile.read()  # until it gives up
            return
        after = self.negotiated(commands)
        if after is None:
            return
        most = server.drop_after[min(turn, len(server.drop_after) - 1)]
        sent = 0
        for index, (number, name, record) in enumerate(server.numbered()):
            if name in after and index >= after[name]:
                if most is not None and sent == most:
                    return
                self.packet(number, name, b"\xff" * 512 if number in server.garbage else record)
                sent += 1
                server.n_sent = max(server.n_sent, index + 1)
                if number in server.garbage and server.protocol == 3:  # there is no more as yet
                    break
        while self.command() is not None:  # keep it open
            pass

    def negotiated(self, commands: list[str]) -> dict[str, int] | None:
        """By station, the index of the record that comes next; None where it is over."""
        server, after, station = self.server, {}, None
        known = {name for name, _ in server.records}
        numbers = [number for number, _, _ in server.numbered()]
        while (command := self.command()) is not None:
            commands.append(command)
            word, *rest = command.split()
            is_wrong = False
            if word == "HELLO":
                protocols = " ".join(f"SLPROTO:{n}.0" for n in range(3, server.protocol + 1))
                self.wfile.write(f"SeedLink (made up) :: {protocols}\r\nTest\r\n".encode())
                continue
            if word == "INFO":
                stations = json.dumps({"station": [{"id": each} for each in sorted(known)]}).encode()
                self.wfile.write(struct.pack("<2sccIQB", b"SE", b"J", b"I", len(stations), 0, 0) + stations)
                continue
            if word == "END":
                return after
            if word == "STATION":
                station = rest[0] if server.protocol == 4 else f"{rest[1]}_{rest[0]}"
                is_wrong = station not in known
            elif word == "DATA":
                number = int(rest[0], 16 if server.protocol == 3 else 10) if rest else None
                after[station] = self.place(number, numbers)
            self.wfile.write(b"ERROR ARGUMENTS none such\r\n" if is_wrong else b"OK\r\n")
        return None

    def place(self, number: int | None, numbers: list[int]) -> int:
        """Index of the record that comes next: the one asked for, or, of those to come, the first."""
        if number is None:
            return self.server.n_sent
        return numbers.index(number) if number in numbers else len(numbers)

    def packet(self, number: int, name: str, payload: bytes):
        header = b"SL%06X" % number
        if self.server.protocol == 4:
            named = name.encode()
            header = struct.pack("<2sccIQB", b"SE", b"2", b"D", len(payload), number, len(named)) + named
        content, slow_s = header + payload, self.server.slow_s
        for at in range(0, len(content), 100 if slow_s else len(content)):
            self.wfile.write(content[at : at + (100 if slow_s else len(content))])
            time.sleep(slow_s or 0.0)

    def command(self) -> str | None:
        text = b""
        while not re.search(rb"[\r\n]$", text):
            byte = self.rfile.read(1)
            if not byte:
                return None
            text += byte
        return text.decode().strip() or self.command()
