"""Between the host, where picks, places and stations are compared, and the device that networks compute on.

A device is waited for at every copy: each stage of a window has one there and one back, however many
stations, picks and places there are. Where both are the same nothing is copied.
"""

from dataclasses import replace

import torch
from torch import Tensor

from fcn.batch import Batch

HOST = torch.device("cpu")


def moved(device: torch.device, *tensors: Tensor) -> tuple[Tensor, ...]:
    """Tensors of one device on another, in one copy; integers below 2**24, numbers in single precision."""
    if all(each.device == device for each in tensors):
        return tensors
    flat = torch.cat([each.flatten().float() for each in tensors]).to(device)
    parts = flat.split([each.numel() for each in tensors])
    return tuple(part.view(each.shape).to(each.dtype) for part, each in zip(parts, tensors, strict=True))


def on_host(batch: Batch) -> Batch:
    """The batch with its stations and travel times on the host; what they record stays where it is."""
    station_km, mask = moved(HOST, batch.station_km, batch.mask)
    return replace(batch, station_km=station_km, mask=mask, travel_time=batch.travel_time.to(HOST))
