"""Statuses for tests."""

import dataclasses

from made_alerts import PRODUCER, T0

from fcn.operations.status import Count, SinkStatus, StationListStatus, StationStatus, Status


def sink(name="jsonl", **changes):
    return dataclasses.replace(SinkStatus(name, 12, 3, 0, 0, 2, 1, True), **changes)


def status(**changes):
    """A monitor that is well."""
    made = Status(
        written_time_s=T0,
        start_time_s=T0 - 3600.0,
        is_running=True,
        pid=4711,
        version="0.9",
        producer=PRODUCER,
        clock_time_s=T0,
        data_time_s=T0 - 0.5,
        stations=tuple(StationStatus(f"XX.S{i:02d}", 0.1 * i) for i in range(10)),
        station_list=StationListStatus(T0 - 3600.0, 0, 0, None),
        n_windows=7200,
        computation_s=144.0,
        n_events_open=1,
        left_out=(Count("repeats", 5), Count("from the future", 2)),
        sinks=(sink(), sink("mqtt")),
    )
    return dataclasses.replace(made, **changes)
