"""Figures as Prometheus reads them: by the parser of its own client."""

import json

import pytest
from made_status import sink, status
from toy import resolved

client = pytest.importorskip("prometheus_client")

from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

from fcn.alert.heartbeat import LeftOut, Why  # noqa: E402
from fcn.config import build  # noqa: E402
from fcn.operations.prometheus import health, metrics, write_metrics  # noqa: E402
from fcn.operations.status import Count, StationStatus  # noqa: E402

LIMITS = build(resolved("check", "folder=x")["limits"])


def parsed(content: bytes):
    families = list(text_string_to_metric_families(content.decode()))
    return {
        (sample.name, *(value for key, value in sorted(sample.labels.items()) if key != "monitor")): sample
        for family in families
        for sample in family.samples
    }, families


def test_all_figures_are_read_back():
    made = status(sinks=(sink("mqtt", is_up=False, waiting=7),), left_out=(Count('a "quoted\\ one', 3),))
    content, kind = metrics(made)
    assert kind.startswith("text/plain; version=0.0.4")
    found, families = parsed(content)
    assert all(each.documentation for each in families)
    expected = {
        ("fcn_up",): 1.0,
        ("fcn_behind_seconds",): 0.5,
        ("fcn_stations",): 10.0,
        ("fcn_stations_heard",): 10.0,
        ("fcn_events_open",): 1.0,
        ("fcn_windows_total",): 7200.0,
        ("fcn_computation_seconds_total",): 144.0,
        ("fcn_status_time_seconds",): made.written_time_s,
        ("fcn_station_late_seconds", "XX.S03"): pytest.approx(0.3),
        ("fcn_left_out_total", 'a "quoted\\ one'): 3.0,
        ("fcn_sink_up", "mqtt"): 0.0,
        ("fcn_sink_waiting", "mqtt"): 7.0,
        ("fcn_sink_delivered_total", "mqtt"): 12.0,
        ("fcn_station_list_refused_total",): 0.0,
    }
    assert {key: found[key].value for key in expected} == expected
    assert {sample.labels["monitor"] for sample in found.values()} == {"kyushu"}


def test_stations_that_are_left_out_are_figures_by_why():
    """Not by words, which change: each would be a series of its own."""
    reasons = (
        LeftOut("XX.S01", Why.UNHEALTHY, "clock 1.3 s late"),
        LeftOut("XX.T", Why.NOT_WATCHED, "new"),
    )
    found, _ = parsed(metrics(status(stations_left_out=reasons))[0])
    assert found["fcn_stations_left_out",].value == 2.0
    assert found["fcn_station_left_out", "XX.S01", "unhealthy"].value == 1.0
    assert found["fcn_station_left_out", "XX.T", "not watched"].value == 1.0
    assert parsed(metrics(status())[0])[0]["fcn_stations_left_out",].value == 0.0


def test_counters_say_so_and_what_is_unknown_is_absent():
    content, _ = metrics(status(data_time_s=None, stations=(StationStatus("XX.A", None),), station_list=None))
    found, families = parsed(content)
    kinds = {each.name: each.type for each in families}
    assert kinds["fcn_windows"] == "counter"
    assert kinds["fcn_stations_heard"] == "gauge"
    assert ("fcn_behind_seconds",) not in found
    assert not any(key[0] == "fcn_station_late_seconds" for key in found)


def test_the_file_is_that_of_the_server(tmp_path):
    write_metrics(tmp_path / "metrics.prom", status())
    assert (tmp_path / "metrics.prom").read_bytes() == metrics(status())[0]
    assert [each.name for each in tmp_path.iterdir()] == ["metrics.prom"]


def test_health_is_that_of_the_check():
    made = status()
    code, content = health(made, made.written_time_s, LIMITS)
    assert (code, json.loads(content)["level"]) == (200, "OK")
    code, content = health(made, made.written_time_s + 1000.0, LIMITS)
    assert (code, json.loads(content)["level"]) == (503, "CRITICAL")
    assert "said nothing" in json.loads(content)["words"]
