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

LONGEST_P_S = 1220.0  # anywhere on Earth: PKIKP takes 1212 s to 180 deg (iasp91)


def with_computed_first_p(sequence: Sequence, travel_time: TravelTimes) -> Sequence:
    """The sequence with a catalogue whose events have a first P wherever one can be computed.

    It is the earliest P at the stations that deliver when it arrives, and marked as computed; a first P that
    is known stays. An event beyond the travel times has none, and how many such there are is logged; nor has
    one whose P no station records.
    travel_time: first arrivals of the sequence's velocity model, for batches of one window.
    """
    catalogue = sequence.catalogue
    if catalogue is None or all(event.first_p_time_s is not None for event in catalogue):
        return sequence
    delivers = sequence.valid
    end_s = sequence.start_time_s + sequence.n_samples / sequence.sampling_rate_hz
    events, beyond = list[Event](), list[str]()
    for event in catalogue:
        # a national catalogue holds decades
        may_arrive = sequence.start_time_s - LONGEST_P_S <= event.origin_time_s < end_s
        if event.first_p_time_s is None and may_arrive:
            try:
                first_s = _first_p_s(event, sequence, travel_time, delivers)
                event = replace(event, first_p_time_s=first_s, first_p_is_computed=first_s is not None)
            except ValueError as error:  # outside the table or the grid
                beyond.append(f"{event.event_id}: {error}")
        events.append(event)
    if beyond:
        log.warning("no first P is computed of %d catalogued event(s), as %s", len(beyond), beyond[0])
    return replace(sequence, catalogue=catalogue.of(events))


def _first_p_s(
    event: Event, sequence: Sequence, travel_time: TravelTimes, delivers: Bool[np.ndarray, "station time"]
) -> float | None:
    place = (np.array([event.latitude_deg]), np.array([event.longitude_deg]))
    east_km, north_km = (float(axis[0]) for axis in sequence.frame.to_local_km(*place))
    source_km = torch.tensor([[[east_km, north_km, event.depth_km]]], dtype=torch.float32)
    station_km = torch.as_tensor(sequence.station_km, dtype=torch.float32)[None]
    travel_s = travel_time.between(source_km, station_km)[0, :, 0, 0].double().numpy()
    arrival_s = event.origin_time_s + travel_s
    sample = np.floor((arrival_s - sequence.start_time_s) * sequence.sampling_rate_hz)
    inside = np.isfinite(sample) & (sample >= 0) & (sample < sequence.n_samples)
    rows = np.flatnonzero(inside)
    rows = rows[delivers[rows, sample[rows].astype(int)]]
    return float(arrival_s[rows].min()) if len(rows) else None
