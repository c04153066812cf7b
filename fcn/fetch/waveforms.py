"""Waveforms of instruments, in pieces."""

from collections.abc import Callable, Iterator
from pathlib import Path

import obspy
from obspy import UTCDateTime

from fcn.fetch.centre import DataCentre, NoAnswerError, RefusedError
from fcn.fetch.instruments import Instrument
from fcn.fetch.pieces import Pieces, spans
from fcn.fetch.refusals import Refusals
from fcn.fetch.source import FdsnSource
from fcn.geometry.codes import check_codes
from fcn.waveform.miniseed import decode_miniseed

IN_A_ROW = 3  # pieces of an instrument that fail before the rest is left for another time
SILENT_IN_A_ROW = 3  # instruments without any answer before the data centre is taken for gone
NO_MINISEED = "the answer holds no miniSEED"


class Waveforms:
    """Fetches instruments one after the other."""

    def __init__(self, centre: DataCentre, source: FdsnSource, folder: Path, refusals: Refusals) -> None:
        self._centre, self._source, self._folder, self._refusals = centre, source, folder, refusals
        self._n_silent = 0
        self.spans = pieces_of(source)

    def fetch(self, instrument: Instrument, done: Callable[[], None]) -> bool:
        """Have all pieces of an instrument; whether there is any data. done: called after each piece.

        Raises ConnectionError where the data centre has stopped to answer.
        """
        pieces, failures, had = _pieces(self._folder, instrument), list[RefusedError](), False

        def ask(begin_s: float, end_s: float) -> bytes:
            return self._ask(instrument, begin_s, end_s)

        def fail(begin_s: float, end_s: float, error: RefusedError) -> None:
            failures.append(error)
            self._refusals.add(instrument.name, str(error), (begin_s, end_s), again=True)

        for i, span_s in enumerate(self.spans):
            n_before = len(failures)
            pieces.get(*span_s, ask, fail)
            had = had or any(True for _ in pieces.had(*span_s))
            failures = failures if len(failures) > n_before else []
            done()
            if len(failures) >= IN_A_ROW and i + 1 < len(self.spans):
                rest_s = (self.spans[i + 1][0], self.spans[-1][1])
                why = f"not asked for after {len(failures)} failures"
                self._refusals.add(instrument.name, why, rest_s, again=True)
                break
        silent = bool(failures) and not had and all(isinstance(each, NoAnswerError) for each in failures)
        self._n_silent = self._n_silent + 1 if silent else 0
        if self._n_silent >= SILENT_IN_A_ROW:
            raise ConnectionError(
                f"{self._source.client} answers no more ({failures[-1]}): what has come is kept in "
                f"{self._folder}; run the same command again to go on"
            )
        return had

    def _ask(self, instrument: Instrument, begin_s: float, end_s: float) -> bytes:
        """An answer that holds miniSEED; one that is damaged is asked for a second time."""
        network, station = instrument.station_id.split(".")
        content, sound = b"", False
        for _ in range(2):
            content = self._centre.ask(
                "dataselect",
                network=network,
                station=station,
                location=instrument.location,
                channel=f"{instrument.code}?",
                starttime=UTCDateTime(begin_s),
                endtime=UTCDateTime(end_s),
            )
            traces, damaged = decode_miniseed(content)
            sound = len(traces) > 0 and not damaged
            if sound:
                break
        if not sound and not len(decode_miniseed(content)[0]):
            raise RefusedError(NO_MINISEED)
        return content


def read_fetched(
    source: FdsnSource, folder: Path, instrument: Instrument, refusals: Refusals
) -> obspy.Stream:
    """Traces of what was fetched, each sample once; damaged records and foreign channels are refused."""
    kept, pieces = obspy.Stream(), _pieces(folder, instrument)
    for span_s in pieces_of(source):
        for begin_s, end_s, content in pieces.had(*span_s):
            traces, damaged = decode_miniseed(content)
            for why, n in damaged.items():
                refusals.add(instrument.name, f"{n} record(s) left out: {why}", (begin_s, end_s))
            # whole records come, with samples that the neighbouring pieces have, too
            traces.trim(UTCDateTime(begin_s), UTCDateTime(end_s), nearest_sample=False)
            for trace in _before(traces, end_s):
                wrong = _fault(trace, instrument)
                if wrong is None:
                    kept.append(trace)
                else:
                    refusals.add(instrument.name, wrong, (begin_s, end_s))
    return kept


def pieces_of(source: FdsnSource) -> list[tuple[float, float]]:
    """Begin and end of each piece, POSIX s."""
    return spans(*source.span_s, source.chunk_s)


def _pieces(folder: Path, instrument: Instrument) -> Pieces:
    name = f"{instrument.location or '--'}.{instrument.code}"
    return Pieces(folder / "waveforms" / instrument.station_id / name, ".mseed")


def _before(traces: obspy.Stream, end_s: float) -> Iterator[obspy.Trace]:
    """Without a sample at the end itself, which is the next piece's first."""
    for trace in traces:
        if trace.stats.endtime >= UTCDateTime(end_s):
            trace.trim(endtime=trace.stats.endtime - 0.5 * trace.stats.delta, nearest_sample=False)
        if trace.stats.npts:
            yield trace


def _fault(trace: obspy.Trace, instrument: Instrument) -> str | None:
    """Why a trace is none of an instrument; None where it is one."""
    try:
        check_codes(trace.stats, trace.id)
    except ValueError as error:
        return str(error)
    return None if trace.id[:-1] == instrument.name[:-1] else f"the answer holds {trace.id}, not asked for"
