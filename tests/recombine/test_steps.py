"""Each step of the recombination by itself: what it does to a record, and that it can be turned off."""

import copy
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from toy import RATE_HZ, small_training, toy_noise, toy_record, write_toy_store

from fcn.assemble import build_datamodule
from fcn.recombine.dataset import RecombinedDataset
from fcn.recombine.priors import Scene, draw_scene
from fcn.recombine.synthesise import p_radiation
from fcn.seeding import Purpose, derive_rng
from fcn.store.writer import StoreWriter
from fcn.waveform.preprocess import filter_windows

OFF = {
    "magnitude": False,
    "spreading_exponents": (0.0, 0.0),
    "q": math.inf,
    "rotate": False,
    "polarity": False,
    "source_term": False,
}
SOUND = tuple(
    f"data.faults.{name}=0" for name in ("gap", "dead", "spike", "step", "clip", "swap", "reverse", "clock")
)


@pytest.fixture(scope="module")
def pulses(tmp_path_factory) -> RecombinedDataset:
    """Examples of records of magnitude 4: Z moves by 1 at P, up or down, and R by 1 at S; else all is still.

    A sample after P Z has half that motion.
    """
    path, rng = tmp_path_factory.mktemp("stores") / "pulses", np.random.default_rng(0)
    way = np.random.default_rng(1).choice([-1.0, 1.0], 300)
    with StoreWriter(path, RATE_HZ, {"train": 0.8, "dev": 0.1, "test": 0.1}, seed=0) as writer:
        for index in range(300):
            record = toy_record(rng, index, float(rng.uniform(1, 110)), float(rng.uniform(1, 25)))
            p, s = round(record.p_arrival_sample), round(record.s_arrival_sample)
            record.waveform_mps[:] = 0.0
            record.waveform_mps[0, p : p + 2] = way[index] * np.array([1.0, 0.5])
            record.waveform_mps[1, s] = 1.0
            object.__setattr__(record, "p_arrival_sample", float(p))
            object.__setattr__(record, "s_arrival_sample", float(s))
            object.__setattr__(record, "source_magnitude", 4.0)
            writer.add(record)
        for index in range(10):
            writer.add(toy_noise(rng, index))
    config = small_training(path, *SOUND, "data.events.elapsed_s=[15,25]")
    dataset = build_datamodule(config, path).recombined(Purpose.TRAIN, "train")
    dataset.open()
    return dataset


def made(store: Path, *overrides: str) -> RecombinedDataset:
    config = small_training(store, *SOUND, *overrides)
    dataset = build_datamodule(config, store).recombined(Purpose.TRAIN, "train")
    dataset.open()
    return dataset


def scenes(dataset: RecombinedDataset, n: int) -> Scene:
    recipe = dataset.recipe
    return draw_scene(
        [derive_rng(0, Purpose.TRAIN, 0, i) for i in range(n)],
        recipe.stations,
        recipe.events,
        half_width_km=recipe.box_km,
        window_s=recipe.window_s,
        n_models=dataset.n_models,
    )


class Placed:
    """The records of twelve windows, on their places, before any filter."""

    def __init__(self, pulses: RecombinedDataset, **change: Any) -> None:
        """`change` is made to corrections that are all off, but for the alignment on S."""
        dataset = copy.copy(pulses)
        corrections = replace(pulses.recipe.corrections, **{**OFF, **change})
        dataset.recipe = replace(pulses.recipe, corrections=corrections)
        scene = scenes(dataset, 12)
        arrival_s, _ = dataset._arrivals(scene, dataset.tables[scene.model_index])
        chosen = []
        choose = dataset._choose

        def remember(*query):
            chosen.append(choose(*query))
            return chosen[-1]

        dataset._choose = remember
        self.at, spectra, _ = dataset._events(scene, arrival_s)
        self.scene, self.store, self.record = scene, dataset.open(), chosen[0][0]
        # seconds of the window; a sample that wrapped around from before the lead is before it, too
        self.z, self.n, self.e = torch.fft.irfft(spectra, dataset.recipe.n_fft)[..., :700].unbind(dim=1)
        self.arrival_s = arrival_s[self.at]
        self.target = self.arrival_s * RATE_HZ + dataset.recipe.n_lead
        # both pulses unambiguously inside; S clear of the cross-fade from the P alignment
        gap = self.target[:, 1] - self.target[:, 0]
        self.inside = (self.target[:, 0] > 5) & (self.target[:, 1] < 690) & (gap > 45)
        self.offset_km = scene.station_km[self.at[0], self.at[1]] - scene.source_km[self.at[0], self.at[2]]


def test_p_and_s_arrive_within_25_ms(pulses):
    placed = Placed(pulses)
    for traces, phase in ((placed.z, 0), (placed.n, 1)):
        error_s = (traces.abs().argmax(dim=1) - placed.target[:, phase]) / RATE_HZ
        assert placed.inside.sum() > 40
        assert float(error_s[placed.inside].abs().max()) <= 0.0251
        assert float(error_s[placed.inside].std()) > 0.01  # the targets fall between samples


def test_without_s_alignment_records_keep_their_s_minus_p(pulses):
    placed = Placed(pulses, align_s=False)
    own = torch.from_numpy((placed.store.s_sample - placed.store.p_sample)[placed.record])
    found = placed.n.abs().argmax(dim=1) - placed.z.abs().argmax(dim=1)
    fits = placed.inside & (placed.target[:, 0] + own < 690)
    assert torch.equal(found[fits].double(), own[fits])


def test_without_corrections_records_keep_their_amplitudes_and_directions(pulses):
    placed = Placed(pulses)
    for traces in (placed.z, placed.n):
        torch.testing.assert_close(
            traces.abs().amax(dim=1)[placed.inside], torch.ones(int(placed.inside.sum())), atol=1e-4, rtol=0
        )
    assert placed.e.abs().max() < 1e-4


def test_rotation_turns_radial_motion_to_the_stations_azimuth(pulses):
    placed = Placed(pulses, rotate=True)
    place = (placed.n.square() + placed.e.square()).argmax(dim=1, keepdim=True)
    motion = torch.cat([placed.e.gather(1, place), placed.n.gather(1, place)], dim=1)
    away = torch.nn.functional.normalize(placed.offset_km[:, :2], dim=1)
    torch.testing.assert_close(motion[placed.inside], away[placed.inside], atol=1e-4, rtol=0)


def test_spreading_scales_by_the_ratio_of_distances(pulses):
    plain, scaled = Placed(pulses), Placed(pulses, spreading_exponents=(1.0, 1.0))
    own_km = np.hypot(plain.store.distance_km, plain.store.depth_km)[plain.record]
    want = torch.from_numpy(own_km).float() / torch.linalg.vector_norm(plain.offset_km, dim=1)
    torch.testing.assert_close(
        scaled.z.abs().amax(dim=1)[plain.inside], want[plain.inside], rtol=1e-3, atol=0
    )
    assert float(want.log().std()) > 0.03


def test_magnitudes_raise_and_lower_records(pulses):
    plain, scaled = Placed(pulses), Placed(pulses, magnitude=True)
    step = plain.scene.magnitude[plain.at[0], plain.at[2]] - 4.0
    louder = (scaled.z.abs().amax(dim=1) / plain.z.abs().amax(dim=1))[plain.inside].log10()
    step = step[plain.inside]
    assert (louder[step < -0.3] < -0.2).all()
    assert (louder[step > 0.3] > 0.1).all()
    torch.testing.assert_close(louder[step < -1], 1.5 * step[step < -1], atol=0.5, rtol=0)  # below the corner


def test_attenuation_takes_from_records_moved_farther(pulses):
    plain, scaled = Placed(pulses), Placed(pulses, q=20.0)
    own_km = np.hypot(plain.store.distance_km, plain.store.depth_km)[plain.record]
    farther_km = torch.linalg.vector_norm(plain.offset_km, dim=1) - torch.from_numpy(own_km).float()
    louder = (scaled.z.abs().amax(dim=1) / plain.z.abs().amax(dim=1)).log()
    for sign in (1, -1):
        moved = plain.inside & (sign * farther_km > 2)
        assert moved.sum() > 5
        assert (sign * louder[moved] < 0).all()


def test_first_motions_agree_with_a_double_couple_where_asked(pulses):
    def agreement(polarity: bool) -> float:
        placed = Placed(pulses, polarity=polarity)
        b, _, e = placed.at
        distance_km = torch.linalg.vector_norm(placed.offset_km[:, :2], dim=1)
        wanted = p_radiation(
            placed.scene.mechanism_rad[b, e],
            torch.atan2(placed.offset_km[:, 0], placed.offset_km[:, 1]),
            torch.atan2(distance_km, placed.offset_km[:, 2]),
        )
        strongest = placed.z.gather(1, placed.z.abs().argmax(dim=1, keepdim=True))[:, 0]
        return float((strongest.sign() == wanted.sign())[placed.inside].float().mean())

    assert agreement(True) == 1.0
    assert 0.2 < agreement(False) < 0.8


def test_without_noise_nothing_moves_before_p(toy_store):
    quiet = made(
        toy_store, "data.noise_gain=0", "data.events.overlap_share=0", "data.events.elapsed_s=[-4,-0.6]"
    )
    assert quiet.__getitems__([(0, i) for i in range(8)]).waveforms.abs().max() == 0


def test_windows_are_what_the_streams_filters_make_of_the_ground(toy_store):
    """Coda of an earlier event included: mixing in the frequency domain wraps nothing around."""
    dataset = made(
        toy_store,
        *("data.noise_gain=0", "data.events.overlap_share=1", "data.events.kinds.coda=9"),
        "data.events.magnitude=[2,6.5]",
    )
    keys = [(0, i) for i in range(12)]
    kept = []
    events = dataset._events
    dataset._events = lambda *scene: kept.append(events(*scene)) or kept[-1]
    batch = dataset.__getitems__(keys)
    (b, n, _), spectra, _ = kept[0]
    ground = torch.zeros(*batch.mask.shape, 3, 700)
    moved = torch.fft.irfft(spectra, dataset.recipe.n_fft)[..., :700]
    ground.index_put_((b, n), moved, accumulate=True)
    for band, made_band in zip(
        filter_windows(dataset.recipe.preprocess, ground),
        (batch.waveforms, batch.waveforms_broad),
        strict=True,
    ):
        peak = ground.abs().amax(dim=(2, 3), keepdim=True).clamp_min(1e-20)
        torch.testing.assert_close(band[..., 100:] / peak, made_band / peak, atol=2e-5, rtol=0)


def test_without_residuals_arrivals_are_the_velocity_models(toy_store):
    targets = (batch := made(toy_store, "data.events.arrival_residual_s=0").__getitems__([(0, 0)])).targets
    travel_s = batch.travel_time.between(targets.event_km, batch.station_km)
    want = targets.event_origin_time_s[:, None, :, None] + travel_s
    there = targets.event_exists[:, None].expand_as(targets.p_snr)
    torch.testing.assert_close(targets.p_arrival_s[there], want[..., 0][there], atol=1e-4, rtol=0)
    torch.testing.assert_close(targets.s_arrival_s[there], want[..., 1][there], atol=1e-4, rtol=0)


def test_nothing_a_record_holds_after_now_is_used(toy_store, tmp_path):
    """Records that differ only after "now" give the same batch."""
    other = Path(shutil.copytree(toy_store, tmp_path / "other"))
    with h5py.File(other / "waveforms.hdf5", "r+") as file:
        for bucket in file["data"].values():
            if bucket.shape[2] == 1200:  # not noise; P is sample 100 of every toy record
                bucket[:, :, 100 + 5 * 20 + 2 :] *= -50.0
    common = (
        *("data.events.elapsed_s=[5,5]", "data.events.overlap_share=0", "data.corrections.align_s=false"),
        "data.corrections.source_term=false",  # a statistic of whole records, the store's and not a window's
    )
    first, second = (
        made(store, *common).__getitems__([(0, i) for i in range(8)]) for store in (toy_store, other)
    )
    assert first.targets.is_event.any()
    assert torch.equal(first.waveforms, second.waveforms)
    assert torch.equal(first.waveforms_broad, second.waveforms_broad)
    assert torch.equal(first.targets.p_snr, second.targets.p_snr)
    later = made(other, "data.events.elapsed_s=[8,8]", *common[1:]).__getitems__([(0, i) for i in range(8)])
    assert later.waveforms.abs().max() > 5 * first.waveforms.abs().max()


def test_records_below_the_least_signal_to_noise_ratio_are_left_out(tmp_path):
    store = write_toy_store(tmp_path / "noisy", n_records=100, noise_mps=1e-6)
    every, some = (made(store, f"data.min_snr_db={least}") for least in ("-inf", "20"))
    snr_db = every.open().snr_db
    assert set(some._index.records) == {r for r in every._index.records if snr_db[r] >= 20}
    assert 0 < len(some._index.records) < len(every._index.records)


def test_every_record_of_the_boxs_distances_is_drawn(toy_store):
    dataset = made(toy_store, "data.events.overlap_share=0", "data.events.magnitude=[2,6.5]")
    scene = scenes(dataset, 2000)
    arrival_s, _ = dataset._arrivals(scene, dataset.tables[scene.model_index])
    b, n = scene.mask.nonzero(as_tuple=True)
    offset_km = scene.station_km[b, n] - scene.source_km[b, 0]
    distance_km = torch.linalg.vector_norm(offset_km[:, :2], dim=1)
    s_minus_p_s = arrival_s[b, n, 0, 1] - arrival_s[b, n, 0, 0]
    away_km = torch.linalg.vector_norm(offset_km, dim=1)
    source = scene.source_km[b, 0, 2], scene.magnitude[b, 0]
    record, _ = dataset._choose(
        distance_km, *source, s_minus_p_s, away_km, scene.pick[b, n, 0], scene.origin_pick[b, 0]
    )
    store = dataset.open()
    ordinary = store.select(split="train", category="earthquake")
    ordinary = ordinary[(store.distance_km[ordinary] > 5) & (store.distance_km[ordinary] < 70)]
    drawn = np.bincount(record, minlength=len(store))
    assert len(ordinary) > 100
    assert drawn[ordinary].min() > 0
    assert math.isclose(drawn.sum(), len(b))


@pytest.fixture(scope="module")
def two_origins(tmp_path_factory) -> Path:
    """A store whose every fourth source is of another origin."""
    path, rng = tmp_path_factory.mktemp("stores") / "origins", np.random.default_rng(0)
    with StoreWriter(path, RATE_HZ, {"train": 0.8, "dev": 0.1, "test": 0.1}, seed=0) as writer:
        for index in range(320):
            record = toy_record(rng, index, float(rng.uniform(1, 110)), float(rng.uniform(1, 25)))
            writer.add(replace(record, origin="rare" if index // 4 % 4 == 0 else "common"))
        for index in range(10):
            writer.add(toy_noise(rng, index))
    return path


def rare_records(dataset: RecombinedDataset, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Of every event of n windows: how many records it has, and how many of them of the rare origin."""
    scene, chosen, choose = scenes(dataset, n), [], dataset._choose
    dataset._choose = lambda *query: chosen.append(choose(*query)) or chosen[-1]
    arrival_s, _ = dataset._arrivals(scene, dataset.tables[scene.model_index])
    (b, _, e), _, _ = dataset._events(scene, arrival_s)
    rare = dataset.open().origin[chosen[0][0]] == "rare"
    event = (b * scene.exists.shape[1] + e).numpy()
    count = np.bincount(event)
    return count[count > 1], np.bincount(event, weights=rare)[count > 1]


def test_the_records_of_an_event_come_from_one_origin(two_origins):
    dataset = made(two_origins, "data.events.overlap_share=1", "data.events.elapsed_s=[15,25]")
    count, rare = rare_records(dataset, 80)
    assert set(rare / count) == {0.0, 1.0}
    records = dataset._index.records
    store = dataset.open()
    assert sorted(records) == sorted(store.select(split="train", category="earthquake"))
    share = (store.origin[records] == "rare").mean()
    assert 0.1 < share < 0.4
    assert len(count) > 150
    assert (rare > 0).mean() == pytest.approx(share, abs=0.1)  # three standard deviations


def test_origins_mix_where_asked(two_origins):
    dataset = made(two_origins, "data.one_origin=false", "data.events.elapsed_s=[15,25]")
    count, rare = rare_records(dataset, 40)
    assert ((rare > 0) & (rare < count)).mean() > 0.6


def test_another_events_signal_counts_as_noise(toy_store):
    """The same event with and without others before it: its ratio can only fall."""
    common = ("data.events.elapsed_s=[3,20]", "data.events.overlap_delay_s=[-8,-2]")
    alone, among = (
        made(toy_store, *common, f"data.events.overlap_share={share}").__getitems__(
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
