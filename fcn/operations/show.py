"""The status of a monitor in the terminal."""

from rich.console import Console

from fcn.alert.plain import utc
from fcn.operations.status import Status
from fcn.terminal import say, show, terminal


def show_status(status: Status, now_s: float, console: Console | None = None) -> None:
    """Print it; now_s: by the wall's clock."""
    console = console or terminal()
    for line in _lines(status, now_s):
        say(line, console)
    latest_first = sorted(status.stations, key=lambda each: (each.late_s is not None, -(each.late_s or 0.0)))
    rows = [[each.id, "silent" if each.late_s is None else f"{each.late_s:.1f}"] for each in latest_first]
    show("stations", ["station", "s late"], rows, console=console)
    if status.stations_left_out:
        reasons = [[each.id, each.kind.value, each.why] for each in status.stations_left_out]
        show("stations left out", ["station", "is", "why"], reasons, left=(0, 1), prose=(2,), console=console)
    header = ["sink", "state", "delivered", "waiting", "superseded", "left", "refused", "failed"]
    sinks = [
        [each.name, "up" if each.is_up else "down", *(str(getattr(each, key)) for key in header[2:])]
        for each in status.sinks
    ]
    show("sinks", header, sinks, left=(0, 1), console=console)
    if status.left_out:
        counts = [[each.what, str(each.n)] for each in status.left_out]
        show("left out, or repaired", ["what", "times"], counts, prose=(0,), console=console)


def _lines(status: Status, now_s: float) -> list[str]:
    said = status.producer
    state = "running" if status.is_running else "ended"
    lines = [
        f"{said.monitor}: {state}, pid {status.pid}, since {_short(status.start_time_s)}, said "
        f"{max(now_s - status.written_time_s, 0.0):.0f} s ago",
        f"fcn {status.version}, checkpoint {said.checkpoint_digest}, configuration {said.config_digest}"
        + (", replayed" if said.is_simulated else ""),
    ]
    clock = f"clock {_short(status.clock_time_s)}"
    if status.data_time_s is not None:
        clock += f", windows until {_short(status.data_time_s)}, {status.behind_s:.1f} s behind"
    lines.append(clock)
    heard = f"{len(status.late_s)} of {len(status.stations)} stations heard"
    if status.late_s:
        heard += f", {status.median_late_s:.1f} s late in the middle, {status.late_s[-1]:.1f} s at most"
    lines.append(heard)
    if (changed := status.station_list) is not None:
        text = f"station list of {_short(changed.changed_time_s)}, {changed.n_changes} changes since"
        lines.append(text + (f"; REFUSED: {changed.refused}" if changed.refused else ""))
    windows = f"{status.n_windows} windows"
    if status.window_ms is not None:
        windows += f", {status.window_ms:.1f} ms each"
    return [*lines, f"{windows}, {status.n_events_open} events open"]


def _short(time_s: float) -> str:
    return utc(time_s)[:19]
