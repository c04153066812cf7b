"""Against mosquitto on loopback (Debian's); skips where it or paho-mqtt is not installed."""

import contextlib
import socket
import subprocess
import time

import pytest
from made_alerts import alert, heartbeat, site_warning, until
from mosquitto_broker import PASSWORDS, broker, free_port, needs_broker

from fcn.alert.alert import Alert
from fcn.alert.heartbeat import Heartbeat
from fcn.alert.sinks.lane import Lane, Patience
from fcn.alert.site_warning import ToldWarning

paho = pytest.importorskip("paho.mqtt.client")

from fcn.alert.sinks.mqtt import Mqtt  # noqa: E402


@contextlib.contextmanager
def listener(port, expiries_s=None):
    """What a client that subscribes to all now is told: (topic, text, was retained); until when, by topic."""
    told: list = []
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)

    def take(client, data, message):
        if expiries_s is not None:
            expiries_s[message.topic] = message.properties.MessageExpiryInterval
        told.append((message.topic, message.payload.decode(), message.retain))

    client.on_message = take
    client.on_connect = lambda client, *_: client.subscribe("eew/#", qos=1)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield told
    finally:
        client.disconnect()
        client.loop_stop()


def mqtt(port, **changes):
    whole = {
        "host": "127.0.0.1",
        "port": port,
        "prefix": "eew",
        "retained_s": 3600.0,
        "site_retained_s": 60.0,
        "keepalive_s": 5,
        "timeout_s": 5.0,
        "ca_file": None,
        "username": None,
        "password_file": None,
    }
    return Mqtt(**{**whole, **changes})


@needs_broker
def test_the_newest_version_is_kept_for_whoever_comes_later(tmp_path):
    port = free_port()
    with broker(tmp_path, port):
        sink = mqtt(port)
        for event_id, version in (("a", 1), ("b", 1), ("a", 2)):
            sink.deliver(alert(event_id, version))
        sink.beat(heartbeat())
        with listener(port) as told:
            until(lambda: len(told) == 3)
            kept = {topic: content for topic, content, is_retained in told if is_retained}
            assert Alert.from_json(kept["eew/kyushu/event/a"]) == alert("a", 2)
            assert Alert.from_json(kept["eew/kyushu/event/b"]) == alert("b", 1)
            assert Heartbeat.from_json(kept["eew/kyushu/heartbeat"]) == heartbeat()
            sink.close()
            until(lambda: len(told) == 4)
            assert Heartbeat.from_json(told[3][1]) == heartbeat(is_alive=False)


@needs_broker
def test_a_site_has_a_topic_whatever_its_name_and_the_newest_warning_expires_soon(tmp_path):
    port, expiries_s = free_port(), {}
    with broker(tmp_path, port):
        sink = mqtt(port)
        for name, level in (("a/b #+", 2.5), ("益城", 2.5), ("a/b #+", 3.5)):
            sink.warn(site_warning(name, level=level))
        sink.deliver(alert("a"))
        with listener(port, expiries_s) as told:
            until(lambda: len(told) == 3)
        kept = {topic: content for topic, content, _ in told}
        warned = {topic: ToldWarning.from_json(each) for topic, each in kept.items() if "/site/" in topic}
        assert warned == {
            "eew/kyushu/site/a%2Fb%20%23%2B": site_warning("a/b #+", level=3.5),
            "eew/kyushu/site/%E7%9B%8A%E5%9F%8E": site_warning("益城", level=2.5),
        }
        assert max(expiries_s[topic] for topic in warned) <= 60 < expiries_s["eew/kyushu/event/a"]
        sink.close()


@needs_broker
def test_the_broker_says_that_a_monitor_has_gone(tmp_path):
    port = free_port()
    with broker(tmp_path, port), listener(port) as told:
        sink = mqtt(port)
        sink.deliver(alert("a"))
        until(lambda: told)
        sink._client._sock.shutdown(socket.SHUT_RDWR)  # as a kill does: no word of parting
        until(lambda: len(told) == 2)
        topic, last, _ = told[1]
        assert topic == "eew/kyushu/heartbeat"
        assert not Heartbeat.from_json(last).is_alive
        until(lambda: not sink._client.is_connected())
        sink.deliver(alert("a", 2))  # and it is back
        until(lambda: len(told) == 3)
        sink.close()


@needs_broker
def test_a_broker_that_comes_back_is_told_what_waits(tmp_path):
    port = free_port()
    lane = Lane("mqtt", mqtt(port), Patience(8, 8, 0.01, 0.05), lambda *_: None)
    lane.put(alert("a", 1))
    until(lambda: lane.counts.failed)
    with broker(tmp_path, port):
        until(lambda: lane.counts.delivered == 1)
    lane.put(alert("a", 2))
    lane.put(alert("b", 1))
    until(lambda: not lane.counts.is_up)
    with broker(tmp_path, port), listener(port) as told:
        until(lambda: len(told) >= 2)
        assert {topic for topic, _, _ in told} == {"eew/kyushu/event/a", "eew/kyushu/event/b"}
        assert lane.close(time.monotonic() + 20)


# paho-mqtt leaves the socket of a handshake that fails to the garbage collector
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl:pytest.PytestUnraisableExceptionWarning")
@needs_broker
def test_tls_is_of_a_broker_that_is_trusted_and_of_no_other(tmp_path):
    trustme = pytest.importorskip("trustme", reason="makes the certificates of this test")
    authority, stranger = trustme.CA(), trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    (tmp_path / "broker.pem").write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    for name, each in (("authority", authority), ("stranger", stranger)):
        each.cert_pem.write_to_path(tmp_path / f"{name}.pem")
    port = free_port()
    with broker(tmp_path, port, f"certfile {tmp_path / 'broker.pem'}", f"keyfile {tmp_path / 'key.pem'}"):
        sink = mqtt(port, ca_file=str(tmp_path / "authority.pem"))
        sink.deliver(alert())
        assert sink._client.is_connected()
        sink.close()
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            mqtt(port, ca_file=str(tmp_path / "stranger.pem")).deliver(alert())
        with pytest.raises(OSError):  # noqa: PT011  in plain words the broker does not even answer
            mqtt(port, timeout_s=2.0).deliver(alert())


@needs_broker
@pytest.mark.skipif(PASSWORDS is None, reason="no mosquitto_passwd: apt-get install mosquitto")
def test_a_broker_that_asks_for_a_password_is_told_it_and_a_wrong_one_is_an_oserror(tmp_path):
    subprocess.run([PASSWORDS, "-c", "-b", tmp_path / "users", "eew", "secret"], check=True)
    port = free_port()
    for name, content in (("right", "secret\n"), ("wrong", "guess\n")):
        (tmp_path / name).write_text(content)
    with broker(tmp_path, port, "allow_anonymous false", f"password_file {tmp_path / 'users'}"):
        sink = mqtt(port, username="eew", password_file=str(tmp_path / "right"))
        sink.deliver(alert())
        sink.close()
        for refused in ({"username": "eew", "password_file": str(tmp_path / "wrong")}, {}):
            with pytest.raises(OSError, match="Not authorized"):
                mqtt(port, **refused).deliver(alert())


def test_nobody_there_is_an_oserror():
    with pytest.raises(OSError, match="refused"):
        mqtt(free_port()).deliver(alert())


def test_a_server_that_says_nothing_is_an_oserror():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sink = mqtt(silent.getsockname()[1], timeout_s=0.2)
        with pytest.raises(OSError, match="nothing"):
            sink.deliver(alert())
        sink.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prefix": "eew/#"}, "prefix must be a topic"),
        ({"prefix": "/eew"}, "prefix must be a topic"),
        ({"port": 0}, "port must be"),
        ({"username": "a"}, "username and password_file go together"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        mqtt(**{"port": 1883, **change})


@pytest.mark.parametrize("content", ["", "no certificate"])
def test_what_is_no_certificate_is_said_at_once(tmp_path, content):
    path = tmp_path / "authority.pem"
    with pytest.raises(FileNotFoundError, match=r"authority\.pem"):
        mqtt(1883, ca_file=str(path))
    path.write_text(content)
    with pytest.raises(ValueError, match=r"ca_file must hold certificates in PEM, .*authority\.pem does not"):
        mqtt(1883, ca_file=str(path))
