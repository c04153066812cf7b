"""Two monitors on a broker, one event; skips where mosquitto or paho-mqtt is not installed."""

import dataclasses
import time

import pytest
from made_alerts import heartbeat
from made_merged import KEEPING, LIKENESS, MERGED, made
from mosquitto_broker import broker, free_port, needs_broker

paho = pytest.importorskip("paho.mqtt.client")

from fcn.alert.sinks.mqtt import Mqtt  # noqa: E402
from fcn.catalogue.event import Status  # noqa: E402
from fcn.operations.listening_mqtt import Broker  # noqa: E402
from fcn.operations.merger import Merger  # noqa: E402


def ear(port, monitors=None):
    return Broker("127.0.0.1", port, "eew", monitors, 15, None, None, None)


def sink(port):
    return Mqtt("127.0.0.1", port, "eew", 100.0, 60.0, 15, 5.0, None, None, None)


def heard(ear, n, within_s=30.0):
    """So many, or what there is of them in time."""
    said, end_s = [], time.monotonic() + within_s
    while len(said) < n and time.monotonic() < end_s:
        said += ear.heard()
        time.sleep(0.02)
    return said


@needs_broker
def test_what_is_retained_and_what_comes_are_heard_and_are_one_event(tmp_path):
    port = free_port()
    north, south = made("north", "x", unsure_km=9.0), made("south", "y", unsure_km=2.0)
    early = ear(port)  # before there is a broker
    with broker(tmp_path, port):
        sinks = [sink(port), sink(port)]
        for each, alert in zip(sinks, (north, south), strict=True):
            each.deliver(alert)
        sinks[0].beat(dataclasses.replace(heartbeat(), producer=north.producer))
        assert len(heard(early, 3)) == 3
        late, of_one = ear(port), ear(port, ["south"])
        found = [each for each in heard(late, 3) if hasattr(each, "event_id")]
        assert sorted(each.event_id for each in found) == ["x", "y"]
        assert heard(of_one, 1) == [south]
        merger = Merger(LIKENESS, KEEPING, MERGED)
        told = [each for alert in found for each in merger.take(alert, 0.0)]
        assert len({each.event_id for each in told}) == 1
        assert told[-1].origin == south.origin
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        client.connect("127.0.0.1", port)
        client.loop_start()
        client.publish("eew/north/event/x", b"garbage", qos=1).wait_for_publish(5.0)
        sinks[0].deliver(made("north", "x", 2, status=Status.RETRACTED))
        assert heard(late, 1)[0].is_retracted
        assert late.counts == {"no alert": 1}
        client.disconnect()
        client.loop_stop()
        for each in (early, late, of_one, *sinks):
            each.close()


def test_a_broker_that_is_not_there_makes_nobody_wait():
    began_s = time.monotonic()
    deaf = ear(free_port())
    assert deaf.heard() == []
    deaf.close()
    assert time.monotonic() - began_s < 5.0
    with pytest.raises(ValueError, match="username and password_file go together"):
        Broker("127.0.0.1", 1883, "eew", None, 15, None, "somebody", None)
