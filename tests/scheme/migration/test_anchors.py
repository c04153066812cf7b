"""True and false anchors to train on."""

from dataclasses import replace

import pytest
import torch

from fcn.assemble import build_datamodule
from fcn.batch import Batch
from fcn.scheme.migration.anchors import AnchorPrior, draw
from fcn.seeding import Purpose

RATE_HZ = 20.0
N_SAMPLES = 600


@pytest.fixture(scope="module")
def batch(config, toy_store) -> Batch:
    data = build_datamodule(config, toy_store).recombined(Purpose.TRAIN, "train")
    return data.__getitems__([(0, i) for i in range(24)])


def prior(**changes) -> AnchorPrior:
    given = AnchorPrior(
        true_share=[1.0, 0.0, 0.5],
        false_kinds=[1.0, 1.0, 1.0],
        jitter_s=0.05,
        s_jitter_s=0.1,
        visible_snr=2.0,
        apart_s=0.7,
    )
    return replace(given, **changes)


def drawn(batch: Batch, station_p: torch.Tensor | None = None, seed: int = 0, **changes):
    if station_p is None:
        station_p = torch.zeros(*batch.mask.shape, N_SAMPLES)
    generator = torch.Generator().manual_seed(seed)
    return draw(
        batch.targets, batch.mask, station_p, prior(**changes), sampling_rate_hz=RATE_HZ, generator=generator
    )


def off_p_s(batch: Batch, anchors) -> torch.Tensor:
    """To the nearest P of any event at the anchor's station, (batch, anchor)."""
    p_s = torch.gather(
        batch.targets.p_arrival_s,
        1,
        anchors.station[..., None].expand(-1, -1, batch.targets.p_arrival_s.shape[2]),
    )
    return (p_s - anchors.time_s[..., None]).abs().amin(dim=-1)


def test_true_anchors_are_visible_p_arrivals(batch):
    anchors = drawn(batch)
    true = anchors.event >= 0
    assert true[:, 0].sum() > 10
    assert not true[:, 1].any()
    b, a = true.nonzero(as_tuple=True)
    station, event = anchors.station[b, a], anchors.event[b, a]
    assert (batch.targets.p_snr[b, station, event] > 2.0).all()
    off_s = anchors.time_s[b, a] - batch.targets.p_arrival_s[b, station, event]
    assert off_s.abs().max() < 0.25
    assert off_s.std() == pytest.approx(0.05, rel=0.5)


def test_no_valid_false_anchor_lies_near_any_p(batch):
    for seed in range(5):
        anchors = drawn(batch, seed=seed, true_share=[0.0, 0.0, 0.0, 0.0])
        assert (off_p_s(batch, anchors)[anchors.valid] >= 0.7).all()
        assert batch.mask[torch.arange(24)[:, None].expand(-1, 4), anchors.station][anchors.valid].all()


def test_false_anchors_can_be_s_arrivals(batch):
    anchors = drawn(batch, false_kinds=[1.0, 0.0, 0.0], true_share=[0.0] * 6)
    s_s = torch.gather(
        batch.targets.s_arrival_s, 1, anchors.station[..., None].expand(-1, -1, batch.targets.p_snr.shape[2])
    )
    inside = ((batch.targets.s_arrival_s > 0) & (batch.targets.s_arrival_s < 30)).flatten(1).any(dim=1)
    off_s = (s_s - anchors.time_s[..., None]).abs().amin(dim=-1)[inside]
    assert off_s.median() < 0.2


def test_false_anchors_are_the_networks_own_wrong_picks(batch):
    station_p = torch.full((*batch.mask.shape, N_SAMPLES), -20.0)
    station_p[:, :, 123] = 5.0
    anchors = drawn(batch, station_p, false_kinds=[0.0, 1.0, 0.0], true_share=[0.0, 0.0])
    free = anchors.valid & (off_p_s(batch, anchors) >= 0.7)
    assert (anchors.time_s[free] - 123 / RATE_HZ).abs().median() == 0.0


def test_the_same_generator_draws_the_same(batch):
    one, two, other = drawn(batch, seed=3), drawn(batch, seed=3), drawn(batch, seed=4)
    assert torch.equal(one.time_s, two.time_s)
    assert not torch.equal(one.time_s, other.time_s)


@pytest.mark.parametrize("changes", [{"true_share": []}, {"true_share": [1.5]}, {"false_kinds": [0, 0, 0]}])
def test_impossible_priors_are_refused(changes):
    with pytest.raises(ValueError, match="anchors"):
        prior(**{name: [float(v) for v in value] for name, value in changes.items()})
