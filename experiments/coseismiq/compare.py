"""What fcn declared beside what the peer found, event by event: table, map, what the stations recorded.

    python experiments/coseismiq/compare.py SEQUENCE TEST PEER

SEQUENCE is the folder of the recording, TEST that of `python -m fcn.test` on it, PEER that of
experiments/recorded/peers.py. Prints the table as Markdown and writes map.png, time.png and alone.png beside
this script. Neither catalogue is a truth: what the recording itself says of an event is counted in the last
column.
"""

import argparse
import csv
import datetime
import io
import math
import sys
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from fcn import config as configuration
from fcn.catalogue.event import Event
from fcn.catalogue.io import read_csv
from fcn.data.sequences import Sequence
from fcn.metrics.matching import MatchTolerance, epicentre_offset_km, match_events
from fcn.metrics.visibility import VISIBLE_SNR, p_snr
from fcn.report.kit.picture import Picture
from fcn.report.kit.style import (
    BLUE,
    GREY,
    INK,
    P_COLOUR,
    S_COLOUR,
    VERMILION,
    letter,
    new_figure,
    styled,
)
from fcn.report.test.outcome import arrivals_s, local_km
from fcn.waveform.archive import read_sds
from fcn.waveform.folder import WAVEFORMS

IMAGES = Path(__file__).parent
# Tighter than the project's own (4 s, 25 km): the network is 25 km across, events follow each other in 6 s.
# The peer gives no magnitudes.
TOLERANCE = MatchTolerance(origin_time_s=2.0, epicentre_km=10.0, magnitude_scale=math.inf)
ABSENT = "–"
BIN_S = 0.5  # of the picture in time
STRIPS = 3
RATE_HZ = 100.0  # of the records in which arrivals are looked for
BAND_HZ = (3.0, 20.0)  # where events this small stand out best; fcn reads 2-8 Hz of records at 20 Hz
ALONE_S = (-4.0, 7.5)  # of the origin time: what is shown of events that one side alone has
ALONE_COLUMNS = 3
BETWEEN_STEP_S, BEFORE_EVENT_S, AFTER_EVENT_S = 2.0, 5.0, 12.0  # origin times without an event
LABEL_KM = 2.0  # of the map: events nearer than this share a label


@dataclass(frozen=True)
class Row:
    """An event of either side, or of both.

    alarm_s: POSIX time of fcn's alarm. n_picks: P and S the peer gave to the event. n_seen: stations at which
    P and S of the event (fcn's where there is one) stand out.
    """

    fcn: Event | None
    peer: Event | None
    alarm_s: float | None = None
    n_picks: tuple[int, int] | None = None
    n_seen: tuple[int, int] = (0, 0)

    @property
    def event(self) -> Event:
        """The one to show where a single one is needed."""
        event = self.fcn or self.peer
        assert event is not None
        return event


def read_alarms(path: Path) -> dict[str, float]:
    """POSIX time of the first update of every event_id in updates.csv."""
    alarms: dict[str, float] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            said_s = datetime.datetime.fromisoformat(row["now_utc"]).timestamp()
            alarms[row["event_id"]] = min(said_s, alarms.get(row["event_id"], said_s))
    return alarms


def read_pick_counts(path: Path) -> dict[str, tuple[int, int]]:
    """Numbers of P and S by event_id in the peer's catalogue."""
    with path.open(newline="", encoding="utf-8") as file:
        return {row["event_id"]: (int(row["n_p"]), int(row["n_s"])) for row in csv.DictReader(file)}


def pair(
    fcn: Items[Event],
    peer: Items[Event],
    alarms: dict[str, float],
    counts: dict[str, tuple[int, int]],
) -> list[Row]:
    """One row per pair and per event without a partner, in order of time."""
    matching = match_events(fcn, peer, TOLERANCE)
    pairs: list[tuple[Event | None, Event | None]] = [(fcn[i], peer[j]) for i, j in matching.pairs]
    pairs += [(fcn[i], None) for i in matching.unmatched_declared]
    pairs += [(None, peer[j]) for j in matching.unmatched_catalogued]
    rows = [
        Row(ours, other, alarms[ours.event_id] if ours else None, counts[other.event_id] if other else None)
        for ours, other in pairs
    ]
    return sorted(rows, key=lambda row: row.event.origin_time_s)


@dataclass(frozen=True)
class Records:
    """Counts in BAND_HZ at RATE_HZ, (station, Z N E, time), zero where there is none; start_s is POSIX."""

    counts: Float[np.ndarray, "station 3 time"]
    start_s: float

    @classmethod
    def read(cls, sequence: Sequence) -> "Records":
        """All stations of the sequence, in its order. Filtered causally: nothing appears before its onset."""
        n_samples = round((sequence.end_time_s - sequence.start_time_s) * RATE_HZ)
        counts = np.zeros((len(sequence.network), 3, n_samples))
        row = {station.id: i for i, station in enumerate(sequence.network)}
        for trace in read_sds(sequence.root / WAVEFORMS):
            trace.detrend("demean")
            if trace.stats.sampling_rate != RATE_HZ:
                trace.resample(RATE_HZ)
            trace.filter("bandpass", freqmin=BAND_HZ[0], freqmax=BAND_HZ[1], corners=3)
            first = round((trace.stats.starttime.timestamp - sequence.start_time_s) * RATE_HZ)
            begin, end = max(first, 0), min(first + trace.stats.npts, n_samples)
            station = row.get(f"{trace.stats.network}.{trace.stats.station}")
            component = "ZNE".find(trace.stats.channel[-1])
            if station is not None and component >= 0 and end > begin:
                counts[station, component, begin:end] = trace.data[begin - first : end - first]
        return cls(counts, sequence.start_time_s)


def count_seen(sequence: Sequence, records: Records, event: Event) -> tuple[int, int]:
    """Stations at which P (vertical) and S (horizontals) stand out of the seconds before.

    Arrivals are those the sequence's velocity model predicts; another event in the same seconds counts too.
    """
    times_s = predicted_s(sequence, event) + event.origin_time_s - records.start_s
    horizontal = np.linalg.norm(records.counts[:, 1:], axis=1)
    seen = []
    for trace, arrival_s in ((records.counts[:, 0], times_s[:, 0]), (horizontal, times_s[:, 1])):
        snr = p_snr(trace, arrival_s, RATE_HZ)
        seen.append(int((snr >= VISIBLE_SNR).sum()))  # NaN, without data, is not seen
    return seen[0], seen[1]


def count_between(sequence: Sequence, records: Records, rows: Items[Row]) -> list[tuple[int, int]]:
    """The same count where there is no event: at the places of all, at origin times away from any."""
    known_s = np.array([row.event.origin_time_s for row in rows])
    counts = []
    for origin_s in np.arange(sequence.start_time_s, sequence.end_time_s, BETWEEN_STEP_S):
        since_s = origin_s - known_s
        if ((since_s < AFTER_EVENT_S) & (since_s > -BEFORE_EVENT_S)).any():
            continue
        moved = (replace(row.event, origin_time_s=float(origin_s)) for row in rows)
        counts += [count_seen(sequence, records, event) for event in moved]
    return counts


def predicted_s(sequence: Sequence, event: Event) -> Float[np.ndarray, "station 2"]:
    """P and S after the origin time; ValueError where the sequence states no velocity model."""
    times_s = arrivals_s(sequence, [event])
    if times_s is None:
        raise ValueError(f"{sequence.root} states no velocity model: build it with velocity_model_file=")
    return times_s[0]


# ------------------------------------------------------------------ table


def clock(event: Event | None) -> str:
    """Time of day of the origin, hundredths of a second."""
    if event is None:
        return ABSENT
    rounded = datetime.datetime.fromtimestamp(round(event.origin_time_s, 2), datetime.UTC)
    return rounded.strftime("%H:%M:%S.%f")[:-4]


def depth(event: Event | None) -> str:
    """Depth with its standard deviation where there is one."""
    if event is None:
        return ABSENT
    known = event.depth_uncertainty_km
    return f"{event.depth_km:.1f}" + ("" if known is None else f" ± {known:.1f}")


def to_markdown(rows: Items[Row], n_stations: int) -> str:
    """The table of the README."""
    head = (
        "event|fcn, origin (UTC)|peer, origin (UTC)|epicentres apart (km)|depth fcn (km)|depth peer (km)"
        f"|alarm after P (s)|picks P + S|P, S seen at (of {n_stations})"
    ).split("|")
    lines = [head, ["---"] * len(head)]
    for number, row in enumerate(rows, 1):
        apart = ABSENT
        if row.fcn is not None and row.peer is not None:
            apart = f"{np.hypot(*epicentre_offset_km([row.fcn], [row.peer])[0]):.1f}"
        late = ABSENT
        if row.alarm_s is not None and row.fcn is not None and row.fcn.first_p_time_s is not None:
            late = f"{row.alarm_s - row.fcn.first_p_time_s:.1f}"
        picks = ABSENT if row.n_picks is None else f"{row.n_picks[0]} + {row.n_picks[1]}"
        seen = f"{row.n_seen[0]}, {row.n_seen[1]}"
        cells = (clock(row.fcn), clock(row.peer), apart, depth(row.fcn), depth(row.peer), late, picks, seen)
        lines.append([str(number), *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def summarise(rows: Items[Row]) -> str:
    """What the table adds up to."""
    both = [row for row in rows if row.fcn and row.peer]
    apart_km = [float(np.hypot(*epicentre_offset_km([r.fcn], [r.peer])[0])) for r in both]
    late_s = [row.alarm_s - row.fcn.first_p_time_s for row in rows if row.fcn]
    text = f"{len(both)} events of both, {sum(r.peer is None for r in rows)} of fcn alone, "
    text += f"{sum(r.fcn is None for r in rows)} of the peer alone"
    if both:
        text += f"; epicentres apart: median {np.median(apart_km):.1f} km, largest {max(apart_km):.1f} km"
    if late_s:
        text += f"; alarm after first P: median {np.median(late_s):.1f} s, largest {max(late_s):.1f} s"
    return text


# ------------------------------------------------------------------ pictures


@styled
def draw_map(sequence: Sequence, rows: Items[Row]) -> Figure:
    """Epicentres and a section from the south, kilometres equal; lines join what was matched."""
    station_km = sequence.station_km
    shown_km = np.concatenate([station_km, local_km(sequence, [row.event for row in rows])])
    (west, south, _), (east, north, deepest) = shown_km.min(axis=0) - 1.5, shown_km.max(axis=0) + 1.5
    figure = new_figure(5.0, 0.6 + 4.4 * (north - south + deepest + 1.5) / (east - west))
    plan, section = figure.subplots(2, 1, height_ratios=(north - south, deepest + 1.5))
    for axes, y in ((plan, 1), (section, 2)):
        axes.plot(station_km[:, 0], station_km[:, y], "^", c=INK, ms=5, label="station")
        for events, look in ((_of(rows, "peer"), PEER_LOOK), (_of(rows, "fcn"), FCN_LOOK)):
            place_km = local_km(sequence, events)
            axes.plot(place_km[:, 0], place_km[:, y], linestyle="none", **look)
        for row in rows:
            if row.fcn and row.peer:
                ends_km = local_km(sequence, [row.fcn, row.peer])
                axes.plot(ends_km[:, 0], ends_km[:, y], c=GREY, lw=0.8, zorder=1)
        place_km = local_km(sequence, [row.event for row in rows])[:, [0, y]]
        for members in grouped(place_km):
            axes.annotate(
                ", ".join(str(member + 1) for member in members),
                place_km[members].max(axis=0) if y == 1 else place_km[members[0]],
                xytext=(6, 4),
                textcoords="offset points",
                fontsize=7,
            )
        axes.set(aspect="equal", xlim=(west, east))
    plan.set(ylim=(south, north), ylabel="north (km)")
    section.set(ylim=(deepest, -1.5), xlabel="east (km)", ylabel="depth (km)")
    figure.legend(*plan.get_legend_handles_labels(), loc="outside upper right", ncols=3)
    centre = sequence.frame
    letter(plan, "a", f"about {centre.latitude_deg:.2f}° N, {-centre.longitude_deg:.2f}° W")
    letter(section, "b", "from the south")
    return figure


def grouped(place_km: Float[np.ndarray, "event 2"]) -> list[list[int]]:
    """Indices of events that share a label: each within LABEL_KM of the first of its group."""
    groups: list[list[int]] = []
    for i, place in enumerate(place_km):
        near = [group for group in groups if np.hypot(*(place_km[group[0]] - place)) <= LABEL_KM]
        if near:
            near[0].append(i)
        else:
            groups.append([i])
    return groups


FCN_LOOK = {"marker": "D", "c": VERMILION, "ms": 5, "mew": 0, "label": "fcn, final", "zorder": 3}
PEER_LOOK = {
    "marker": "o",
    "c": BLUE,
    "ms": 8,
    "mfc": "none",
    "mew": 1.3,
    "label": "JMA-PhaseNet + PyOcto",
    "zorder": 2,
}


def _of(rows: Items[Row], side: str) -> list[Event]:
    return [event for row in rows if (event := getattr(row, side)) is not None]


@styled
def draw_time(sequence: Sequence, rows: Items[Row]) -> Figure:
    """Peaks of every station over its median, nearest to the events on top, and both catalogues above."""
    per_bin = round(BIN_S * sequence.sampling_rate_hz)
    n_bins = sequence.n_samples // per_bin
    size = np.linalg.norm(sequence.narrow[..., : n_bins * per_bin], axis=1)
    peak = size.reshape(len(size), n_bins, per_bin).max(axis=2)
    level = np.log10(np.maximum(peak, 1e-12) / np.median(peak, axis=1, keepdims=True))
    centre_km = np.median(local_km(sequence, [row.event for row in rows]), axis=0)
    order = np.argsort(np.linalg.norm(sequence.station_km[:, :2] - centre_km[:2], axis=1))
    names = [sequence.network.stations[i].code for i in order]
    figure = new_figure(10.4, 8.2)
    strips = figure.subplots(STRIPS, 1)
    length_s = n_bins * BIN_S / STRIPS
    image = None
    for strip, axes in enumerate(strips):
        image = axes.imshow(
            level[order],
            aspect="auto",
            extent=(0.0, n_bins * BIN_S, len(level) - 0.5, -0.5),
            cmap="Greys",
            vmin=0.0,
            vmax=1.5,
            interpolation="none",
        )
        for number, row in enumerate(rows, 1):
            _mark(axes, number, row, sequence.start_time_s, (strip * length_s, (strip + 1) * length_s))
        axes.set(xlim=(strip * length_s, (strip + 1) * length_s), ylim=(len(level) - 0.5, -3.9))
        axes.set_yticks(range(len(names)), names, fontsize=5)
    start = datetime.datetime.fromtimestamp(sequence.start_time_s, datetime.UTC)
    strips[-1].set_xlabel(f"seconds after {start:%Y-%m-%d %H:%M:%S} UTC")
    label = f"log₁₀ peak in {BIN_S:g} s over the station's median, 2-8 Hz"
    figure.colorbar(image, ax=strips, label=label, pad=0.01, shrink=0.6)
    figure.suptitle("diamonds: fcn; circles: JMA-PhaseNet + PyOcto; at the origin time", x=0.01, ha="left")
    return figure


def _mark(axes: Axes, number: int, row: Row, start_s: float, span_s: tuple[float, float]) -> None:
    if not span_s[0] <= row.event.origin_time_s - start_s < span_s[1]:
        return
    sides = ((row.fcn, FCN_LOOK, -1.5), (row.peer, {**PEER_LOOK, "ms": 6}, -2.8))
    last_s = max(event.origin_time_s - start_s for event, _, _ in sides if event is not None)
    for event, look, height in sides:
        if event is not None:
            axes.plot(event.origin_time_s - start_s, height, linestyle="none", **look)
    axes.text(last_s + 0.8, -2.1, str(number), va="center", fontsize=7)


@styled
def draw_alone(sequence: Sequence, records: Records, rows: Items[Row]) -> Figure | None:
    """Record sections of the events that one side alone has, with P and S as predicted; None without any."""
    alone = [(number, row) for number, row in enumerate(rows, 1) if not (row.fcn and row.peer)]
    if not alone:
        return None
    n_lines = -(-len(alone) // ALONE_COLUMNS)
    figure = new_figure(3.4 * ALONE_COLUMNS, 3.6 * n_lines)
    panels = figure.subplots(n_lines, ALONE_COLUMNS, squeeze=False).ravel()
    for axes, (number, row) in zip(panels, alone, strict=False):
        _draw_section(axes, sequence, records, row.event)
        axes.set_title(f"{number}  {clock(row.event)}, {'fcn' if row.fcn else 'peer'} alone")
    for axes in panels[len(alone) :]:
        axes.set_axis_off()
    figure.supxlabel(
        f"seconds after the origin time; vertical, {BAND_HZ[0]:g}-{BAND_HZ[1]:g} Hz, each over its peak, "
        "nearest on top; P (blue) and S (orange) as predicted",
        fontsize=8,
    )
    return figure


def _draw_section(axes: Axes, sequence: Sequence, records: Records, event: Event) -> None:
    times_s = predicted_s(sequence, event)
    origin = (event.origin_time_s - records.start_s) * RATE_HZ
    n_samples = records.counts.shape[-1]
    first, last = (round(np.clip(origin + edge * RATE_HZ, 0, n_samples)) for edge in ALONE_S)
    time_s = (np.arange(first, last) - origin) / RATE_HZ
    for line, station in enumerate(np.argsort(times_s[:, 0])):
        trace = records.counts[station, 0, first:last]
        peak = max(np.abs(trace).max(initial=0.0), 1e-15)
        axes.plot(time_s, line - 0.55 * trace / peak, c=INK, lw=0.35)
        for phase, colour in enumerate((P_COLOUR, S_COLOUR)):
            axes.plot(times_s[station, phase], line, "|", c=colour, ms=7, mew=1.2)
    axes.set(xlim=ALONE_S, ylim=(len(times_s) - 0.2, -0.9), yticks=[])


def write_small(figure: Figure, path: Path) -> None:
    """The figure in few colours, chosen so that rare ones stay: kilobytes in the repository."""
    picture = Image.open(io.BytesIO(Picture.of(figure).png)).convert("RGB")
    picture.quantize(32, method=Image.Quantize.MAXCOVERAGE).save(path, optimize=True)


def main() -> None:
    """Table and pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("sequence", "test", "peer"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        spec = configuration.build(configuration.plain(compose("train"))["preprocess"])
    sequence = Sequence.load(given.sequence, spec)
    fcn, peer = (list(read_csv(folder / "catalogue.csv")) for folder in (given.test, given.peer))
    alarms = read_alarms(given.test / "updates.csv")
    counts = read_pick_counts(given.peer / "catalogue.csv")
    records = Records.read(sequence)
    rows = [
        replace(row, n_seen=count_seen(sequence, records, row.event))
        for row in pair(fcn, peer, alarms, counts)
    ]
    if not rows:
        parser.error("neither catalogue holds an event: nothing to compare")
    write_small(draw_map(sequence, rows), IMAGES / "map.png")
    write_small(draw_time(sequence, rows), IMAGES / "time.png")
    if (alone := draw_alone(sequence, records, rows)) is not None:
        write_small(alone, IMAGES / "alone.png")
    between = np.percentile(count_between(sequence, records, rows), (50, 90), axis=0)
    sys.stdout.write(
        f"{to_markdown(rows, len(sequence.network))}\n\n{summarise(rows)}\n"
        f"where neither has an event, P and S seem seen at {between[0, 0]:g} and {between[0, 1]:g} stations "
        f"(median), {between[1, 0]:g} and {between[1, 1]:g} (90 %)\n"
    )


if __name__ == "__main__":
    main()
