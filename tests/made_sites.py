"""Sites north of a place, travel times of a half-space, and what is said of an earthquake below it."""

import torch

from fcn.catalogue.event import Event, Status, Update
from fcn.geometry.projection import LocalFrame
from fcn.shaking.site import Site

FRAME = LocalFrame(32.8, 130.7)
KM_PER_DEG = 110.9
VP_KMPS, VS_KMPS = 6.0, 3.5


class HalfSpace:
    """First arrivals along straight rays."""

    def between(self, source_km, station_km):
        distance_km = (station_km[..., :, None, :] - source_km[..., None, :, :]).norm(dim=-1)
        return torch.stack([distance_km / VP_KMPS, distance_km / VS_KMPS], dim=-1)

    def to(self, device):
        return self


def north(distance_km, name=None, vs30_mps=600.0):
    return Site(
        name or f"{distance_km:g} km", 32.8 + distance_km / KM_PER_DEG, 130.7, vs30_mps=float(vs30_mps)
    )


def said(
    magnitude, now_s=1002.0, event_id="1", depth_km=10.0, status=Status.UPDATE, lower_bound=False, **known
):
    event = Event(event_id, 1000.0, 32.8, 130.7, depth_km, magnitude, "M", **known)
    return Update(now_s, event, 1.0, 1.0, is_lower_bound=lower_bound, status=status)
