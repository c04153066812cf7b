"""Swarms in the place of other events."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import resolved

from fcn.config import build
from fcn.recombine.scene import Scene, draw_scene
from fcn.recombine.swarms import SwarmPrior, with_swarms
from fcn.seeding import Purpose, derive_rng

DEPTH_KM = (1.0, 25.0)


@pytest.fixture(scope="module")
def prior() -> SwarmPrior:
    return replace(build(resolved("train")["data"]["swarms"]), share=1.0)


def rngs(n: int) -> list[np.random.Generator]:
    return [derive_rng(0, Purpose.TRAIN, 0, i) for i in range(n)]


@pytest.fixture(scope="module")
def scene() -> Scene:
    config = resolved("train")
    stations, events = build(config["stations"]), build(config["data"]["events"])
    given = {"half_width_km": (40.0, 60.0), "window_s": 30.0, "n_models": 4}
    return draw_scene(rngs(600), stations, events, **given)


def test_swarms_have_their_share_of_windows(scene, prior):
    made = with_swarms(scene, rngs(600), replace(prior, share=0.3), depth_km=DEPTH_KM)
    changed = (made.source_km != scene.source_km).any(dim=(1, 2))
    assert float(changed.float().mean()) == pytest.approx(0.3, abs=0.06)
    kept = ~changed
    for name in ("magnitude", "first_p_s", "exists", "locatable"):
        assert torch.equal(getattr(made, name)[kept], getattr(scene, name)[kept])
    none = with_swarms(scene, rngs(600), replace(prior, share=0.0), depth_km=DEPTH_KM)
    assert torch.equal(none.source_km, scene.source_km)


def test_events_of_a_swarm_are_at_one_place_and_of_one_size(scene, prior):
    made = with_swarms(scene, rngs(600), replace(prior, least=-9.0), depth_km=DEPTH_KM)
    assert torch.equal(made.source_km[:, 0], scene.source_km[:, 0])
    away_km = (made.source_km[:, 1:] - made.source_km[:, :1])[..., :2].flatten(1).std(dim=1)
    assert away_km.quantile(0.05) < 0.6
    assert away_km.quantile(0.95) > 3.0
    assert DEPTH_KM[0] <= made.source_km[..., 2].min() <= made.source_km[..., 2].max() <= DEPTH_KM[1]
    assert float(made.magnitude.std(dim=1).square().mean().sqrt()) == pytest.approx(prior.scatter, rel=0.1)


def test_swarms_are_as_small_as_their_stations_are_near(scene, prior):
    narrow = replace(prior, scatter=0.0, magnitude=(1.0, 1.0))
    magnitude = with_swarms(scene, rngs(600), narrow, depth_km=DEPTH_KM).magnitude[:, 0]
    away_km = (scene.station_km - scene.source_km[:, :1]).norm(dim=2).masked_fill(~scene.mask, torch.inf)
    third_km = away_km.kthvalue(3, dim=1).values
    torch.testing.assert_close(magnitude, (1 + 1.5 * (third_km / 10).log10()).clamp_min(0.0))


def test_a_swarm_goes_on_about_its_first_event(scene, prior):
    made = with_swarms(scene, rngs(600), replace(prior, gap_s=(10.0, 10.0)), depth_km=DEPTH_KM)
    assert torch.equal(made.first_p_s[:, 0], scene.first_p_s[:, 0])
    delay_s = made.first_p_s[:, 1:] - made.first_p_s[:, :1]
    for event, between_s in enumerate([(6, 14), (-14, -6), (-28, -12)]):
        assert between_s[0] <= delay_s[:, event].min() < between_s[0] + 1
        assert between_s[1] - 1 < delay_s[:, event].max() <= between_s[1]
    counts = torch.bincount(made.exists.sum(dim=1), minlength=5)
    assert counts[0] == 0
    assert (counts[1:5] > 20).all()
    assert torch.equal(made.locatable, made.exists & (made.first_p_s >= 0))


def test_a_swarm_depends_on_its_generator_alone(scene, prior):
    again = with_swarms(scene, rngs(600), prior, depth_km=DEPTH_KM)
    other = with_swarms(scene, rngs(600)[::-1], prior, depth_km=DEPTH_KM)
    middle = with_swarms(scene, [*rngs(599), np.random.default_rng(5)], prior, depth_km=DEPTH_KM)
    assert torch.equal(again.first_p_s[:599], middle.first_p_s[:599])
    assert not torch.equal(again.first_p_s, other.first_p_s)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"share": 1.5}, "share"), ({"gap_s": (0.0, 5.0)}, "gap_s"), ({"spread_km": (2.0, 1.0)}, "low <= high")],
)
def test_impossible_swarms_are_refused(prior, change, message):
    with pytest.raises(ValueError, match=message):
        replace(prior, **change)
