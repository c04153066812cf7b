"""Records from any sources into one store, with progress and an account of what went in."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fcn.store.schema import StoreRecord
from fcn.store.writer import StoreWriter, kinds_of_refusals
from fcn.terminal import say, show

Report = Callable[[str, str, str], None]


@runtime_checkable
class RecordSource(Protocol):
    """Where records come from."""

    @property
    def n_expected(self) -> int:
        """How many records will come or be refused, about: for the progress bar."""
        ...

    def records(self, report: Report) -> Iterator[StoreRecord]:
        """All records; `report(source_id, station_code, reason)` for each that is left out."""
        ...


def build_store(
    sources: Mapping[str, RecordSource],
    path: Path,
    *,
    sampling_rate_hz: float,
    split_fractions: Mapping[str, float],
    seed: int,
) -> StoreWriter:
    """Write the records of all sources to a store at `path`; returns the writer with its counts.

    A record that is not as it must be is refused with the reason. Raises ValueError where none remains.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with (
        StoreWriter(path, sampling_rate_hz, split_fractions, seed) as writer,
        Progress(*columns, transient=True) as progress,
    ):
        for name, source in sources.items():
            _drain(name, source, writer, progress)
    return writer


def _drain(name: str, source: RecordSource, writer: StoreWriter, progress: Progress) -> None:
    """All records of one source."""
    task = progress.add_task(name, total=source.n_expected)

    def refuse(source_id: str, station_code: str, reason: str) -> None:
        writer.refuse(source_id, station_code, reason, name)
        progress.advance(task)

    for record in source.records(refuse):
        try:
            writer.add(record)
            progress.advance(task)
        except ValueError as error:
            refuse(record.source_id, record.station_code, str(error))


def print_summary(writer: StoreWriter) -> None:
    """What went in by source and category, and what was refused and why."""
    refused = Counter(origin for origin, *_ in writer.refused)
    names = sorted({origin for origin, _ in writer.accepted} | set(refused))
    counts = [
        (writer.accepted[name, "earthquake"], writer.accepted[name, "noise"], refused[name]) for name in names
    ]
    rows = [(name, *map(str, each)) for name, each in zip(names, counts, strict=True)]
    show(f"base store {writer.path}", ("source", "earthquakes", "noise", "refused"), rows)
    kept_apart = "sources and stations" if writer.by_station else "sources"
    say(f"splits share no {kept_apart}")
    if writer.refused:
        header = ("source", "how many", "reason, of the first", "its record and station")
        title = "refused (each of them in refused.csv)"
        rows = [(origin, str(n), why, record) for origin, n, why, record in kinds_of_refusals(writer.refused)]
        show(title, header, rows, left=(0, 2, 3), prose=(2, 3))
