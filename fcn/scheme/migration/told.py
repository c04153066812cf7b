"""What the network says of volumes of one window: asked on its device, told on the host."""

from dataclasses import fields

from jaxtyping import Bool, Float
from torch import Tensor

from fcn.geometry.lattice import Lattice
from fcn.scheme.base import require_finite
from fcn.scheme.migration.migrate import Anchors, Migration
from fcn.scheme.migration.neighbourhood import pairs_of
from fcn.scheme.migration.seen import Seen
from fcn.scheme.migration.transfer import HOST, moved
from fcn.targets.location import LocationEstimate


def told(
    core: Migration,
    seen: Seen,
    anchors: Anchors,
    lattice: Lattice,
    near: Bool[Tensor, "1 volume station"],
    travel_s: Float[Tensor, "pair 2 cell"],
    kind: str,
) -> tuple[LocationEstimate, Float[Tensor, " volume"]]:
    """Where volumes have an event, and the evidence for it (0-1); all is on the host but travel_s.

    near: the stations that judge each volume. travel_s: without the stations' terms. kind: of the volumes,
    for what a broken network is told. Raises NonFiniteError where an output is no number.
    """
    pairs = pairs_of(near)
    station, time_s, first_km, spacing_km, pairs, delay_s = moved(
        travel_s.device,
        anchors.station,
        anchors.time_s,
        lattice.first_km,
        lattice.spacing_km,
        pairs,
        seen.terms.delay_s[pairs[:, 2]],
    )
    there = Lattice(first_km, spacing_km, lattice.shape)
    logits, evidence = core.volumes(
        seen.network,
        seen.features,
        seen.batch,
        Anchors(station, time_s),
        there,
        pairs,
        travel_s,
        delay_s,
    )
    require_finite(seen.batch, **{f"{kind}_volume": logits, f"{kind}_evidence": evidence})
    where = core.decode(logits, there)
    found = [getattr(where, each.name) for each in fields(where)]
    *found, evidence = moved(HOST, *found, evidence[0].sigmoid())
    return LocationEstimate(*found), evidence
