"""A status as figures for Prometheus, in its text exposition format (extra `live`: prometheus-client).

Names end in their base unit and counters in `_total`, as prometheus.io/docs/practices/naming has it; what is
counted begins anew with the process, which Prometheus expects of counters.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fcn.operations.check import Level, Limits, verdict
from fcn.operations.status import Status
from fcn.publish import new_file


def installed() -> Any:
    """The client's module; ImportError with the remedy where there is none."""
    try:
        import prometheus_client.core
        import prometheus_client.exposition
    except ImportError as error:
        raise ImportError("metrics need prometheus-client: pip install 'fcn[live]'") from error
    return prometheus_client


def metrics(status: Status) -> tuple[bytes, str]:
    """Content, and its type for HTTP, of what a server says at `/metrics`."""
    client = installed()
    registry = client.CollectorRegistry()
    registry.register(_Collector(status))
    return client.exposition.generate_latest(registry), client.exposition.CONTENT_TYPE_PLAIN_0_0_4


def write_metrics(path: Path, status: Status) -> None:
    """The same as a file, replaced whole: for the textfile collector of node_exporter (*.prom)."""
    content, _ = metrics(status)
    with new_file(path) as partial:
        partial.write_bytes(content)
        partial.chmod(0o644)  # for whoever collects


def health(status: Status, now_s: float, limits: Limits) -> tuple[int, bytes]:
    """State of HTTP and content, JSON, of what a server says at `/health`: 503 where it is critical."""
    said = verdict(status, now_s, limits)
    content = {"level": said.level.name, "words": said.words, "monitor": status.producer.monitor}
    return (200 if said.level < Level.CRITICAL else 503), json.dumps(content).encode()


class _Collector:
    """One status; every figure with the monitor's name."""

    def __init__(self, status: Status) -> None:
        self.status, self.core = status, installed().core

    def collect(self) -> Iterator[Any]:
        """Families of figures."""
        status, producer = self.status, self.status.producer
        yield self.core.InfoMetricFamily(
            "fcn",
            "Version and digests of a monitor.",
            value={
                "monitor": producer.monitor,
                "version": status.version,
                "checkpoint": producer.checkpoint_digest,
                "configuration": producer.config_digest,
            },
        )
        yield self._gauge("fcn_up", "Whether the monitor runs.", float(status.is_running))
        yield self._gauge("fcn_start_time_seconds", "POSIX time of its start.", status.start_time_s)
        yield self._gauge(
            "fcn_status_time_seconds", "POSIX time at which it said this.", status.written_time_s
        )
        yield self._gauge("fcn_behind_seconds", "From the newest window to the clock.", status.behind_s)
        yield self._gauge("fcn_stations", "Stations it listens to.", len(status.stations))
        yield self._gauge("fcn_stations_heard", "Stations that deliver.", len(status.late_s))
        yield self._gauge("fcn_events_open", "Events that are followed.", status.n_events_open)
        yield self._counter("fcn_windows", "Windows read.", status.n_windows)
        yield self._counter("fcn_computation_seconds", "Time spent on windows.", status.computation_s)
        yield self._stations()
        yield from self._stations_left_out()
        left_out = self._family(self.core.CounterMetricFamily, "fcn_left_out", _LEFT_OUT, "what")
        for count in status.left_out:
            left_out.add_metric([producer.monitor, count.what], count.n)
        yield left_out
        if status.station_list is not None:
            changes, refused = status.station_list.n_changes, status.station_list.n_refused
            yield self._counter("fcn_station_list_changes", "Station lists taken while it ran.", changes)
            yield self._counter("fcn_station_list_refused", "Station lists that were refused.", refused)
        yield from self._sinks()

    def _stations(self) -> Any:
        family = self._family(
            self.core.GaugeMetricFamily,
            "fcn_station_late_seconds",
            "How old the last sample of a station is; none of one that is silent.",
            "station",
        )
        for each in self.status.stations:
            if each.late_s is not None:
                family.add_metric([self.status.producer.monitor, each.id], each.late_s)
        return family

    def _stations_left_out(self) -> Iterator[Any]:
        """By kind alone: words of a reason change, and each would be another series."""
        found = self.status.stations_left_out
        yield self._gauge("fcn_stations_left_out", "Stations that do not count.", len(found))
        family = self._family(
            self.core.GaugeMetricFamily,
            "fcn_station_left_out",
            "1 for a station that does not count, by why.",
            "station",
            "why",
        )
        for each in found:
            family.add_metric([self.status.producer.monitor, each.id, each.kind.value], 1.0)
        yield family

    def _sinks(self) -> Iterator[Any]:
        gauge, counter = self.core.GaugeMetricFamily, self.core.CounterMetricFamily
        for kind, key, words in (
            (gauge, "is_up", "Whether a sink is in reach."),
            (gauge, "waiting", "Alerts that wait for a sink."),
            (counter, "delivered", "Alerts that a sink has taken."),
            (counter, "superseded", "Versions left out, for a newer one followed."),
            (counter, "left", "Newest versions given up for want of room."),
            (counter, "refused", "Alerts that a sink will never take."),
            (counter, "failed", "Tries of a sink without success."),
        ):
            name = "fcn_sink_up" if key == "is_up" else f"fcn_sink_{key}"
            family = self._family(kind, name, words, "sink")
            for each in self.status.sinks:
                family.add_metric([self.status.producer.monitor, each.name], float(getattr(each, key)))
            yield family

    def _gauge(self, name: str, words: str, value: float | None) -> Any:
        return self._single(self.core.GaugeMetricFamily, name, words, value)

    def _counter(self, name: str, words: str, value: float) -> Any:
        return self._single(self.core.CounterMetricFamily, name, words, value)

    def _single(self, kind: Any, name: str, words: str, value: float | None) -> Any:
        family = self._family(kind, name, words)
        if value is not None:
            family.add_metric([self.status.producer.monitor], value)
        return family

    def _family(self, kind: Any, name: str, words: str, *labels: str) -> Any:
        return kind(name, words, labels=("monitor", *labels))


_LEFT_OUT = "What was left out of the data, or repaired, by what it was, since the state began."
