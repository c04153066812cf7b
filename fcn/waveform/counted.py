"""Whether samples can be the counts that a sensitivity takes them for: told before it divides them."""

import contextlib
import logging
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import obspy

from fcn.waveform.inventory import channels_of
from fcn.waveform.response import channel_response
from fcn.waveform.stored import AnyTrace, StoredStream, StoredTrace

log = logging.getLogger(__name__)

# a digitiser's own noise is more, also where somebody has filtered it; motion in m/s is far less
LEAST_COUNTS = 0.01
LEAST_PER_UNIT = 1e4  # counts per m/s or m/s2 of the least sensitive instruments
UNITS = (1e6, 1e9)  # "counts" per m/s of what is in um/s, nm/s
N_LOOKED_AT = 10_000  # samples that are not zero: as many whole numbers come from no motion by chance
PIECE = 2**18  # samples that are read at once
REMEDY = (
    "if they are motion already, give fcn.build_sequence stations as CSV, with sensitivity_counts_per_mps "
    "and sensitivity_counts_per_mps2 of one over their unit: 1 of m/s and m/s2, 1e6 of um/s, 1e9 of nm/s"
)


@dataclass
class _Samples:
    """Of one channel. scatter: standard deviation, the largest of its traces; infinite of integers."""

    scatter: float = 0.0
    are_whole: bool = True


def leave_out_motion(stream: obspy.Stream, inventory: obspy.Inventory) -> None:
    """Remove, and say, channels whose samples cannot be the counts of their sensitivity (`told_apart`); warn
    of those that hardly can."""
    small, doubtful, n_channels = told_apart(stream, inventory)
    for trace in [trace for trace in stream if trace.id in small]:
        stream.remove(trace)
    if doubtful:
        log.warning(
            "samples of %d of %d channels are no whole numbers, as counts are (%s): they are taken for "
            "counts, and divided by their sensitivity; %s",
            *(len(doubtful), n_channels, ", ".join(doubtful[:3]) + " ..." * (len(doubtful) > 3), REMEDY),
        )


def without_motion(stream: StoredStream, inventory: obspy.Inventory) -> StoredStream:
    """An archive's traces, but for the channels whose samples cannot be counts (`told_apart`)."""
    small, *_ = told_apart(_one_at_a_time(stream), inventory)
    return StoredStream(trace for trace in stream if trace.id not in small)


def _one_at_a_time(stream: StoredStream) -> Iterator[StoredTrace]:
    for trace in stream:
        yield trace
        trace.forget()  # a piece of each file of a long archive is a lot


def told_apart(
    traces: Iterable[AnyTrace], inventory: obspy.Inventory
) -> tuple[Collection[str], Sequence[str], int]:
    """Channels whose samples cannot be the counts of their sensitivity, which is logged; those whose samples
    hardly can; and how many channels there are.

    As of motion in m/s whose instrument is described beside it: it would be divided by the sensitivity again.
    Samples that are no whole numbers and scatter by less than `LEAST_COUNTS` are no counts; others that are
    no whole numbers may be counts that somebody has filtered. Raises ValueError where half of the channels,
    or more, are no counts.
    """
    samples: dict[str, _Samples] = {}
    for trace in traces:
        _look(trace, samples.setdefault(trace.id, _Samples()))
    described = _per_unit(inventory, {seed_id for seed_id, each in samples.items() if not each.are_whole})
    broken = {
        seed_id: each
        for seed_id, each in sorted(samples.items())
        if not each.are_whole
        and (per_unit := described.get(seed_id, 0.0)) > LEAST_PER_UNIT
        and not any(math.isclose(per_unit, unit) for unit in UNITS)
    }
    small = [seed_id for seed_id, each in broken.items() if 0.0 < each.scatter < LEAST_COUNTS]
    if small:
        seed_id = small[0]
        what = (
            f"samples cannot be counts: those of {seed_id} scatter by {samples[seed_id].scatter:g}, its "
            f"sensitivity is {described[seed_id]:g} counts per unit of motion"
        )
        if 2 * len(small) >= len(samples):
            raise ValueError(f"{what}, and so of {len(small)} of {len(samples)} channels; {REMEDY}")
        log.warning("%s; left out are %s; %s", what, ", ".join(small), REMEDY)
    return small, [seed_id for seed_id in broken if seed_id not in small], len(samples)


def _per_unit(inventory: obspy.Inventory, seed_ids: Collection[str]) -> dict[str, float]:
    """Counts per m/s or m/s2 of those channels of which that is known, by id."""
    found = dict[str, float]()
    for seed_id, channel in channels_of(inventory) if seed_ids else ():  # asked for each record of an archive
        if seed_id in seed_ids:
            with contextlib.suppress(ValueError):  # it will be left out, and said
                found[seed_id] = abs(channel_response(channel, seed_id).value)
    return found


def _look(trace: AnyTrace, samples: _Samples) -> None:
    if trace.data.dtype.kind != "f":
        samples.scatter = math.inf
        return
    for first in range(0, len(trace.data), PIECE):  # of an archive no more is read than tells
        known = np.ma.masked_invalid(trace.data[first : first + PIECE]).compressed()
        if len(known) < 2:
            continue
        samples.scatter = max(samples.scatter, float(known.std()))
        some = known[known != 0][:N_LOOKED_AT]
        samples.are_whole &= bool((some == np.rint(some)).all())
        if samples.scatter >= LEAST_COUNTS:
            return
