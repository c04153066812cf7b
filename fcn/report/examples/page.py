"""The report of a configuration's recombined examples: what a training would be fed, to look at."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from fcn.assemble import build_datamodule
from fcn.batch import Batch
from fcn.report.examples.figure import Example, example_figure
from fcn.report.kit.page import Page
from fcn.report.kit.picture import Picture
from fcn.report.kit.table import ABSENT, Table
from fcn.seeding import Purpose
from fcn.store.reader import BaseStore
from fcn.terminal import say, terminal

TITLE = "Recombined examples"


def draw_examples(config: Mapping[str, Any], store: Path, folder: Path) -> Path:
    """The first `count` examples a training of this configuration would see; returns the page.

    config: of conf/examples.yaml. store: the base store it names.
    """
    base, count = BaseStore.open(store), config["count"]
    made = build_datamodule(config, store).recombined(Purpose.TRAIN, "train")
    return write_examples_report(
        (made[0, example] for example in range(count)),
        folder,
        n_examples=count,
        sampling_rate_hz=base.sampling_rate_hz,
        source=f"seed {config['seed']}, examples 0 to {count - 1} of the first epoch; store {store.name}, "
        f"digest {base.digest[:12]}",
        simulated=bool(base.is_simulated.any()),
    )


def write_examples_report(
    batches: Iterable[Batch],
    folder: Path,
    *,
    n_examples: int,
    sampling_rate_hz: float,
    source: str,
    simulated: bool,
    console: Console | None = None,
) -> Path:
    """Write report.html and figures/ of `n_examples` batches of one window into `folder`; returns the page.

    source: where they come from, for the page's lead. simulated: whether the base records are.
    """
    page = Page(TITLE)
    if simulated:
        page.flag("recombined from simulated records", "warn")
    page.text(source, "lead")
    console = console or terminal()
    examples = []
    sections: list[tuple[str, Picture]] = []
    drawn = track(batches, description="drawing examples", total=n_examples, console=console, transient=True)
    for number, batch in enumerate(drawn):
        example = Example.of(batch, 0, sampling_rate_hz)
        picture = Picture.of(example_figure(example, title_of(number, example)))
        picture.write(folder / "figures" / f"example{number}.png")
        examples.append(example)
        sections.append((title_of(number, example), picture))
    table = contents_table(examples)
    page.table(table)
    page.text(
        "Star: the event to locate; other signs: further events of the window, with the same sign at their "
        "arrivals. Coloured stations are those of the spectra, crosses stations that send nothing. Widened: "
        "the share of records outside the selection's tolerances. P is above noise where its peak in 2-8 Hz "
        "is more than three times the noise's standard deviation."
    )
    for title, picture in sections:
        page.heading(title)
        page.picture(picture, title)
    folder.mkdir(parents=True, exist_ok=True)
    page.write(folder / "report.html")
    table.show(console)
    say(f"report: {folder / 'report.html'}", console)
    return folder / "report.html"


def title_of(number: int, example: Example) -> str:
    """What is in the window, in a line."""
    n_events = len(example.magnitude)
    further = "" if n_events == 1 else f", {n_events - 1} further event{'s' if n_events > 2 else ''}"
    stations = f"{len(example.distance_km)} stations"
    if not example.is_event:
        return f"Example {number}: nothing to locate yet, {stations}{further}"
    return (
        f"Example {number}: M {example.magnitude[0]:.1f}, {example.elapsed_s:.1f} s after its first P, "
        f"{stations}{further}"
    )


def contents_table(examples: list[Example]) -> Table:
    """A row for each example."""
    header = (
        *("example", "stations", "events", "M", "depth (km)", "nearest (km)", "since P (s)"),
        *("P above noise at", "widened"),
    )
    rows = tuple(
        (
            str(number),
            str(len(example.distance_km)),
            str(len(example.magnitude)),
            f"{example.magnitude[0]:.1f}" if example.is_event else ABSENT,
            f"{example.event_km[0, 2]:.0f}" if example.is_event else ABSENT,
            f"{example.distance_km.min():.0f}",
            f"{example.elapsed_s:.1f}",
            str(int(np.sum(example.p_snr[:, 0] > 3.0))),
            f"{100 * example.widened:.0f} %",
        )
        for number, example in enumerate(examples)
    )
    return Table(TITLE, header, rows)
