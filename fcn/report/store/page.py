"""The report of a base store: what is in it, and whether it looks like earthquakes."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console

from fcn.report.kit.page import Page
from fcn.report.kit.picture import Picture
from fcn.report.kit.table import ABSENT, Table
from fcn.report.store.figures import (
    SPECTRUM_DISTANCE_KM,
    amplitude_figure,
    coverage_figure,
    record_figure,
    spectrum_figure,
)
from fcn.report.store.sample import StoreSample, draw_sample, refusals
from fcn.store.reader import BaseStore
from fcn.terminal import say


def write_store_report(path: Path, folder: Path, n_examples: int, console: Console | None = None) -> Path:
    """Write report.html and figures/ about the base store at `path` into `folder`; returns the page.

    n_examples: records in the record section. Raises what `BaseStore.open` raises.
    """
    sample = draw_sample(path)
    page = Page(f"Base store {sample.name}")
    simulated = int(sample.store.is_simulated.sum())
    if simulated:
        share = "all" if simulated == len(sample.store) else f"{simulated} of {len(sample.store)}"
        page.flag(f"{share} records simulated", "warn")
    table = contents_table(sample.store)
    page.text(
        f"{len(sample.store)} records at {sample.store.sampling_rate_hz:g} Hz, ground velocity in m/s; "
        f"digest {sample.store.digest[:12]}. Waveform figures are drawn from {len(sample.indices)} records.",
        "lead",
    )
    page.heading("Contents")
    page.table(table)
    refused = refusals(path)
    if refused:
        page.heading(f"Refused when built ({sum(refused.values())})")
        rows = tuple((reason, str(count)) for reason, count in refused.items())
        page.table(Table("Refused", ("reason", "records"), rows))
    for name, (title, figure, caption) in _figures(sample, n_examples).items():
        picture = Picture.of(figure)
        picture.write(folder / "figures" / f"{name}.png")
        page.heading(title)
        page.picture(picture, f"{title} of {sample.name}", caption)
    folder.mkdir(parents=True, exist_ok=True)
    page.write(folder / "report.html")
    table.show(console)
    say(f"report: {folder / 'report.html'}", console)
    return folder / "report.html"


def contents_table(store: BaseStore) -> Table:
    """Records, sources, stations and ranges; a column for each origin and category."""
    groups = {
        f"{origin} {category}": np.flatnonzero((store.origin == origin) & (store.category == category))
        for origin in sorted(set(store.origin.tolist()))
        for category in ("earthquake", "noise")
    }
    columns = [(name, *_contents(store, members)) for name, members in groups.items() if len(members)]
    names = (
        *("", "records", "train / dev / test", "sources", "stations"),
        *("magnitude", "distance (km)", "depth (km)", "median SNR (dB)"),
    )
    header, *rows = zip(names, *columns, strict=True)
    return Table(f"Base store {store.path.name}", header, tuple(rows))


def _contents(store: BaseStore, members: np.ndarray) -> tuple[str, ...]:
    splits = [int((store.split[members] == name).sum()) for name in ("train", "dev", "test")]
    snr_db = store.snr_db[members][np.isfinite(store.snr_db[members])]
    return (
        str(len(members)),
        " / ".join(map(str, splits)),
        str(len(set(store.source_id[members].tolist()))),
        str(len(set(store.station_code[members].tolist()))),
        _range(store.magnitude[members], 1),
        _range(store.distance_km[members], 0),
        _range(store.depth_km[members], 0),
        f"{np.median(snr_db):.0f}" if len(snr_db) else ABSENT,
    )


def _range(values: np.ndarray, digits: int) -> str:
    known = values[np.isfinite(values)]
    return f"{known.min():.{digits}f} to {known.max():.{digits}f}" if len(known) else ABSENT


def _figures(sample: StoreSample, n_examples: int) -> dict[str, tuple[str, Figure, str]]:
    """Title, figure and caption by file name."""
    figures = {}
    records = record_figure(sample, n_examples)
    if records is not None:
        figures["records"] = (
            "Records",
            records,
            "Aligned on P. R points away from the source, T 90° clockwise of it seen from above.",
        )
    low_km, high_km = SPECTRUM_DISTANCE_KM
    figures["spectra"] = (
        "Spectra",
        spectrum_figure(sample),
        "a: noise records and what precedes P, all components, against the low and high noise models of "
        f"Peterson (1993). b: median of the two horizontals' RMS, records at {low_km:g} to {high_km:g} km.",
    )
    if sample.is_earthquake.any():
        figures["amplitudes"] = (
            "Amplitudes",
            amplitude_figure(sample),
            "Peak of the larger horizontal in the store's own band. Dashed: Si & Midorikawa (1999) for a "
            "crustal earthquake on stiff ground at the middle of the class and its median depth.",
        )
        figures["coverage"] = (
            "Coverage",
            coverage_figure(sample),
            "Every earthquake record; white where there is none.",
        )
    return figures
