"""Arrivals, what can be seen of them, and which event is to be located."""

import pytest
import torch
from recombined import dataset

from fcn.batch import Batch
from fcn.recombine.dataset import RecombinedDataset
from fcn.recombine.priors import KINDS


@pytest.fixture(scope="module")
def recombined(toy_store) -> RecombinedDataset:
    return dataset(toy_store)


@pytest.fixture(scope="module")
def batch(recombined) -> Batch:
    return recombined.__getitems__([(0, i) for i in range(48)])


def test_the_first_p_is_where_elapsed_says(batch):
    first_s = batch.targets.p_arrival_s[..., 0].masked_fill(~batch.mask, torch.inf).amin(dim=1)
    torch.testing.assert_close(first_s, 30.0 - batch.targets.elapsed_s, atol=1e-4, rtol=0)


def test_arrivals_follow_the_velocity_model_within_the_residual(recombined, batch):
    travel_s = batch.travel_time.between(batch.targets.source_km[:, None], batch.station_km)[:, :, 0, 0]
    residual_s = batch.targets.p_arrival_s[..., 0] - batch.targets.origin_time_s[:, None] - travel_s
    spread_s = float(residual_s[batch.mask].std())
    assert spread_s == pytest.approx(recombined.recipe.events.arrival_residual_s, rel=0.2)


def test_clock_errors_move_what_is_recorded_and_the_targets_alike(toy_store):
    """Without noise, toy records are silent before P."""
    alone = ("data.noise_gain=0", "data.events.overlap_share=0", "data.events.elapsed_s=[15,15]")
    good, bad = (
        dataset(toy_store, f"data.faults.clock={share}", "data.faults.clock_off=0", *alone).__getitems__(
            [(0, i) for i in range(8)]
        )
        for share in (0, 1)
    )
    moved_s = (bad.targets.p_arrival_s - good.targets.p_arrival_s)[..., 0]
    assert float(moved_s[good.mask].std()) == pytest.approx(0.3, rel=0.3)
    torch.testing.assert_close(bad.targets.origin_time_s, good.targets.origin_time_s)
    least = 1e-3 * good.waveforms.abs().amax(dim=(2, 3))[..., None]
    onset_s = [(each.waveforms.abs().amax(dim=2) > least).float().argmax(dim=-1) / 20 for each in (good, bad)]
    seen = good.mask & (good.targets.p_arrival_s[..., 0] < 25)
    assert seen.sum() > 30
    off_s = (onset_s[1] - onset_s[0] - moved_s)[seen]
    assert off_s.abs().max() <= 0.0501  # both are placed on whole samples


def test_snr_counts_only_what_has_been_seen(batch):
    unseen = batch.targets.p_arrival_s > 30.0
    assert batch.targets.p_snr[unseen].max() == 0
    assert (batch.targets.p_snr[batch.mask][:, 0] > 3).any()


def test_the_latest_event_seen_so_far_is_the_one_to_locate(toy_store):
    """It comes first on every axis of events; the truth of every event is kept."""
    made = dataset(toy_store, "data.events.overlap_share=1", "data.events.elapsed_s=[2,25]")
    batch = made.__getitems__([(0, i) for i in range(48)])
    targets = batch.targets
    assert torch.equal(targets.event_km[:, 0], targets.source_km)
    assert torch.equal(targets.event_magnitude[:, 0], targets.magnitude)
    assert torch.equal(targets.event_origin_time_s[:, 0], targets.origin_time_s)
    first_s = targets.p_arrival_s.masked_fill(~batch.mask[..., None], torch.inf).amin(dim=1)
    seen = (targets.p_snr > 3.0).any(dim=1) & targets.event_exists
    outside = targets.event_km[..., :2].abs().amax(dim=-1) > 40
    candidate = seen & (targets.event_origin_time_s > -15) & ~outside & (first_s > 0)
    latest = torch.where(candidate, first_s, -torch.inf)
    several = candidate.sum(dim=1) > 1
    assert several.sum() > 10
    assert float((latest.argmax(dim=1) == 0)[several].float().mean()) > 0.9  # a clock may be wrong
    assert not (targets.elapsed_s[targets.is_event] < 0).any()
    assert (targets.elapsed_s[targets.is_event] <= 30).all()  # its P is in the window


@pytest.mark.parametrize("kind", ["coda", "distant"])
def test_other_events_are_targets_of_picks_alone(toy_store, kind):
    only = ",".join(f"{name}: {float(name == kind)}" for name in KINDS)
    made = dataset(
        toy_store,
        f"data.events.kinds={{{only}}}",
        "data.events.overlap_share=1",
        "data.events.elapsed_s=[-4,-1]",  # the first event is yet to come
        "data.events.overlap_delay_s=[-20,-15]",
    )
    targets = made.__getitems__([(0, i) for i in range(12)]).targets
    assert not targets.is_event.any()
    assert (targets.p_snr[..., 1:] > 3.0).any()
    assert targets.event_exists[:, 1].all()


def test_without_residuals_arrivals_are_the_velocity_models(toy_store):
    targets = (batch := dataset(toy_store, "data.events.arrival_residual_s=0").__getitems__([(0, 0)])).targets
    travel_s = batch.travel_time.between(targets.event_km, batch.station_km)
    want = targets.event_origin_time_s[:, None, :, None] + travel_s
    there = targets.event_exists[:, None].expand_as(targets.p_snr)
    torch.testing.assert_close(targets.p_arrival_s[there], want[..., 0][there], atol=1e-4, rtol=0)
    torch.testing.assert_close(targets.s_arrival_s[there], want[..., 1][there], atol=1e-4, rtol=0)


def test_another_events_signal_counts_as_noise(toy_store):
    """The same event with and without others before it: its ratio can only fall."""
    common = ("data.events.elapsed_s=[3,20]", "data.events.overlap_delay_s=[-8,-2]")
    alone, among = (
        dataset(toy_store, *common, f"data.events.overlap_share={share}").__getitems__(
            [(0, i) for i in range(24)]
        )
        for share in (0, 1)
    )
    # the first event drawn is the latest, and so the one to locate where it is seen
    same = (alone.targets.source_km == among.targets.source_km).all(dim=1)
    before, after = alone.targets.p_snr[same][..., 0], among.targets.p_snr[same][..., 0]
    assert same.sum() > 5
    assert (after <= before * (1 + 1e-4)).all()
    assert (after[before > 0] < 0.5 * before[before > 0]).float().mean() > 0.3
