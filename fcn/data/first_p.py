"""First P of catalogued events whose catalogue has no picks, from the velocity model and the stations."""

import logging
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool

from fcn.catalogue.event import Event
from fcn.data.sequences import Sequence
from fcn.types import TravelTimes

log = logging.getLogger(__name__)


def with_computed_first_p(sequence: Sequence, travel_time: TravelTimes) -> Sequence:
    """The sequence with a catalogue whose events have a first P wherever one can be computed.

    It is the earliest P at the stations that deliver when it arrives, and marked as computed; a first P that
    is known stays. An event beyond the travel times, or whose P no station records, has none.
    travel_time: first arrivals of the sequence's velocity model, for batches of one window.
    """
    catalogue = sequence.catalogue
    if catalogue is None or all(event.first_p_time_s is not None for event in catalogue):
        return sequence
    delivers = sequence.valid
    events = []
    for event in catalogue:
        if event.first_p_time_s is None:
            first_s = _first_p_s(event, sequence, travel_time, delivers)
            is_computed = first_s is not None
            event = replace(event, first_p_time_s=first_s, first_p_is_computed=is_computed)
        events.append(event)
    return replace(sequence, catalogue=catalogue.of(events))


def _first_p_s(
    event: Event, sequence: Sequence, travel_time: TravelTimes, delivers: Bool[np.ndarray, "station time"]
) -> float | None:
    place = (np.array([event.latitude_deg]), np.array([event.longitude_deg]))
    east_km, north_km = (float(axis[0]) for axis in sequence.frame.to_local_km(*place))
    source_km = torch.tensor([[[east_km, north_km, event.depth_km]]], dtype=torch.float32)
    station_km = torch.as_tensor(sequence.station_km, dtype=torch.float32)[None]
    try:
        travel_s = travel_time.between(source_km, station_km)[0, :, 0, 0].double().numpy()
    except ValueError as error:  # outside the table or the grid
        log.warning("no first P is computed of catalogued event %s: %s", event.event_id, error)
        return None
    arrival_s = event.origin_time_s + travel_s
    sample = np.floor((arrival_s - sequence.start_time_s) * sequence.sampling_rate_hz)
    inside = np.isfinite(sample) & (sample >= 0) & (sample < sequence.n_samples)
    rows = np.flatnonzero(inside)
    rows = rows[delivers[rows, sample[rows].astype(int)]]
    return float(arrival_s[rows].min()) if len(rows) else None
