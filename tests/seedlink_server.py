"""A small SeedLink 3 server on loopback that drops connections, sends garbage and knows its stations."""

import contextlib
import io
import re
import socketserver
import threading

import obspy


class SeedLinkServer(socketserver.ThreadingTCPServer):
    """Packets of a stream, numbered from 1 in order of time.

    drop_after: packets of each connection, in turn; then it is closed (None: it stays open). garbage: sent in
    place of the packets with these numbers.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, stream: obspy.Stream, drop_after: list[int | None], garbage: set[int] = frozenset()):
        super().__init__(("127.0.0.1", 0), Handler)
        records = []
        for trace in stream:
            file = io.BytesIO()
            trace.write(file, format="MSEED", reclen=512)
            content = file.getvalue()
            name = f"{trace.stats.network} {trace.stats.station}"
            for at in range(0, len(content), 512):
                record = content[at : at + 512]
                start = obspy.read(io.BytesIO(record), headonly=True)[0].stats.starttime
                records.append((start, name, record))
        self.records = [each[1:] for each in sorted(records, key=lambda each: each[:2])]
        self.drop_after, self.garbage = drop_after, garbage
        self.asked: list[list[str]] = []

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            self.converse()

    def converse(self):
        server = self.server
        commands, station, after = [], None, {}
        server.asked.append(commands)
        number = len(server.asked) - 1
        while True:
            command = self.command()
            if command is None:
                return
            commands.append(command)
            word, *rest = command.split()
            if word == "HELLO":
                self.wfile.write(b"SeedLink v3.1 (made up) :: SLPROTO:3.1\r\nTest\r\n")
            elif word == "STATION":
                station = f"{rest[1]} {rest[0]}"
                known = station in {name for name, _ in server.records}
                self.wfile.write(b"OK\r\n" if known else b"ERROR\r\n")
            elif word == "SELECT":
                self.wfile.write(b"OK\r\n")
            elif word == "DATA":
                after[station] = int(rest[0], 16) if rest else 1
                self.wfile.write(b"OK\r\n")
            elif word == "END":
                break
        most = server.drop_after[min(number, len(server.drop_after) - 1)]
        sent = 0
        for index, (name, record) in enumerate(server.records, start=1):
            if name in after and index >= after[name]:
                if most is not None and sent == most:
                    return
                payload = b"\xff" * 512 if index in server.garbage else record
                self.wfile.write(b"SL%06X" % index + payload)
                sent += 1
        while self.command() is not None:  # keep it open
            pass

    def command(self) -> str | None:
        text = b""
        while not re.search(rb"[\r\n]$", text):
            byte = self.rfile.read(1)
            if not byte:
                return None
            text += byte
        return text.decode().strip() or self.command()
