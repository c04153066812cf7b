"""Alerts to an MQTT broker: a topic for each event, site and the heartbeat (extra `live`: paho-mqtt).

MQTT 5.0 (docs.oasis-open.org/mqtt/mqtt/v5.0): quality of service 1, at least once (4.3.2); the newest version
of an event is retained (3.3.1.3) for those who come later, until it expires (3.3.2.3.3); the broker itself
says that a monitor has gone, by its will (3.1.2.5).
"""

import dataclasses
import importlib
import ssl
import threading
from pathlib import Path
from typing import Any

from fcn.alert.alert import Alert, Producer
from fcn.alert.heartbeat import Heartbeat
from fcn.alert.sinks.base import Sink
from fcn.alert.site_warning import ToldWarning
from fcn.checked import number, positive, text, whole

_QOS = 1
_FORBIDDEN = "#+\0"  # in names of topics, 4.7.1


class Mqtt(Sink):
    """Publishes `event/<event id>`, `site/<site>` and `heartbeat` under `<prefix>/<monitor>`, JSON, retained.

    An alert is delivered once the broker has acknowledged it. retained_s, site_retained_s: so long the broker
    keeps an alert and a warning of a site, whose name is percent-encoded: it may be any text.
    keepalive_s: a monitor that is not heard for one and a half of it is gone. timeout_s: of a connection, and
    of an acknowledgement. ca_file: certificates that sign the broker's; None: no TLS. password_file: that of
    username. Raises ValueError, FileNotFoundError, and ImportError without paho-mqtt.
    """

    every_version = False

    def __init__(
        self,
        host: str,
        port: int,
        prefix: str,
        retained_s: float,
        site_retained_s: float,
        keepalive_s: int,
        timeout_s: float,
        ca_file: str | None,
        username: str | None,
        password_file: str | None,
    ) -> None:
        if text("prefix", prefix).strip("/") != prefix or any(letter in prefix for letter in _FORBIDDEN):
            raise ValueError(f"prefix must be a topic without #, + and / at its ends, got {prefix!r}")
        if (username is None) != (password_file is None):
            raise ValueError(f"username and password_file go together: {username!r}, {password_file!r}")
        self.host, self.port, self.prefix = text("host", host), whole("port", port, 1, 65_535), prefix
        self.retained_s = number("retained_s", retained_s, 1.0, 4e9)
        self.site_retained_s = number("site_retained_s", site_retained_s, 1.0, 4e9)
        self.keepalive_s = whole("keepalive_s", keepalive_s, 1, 65_535)
        self.timeout_s = positive("timeout_s", timeout_s)
        self.ca_file, self.username = ca_file, username
        if ca_file is not None:
            _check_certificates(ca_file)
        self._password = password_file and Path(password_file).read_text(encoding="utf-8").strip()
        try:
            self._paho = importlib.import_module("paho.mqtt.client")
        except ImportError as error:
            raise ImportError("MQTT needs paho-mqtt: pip install fcn[live]") from error
        self._client: Any = None
        self._last_word: Heartbeat | None = None

    def deliver(self, alert: Alert) -> None:
        """Publish an alert and wait for the broker's acknowledgement; OSError where it does not come."""
        self._connect(alert.producer, alert.issued_time_s)
        topic = f"{self._topic(alert.producer)}/event/{alert.event_id}"
        self._publish(topic, alert.to_json(), self.retained_s)

    def warn(self, told: ToldWarning) -> None:
        """Publish what a site is warned of, as an alert."""
        self._connect(told.producer, told.issued_time_s)
        topic = f"{self._topic(told.producer)}/site/{told.place}"
        self._publish(topic, told.to_json(), self.site_retained_s)

    def beat(self, heartbeat: Heartbeat) -> None:
        """Publish a heartbeat."""
        self._connect(heartbeat.producer, heartbeat.issued_time_s)
        self._publish(f"{self._topic(heartbeat.producer)}/heartbeat", heartbeat.to_json(), self.retained_s)
        self._last_word = dataclasses.replace(heartbeat, is_alive=False)

    def close(self) -> None:
        """Say that the monitor is gone, and disconnect."""
        if self._client is not None:
            if self._client.is_connected() and self._last_word is not None:
                topic = f"{self._topic(self._last_word.producer)}/heartbeat"
                self._publish(topic, self._last_word.to_json(), self.retained_s)
            self._disconnect()

    def _topic(self, producer: Producer) -> str:
        return f"{self.prefix}/{producer.monitor}"

    def _connect(self, producer: Producer, now_s: float) -> None:
        """A connection, made anew where there is none; its will is what is said once it breaks."""
        if self._client is not None:
            if self._client.is_connected():
                return
            self._disconnect()
        answered, answers = threading.Event(), []

        def on_connect(client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
            answers.append(reason)
            answered.set()

        paho = self._paho
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=f"fcn-{producer.monitor}",
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
        )
        client.on_connect = on_connect
        client.connect_timeout = self.timeout_s
        if self._last_word is None:
            self._last_word = Heartbeat(now_s, False, None, 0, 0, 0, producer)
        client.will_set(
            f"{self._topic(producer)}/heartbeat", self._last_word.to_json(), qos=_QOS, retain=True
        )
        if self.ca_file is not None:
            client.tls_set(ca_certs=self.ca_file)
        if self.username is not None:
            client.username_pw_set(self.username, self._password)
        client.connect(self.host, self.port, self.keepalive_s)
        self._client = client
        client.loop_start()
        if not answered.wait(self.timeout_s) or answers[0].is_failure:
            self._disconnect()
            raise ConnectionError(f"{self.host}:{self.port} answers {answers[0] if answers else 'nothing'}")

    def _publish(self, topic: str, content: str, retained_s: float) -> None:
        expiry = importlib.import_module("paho.mqtt.properties").Properties(
            importlib.import_module("paho.mqtt.packettypes").PacketTypes.PUBLISH
        )
        expiry.MessageExpiryInterval = round(retained_s)
        told = self._client.publish(topic, content.encode(), qos=_QOS, retain=True, properties=expiry)
        try:
            told.wait_for_publish(self.timeout_s)
        except (ValueError, RuntimeError) as error:  # not connected, or its queue is full
            self._disconnect()
            raise ConnectionError(f"{self.host}:{self.port}: {error}") from error
        if not told.is_published():
            self._disconnect()  # what is queued there would come after what is newer
            raise TimeoutError(f"{self.host}:{self.port} acknowledges nothing within {self.timeout_s} s")

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        client.disconnect()
        client.loop_stop()


def _check_certificates(path: str) -> None:
    """FileNotFoundError and ValueError at once, for what would look like a broker that is out of reach."""
    content = Path(path).read_text(encoding="ascii", errors="replace")
    try:
        ssl.create_default_context(cadata=content or "none")  # none at all would be the machine's own
    except (ssl.SSLError, ValueError) as error:
        raise ValueError(f"ca_file must hold certificates in PEM, {path} does not: {error}") from error
