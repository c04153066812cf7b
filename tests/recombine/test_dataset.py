import numpy as np
import pytest
import torch
from toy import small_training, write_toy_store

from fcn.assemble import build_datamodule
from fcn.batch import Batch
from fcn.recombine.dataset import EpochSampler, RecombinedDataset
from fcn.seeding import Purpose

SOUND = tuple(
    f"data.faults.{name}=0" for name in ("gap", "dead", "spike", "step", "clip", "swap", "reverse", "clock")
)


def dataset(store, *overrides: str) -> RecombinedDataset:
    """Examples without faults, unless the overrides say otherwise."""
    module = build_datamodule(small_training(store, *SOUND, *overrides), store)
    return module.recombined(Purpose.TRAIN, "train")


@pytest.fixture(scope="module")
def recombined(toy_store) -> RecombinedDataset:
    return dataset(toy_store)


@pytest.fixture(scope="module")
def batch(recombined) -> Batch:
    return recombined.__getitems__([(0, i) for i in range(48)])


def same(first: Batch, second: Batch) -> bool:
    return (
        torch.equal(first.waveforms, second.waveforms)
        and torch.equal(first.waveforms_broad, second.waveforms_broad)
        and torch.equal(first.targets.source_km, second.targets.source_km)
        and torch.equal(first.station_km, second.station_km)
    )


def test_a_batch_has_the_shapes_of_the_contract(batch):
    n, rows = 48, 12
    assert batch.waveforms.shape == batch.waveforms_broad.shape == (n, rows, 3, 600)
    assert batch.station_km.shape == (n, rows, 3)
    assert batch.mask.shape == (n, rows)
    assert batch.targets.p_arrival_s.shape == (n, rows, 4)
    assert batch.targets.event_km.shape == (n, 4, 3)
    assert batch.all_finite()


def test_absent_stations_are_silent_and_present_ones_are_not(batch):
    assert batch.waveforms[~batch.mask].abs().max() == 0
    assert batch.waveforms[batch.mask].abs().amax(dim=(1, 2)).min() > 0


def test_the_first_p_is_where_elapsed_says(batch):
    first_s = batch.targets.p_arrival_s[..., 0].masked_fill(~batch.mask, torch.inf).amin(dim=1)
    torch.testing.assert_close(first_s, 30.0 - batch.targets.elapsed_s, atol=1e-4, rtol=0)


def test_arrivals_follow_the_velocity_model_within_the_residual(recombined, batch):
    travel_s = batch.travel_time.between(batch.targets.source_km[:, None], batch.station_km)[:, :, 0, 0]
    residual_s = batch.targets.p_arrival_s[..., 0] - batch.targets.origin_time_s[:, None] - travel_s
    spread_s = float(residual_s[batch.mask].std())
    assert spread_s == pytest.approx(recombined.recipe.events.arrival_residual_s, rel=0.2)


def test_p_onsets_are_where_the_targets_say(toy_store):
    """Toy records are silent before P: without noise the first motion must fall on the target."""
    quiet = dataset(toy_store, "data.events.overlap_share=0", "data.events.magnitude=[5,6]")
    quiet.open()
    quiet._noise.density *= 1e-12
    batch = quiet.__getitems__([(0, i) for i in range(24)])
    arrival = batch.targets.p_arrival_s[..., 0]
    inside = batch.mask & (arrival > 1) & (arrival < 29)
    level = batch.waveforms.abs().amax(dim=2)
    moved = level > 1e-3 * level.amax(dim=-1, keepdim=True)
    onset_s = moved.float().argmax(dim=-1) / 20
    error_s = (onset_s - arrival)[inside]
    assert inside.sum() > 100
    assert float(error_s.abs().median()) < 0.05
    assert float(error_s.quantile(0.05)) > -0.05  # nothing before P


def test_radial_motion_points_along_the_line_from_source_to_station(tmp_path):
    """Records with motion along R only: the horizontal motion's azimuth is the station's."""
    store = write_toy_store(tmp_path / "radial", n_records=200, radial=True)
    made = dataset(store, "data.events.overlap_share=0", "data.events.elapsed_s=[15,25]")
    made.open()
    made._noise.density *= 1e-12
    batch = made.__getitems__([(0, i) for i in range(16)])
    loud = batch.mask & (batch.targets.p_snr[..., 0] > 100)
    _, north, east = batch.waveforms.double().unbind(dim=2)
    # the axis of the motion, as an angle modulo 180 degrees
    axis = 0.5 * torch.atan2(2 * (north * east).sum(-1), (north**2 - east**2).sum(-1))
    offset_km = batch.station_km[..., :2] - batch.targets.source_km[:, None, :2]
    azimuth = torch.atan2(offset_km[..., 0], offset_km[..., 1])
    wrong = torch.remainder(axis - azimuth + torch.pi / 2, torch.pi) - torch.pi / 2
    assert loud.sum() > 50
    assert wrong[loud].abs().max() < 0.02


def test_examples_depend_on_their_key_alone(recombined, batch):
    alone = recombined.__getitems__([(0, 7)])
    n = int(alone.mask.sum())
    assert torch.equal(alone.waveforms[0], batch.waveforms[7, :n])
    again = recombined.__getitems__([(0, i) for i in range(48)])
    assert same(batch, again)
    other = recombined.__getitems__([(1, i) for i in range(48)])
    assert not torch.equal(other.targets.source_km, batch.targets.source_km)


@pytest.mark.parametrize("workers", [1, 3])
def test_the_same_examples_for_any_number_of_workers(toy_store, workers):
    def epoch(n_workers: int) -> list[Batch]:
        config = small_training(toy_store, "data.examples_per_epoch=16", f"data.workers={n_workers}")
        return list(build_datamodule(config, toy_store).train_dataloader())

    for here, there in zip(epoch(0), epoch(workers), strict=True):
        assert same(here, there)


def test_nothing_after_now_is_in_a_window(toy_store):
    """The same scene with an earlier 'now' is the same window, shifted."""
    late = dataset(toy_store, "data.events.elapsed_s=[12,12]", "data.events.overlap_share=0")
    early = dataset(toy_store, "data.events.elapsed_s=[5,5]", "data.events.overlap_share=0")
    for made in (late, early):
        made.open()
        made._noise.density *= 1e-12
    long, short = (made.__getitems__([(0, i) for i in range(4)]).waveforms for made in (late, early))
    shift = 7 * 20
    scale = long.abs().amax()
    # apart from the records' sub-sample rounding, what was seen by the earlier now does not change
    torch.testing.assert_close(long[..., :-shift] / scale, short[..., shift:] / scale, atol=2e-3, rtol=0)


def test_clock_errors_move_what_is_recorded_and_the_targets_alike(toy_store):
    """Without noise, toy records are silent before P."""
    alone = ("data.noise_gain=0", "data.events.overlap_share=0", "data.events.elapsed_s=[15,15]")
    good, bad = (
        dataset(toy_store, f"data.faults.clock={share}", *alone).__getitems__([(0, i) for i in range(8)])
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


def test_faults_change_the_waveforms_and_nothing_else(toy_store):
    good, bad = (
        # one event a window: of several, the one to locate comes first, and a gap may hide it
        dataset(toy_store, f"data.faults.gap={share}", "data.events.overlap_share=0").__getitems__(
            [(0, i) for i in range(40)]
        )
        for share in (0, 1)
    )
    assert torch.equal(good.targets.p_arrival_s, bad.targets.p_arrival_s)
    silent = (bad.waveforms == 0).all(dim=2) & good.mask[..., None]
    assert silent.any(dim=-1)[good.mask].float().mean() > 0.9
    kept = ~silent[:, :, None].expand_as(bad.waveforms) & good.mask[..., None, None]
    torch.testing.assert_close(bad.waveforms[kept], good.waveforms[kept])
    assert (bad.targets.p_snr <= good.targets.p_snr + 1e-6).all()


def test_snr_counts_only_what_has_been_seen(batch):
    unseen = batch.targets.p_arrival_s > 30.0
    assert batch.targets.p_snr[unseen].max() == 0
    assert (batch.targets.p_snr[batch.mask][:, 0] > 3).any()


def test_every_station_count_layout_and_elapsed_time_is_reached(recombined):
    from fcn.recombine.priors import draw_scene
    from fcn.seeding import derive_rng

    rngs = [derive_rng(0, Purpose.TRAIN, 0, i) for i in range(2000)]
    recipe = recombined.recipe
    scene = draw_scene(
        rngs, recipe.stations, recipe.events, half_width_km=recipe.box_km, window_s=30.0, n_models=2
    )
    counts = np.bincount(scene.mask.sum(dim=1).numpy(), minlength=13)[6:]
    expected = 2000 / 7
    assert ((counts - expected) ** 2 / expected).sum() < 22.5  # 99.9 %, 6 degrees of freedom
    elapsed = 30.0 - scene.first_p_s[:, 0].numpy()
    bins = np.histogram(elapsed, bins=10, range=recipe.events.elapsed_s)[0]
    assert ((bins - 200) ** 2 / 200).sum() < 27.9  # 99.9 %, 9 degrees of freedom
    assert abs(float(scene.exists[:, 1].float().mean()) - recipe.events.overlap_share) < 0.035


def test_widened_choices_are_counted(toy_store):
    def widened(width: float, limit: float) -> torch.Tensor:
        names = ("log_distance", "depth_km", "magnitude", "log_s_minus_p")
        made = dataset(
            toy_store,
            "data.events.elapsed_s=[20,25]",
            *(f"data.tolerances.{name}={width}" for name in names),
            f"data.limits={{magnitude: {limit}, log_s_minus_p: {limit}, noise_gain_db: 10.0}}",
        )
        return made.__getitems__([(0, i) for i in range(4)]).targets.widened

    assert widened(1e3, np.inf).max() == 0
    assert widened(1e-6, np.inf).min() == 1
    assert widened(1e3, 1e-6).min() == 1


def test_every_record_drawn_is_of_the_split(toy_store):
    module = build_datamodule(small_training(toy_store), toy_store)
    for purpose, split in ((Purpose.TRAIN, "train"), (Purpose.VALIDATION, "dev")):
        made = module.recombined(purpose, split)
        store = made.open()
        assert set(store.split[made._index.records]) == {split}
        assert len(made._noise) == len(store.select(split=split, category="noise"))
    train, dev = module.train_dataloader(), module.val_dataloader()[0]
    assert (train.dataset.split, dev.dataset.split) == ("train", "dev")
    assert (train.dataset.purpose, dev.dataset.purpose) == (Purpose.TRAIN, Purpose.VALIDATION)


def test_validation_examples_do_not_depend_on_the_runs_seed(toy_store):
    first, second = (
        next(iter(build_datamodule(small_training(toy_store, f"seed={seed}"), toy_store).val_dataloader()[0]))
        for seed in (1, 2)
    )
    assert torch.equal(first.targets.source_km, second.targets.source_km)


def test_a_records_own_noise_does_not_announce_the_earthquake(tmp_path):
    """Noisy records, P after now: the window must be what it is without any event."""
    store = write_toy_store(tmp_path / "noisy", n_records=200, noise_mps=1e-6)
    early = ("data.events.elapsed_s=[-4,-0.6]", "data.events.overlap_share=0")
    made = dataset(store, *early)
    keys = [(0, i) for i in range(8)]
    with_event = made.__getitems__(keys)
    assert not with_event.targets.is_event.any()
    events = made._events

    def silenced(*args):
        at, spectra, widened = events(*args)
        return at, torch.zeros_like(spectra), widened

    made._events = silenced
    torch.testing.assert_close(with_event.waveforms, made.__getitems__(keys).waveforms)


def test_noise_has_the_level_and_colour_of_the_records(recombined):
    recombined.open()
    bank = recombined._noise
    rngs = [np.random.default_rng(i) for i in range(40)]
    drawn = bank.draw(rngs, [12] * 40, 700).double()
    level = float(drawn.square().mean().sqrt())
    assert level == pytest.approx(1e-7, rel=0.03)  # toy noise is white, 1e-7 m/s


def test_every_pass_asks_for_its_epoch():
    epochs = iter([4, 5])
    sampler = EpochSampler(2, epoch=lambda: next(epochs))
    assert list(sampler) == [(4, 0), (4, 1)]
    assert list(sampler) == [(5, 0), (5, 1)]
    with pytest.raises(ValueError, match="at least one example"):
        EpochSampler(0, epoch=lambda: 0)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stations.count=[2,4]", "at least 3"),
        ("stations.count=[9,4]", "low <= high"),
        ("stations.weights={random: 0, clustered: 0, grid: 0}", "not all 0"),
        ("data.events.depth_km=[9,4]", "low <= high"),
        ("data.events.overlap_share=1.5", "overlap_share in 0-1"),
        ("geometry.half_width_km=[40,0]", "positive half-widths"),
    ],
)
def test_impossible_priors_are_refused(toy_store, override, message):
    from hydra.errors import InstantiationException

    with pytest.raises((ValueError, InstantiationException), match=message):
        dataset(toy_store, override)


def test_a_store_of_another_rate_is_refused(toy_store):
    made = dataset(toy_store, "preprocess.sampling_rate_hz=25")
    with pytest.raises(ValueError, match="25"):
        made.__getitems__([(0, 0)])
