"""What monitors publish on a broker (extra `live`: paho-mqtt); topics: `fcn.alert.sinks.mqtt`."""

import importlib
import logging
import queue
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fcn.alert.alert import Alert
from fcn.alert.heartbeat import Heartbeat
from fcn.checked import text, whole
from fcn.operations.listening import understood

log = logging.getLogger(__name__)

LONGEST_RETRY_S = 10

_QOS = 1
_MOST_WAITING = 100_000


class Broker:
    """Subscribes to the events and heartbeats of all monitors, or of those named; connects again by itself.

    What is retained comes first: the newest version of every event. Raises ImportError without paho-mqtt,
    ValueError for arguments that cannot be.
    """

    def __init__(
        self,
        host: str,
        port: int,
        prefix: str,
        monitors: Sequence[str] | None,
        keepalive_s: int,
        ca_file: str | None,
        username: str | None,
        password_file: str | None,
    ) -> None:
        if (username is None) != (password_file is None):
            raise ValueError(f"username and password_file go together: {username!r}, {password_file!r}")
        try:
            paho = importlib.import_module("paho.mqtt.client")
        except ImportError as error:
            raise ImportError("MQTT needs paho-mqtt: pip install fcn[live]") from error
        self.counts: Counter[str] = Counter()
        self._place, self._monitors = f"{host}:{port}", monitors
        self._topics = [f"{text('prefix', prefix)}/+/event/+", f"{prefix}/+/heartbeat"]
        self._waiting: queue.Queue[tuple[str, bytes]] = queue.Queue(_MOST_WAITING)
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        client.on_connect, client.on_message = self._subscribe, self._take
        client.on_disconnect = self._lost
        if ca_file is not None:
            client.tls_set(ca_certs=ca_file)
        if username is not None and password_file is not None:
            client.username_pw_set(username, Path(password_file).read_text(encoding="utf-8").strip())
        client.reconnect_delay_set(1, LONGEST_RETRY_S)
        client.connect_async(text("host", host), whole("port", port, 1, 65_535), keepalive_s)
        client.loop_start()  # its thread tries until it is connected
        self._client = client

    def heard(self) -> list[Alert | Heartbeat]:
        """See `fcn.operations.listening.Listening`."""
        said: list[Alert | Heartbeat] = []
        for _ in range(self._waiting.qsize()):
            topic, content = self._waiting.get_nowait()
            try:
                each = understood(content.decode())
            except ValueError as error:
                self.counts["no alert"] += 1
                log.warning("%s: passed over: %s", topic, error)
                continue
            if self._monitors is None or each.producer.monitor in self._monitors:
                said.append(each)
        return said

    def close(self) -> None:
        """See `fcn.operations.listening.Listening`."""
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribe(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            log.warning("%s answers %s", self._place, reason)
            return
        log.info("connected to %s", self._place)
        client.subscribe([(topic, _QOS) for topic in self._topics])

    def _lost(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        self.counts["connections lost"] += 1
        log.warning("%s: the connection has ended: %s", self._place, reason)

    def _take(self, client: Any, data: Any, message: Any) -> None:
        if not message.payload:
            return  # how a retained message is removed
        try:
            self._waiting.put_nowait((message.topic, message.payload))
        except queue.Full:
            self.counts["dropped, nobody took them"] += 1
