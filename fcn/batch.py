"""What a network is given and asked for; times are seconds after the window's first sample."""

import functools
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn.devices import sent
from fcn.earth.travel_time import TravelTimeTable
from fcn.types import TravelTimes


def _sent(instance: Any, device: torch.device | str, *, but: str = "") -> Any:
    """A copy whose fields are on another device, but for one."""
    changed = {
        f.name: sent(value, device) if isinstance(value, Tensor) else value.to(device)
        for f in fields(instance)
        if f.name != but and hasattr(value := getattr(instance, f.name), "to")
    }
    return replace(instance, **changed)


def _pinned(instance: Any) -> Any:
    """A copy whose fields, as far as they can be, are in page-locked memory."""
    pinned = {
        f.name: value.pin_memory()
        for f in fields(instance)
        if hasattr(value := getattr(instance, f.name), "pin_memory")
    }
    return replace(instance, **pinned)


def _rows(instance: Any, rows: slice) -> Any:
    """A copy with these rows of every tensor."""
    tensors = {f.name: getattr(instance, f.name) for f in fields(instance)}
    return replace(instance, **{k: v[rows] for k, v in tensors.items() if isinstance(v, Tensor)})


@dataclass(frozen=True)
class Targets:
    """The truth about a batch of windows.

    A window may hold several events. Event 0 on every axis is the one to locate: the latest whose first P
    is visible by now, the new one that an alarm is needed for. Distant events and those whose P came before
    the window are never it. Where no event to locate is visible, it is the one the window was drawn around,
    and `is_event` is False.

    source_km:       (batch, 3) east, north, depth of the event to locate.
    magnitude:       (batch,) of it.
    origin_time_s:   (batch,) of it.
    elapsed_s:       (batch,) "now" minus its first P at a station; negative before it.
    is_event:        (batch,) its P stands above the noise at a station by now.
    event_km:        (batch, event, 3) hypocentres of all events, also of those outside the box.
    event_magnitude, event_origin_time_s: (batch, event).
    event_released_magnitude: (batch, event) magnitude of the moment released at the source by the end of the
                     window: at most `event_magnitude`, and no more than 4 below it.
    event_exists:    (batch, event) False: the slot is empty, its other numbers mean nothing.
    p_arrival_s, s_arrival_s: (batch, station, event); also outside the window; inf without an event.
    p_snr:           (batch, station, event) peak of the 2-8 Hz signal in the first seconds after P, as far as
                     seen by now, over the standard deviation of the noise and of other events' signal
                     around P; 0 where P is yet to come.
    widened:         (batch,) share of the records outside the selection's tolerances: the nearest served.
    """

    source_km: Float[Tensor, "batch 3"]
    magnitude: Float[Tensor, " batch"]
    origin_time_s: Float[Tensor, " batch"]
    elapsed_s: Float[Tensor, " batch"]
    is_event: Bool[Tensor, " batch"]
    event_km: Float[Tensor, "batch event 3"]
    event_magnitude: Float[Tensor, "batch event"]
    event_origin_time_s: Float[Tensor, "batch event"]
    event_released_magnitude: Float[Tensor, "batch event"]
    event_exists: Bool[Tensor, "batch event"]
    p_arrival_s: Float[Tensor, "batch station event"]
    s_arrival_s: Float[Tensor, "batch station event"]
    p_snr: Float[Tensor, "batch station event"]
    widened: Float[Tensor, " batch"]

    def to(self, device: torch.device | str) -> "Targets":
        """Copy on another device."""
        return _sent(self, device)

    def pin_memory(self) -> "Targets":
        """Copy in page-locked memory."""
        return _pinned(self)


@dataclass(frozen=True)
class Ruptures:
    """Earthquakes as a network has felt them by now, whole or in the making: examples to size.

    peaks:       (rupture, station, 6, block) as those of `Batch`, the last block ends now; zero before there
                 are data, and at stations that are not there (`mask`).
    vertical:    (rupture, station) the vertical alone is known: peaks of all components are the vertical's.
    station_km:  (rupture, station, 3) east, north, down from the hypocentre; the first one exists.
    arrival_s:   (rupture, station, 2) P and S after now; negative: they have come.
    elapsed_s:   (rupture,) since the first P at one of the stations.
    magnitude, released_magnitude: (rupture,) when all is over, and of the moment released by now.
    heard_magnitude: (rupture,) of the moment that the first station can have heard of: released by
                 `elapsed_s` after the origin.
    """

    peaks: Float[Tensor, "rupture station 6 block"]
    mask: Bool[Tensor, "rupture station"]
    vertical: Bool[Tensor, "rupture station"]
    station_km: Float[Tensor, "rupture station 3"]
    arrival_s: Float[Tensor, "rupture station 2"]
    elapsed_s: Float[Tensor, " rupture"]
    magnitude: Float[Tensor, " rupture"]
    released_magnitude: Float[Tensor, " rupture"]
    heard_magnitude: Float[Tensor, " rupture"]

    def to(self, device: torch.device | str) -> "Ruptures":
        """Copy on another device."""
        return _sent(self, device)

    def pin_memory(self) -> "Ruptures":
        """Copy in page-locked memory."""
        return _pinned(self)


@dataclass(frozen=True)
class Batch:
    """Windows of networks.

    waveforms:       (batch, station, 3, time) ground velocity m/s, 2-8 Hz; Z, N, E.
    waveforms_broad: (batch, station, 3, time) the same, 0.5-9 Hz.
    station_km:      (batch, station, 3) east, north, depth.
    mask:            (batch, station) the station exists and sends data.
    known:           (batch, station, 3, time) a component is known, and so is some of what came before it
                     (`background_mps`). Waveforms are zero where nothing is known of the component.
    background_mps:  (batch, station, 2, time) slow and fast level of the 2-8 Hz velocity, m/s, from what came
                     before (`fcn.waveform.level`); 0 where unknown.
    peaks:           (batch, station, 6, past) `fcn.waveform.amplitude.AMPLITUDES`, m/s and m, in blocks of
                     `BLOCK_S`, the last of which ends at the window's end; 0 where nothing is known. They
                     may reach farther back than the window.
    travel_time:     first arrivals of each window's velocity model.
    now_s:           (batch,) float64 POSIX time at the end of each window; zero for recombined windows.
    targets:         the truth, None where it is unknown.
    ruptures:        large earthquakes to size, beside the windows; in training alone.
    station_ids:     "NET.STA", where the stations are those of a stream.
    """

    waveforms: Float[Tensor, "batch station 3 time"]
    waveforms_broad: Float[Tensor, "batch station 3 time"]
    station_km: Float[Tensor, "batch station 3"]
    mask: Bool[Tensor, "batch station"]
    known: Bool[Tensor, "batch station 3 time"]
    background_mps: Float[Tensor, "batch station 2 time"]
    peaks: Float[Tensor, "batch station 6 past"]
    travel_time: TravelTimes
    now_s: Float[Tensor, " batch"]
    targets: Targets | None = None
    ruptures: Ruptures | None = None
    station_ids: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return self.waveforms.shape[0]

    @functools.cached_property
    def heard(self) -> Bool[Tensor, "batch station time"]:
        """Where any component is known; a reduction over the three takes ten times as long."""
        up, north, east = self.known.unbind(dim=2)
        return up | north | east

    def to(self, device: torch.device | str) -> "Batch":
        """Copy on another device; clock times stay on the CPU, some devices have no float64."""
        moved: Batch = _sent(self, device, but="now_s")
        return moved

    def pin_memory(self) -> "Batch":
        """Copy in page-locked memory; the travel-time tables stay where they are."""
        pinned: Batch = _pinned(self)
        return pinned

    def window(self, index: int) -> "Batch":
        """A batch of one of the windows, sharing memory with this one.

        Raises IndexError where there is no such window, and ValueError for several windows without a
        travel-time table each.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"no window {index} in a batch of {len(self)}")
        if len(self) == 1:
            return self
        tables, rows = self.travel_time, slice(index, index + 1)
        if not isinstance(tables, TravelTimeTable):
            raise ValueError(
                f"a batch of {len(self)} windows needs travel-time tables, one per window, got "
                f"{type(tables).__name__}"
            )
        return replace(
            _rows(self, rows),
            travel_time=tables[torch.tensor([index], device=tables.model.device)],
            targets=None if self.targets is None else _rows(self.targets, rows),
        )

    def all_finite(self) -> bool:
        """No NaN or infinity in what the network is given."""
        given = [self.waveforms, self.waveforms_broad, self.background_mps, self.peaks]
        if self.ruptures is not None:
            given += [self.ruptures.peaks, self.ruptures.station_km, self.ruptures.arrival_s]
        return all(bool(torch.isfinite(values).all()) for values in given)
