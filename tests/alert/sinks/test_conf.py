"""Every file of conf/sinks builds, by itself and with others."""

import importlib.util

import pytest
import yaml
from hydra import compose, initialize_config_dir
from made_alerts import alert, until

from fcn.alert.alert import Alert
from fcn.alert.sinks.base import Sink
from fcn.config import CONF_DIR, build, plain

NAMES = sorted(path.stem for path in (CONF_DIR / "sinks").glob("*.yaml"))
NEEDED = {
    "cap": ["sinks.cap.messages.sender=eew@example.org"],
    "webhook": ["sinks.webhook.url=http://127.0.0.1:9/alerts"],
    "mqtt": ["sinks.mqtt.host=127.0.0.1"],
}


def composed(*names, overrides=()):
    needed = [each for name in names for each in NEEDED.get(name, ())]
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        cfg = compose(overrides=[f"+sinks=[{','.join(names)}]", "+alerts=default", *needed, *overrides])
    return plain(cfg)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_sink_under_its_own_name(name, tmp_path, monkeypatch):
    if name == "mqtt" and importlib.util.find_spec("paho") is None:
        pytest.skip("no paho-mqtt: pip install fcn[live]")
    monkeypatch.chdir(tmp_path)
    made = build(composed(name)["sinks"])
    assert list(made) == [name]
    assert isinstance(made[name], Sink)
    assert list(tmp_path.iterdir()) == []  # nothing is written before there is something to say


def test_several_say_what_they_are_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sinks = build(composed("jsonl", "table", overrides=["sinks.jsonl.path=log/said.jsonl"])["alerts"])
    assert sinks.say(alert("a"))
    until(lambda: all(each.delivered for each in sinks.counts.values()))
    assert sinks.close(20.0)
    assert Alert.from_json((tmp_path / "log" / "said.jsonl").read_text()) == alert("a")
    assert sorted(str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file()) == [
        ".journal.jsonl.lock",
        "journal.jsonl",
        "log/said.jsonl",
        "tables/a.txt",
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sinks.jsonl.largest_mb=-1", "largest_mb must be"),
        ("sinks.jsonl.heartbeats=3", r"sinks.jsonl.heartbeats must be .* got 3"),
        ("alerts.patience.queue_length=0", "queue_length must be"),
    ],
)
def test_a_value_that_cannot_be_is_said_with_its_key(override, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        build(composed("jsonl", overrides=[override])["alerts"])


def test_every_file_names_its_sink_once():
    for name in NAMES:
        assert list(yaml.safe_load((CONF_DIR / "sinks" / f"{name}.yaml").read_text())) == [name]
