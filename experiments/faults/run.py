"""What a live monitor makes of faults: the same packets with and without each, through the whole monitor.

    python experiments/faults/run.py generalized --out FOLDER
    python experiments/faults/run.py generalized --minutes 3 --rows lost,clock,pulses --out FOLDER
    python experiments/faults/run.py generalized --hinet ../shared/realdata/hinet_fukushima --out FOLDER

The busiest minutes of dataset=validation index 0 (simulated), and, with --hinet, of a Hi-net swarm (recorded;
left out where the folder is absent; alone with --recorded), as packets of 1 s that come 0.5 s late. Rows of
`ROWS`; each is compared with the run without a fault, and with the run in which the stations struck say
nothing at all. --rules
checkpoint: as the checkpoint was shipped; configuration (default): with `moveout` and `health` of
conf/scheme/migration.yaml. Writes faults.csv, faults.md and faults.png into --out, and lost.csv, which says
of each event that is lost how small it was and what became of it. Rows that are in its faults.csv already are
not run again, and must be of the same checkpoint, --minutes and --seed (of.json); each says of which commit
it is. All is drawn from --seed.
"""

import argparse
import contextlib
import csv
import errno
import hashlib
import json
import math
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from unittest import mock

import faults
import matplotlib.pyplot as plt
import numpy as np
import obspy
import torch
from faults import ComingSource, Packets
from hydra import compose, initialize_config_dir
from rich.console import Console
from rich.progress import Progress

import fcn
from fcn import config as configuration
from fcn.alert.alert import Alert
from fcn.alert.journal import Journal
from fcn.alert.sinks.base import Sink
from fcn.cache import sequence_root
from fcn.catalogue.event import Catalogue, DeclaredEvent
from fcn.catalogue.io import read_quakeml
from fcn.checkpoint import Restored, find, load
from fcn.geometry.network import Network
from fcn.metrics.matching import MatchTolerance, epicentral_distance_km, match_events
from fcn.provenance import git_state
from fcn.rotated import RotatedFile
from fcn.run_monitor import build_monitor
from fcn.simulate.sequence.validation import OUTSIDE
from fcn.stream import keeping
from fcn.stream.loop import Monitor
from fcn.waveform.archive import read_sds, write_sds
from fcn.waveform.folder import CATALOGUE, STATIONS, WAVEFORMS
from fcn.waveform.inventory import read_stations

MINUTES = 10.0
STEP_MINUTES = 1.0  # the stretch begins at one of these
DYING = 0.3  # of the stations
N_PULSED = 4  # stations
CONSOLE = Console(stderr=True)


# --------------------------------------------------------------------------------------------- rows


@dataclass(frozen=True)
class Stretch:
    """Packets of some minutes, and whom faults strike.

    stations: by distance from the middle of the network, the nearest first. km: east, north of each.
    """

    name: str
    root: Path
    come: Packets
    start_s: float
    end_s: float
    stations: tuple[str, ...]
    km: dict[str, tuple[float, float]]
    catalogue: Catalogue | None
    outside: Catalogue | None = None  # made, but not catalogued

    @property
    def is_simulated(self) -> bool:
        """Then its catalogue is complete."""
        return self.name.startswith("validation")

    @property
    def middle_s(self) -> float:
        """POSIX time."""
        return (self.start_s + self.end_s) / 2

    @property
    def one(self) -> str:
        """The station that most events pass."""
        return self.stations[0]

    @property
    def dying(self) -> tuple[str, ...]:
        """`DYING` of the stations, from the middle outwards, every other one."""
        return self.stations[: 2 * max(round(DYING * len(self.stations)), 1) : 2]


Struck = Callable[[Stretch, np.random.Generator], Packets]


@dataclass(frozen=True)
class Row:
    """A fault: what it does to packets, which stations it strikes, and what it does to the monitor."""

    told: str
    packets: Struck
    strikes: Callable[[Stretch], tuple[str, ...]] = lambda stretch: ()
    monitor: str = ""


def _one(stretch: Stretch) -> tuple[str, ...]:
    return (stretch.one,)


def _pulsed(stretch: Stretch) -> tuple[str, ...]:
    return stretch.stations[:N_PULSED]


def _teleseism(s: Stretch) -> Packets:
    """From the west, at 15 km/s along the surface."""
    return faults.added(
        s.come, {name: faults.teleseism(s.start_s + 60 + s.km[name][0] / 15.0, 1000.0) for name in s.stations}
    )


ROWS: dict[str, Row] = {
    "none": Row("none", lambda s, rng: s.come),
    "lost": Row("10 % of packets lost", lambda s, rng: faults.lost(s.come, rng, 0.1)),
    "jitter": Row("2 s of jitter", lambda s, rng: faults.jittered(s.come, rng, 2.0)),
    "dying": Row(
        "30 % of the stations die in the middle",
        lambda s, rng: faults.died(s.come, s.dying, s.middle_s),
        lambda s: s.dying,
    ),
    "silent": Row(
        "all stations silent for 20 s", lambda s, rng: faults.silent(s.come, s.middle_s, s.middle_s + 20.0)
    ),
    "clock": Row("one clock 1.3 s off", lambda s, rng: faults.clock_off(s.come, s.one, 1.3), _one),
    "gain": Row("one gain x1000", lambda s, rng: faults.amplified(s.come, s.one, 1e3, s.start_s), _one),
    "gain_jump": Row(
        "one gain x1000 from a third on",
        lambda s, rng: faults.amplified(s.come, s.one, 1e3, (2 * s.start_s + s.end_s) / 3),
        _one,
    ),
    "clipped": Row(
        "one clipped at 30 times its noise", lambda s, rng: faults.clipped(s.come, s.one, 30.0), _one
    ),
    "constant": Row(
        "one constant from a third on",
        lambda s, rng: faults.constant(s.come, s.one, (2 * s.start_s + s.end_s) / 3),
        _one,
    ),
    "hum": Row("one hums", lambda s, rng: faults.added(s.come, {s.one: faults.hum(6.25, 10.0)}), _one),
    "spikes": Row("one has spikes", lambda s, rng: faults.spiked(s.come, rng, s.one, 10.0, 1000.0), _one),
    "calibration": Row(
        "one is calibrated every minute",
        lambda s, rng: faults.added(s.come, {s.one: faults.calibration(s.start_s + 30.0, 60.0, 3000.0)}),
        _one,
    ),
    "swapped": Row("components of one swapped", lambda s, rng: faults.swapped(s.come, s.one), _one),
    "pulses": Row(
        "common pulses at four",
        lambda s, rng: faults.added(
            s.come, dict.fromkeys(_pulsed(s), faults.pulses(s.start_s + 20.0, 30.0, 300.0))
        ),
        _pulsed,
    ),
    "teleseism": Row("a teleseism", lambda s, rng: _teleseism(s)),
    "restarting": Row(
        "the link out for 5 s every 2 minutes", lambda s, rng: faults.restarted(s.come, 120.0, 5.0, 10.0)
    ),
    "full": Row("storage full for a fifth of the time", lambda s, rng: s.come, monitor="full"),
    "down": Row("a sink down", lambda s, rng: s.come, monitor="down"),
    "killed": Row("kill -9 in the middle", lambda s, rng: s.come, monitor="killed"),
}


# ------------------------------------------------------------------------------------------ running


class Down(Sink):
    """A place that cannot be reached."""

    def deliver(self, alert: Alert) -> None:
        """Never."""
        raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody listens")


class Timed(ComingSource):
    """Calls `act` with the clock's time before each poll."""

    def __init__(self, come: Packets, act: Callable[[float], None]) -> None:
        super().__init__(come)
        self._act = act

    def poll(self, clock_s: float) -> list[Any]:
        """See `Source`."""
        self._act(clock_s)
        return super().poll(clock_s)


@dataclass
class Said:
    """What a run said. undelivered: events whose newest version a reachable sink lacks at the end."""

    events: list[DeclaredEvent]
    undelivered: int


@dataclass
class Disk:
    """A disk that may be full."""

    is_full: bool = False

    @contextlib.contextmanager
    def beneath(self) -> Iterator[None]:
        """What a monitor writes goes to it."""

        def through(real: Callable[..., Any]) -> Callable[..., Any]:
            def write(*arguments: Any, **named: Any) -> Any:
                if self.is_full:
                    raise OSError(errno.ENOSPC, "no space left on device")
                return real(*arguments, **named)

            return write

        with (
            mock.patch.object(keeping, "new_file", through(keeping.new_file)),
            mock.patch.object(RotatedFile, "add", through(RotatedFile.add)),
            mock.patch.object(Journal, "_append", through(Journal._append)),
        ):
            yield


def monitor_of(
    stretch: Stretch,
    restored: Restored,
    folder: Path,
    come: Packets,
    act: Callable[[float], None],
    down: bool,
) -> Monitor:
    """A monitor that goes on from what is in its folder, fed with these packets."""
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        overrides = ["ckpt=none", "source=replay", f"source.root='{stretch.root}'", "sinks=[jsonl]"]
        if not stretch.is_simulated:  # which states no velocity model
            overrides.append("velocity_model=jma2001")
        config = configuration.plain(compose("monitor", overrides))
    config["skip_s"] = None
    # a reader keeps what it learns of a stream
    restored.module.scheme = replace(restored.module.scheme)
    if down:
        config["sinks"]["down"] = {"_target_": f"{Down.__module__}.Down"}
    monitor = build_monitor(config, folder, restored)
    source, kept = Timed(come, act), keeping.read_stream(folder)
    if kept is not None:
        source.restore(kept["source"])
    monitor.source = source
    return monitor


def run(stretch: Stretch, restored: Restored, come: Packets, what: str) -> Said:
    """All packets through a monitor in a folder of its own. what: see `Row.monitor`."""
    span_s, disk = stretch.end_s - stretch.start_s, Disk()

    def fills(clock_s: float) -> None:
        disk.is_full = what == "full" and 0.4 < (clock_s - stretch.start_s) / span_s < 0.6

    def dies(clock_s: float) -> None:
        if clock_s > stretch.middle_s:
            os.kill(os.getpid(), signal.SIGKILL)

    with tempfile.TemporaryDirectory() as scratch, disk.beneath():
        folder = Path(scratch)
        if what == "killed":
            child = os.fork()
            if child == 0:
                try:
                    monitor_of(stretch, restored, folder, come, dies, down=False).run()
                finally:  # what this process has made is its parent's to remove
                    os._exit(1)
            os.waitpid(child, 0)
        monitor = monitor_of(stretch, restored, folder, come, fills, down=what == "down")
        monitor.run()
        events = monitor.engine.declarer.events
        return Said(events, _undelivered(folder / "alerts.jsonl", events))


def _undelivered(path: Path, events: list[DeclaredEvent]) -> int:
    lines = path.read_text().splitlines() if path.exists() else []
    alerts = [Alert.from_json(line) for line in lines if '"fcn-alert"' in line]
    newest = {event.event_id: len(event.updates) for event in events}
    told: dict[str, int] = {}
    for alert in alerts:
        told[alert.event_id] = max(alert.version, told.get(alert.event_id, 0))
    return sum(told.get(name, 0) < version for name, version in newest.items())


# ---------------------------------------------------------------------------------------- comparing


@dataclass(frozen=True)
class Outcome:
    """One row of the table, against a reference. lost: events of the reference that are not there any more.

    found_without: what the run finds in which the stations struck say nothing; lost_without: of these.
    false: declared events that match no earthquake that was made, catalogued or outside; of a recorded swarm,
    whose catalogue is not complete, none that the run without a fault has. moved_km, resized, later_s:
    medians over events that both found, of final epicentres, of what final magnitudes differ by, of alarms.
    """

    sequence: str
    rules: str
    fault: str
    found: int
    lost: int
    found_without: int | None
    lost_without: int | None
    false: int
    moved_km: float
    resized: float
    later_s: float
    undelivered: int
    code: str


@dataclass(frozen=True)
class Lost:
    """An event of a reference run that a faulty one has not: lost.csv.

    run: whose it is, of `none` (no fault) or of the stations `left`. became: what the faulty run made of it:
    `withdrawn`; `elsewhere`, an event at the time and further off than they are matched; or `nothing`.
    """

    sequence: str
    rules: str
    fault: str
    run: str
    origin_time: str
    magnitude: float
    n_stations: int
    detection_score: float
    became: str


def commit() -> str:
    """Short, of what runs; with a + where fcn or its configuration are not as it has them."""
    state = git_state(Path(fcn.__file__).parent)
    return f"{(state['commit'] or 'unknown')[:7]}{'+' if state['modified'] else ''}"


CODE = commit()  # as it was loaded: hours later the checkout may be of another


def losses(
    said: Said, reference: Said, stretch: Stretch, tolerance: MatchTolerance, **named: str
) -> list[Lost]:
    """The events of a reference that are not among those that stand here. named: columns of all."""
    here, theirs = standing(said, stretch, tolerance), standing(reference, stretch, tolerance)
    kept = {row for _, row in matched(here, theirs, tolerance)}
    withdrawn = [each for each in said.events if each.is_retracted]
    wide = replace(tolerance, epicentre_km=math.inf)
    found = []
    for row, each in enumerate(theirs):
        if row in kept:
            continue
        last, became = each.final, "nothing"
        if matched(said.events, [each], wide):
            became = "elsewhere"
        if matched(withdrawn, [each], tolerance):
            became = "withdrawn"
        size = math.nan if last.event.magnitude is None else last.event.magnitude
        time = str(obspy.UTCDateTime(last.event.origin_time_s))
        n = len(last.origin_stations or ())
        found.append(
            Lost(
                stretch.name,
                **named,
                origin_time=time,
                magnitude=size,
                n_stations=n,
                detection_score=last.detection_score,
                became=became,
            )
        )
    return found


def compared(
    said: Said, plain: Said, without: Said | None, stretch: Stretch, rules: str, tolerance: MatchTolerance
) -> dict[str, Any]:
    """The figures of a run. plain: without a fault; without: without the stations struck."""
    good = standing(plain, stretch, tolerance)
    here = standing(said, stretch, tolerance)
    pairs = matched(here, good, tolerance)
    moved_km = [
        float(epicentral_distance_km([here[i].final.event], [good[j].final.event])[0, 0]) for i, j in pairs
    ]
    sizes = [(here[i].final.event.magnitude, good[j].final.event.magnitude) for i, j in pairs]
    resized = [abs(one - other) for one, other in sizes if one is not None and other is not None]
    later_s = [here[i].alarm.now_s - good[j].alarm.now_s for i, j in pairs]
    n_theirs = rest = None
    if without is not None:
        theirs = standing(without, stretch, tolerance)
        n_theirs, rest = len(theirs), len(theirs) - len(matched(here, theirs, tolerance))
    declared = [each for each in said.events if not each.is_retracted]
    false = len(declared) - (len(here) if stretch.is_simulated else len(pairs))
    names = {each.event_id for each in here}
    false -= len(of(stretch.outside, [each for each in declared if each.event_id not in names], tolerance))
    return {
        "sequence": stretch.name,
        "rules": rules,
        "found": len(here),
        "lost": len(good) - len(pairs),
        "found_without": n_theirs,
        "lost_without": rest,
        "false": false,
        "moved_km": float(np.median(moved_km)) if moved_km else math.nan,
        "resized": float(np.median(resized)) if resized else math.nan,
        "later_s": float(np.median(later_s)) if later_s else math.nan,
        "undelivered": said.undelivered,
        "code": CODE,
    }


def standing(said: Said, stretch: Stretch, tolerance: MatchTolerance) -> list[DeclaredEvent]:
    """Events that were not withdrawn; of a simulated sequence, those that are of its catalogue."""
    kept = [each for each in said.events if not each.is_retracted]
    return of(stretch.catalogue, kept, tolerance) if stretch.is_simulated else kept


def of(
    catalogue: Catalogue | None, declared: list[DeclaredEvent], tolerance: MatchTolerance
) -> list[DeclaredEvent]:
    """Those that are of a catalogue."""
    events = () if catalogue is None else catalogue.events
    found = match_events([each.final.event for each in declared], events, tolerance)
    return [declared[i] for i, _ in found.pairs]


def matched(
    first: list[DeclaredEvent], second: list[DeclaredEvent], tolerance: MatchTolerance
) -> tuple[tuple[int, int], ...]:
    """Rows of the events that both have."""
    return match_events(
        [each.final.event for each in first], [each.final.event for each in second], tolerance
    ).pairs


# ---------------------------------------------------------------------------------------- sequences


def stretch_of(root: Path, minutes: float, scratch: Path) -> Stretch:
    """The minutes of a sequence folder with most catalogued events, as a folder of its own."""
    stream = read_sds(root / WAVEFORMS)
    first_s = min(trace.stats.starttime.timestamp for trace in stream)
    last_s = max(trace.stats.endtime.timestamp for trace in stream)
    catalogue, outside = (
        read_quakeml(root / name) if (root / name).exists() else None for name in (CATALOGUE, OUTSIDE)
    )
    origins_s = np.array([each.origin_time_s for each in catalogue or ()])
    starts_s = np.arange(first_s, max(last_s - 60 * minutes, first_s) + 1.0, 60 * STEP_MINUTES)
    counts = [((origins_s >= s) & (origins_s < s + 60 * minutes)).sum() for s in starts_s]
    start_s = float(starts_s[int(np.argmax(counts))])
    end_s = min(start_s + 60 * minutes, last_s)
    stream.trim(obspy.UTCDateTime(start_s), obspy.UTCDateTime(end_s))
    folder = scratch / root.name
    shutil.copytree(root, folder, ignore=shutil.ignore_patterns(WAVEFORMS))
    write_sds(stream, folder / WAVEFORMS)
    come = faults.on_time(stream)
    listed = Network.from_inventory(read_stations(root / STATIONS))
    network = Network(tuple(each for each in listed if each.id in faults.stations_of(come)))
    latitude_deg, longitude_deg = network.centre()
    km = {
        s.id: (
            111.2 * (s.longitude_deg - longitude_deg) * math.cos(math.radians(latitude_deg)),
            111.2 * (s.latitude_deg - latitude_deg),
        )
        for s in network
    }
    names = tuple(sorted(km, key=lambda name: math.hypot(*km[name])))
    return Stretch(root.name, folder, come, start_s, end_s, names, km, catalogue, outside)


def validation_root() -> Path:
    """Of dataset=validation index 0, simulated on first use."""
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("test", ["ckpt=none", "dataset=validation"]))
    return sequence_root(config["dataset"], Path(config["cache"]).expanduser())


def laws() -> dict[str, Any]:
    """`moveout` and `health` of the configuration."""
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        reading = configuration.plain(compose("train", ["experiment=generalized"]))["scheme"]["reading"]
    return {name: reading[name] for name in ("moveout", "health")}


# ------------------------------------------------------------------------------------------ the table


@dataclass
class Table:
    """Rows as they come; what is written is complete up to now."""

    out: Path
    rows: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Go on with what is written."""
        if (path := self.out / "faults.csv").exists():
            with path.open(newline="") as file:
                reader = csv.DictReader(file)
                if reader.fieldnames != (names := [each.name for each in fields(Outcome)]):
                    raise ValueError(
                        f"{path} has columns {reader.fieldnames}, not {names}: take another folder, --out"
                    )
                self.rows += [_read(row) for row in reader]

    def holds(self, sequence: str, rules: str, fault: str) -> bool:
        """Is there this row?"""
        return any((each.sequence, each.rules, each.fault) == (sequence, rules, fault) for each in self.rows)

    def add(self, row: Outcome) -> None:
        """Write all again."""
        self.rows.append(row)
        names = [each.name for each in fields(Outcome)]
        with (self.out / "faults.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            writer.writerows([_shown(getattr(each, name)) for name in names] for each in self.rows)
        (self.out / "faults.md").write_text("\n".join(self.lines()) + "\n")
        picture(self.rows, self.out / "faults.png")

    def add_lost(self, lost: list[Lost]) -> None:
        """Go on with what is written."""
        path = self.out / "lost.csv"
        is_new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            names = [each.name for each in fields(Lost)]
            writer.writerows([names] if is_new else [])
            writer.writerows([_shown(getattr(each, name)) for name in names] for each in lost)

    def lines(self) -> list[str]:
        """In Markdown."""
        return [
            "| sequence | rules | fault | found | lost | found by the stations left | of these lost | false "
            "| moved (km) | resized | alarm later (s) | undelivered | code |",
            "|---|---|---|" + "---:|" * 9 + "---|",
            *(
                "| " + " | ".join(_shown(getattr(each, f.name)) for f in fields(each)) + " |"
                for each in self.rows
            ),
        ]


def begin(out: Path, of: dict[str, Any]) -> None:
    """Say what a table is of; ValueError where the one that is there is of something else."""
    path = out / "of.json"
    if path.is_file() and (former := json.loads(path.read_text())) != of:
        raise ValueError(f"{out} holds a table of {former}, not of {of}: take another folder, --out")
    path.write_text(json.dumps(of) + "\n")


def _shown(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _read(row: dict[str, str]) -> Outcome:
    """The inverse of `_shown`, by column."""
    read: dict[str, Any] = dict(row)
    for name in ("found", "lost", "false", "undelivered"):
        read[name] = int(row[name])
    for name in ("moved_km", "resized", "later_s"):
        read[name] = float(row[name] or math.nan)
    for name in ("found_without", "lost_without"):
        read[name] = int(row[name]) if row[name] else None
    return Outcome(**read)


def picture(rows: list[Outcome], path: Path) -> None:
    """Lost and false, by fault."""
    groups = list(dict.fromkeys((each.sequence, each.rules) for each in rows))
    figure, axes = plt.subplots(
        1, len(groups), figsize=(5.5 * len(groups), 6), layout="constrained", squeeze=False
    )
    for axis, group in zip(axes[0], groups, strict=True):
        own = [each for each in rows if (each.sequence, each.rules) == group]
        y = np.arange(len(own))
        axis.barh(y - 0.2, [-each.lost for each in own], 0.4, color="C1", label="lost")
        axis.barh(y + 0.2, [each.false for each in own], 0.4, color="C3", label="false")
        axis.set_yticks(y, [each.fault for each in own])
        axis.invert_yaxis()
        axis.axvline(0, color="0.3", lw=0.8)
        found = next((each.found for each in own if each.fault == ROWS["none"].told), 0)
        axis.set(title=f"{group[0]}, rules of the {group[1]}: {found} found", xlabel="events")
        axis.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def rows_of(
    stretch: Stretch, restored: Restored, names: list[str], rules: str, seed: int, table: Table
) -> None:
    """All rows of a sequence; runs that serve several are made once."""
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        tolerance = configuration.build(configuration.plain(compose("test", ["ckpt=none"]))["matching"])
    names = [name for name in names if not table.holds(stretch.name, rules, ROWS[name].told)]
    if not names:
        return
    plain = run(stretch, restored, stretch.come, "")
    left: dict[tuple[str, ...], Said] = {}
    with Progress(console=CONSOLE, transient=True) as progress:
        task = progress.add_task(f"{stretch.name}, {rules}", total=len(names))
        for name in names:
            row = ROWS[name]
            struck = row.strikes(stretch)
            if struck and struck not in left:
                left[struck] = run(stretch, restored, faults.died(stretch.come, struck, -math.inf), "")
            rng = np.random.default_rng([seed, list(ROWS).index(name)])
            said = plain if name == "none" else run(stretch, restored, row.packets(stretch, rng), row.monitor)
            figures = compared(said, plain, left.get(struck), stretch, rules, tolerance)
            for whose, run_of in (("none", plain), ("left", left.get(struck))):
                if run_of is not None:
                    named = {"rules": rules, "fault": row.told, "run": whose}
                    table.add_lost(losses(said, run_of, stretch, tolerance, **named))
            table.add(Outcome(fault=row.told, **figures))
            CONSOLE.print(table.lines()[-1], markup=False, soft_wrap=True)
            progress.advance(task)


@torch.no_grad()
def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ckpt")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--rows", help=f"of {', '.join(ROWS)}; default: all")
    parser.add_argument("--hinet", type=Path, help="folder of the recorded swarm")
    parser.add_argument("--recorded", action="store_true", help="the recorded swarm alone")
    parser.add_argument(
        "--rules", nargs="+", choices=["checkpoint", "configuration"], default=["configuration"]
    )
    parser.add_argument("--seed", type=int, default=20160414)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    names = arguments.rows.split(",") if arguments.rows else list(ROWS)
    if unknown := sorted(set(names) - set(ROWS)):
        parser.error(f"--rows: no {', '.join(unknown)}; there are {', '.join(ROWS)}")
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    roots = [] if arguments.recorded else [validation_root()]
    if arguments.recorded and (arguments.hinet is None or not arguments.hinet.is_dir()):
        parser.error(f"--recorded needs --hinet FOLDER, a folder that exists, not {arguments.hinet}")
    if arguments.hinet is not None:
        if arguments.hinet.is_dir():
            roots.append(arguments.hinet.expanduser())
        else:
            CONSOLE.print(f"left out: there is no folder {arguments.hinet}", markup=False)
    ckpt_sha256 = hashlib.sha256(find(arguments.ckpt).read_bytes()).hexdigest()
    begin(arguments.out, {"ckpt": ckpt_sha256, "minutes": arguments.minutes, "seed": arguments.seed})
    table = Table(arguments.out)
    with tempfile.TemporaryDirectory() as scratch:
        stretches = [stretch_of(root, arguments.minutes, Path(scratch)) for root in roots]
        for rules in arguments.rules:
            restored = load(arguments.ckpt, reading=laws() if rules == "configuration" else {})
            for stretch in stretches:
                rows_of(stretch, restored, names, rules, arguments.seed, table)
    sys.stdout.write("\n".join(table.lines()) + "\n")


if __name__ == "__main__":
    main()
