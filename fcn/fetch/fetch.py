"""A region and time from a data centre: first what is small, then waveforms; what comes is kept at once."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import obspy
from obspy.core.inventory import Inventory
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fcn.catalogue.event import Catalogue
from fcn.catalogue.phase import PhasePick
from fcn.fetch.centre import DataCentre
from fcn.fetch.events import fetch_events
from fcn.fetch.instruments import Instrument
from fcn.fetch.pieces import go_on
from fcn.fetch.refusals import Refusals
from fcn.fetch.source import FdsnSource
from fcn.fetch.stations import Candidates, described, merged, select
from fcn.fetch.waveforms import Waveforms, read_fetched
from fcn.waveform.archive import write_sds
from fcn.waveform.response import describe

log = logging.getLogger(__name__)

NO_DATA = "no data in that time"


class Fetch:
    """One fetch: what is asked for, and what became of it.

    folder: where whatever comes is kept until it is written. catalogue: None where no event service was to be
    asked. refusals: what could not be had so far.
    """

    def __init__(self, source: FdsnSource, folder: Path) -> None:
        self.source, self.folder = source, folder
        self.catalogue: Catalogue | None = None
        self.picks: Mapping[str, Sequence[PhasePick]] = {}
        self.refusals = Refusals()
        self._inventories: dict[str, Inventory] = {}
        self._delivered: list[Instrument] = []

    def run(self) -> None:
        """Ask for all that is not there yet.

        Raises ValueError for a folder of another fetch, for a region without stations, and where no waveforms
        came; ConnectionError where the data centre cannot be reached or asked; RefusedError where it does not
        tell its stations or events.
        """
        source = self.source
        go_on(self.folder, source.asked)
        own_events = source.event_client == source.client
        services = ("dataselect", "station", *(("event",) if own_events else ()))
        centre = self._centre(source.client, services, source.credentials_file, "source.client")
        candidates = select(centre, source, self.folder, self.refusals)
        if source.event_client is not None:
            events = centre
            if not own_events:
                events = self._centre(source.event_client, ("event",), None, "source.event_client")
            self.catalogue, self.picks = fetch_events(events, source, self.folder, self.refusals)
            log.info("%d events, %d stations", len(self.catalogue), len(candidates))
        self._inventories = described(centre, source, self.folder, candidates, self.refusals)
        self._fetch_waveforms(centre, {name: candidates[name] for name in self._inventories})
        if not self._delivered:
            last = self.refusals[-1]
            raise ValueError(
                f"{source.client} gives no waveforms of the {len(candidates)} stations in {source.area}, "
                f"{source.start} to {source.end} ({last.what}: {last.reason}): choose another time or other "
                "source.channels, or give source.credentials_file where they are restricted"
            )

    def write(self, waveforms: Path) -> tuple[Inventory, Counter[str]]:
        """Write what came as an SDS archive; returns what describes its channels, and their samples.

        Channels that StationXML does not describe are refused. Raises ValueError where no other came.
        """
        counts: Counter[str] = Counter()
        for instrument in self._delivered:
            inventory, kept = self._inventories[instrument.station_id], obspy.Stream()
            stream = read_fetched(self.source, self.folder, instrument, self.refusals)
            for seed_id, traces in _by_id(stream).items():
                span_s = (
                    min(trace.stats.starttime for trace in traces).timestamp,
                    max(trace.stats.endtime for trace in traces).timestamp,
                )
                try:
                    describe(inventory, seed_id, *span_s)
                except ValueError as error:
                    self.refusals.add(seed_id, str(error))
                    continue
                kept += traces
                counts[seed_id] = sum(trace.stats.npts for trace in traces)
            write_sds(kept, waveforms)
        if not counts:
            last = self.refusals[-1]
            raise ValueError(f"no waveforms that {self.source.client} gives can be used: {last.reason}")
        return merged(list(self._inventories.values()), set(counts)), counts

    def _fetch_waveforms(self, centre: DataCentre, candidates: Candidates) -> None:
        """Of each kind of instrument of a station the first that delivers."""
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        waveforms = Waveforms(centre, self.source, self.folder, self.refusals)
        n_pieces = len(waveforms.spans)
        with Progress(*columns, transient=True) as progress:
            n_kinds = sum(len(kinds) for kinds in candidates.values())
            task = progress.add_task("fetching", total=n_kinds * n_pieces)
            for n_done, kind in enumerate(kind for kinds in candidates.values() for kind in kinds):
                for instrument in kind:
                    progress.update(task, description=instrument.name, completed=n_done * n_pieces)
                    if waveforms.fetch(instrument, lambda: progress.advance(task)):
                        self._delivered.append(instrument)
                        break
                    if not any(each.what == instrument.name for each in self.refusals):
                        self.refusals.add(instrument.name, NO_DATA)

    def _centre(
        self, name: str, services: tuple[str, ...], credentials_file: str | None, key: str
    ) -> DataCentre:
        manners = {key: getattr(self.source, key) for key in ("timeout_s", "n_retries", "pause_s")}
        return DataCentre(name, services, **manners, credentials_file=credentials_file, key=key)


def _by_id(stream: obspy.Stream) -> dict[str, obspy.Stream]:
    found: dict[str, obspy.Stream] = {}
    for trace in stream:
        found.setdefault(trace.id, obspy.Stream()).append(trace)
    return found
