"""Large events: all stations from one rupture, each at its place about it."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_ruptures import write_store
from recombined import composition, dataset, rngs
from toy import RATE_HZ

from fcn.constants import RELEASED
from fcn.recombine.dataset import RecombinedDataset
from fcn.recombine.ruptures import RuptureIndex
from fcn.recombine.scene import Scene
from fcn.store.reader import BaseStore
from fcn.store.schema import RUPTURES

ONLY_LARGE = (
    "data.events.large_share=1",
    "data.events.overlap_share=0",
    "data.events.elapsed_s=[5,25]",
    "data.noise_gain=0",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return write_store(tmp_path_factory.mktemp("stores") / "ruptures")


@pytest.fixture(scope="module")
def made(store) -> RecombinedDataset:
    return dataset(store, *ONLY_LARGE)


@pytest.fixture(scope="module")
def scene(made) -> Scene:
    return made.open().with_ruptures(made.draw(rngs(24)))


def test_splits_keep_ruptures_whole(store):
    opened = BaseStore.open(store)
    of_rupture = opened.origin == RUPTURES
    for source in np.unique(opened.source_id[of_rupture]):
        assert len(set(opened.split[opened.source_id == source])) == 1
    assert set(opened.split[of_rupture]) == {"train", "dev", "test"}


def test_a_large_event_has_all_its_records_from_one_rupture_and_its_magnitude(made, scene):
    library = made.open()
    places = composition(made, scene).places
    record = library.choose(places).record
    window = places.at[0].numpy()
    assert len(np.unique(window)) == 24
    for b in np.unique(window):
        of_event = record[window == b]
        assert len(np.unique(library.store.source_id[of_event])) == 1
        assert library.store.magnitude[of_event[0]] == pytest.approx(float(scene.magnitude[b, 0]), abs=1e-5)
    assert set(library.store.split[record]) == {"train"}
    drawn = made.draw(rngs(24))
    assert 0 < float((scene.magnitude - drawn.magnitude)[:, 0].abs().max()) < 0.8
    torch.testing.assert_close(scene.magnitude[:, 1:], drawn.magnitude[:, 1:])


def test_others_have_none_of_theirs(store):
    made = dataset(store, "data.events.magnitude=[2,5.9]", "data.events.overlap_share=0")
    scene, library = made.draw(rngs(8)), made.open()
    assert library.with_ruptures(scene) is scene
    record = library.choose(composition(made, scene).places).record
    assert RUPTURES not in library.store.origin[record]
    assert RUPTURES not in library.store.origin[library.index.records]


def test_the_station_east_of_a_source_has_the_record_east_of_it_in_the_turned_frame(made, scene):
    library = made.open()
    turned = replace(scene, turn_rad=torch.full_like(scene.turn_rad, math.radians(50)))
    places = composition(made, turned).places
    choice = library.choose(places)
    own_rad = np.radians(library.store.azimuth_deg[choice.record]) + math.radians(50)
    off_rad = (places.azimuth_rad.numpy() - own_rad + math.pi) % (2 * math.pi) - math.pi
    assert np.abs(off_rad[~choice.widened]).max() < math.pi / 4 + 1e-6
    assert (~choice.widened).mean() > 0.5
    unturned = library.choose(composition(made, scene).places).record
    assert (unturned != choice.record).mean() > 0.5


def index(azimuth_deg: list[float], distance_km: list[float]) -> RuptureIndex:
    """One rupture, records 100, 101 ..."""
    n = len(azimuth_deg)
    return RuptureIndex(
        np.array([7.0]),
        np.array([10.0]),
        np.zeros((1, len(RELEASED))),
        np.arange(n)[None] + 100,
        np.log(np.array([distance_km]) + 3.0),
        np.radians([azimuth_deg]),
    )


def test_the_nearest_record_is_taken_or_the_second_if_near():
    around = index([0, 90, 100, 180, 359], [20, 20, 20, 20, 60])

    def choose(azimuth_deg: float, distance_km: float, pick: float) -> tuple[int, bool]:
        query = (np.array([each]) for each in (distance_km, math.radians(azimuth_deg), pick))
        choice = around.choose(np.zeros(1, int), *query)
        return int(choice.record[0]), bool(choice.widened[0])

    assert choose(91.0, 20.0, 0.1) == (101, False)
    assert choose(91.0, 20.0, 0.9) == (102, False)
    assert choose(180.0, 21.0, 0.9) == (103, False)  # no other is near
    assert choose(-2.0, 55.0, 0.1) == (104, False)
    assert choose(260.0, 21.0, 0.1)[1]
    assert choose(90.0, 150.0, 0.1)[1]


def test_ruptures_are_drawn_among_the_nearest_in_magnitude_and_depth():
    rng = np.random.default_rng(0)
    magnitude, depth_km, station = rng.uniform(6, 8, 300), rng.uniform(3, 30, 300), np.zeros((300, 1))
    release_s = np.zeros((300, len(RELEASED)))
    many = RuptureIndex(magnitude, depth_km, release_s, station.astype(np.int64), station, station)
    n = 400
    drawn = many.draw(np.full(n, 7.0), np.full(n, 12.0), rng.random(n))
    assert len(set(drawn)) == 4
    assert np.abs(many.magnitude[drawn] - 7.0).max() < 0.2
    assert np.abs(many.depth_km[drawn] - 12.0).max() < 6.0
    assert many.draw(np.array([7.0]), np.array([12.0]), np.array([1.0])) < 300


def test_arrivals_are_on_target_and_the_record_goes_on_to_the_windows_end(made, scene):
    batch = made.synthesise(scene, rngs(24, seed=2))
    p_s = batch.targets.p_arrival_s[..., 0]
    loud = batch.waveforms_broad.abs().amax(dim=2)
    onset_s = (loud > 0.05 * loud.amax(dim=2, keepdim=True)).float().argmax(dim=2) / RATE_HZ
    seen = batch.mask & (p_s > 1.0) & (p_s < 27.0)
    assert seen.sum() > 60
    assert (onset_s - p_s)[seen].abs().max() < 0.4
    last_second = loud[..., -20:].amax(dim=2)[batch.mask & (p_s < 27.0)]
    assert last_second.min() > 0


def test_codas_of_ruptures_cover_windows_long_after_their_p(store):
    made = dataset(
        store,
        *("data.events.overlap_share=1", "data.events.max_events=2", "data.noise_gain=0"),
        "data.events.kinds={anywhere: 0, burst: 0, coda: 1, distant: 0}",
        *("data.events.large_share=1", "data.events.large_coda_before_s=[80,90]"),
        "data.events.elapsed_s=[-4,-3]",
    )
    scene = made.draw(rngs(8))
    assert ((scene.first_p_s[:, 1] >= -90) & (scene.first_p_s[:, 1] <= -80)).all()
    assert (scene.magnitude[:, 1] >= scene.magnitude[:, 0]).all()
    batch = made.synthesise(scene, rngs(8, seed=2))
    loud = batch.waveforms_broad.abs().amax(dim=2)[batch.mask]
    assert (loud.unflatten(1, (-1, 100)).amax(dim=2) > 1e-7).all()
    # 150 s from 5 s before P: the coda is there whole, and stops where a record does
    assert not batch.targets.is_event.any()


def test_targets_say_what_was_released_by_now(made, scene):
    targets = made.synthesise(scene, rngs(24, seed=2)).targets
    released, magnitude = targets.event_released_magnitude[:, 0], targets.event_magnitude[:, 0]
    elapsed_s = 30.0 - targets.event_origin_time_s[:, 0]
    length_s = scene.release_s[:, 0, -1]
    share = (elapsed_s / length_s).clamp(max=1.0)  # the ruptures of this store release it evenly
    assert 0 < (share < 1).sum() < len(share)
    torch.testing.assert_close(released, magnitude + share.log10() / 1.5, atol=2e-3, rtol=0)


def test_examples_depend_on_their_generator_alone(made):
    together, alone = (made.__getitems__([(0, i) for i in keys]) for keys in ((3, 4, 5), (4,)))
    n = int(alone.mask.sum())
    torch.testing.assert_close(together.waveforms[1, :n], alone.waveforms[0], rtol=1e-5, atol=1e-12)
    assert float(together.targets.magnitude[1]) == float(alone.targets.magnitude[0])
