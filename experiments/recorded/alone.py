r"""Whether what was declared and is in no list is one of its swarm: a matched filter of the set's own.

    python experiments/recorded/alone.py --folder HINET_FUKUSHIMA --name hinet_fukushima \
        --declared logs/recorded/declared.csv

A list of detections by templates lacks events that come within seconds of larger ones. Whether what `fcn`
declares there is one of them can be asked of the waveforms: those of the catalogue's events (P at verticals,
S at horizontals) are correlated with the whole record, all channels together (ObsPy's
`correlation_detector`), and the best correlation within a second of each declared origin is compared with
the median deviation of all. Prints one row for each event that `declared.csv` calls alone, and what the
same is for listed events and for moments far from any.
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import obspy
from obspy.core.event import Origin
from obspy.geodetics import gps2dist_azimuth
from obspy.signal.cross_correlation import correlation_detector
from rich.console import Console

from fcn.tables import time_s

BAND_HZ = (3.0, 12.0)
P_KMPS, S_KMPS = 5.9, 3.4  # of the upper crust: templates begin half a second before these arrivals
BEFORE_S, LENGTH_S = 0.5, 4.0
NEAR_S = 1.0  # of an origin; hypocentres of a swarm are a few tenths of a second apart
FAR_S = 4.0  # from every listed and every declared origin: what no event is at
N_FAR, SEED = 200, 1
LEAST_MADS = 12.0  # what the list of templates of Fukushima asked of its own
PER_CENT = (1, 10, 50, 99)
Template = tuple[obspy.UTCDateTime, obspy.Stream]  # origin time and waveforms of an event


@dataclass(frozen=True)
class Correlation:
    """Of each template, how well it fits at each time, in median absolute deviations of its own."""

    traces: obspy.Stream
    deviations: tuple[float, ...]

    @classmethod
    def of(
        cls, record: obspy.Stream, templates: Sequence[tuple[obspy.UTCDateTime, obspy.Stream]]
    ) -> "Correlation":
        """Of all templates, with their origin times, with the whole record."""
        origins, made = (list(each) for each in zip(*templates, strict=True))
        _, traces = correlation_detector(record, made, heights=1.0, distance=NEAR_S, template_times=origins)
        return cls(traces, tuple(float(np.median(np.abs(trace.data))) for trace in traces))

    def best(self, origin_s: float) -> float:
        """The best of all templates within a second of an origin; 0 where the record has none."""
        at = obspy.UTCDateTime(origin_s)
        pieces = [trace.slice(at - NEAR_S, at + NEAR_S).data for trace in self.traces]
        fits = [float(x.max()) / mad for x, mad in zip(pieces, self.deviations, strict=True) if len(x) > 0]
        return max(fits, default=0.0)


def read(folder: Path) -> obspy.Stream:
    """Waveforms of an SDS folder, without what no template has in common with another event."""
    stream = obspy.Stream()
    for path in sorted(each for each in (folder / "waveforms").rglob("*") if each.is_file()):
        stream += obspy.read(str(path))
    stream.merge(method=1, fill_value="interpolate").detrend("demean")
    return stream.filter("bandpass", freqmin=BAND_HZ[0], freqmax=BAND_HZ[1], zerophase=True)


def template(record: obspy.Stream, inventory: obspy.Inventory, origin: Origin) -> obspy.Stream:
    """What an event was at each channel: P at verticals, S at horizontals."""
    made = obspy.Stream()
    for trace in record:
        at = inventory.get_coordinates(trace.id, trace.stats.starttime)
        across_m, _, _ = gps2dist_azimuth(origin.latitude, origin.longitude, at["latitude"], at["longitude"])
        speed_kmps = P_KMPS if trace.stats.channel[-1] == "Z" else S_KMPS
        begin = origin.time + float(np.hypot(across_m, origin.depth)) / 1e3 / speed_kmps - BEFORE_S
        piece = trace.slice(begin, begin + LENGTH_S)
        if piece.stats.endtime - piece.stats.starttime > LENGTH_S - trace.stats.delta:
            made += piece
    return made


def far_from(times_s: np.ndarray, first_s: float, last_s: float) -> list[float]:
    """Moments of a span that are far from all these times."""
    moments_s = np.random.default_rng(SEED).uniform(first_s, last_s, size=20 * N_FAR)
    is_far = np.abs(moments_s[:, None] - times_s).min(axis=1) > FAR_S
    return [float(each) for each in moments_s[is_far][:N_FAR]]


def said(name: str, fits: list[float]) -> str:
    """A line about a kind of moments."""
    shares = np.percentile(fits, PER_CENT)
    parts = ", ".join(f"{cent} %: {share:.1f}" for cent, share in zip(PER_CENT, shares, strict=True))
    above = sum(fit >= LEAST_MADS for fit in fits)
    return f"{name}: {above} of {len(fits)} correlate with {LEAST_MADS:g} deviations or more ({parts})"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--folder", type=Path, required=True, help="with waveforms/, stations.xml, catalogue.xml"
    )
    parser.add_argument("--declared", type=Path, required=True, help="declared.csv of table.py")
    parser.add_argument("--name", required=True, help="of the set in it")
    given = parser.parse_args()
    with given.declared.open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row.get("set") == given.name]
    if not rows:
        parser.error(f"{given.declared} (declared.csv of table.py) has no rows of set {given.name!r}")
    for name in ("waveforms", "stations.xml", "catalogue.xml"):
        if not (given.folder / name).exists():
            parser.error(f"no {name} in {given.folder} (--folder)")
    console = Console(highlight=False, soft_wrap=True)
    record, inventory = read(given.folder), obspy.read_inventory(str(given.folder / "stations.xml"))
    events = obspy.read_events(str(given.folder / "catalogue.xml"))
    origins = [event.preferred_origin() or event.origins[0] for event in events]
    fits = Correlation.of(record, [(each.time, template(record, inventory, each)) for each in origins])
    times_s = [time_s(row["origin_time_utc"], f"{given.declared}: origin_time_utc") for row in rows]
    own = [(row, fits.best(at_s)) for row, at_s in zip(rows, times_s, strict=True) if row["by"] == "fcn"]
    alone = [(row, fit) for row, fit in own if row["is"] == "alone"]
    for row, fit in alone:
        place = ", ".join(f"{float(row[key]):.2f}" for key in ("latitude_deg", "longitude_deg", "magnitude"))
        console.print(f"{row['origin_time_utc'][11:22]}  {place}: {fit:.1f} deviations")
    console.print(said("in no list", [fit for _, fit in alone]))
    console.print(said("in a list, or the peer's too", [fit for row, fit in own if row["is"] != "alone"]))
    begin_s, end_s = (float(each) for each in (record[0].stats.starttime, record[0].stats.endtime))
    far_s = far_from(np.array(times_s), begin_s + FAR_S, end_s - LENGTH_S - FAR_S)
    console.print(said("far from what was declared", [fits.best(each) for each in far_s]))


if __name__ == "__main__":
    main()
