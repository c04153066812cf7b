"""What the magnitude branch is trained for."""

from collections import defaultdict
from dataclasses import dataclass, field, fields, replace

import pytest
import torch
from small_migration import made_ruptures

from fcn.batch import Ruptures
from fcn.scheme.migration.migrate import Migration
from fcn.scheme.migration.sizing import Sizing


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class Watching(Migration):
    """Keeps the places it is asked to measure amplitudes for."""

    seen: dict[str, list] = field(default_factory=lambda: defaultdict(list))

    def measure(self, batch, hypocentre_km, arrival_s):
        self.seen["hypocentre_km"].append(hypocentre_km)
        return super().measure(batch, hypocentre_km, arrival_s)


@pytest.mark.parametrize("jitter_km", [(0.0, 0.0), (1.5, 4.0)])
def test_amplitudes_are_trained_about_the_hypocentre(module, batch, jitter_km):
    """As far from it as `hypocentre_jitter_km` says: a stream's are never the true ones."""
    core = Watching(*(getattr(module.scheme.core, each.name) for each in fields(Migration)))
    sizing = replace(module.scheme.objective.sizing, hypocentre_jitter_km=jitter_km)
    generator = seeded(0)
    with torch.no_grad():
        for _ in range(40):
            sizing.of_windows(core, module.network, batch, batch.targets, generator)
    off_km = torch.stack(core.seen["hypocentre_km"]) - batch.targets.event_km
    off_km = off_km[:, batch.targets.event_exists].flatten(0, 1)
    want = torch.tensor([jitter_km[0], jitter_km[0], jitter_km[1]])
    torch.testing.assert_close(off_km.std(dim=0), want, rtol=0.15, atol=1e-6)
    assert (off_km.mean(dim=0).abs() <= 0.2 * want + 1e-6).all()


def losses(module, given: Ruptures | None, sizing: Sizing | None = None) -> dict[str, float]:
    sizing = sizing or replace(
        module.scheme.objective.sizing, hypocentre_jitter_km=(0.0, 0.0), travel_time_error=0.0
    )
    with torch.no_grad():
        terms = sizing.of_ruptures(module.network, given, seeded(0))
    return {name: float(value) for name, value in terms.items()}


def test_a_magnitude_is_a_lower_bound_where_it_is_far_below_the_last_or_the_source_is_not_heard_out(module):
    """By more than 0.2, or with less than four fifths of the moment heard of: 0.0646 of a magnitude."""
    said = []
    hook = module.network.magnitude.register_forward_hook(lambda _, given, out: said.append(out.magnitude))
    losses(module, made_ruptures())
    hook.remove()

    def growing(more: float, unheard: float) -> float:
        final = said[0] + more
        return losses(module, made_ruptures(magnitude=final, heard_magnitude=final - unheard))["growing"]

    ended = growing(0.0, 0.0)
    assert growing(0.19, 0.06) == growing(-1.0, 0.06) == pytest.approx(ended)
    assert abs(growing(0.0, 0.07) - ended) > 1e-3
    assert growing(0.21, 0.0) == growing(0.0, 0.07)


def test_the_magnitude_asked_for_is_that_of_what_has_been_released(module):
    """Whatever it will be in the end."""
    one, two = (losses(module, made_ruptures(magnitude=torch.full((4,), m)))["ruptures"] for m in (7.0, 8.0))
    assert one == two
    more = losses(module, made_ruptures(released_magnitude=torch.full((4,), 9.0)))["ruptures"]
    assert abs(more - one) > 1e-3


def test_absent_stations_do_not_matter(module):
    mask = torch.tensor([[True, True, True, False, False]]).expand(4, 5)
    given = made_ruptures(mask=mask)
    wild = given.peaks.clone()
    wild[:, 3:] = 1e3
    assert losses(module, given) == pytest.approx(losses(module, replace(given, peaks=wild)), rel=1e-5)


def test_places_and_times_are_as_wrong_as_a_stream_has_them(module):
    exact = losses(module, made_ruptures())
    for change in ({"hypocentre_jitter_km": (3.0, 3.0)}, {"travel_time_error": 0.3}):
        sizing = replace(
            module.scheme.objective.sizing,
            **({"hypocentre_jitter_km": (0.0, 0.0), "travel_time_error": 0.0} | change),
        )
        assert losses(module, made_ruptures(), sizing) != exact


def test_without_ruptures_there_is_nothing_to_lose(module):
    assert losses(module, None) == {"ruptures": 0.0, "growing": 0.0}
