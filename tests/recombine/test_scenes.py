"""Where events and stations are drawn, before any waveform."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from recombined import dataset
from toy import resolved

from fcn.config import build
from fcn.recombine.priors import KINDS, EventPrior, StationPrior
from fcn.recombine.scene import Scene, _on_planes, draw_scene
from fcn.seeding import Purpose, derive_rng

HALF_KM = (40.0, 60.0)
ONLY = {kind: {name: float(name == kind) for name in KINDS} for kind in KINDS}


@pytest.fixture(scope="module")
def stations() -> StationPrior:
    return build(resolved("train")["stations"])


@pytest.fixture(scope="module")
def events() -> EventPrior:
    return build(resolved("train")["data"]["events"])


def draw(stations: StationPrior, events: EventPrior, n: int = 2000) -> Scene:
    rngs = [derive_rng(0, Purpose.TRAIN, 0, i) for i in range(n)]
    return draw_scene(rngs, stations, events, half_width_km=HALF_KM, window_s=30.0, n_models=4)


def chi_squared(counts: np.ndarray) -> float:
    expected = counts.sum() / len(counts)
    return float(((counts - expected) ** 2 / expected).sum())


def test_every_count_time_azimuth_magnitude_depth_and_model_is_reached(stations, events):
    scene = draw(stations, events)
    counts = np.bincount(scene.mask.sum(dim=1).numpy(), minlength=13)[6:]
    assert chi_squared(counts) < 22.5  # 99.9 %, 6 degrees of freedom
    assert chi_squared(np.bincount(scene.model_index.numpy(), minlength=4)) < 16.3  # 3
    east, north, depth = scene.source_km[:, 0].double().numpy().T
    drawn = {
        "elapsed": (30.0 - scene.first_p_s[:, 0].numpy(), events.elapsed_s),
        "magnitude": (scene.magnitude[:, 0].numpy(), events.magnitude),
        "depth": (depth, events.depth_km),
        "east": (east, (-0.6 * 40, 0.6 * 40)),
        "azimuth": (np.arctan2(east / 40, north / 60) % (np.pi / 2), (0, np.pi / 2)),
    }
    for name, (values, span) in drawn.items():
        bins, _ = np.histogram(values, bins=8, range=span)
        assert bins.sum() == len(values), name
        if name != "azimuth":  # the corners of a square hold more
            assert chi_squared(bins) < 24.3, name  # 99.9 %, 7
        assert bins.min() > 150, name


@pytest.mark.parametrize(
    ("places_km", "message"),
    [
        (
            np.zeros((6, 2)),
            r"layouts\.own returned an array of shape \(6, 2\) with 0 .* of 3 stations or",
        ),
        (np.full((6, 3), np.nan), "with 18 values that are no number: it must be east"),
        (np.zeros((0, 3)), "must be east, north and depth"),
        (np.full((6, 3), 250.0), "own returned stations at depths of 250 to 250 km, where no sensor is"),
    ],
)
def test_a_layout_that_lays_out_no_network_is_named(stations, places_km, message):
    own = replace(stations, layouts={"own": lambda *_: places_km}, weights={"own": 1.0})
    with pytest.raises(ValueError, match=message):
        own.draw(np.random.default_rng(0), HALF_KM)


def test_any_number_of_events_is_drawn(stations, events):
    scene = draw(stations, replace(events, overlap_share=0.6, max_events=4))
    number = scene.exists.sum(dim=1).numpy()
    assert abs((number > 1).mean() - 0.6) < 0.035
    assert chi_squared(np.bincount(number, minlength=5)[2:]) < 13.8  # 99.9 %, 2
    assert scene.exists[:, 0].all()
    alone = draw(stations, replace(events, overlap_share=0.0, max_events=1), 50)
    assert alone.exists.shape == (50, 1)


def test_kinds_of_further_events_come_as_often_as_they_are_weighted(stations, events):
    scene = draw(stations, replace(events, kinds=dict(ONLY["burst"], coda=3.0)))
    before = scene.first_p_s[:, 1:] <= 0
    late = scene.magnitude[:, 1:] >= 5
    assert abs(float((before & late).float().mean()) - 0.75) < 0.03


def test_a_burst_is_near_the_first_event(stations, events):
    scene = draw(stations, replace(events, kinds=ONLY["burst"], burst_km=2.0, reach=(0.9, 0.9)), 500)
    offset_km = scene.source_km[:, 1:] - scene.source_km[:, :1]
    assert float(offset_km.std()) == pytest.approx(2.0, rel=0.1)
    assert scene.locatable.equal(scene.exists & (scene.first_p_s >= 0))


def test_coda_is_of_a_larger_event_before_the_window(stations, events):
    scene = draw(stations, replace(events, kinds=ONLY["coda"]), 500)
    assert float(scene.first_p_s[:, 1:].max()) <= 0
    assert float(scene.first_p_s[:, 1:].min()) < -25
    assert (scene.magnitude[:, 1:] >= scene.magnitude[:, :1]).all()
    assert not scene.locatable[:, 1:].any()


def test_each_window_draws_how_far_outside_its_events_may_lie(stations, events):
    scene = draw(stations, replace(events, reach=(0.5, 1.5), overlap_share=0.0))
    reach = (scene.source_km[:, 0, :2].abs() / torch.tensor(HALF_KM)).amax(dim=1)
    assert 1.4 < float(reach.max()) <= 1.5
    # of a reach r above 1, 1 - 1 / r^2 lie outside: its mean over r uniform in 0.5-1.5
    assert float((reach > 1).float().mean()) == pytest.approx(1 / 6, abs=0.03)
    with pytest.raises(ValueError, match=r"events\.reach.*\[0\.0, 1\.0\]"):
        replace(events, reach=(0.0, 1.0))


def test_distant_events_are_outside_the_box_on_every_side(stations, events):
    scene = draw(stations, replace(events, kinds=ONLY["distant"]), 500)
    east, north = scene.source_km[:, 1:, :2].unbind(dim=-1)
    outside_km = torch.maximum(east.abs() - HALF_KM[0], north.abs() - HALF_KM[1])
    assert float(outside_km.min()) > 5
    azimuth = torch.atan2(east, north).flatten().numpy()
    assert chi_squared(np.histogram(azimuth, bins=8, range=(-np.pi, np.pi))[0]) < 24.3
    assert not scene.locatable[:, 1:].any()


def test_the_events_of_a_fault_lie_on_one_plane_inside_the_box(stations, events):
    scene = draw(stations, replace(events, fault_share=1.0, kinds=ONLY["anywhere"]), 400)
    source_km = scene.source_km.double()
    offset_km = source_km - source_km.mean(dim=1, keepdim=True)
    thickness, width, _ = torch.linalg.svdvals(offset_km).flip(-1).T
    assert float(thickness.max()) < 1e-4
    assert float(width.median()) > 3
    assert (source_km[..., :2].abs() <= 0.6 * torch.tensor(HALF_KM) + 1e-4).all()
    assert events.depth_km[0] <= float(source_km[..., 2].min())
    strike = torch.atan2(offset_km[:, 0, 0], offset_km[:, 0, 1]).numpy()
    assert np.histogram(strike, bins=8, range=(-np.pi, np.pi))[0].min() > 20


def test_faults_dip_to_the_right_of_their_strike():
    rng = np.random.default_rng(0)
    strike_rad, dip_rad = rng.uniform(0, 2 * np.pi, 40), np.radians(rng.uniform(30, 80, 40))
    centre_km = np.tile([1.0, -2.0, 10.0], (40, 1))
    points_km = _on_planes(
        rng.random((40, 2, 5, 16)),
        centre_km=centre_km,
        strike_rad=strike_rad,
        dip_rad=dip_rad,
        reach_km=np.full((40, 2), 50.0),
        depth_km=(2.0, 18.0),
    )
    offset_km = points_km - centre_km[:, None]
    to_the_right = np.stack([np.sin(strike_rad + np.pi / 2), np.cos(strike_rad + np.pi / 2)], axis=-1)
    across_km = np.einsum("bek,bk->be", offset_km[..., :2], to_the_right)
    np.testing.assert_allclose(offset_km[..., 2], np.tan(dip_rad)[:, None] * across_km, atol=1e-9)
    assert np.abs(offset_km[..., 2]).max() > 7


def test_small_events_outnumber_large_ones_by_the_b_value(stations, events):
    scene = draw(stations, replace(events, b_value=1.0, magnitude=[2.0, 6.0]))
    magnitude = scene.magnitude[:, 0].double().numpy()
    assert magnitude.min() >= 2.0
    assert magnitude.max() > 4.5
    # Aki (1965)
    assert np.log10(np.e) / (magnitude.mean() - 2.0) == pytest.approx(1.0, rel=0.05)


def test_a_share_of_first_events_and_codas_is_large(stations, events):
    large = replace(
        events, large_share=0.2, large_magnitude=[6.6, 8.0], large_coda_before_s=[40, 90], overlap_share=1.0
    )
    scene = draw(stations, large)
    magnitude, first_p_s = scene.magnitude.numpy(), scene.first_p_s.numpy()
    first = magnitude[:, 0] >= 6.6
    assert first.mean() == pytest.approx(0.2, abs=0.03)
    counts = np.histogram(magnitude[first, 0], bins=4, range=(6.6, 8.0))[0]
    assert counts.min() > 0.7 * counts.mean()
    coda = (first_p_s[:, 1:] < -40) & scene.exists[:, 1:].numpy()
    assert coda.any()
    assert magnitude[:, 1:][coda].min() >= 6.6
    small = ~first[:, None] & (first_p_s[:, 1:] >= -events.coda_before_s[1])
    assert (magnitude[:, 1:][small] < 6.6).mean() > 0.9  # distant ones reach 7
    with pytest.raises(ValueError, match="large_share"):
        replace(events, large_share=1.2)


def test_networks_of_any_scale_keep_stations_and_sources_together(events):
    stations = build(resolved("train", "stations=anywhere")["stations"])
    scene = draw(stations, replace(events, kinds=ONLY["anywhere"]))
    count = scene.mask.sum(dim=1).numpy()
    assert (count.min(), count.max()) == (3, 64)
    assert len(set(count)) == 62
    octaves = np.histogram(np.log(count), bins=np.log([3, 6, 12, 24, 48, 65]))[0]
    assert octaves.min() > 0.6 * octaves[:4].mean() * np.log(65 / 48) / np.log(2)
    reach_km = scene.station_km[..., :2].abs().amax(dim=1) / torch.tensor(HALF_KM)
    scale = reach_km.amax(dim=1).numpy()[count > 20]
    assert scale.max() < 2.0
    assert scale.min() < 0.25
    assert scale.max() > 1.6
    assert 0 <= -scene.station_km[..., 2].min() - 2.4 < 0.1
    span_km = scene.source_km[:, 0, :2].abs() / torch.tensor(HALF_KM)
    small = torch.from_numpy(count > 20) & (reach_km.amax(dim=1) < 0.3)
    assert small.any()
    assert float(span_km[small].max(dim=1).values.quantile(0.9)) < 0.3 * events.reach[1]  # not in clusters


def test_an_example_does_not_depend_on_the_batch_it_is_in(events):
    stations = build(resolved("train", "stations=anywhere")["stations"])
    together = draw(stations, events, 12)
    for i in (0, 5, 11):
        alone = draw_scene(
            [derive_rng(0, Purpose.TRAIN, 0, i)],
            stations,
            events,
            half_width_km=HALF_KM,
            window_s=30.0,
            n_models=4,
        )
        n = int(alone.mask.sum())
        assert alone.mask.shape[1] == n
        for name in ("station_km", "residual", "pick"):
            assert torch.equal(getattr(alone, name)[0], getattr(together, name)[i, :n])
        for name in ("source_km", "magnitude", "first_p_s", "exists", "locatable", "model_index"):
            assert torch.equal(getattr(alone, name)[0], getattr(together, name)[i])


@pytest.mark.parametrize("choices", [(), ("data=anywhere", "stations=anywhere")])
def test_travel_time_tables_reach_every_event_drawn(choices):
    config = resolved("train", *choices)
    box_km, table = config["geometry"]["half_width_km"], config["data"]["table"]
    scene = draw_scene(
        [derive_rng(0, Purpose.TRAIN, 0, i) for i in range(3000)],
        build(config["stations"]),
        build(config["data"]["events"]),
        half_width_km=(box_km[0], box_km[1]),
        window_s=30.0,
        n_models=4,
    )
    away_km = torch.cdist(scene.station_km[..., :2], scene.source_km[..., :2])
    # volumes reach further than events: tests/scheme/migration/test_training_volumes.py
    least = 0.75 if not choices else 0.6
    assert least * table["max_distance_km"] < float(away_km.max()) < table["max_distance_km"]
    assert float(scene.source_km[..., 2].max()) < table["max_depth_km"]


def test_networks_of_any_scale_are_recombined(toy_store):
    made = dataset(
        toy_store, "data=anywhere", "stations=anywhere", "data.events.overlap_share=1", "data.histories=null"
    )
    batch = made.__getitems__([(0, i) for i in range(8)])
    assert batch.all_finite()
    assert batch.waveforms.shape[1] == batch.mask.sum(dim=1).max()
    assert batch.waveforms[~batch.mask].abs().max() == 0
    assert batch.targets.is_event.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kinds": {"anywhere": 1.0}}, "kinds must be"),
        ({"max_events": 1}, "max_events must be at least 1"),
        ({"b_value": -1.0}, "b_value"),
        ({"fault_dip_deg": [0, 90]}, "fault_dip_deg"),
        ({"coda_before_s": [3, 1]}, "low <= high"),
    ],
)
def test_impossible_events_are_refused(events, change, message):
    with pytest.raises(ValueError, match=message):
        replace(events, **change)


def test_impossible_scales_are_refused(stations):
    with pytest.raises(ValueError, match="scale must be positive"):
        replace(stations, scale=[0, 1])
