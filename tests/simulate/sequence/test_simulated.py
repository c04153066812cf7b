import numpy as np
import obspy
import pytest
import torch
from simulated_records import build

from fcn.data.sequences import Sequence
from fcn.simulate.path.ground import Ground, Shock, faded, record_length_s, to_zne
from fcn.simulate.recording.counts import add_at
from fcn.simulate.source.spectrum import TimeAxis


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The builder of the smoke data set, and the folder it made."""
    root = tmp_path_factory.mktemp("sequences") / "smoke"
    builder = build("dataset.builder", ["+dataset=smoke"])
    builder.build(root)
    return builder, root


@pytest.fixture(scope="module")
def loaded(smoke, recipe):
    return Sequence.load(smoke[1], recipe.preprocess)


def test_folder_is_an_ordinary_archive(smoke, loaded):
    builder, _ = smoke
    assert loaded.simulated
    assert loaded.name == "smoke"
    assert len(loaded.network) == 8
    assert loaded.valid.all()
    assert loaded.n_samples == pytest.approx(builder.duration_s * 20.0, abs=2)
    assert loaded.start_time_s == builder.start_time_s
    assert loaded.velocity_model == builder.region.velocity_model


def test_catalogue_is_what_was_simulated(smoke, loaded):
    builder, _ = smoke
    shocks = builder.shocks()
    assert len(loaded.catalogue) == len(shocks) == 5
    for event, shock in zip(loaded.catalogue, shocks, strict=True):
        assert event.origin_time_s == pytest.approx(builder.start_time_s + shock.origin_time_s, abs=1e-3)
        east_km, north_km = builder.frame.to_local_km(
            np.array([event.latitude_deg]), np.array([event.longitude_deg])
        )
        assert [east_km[0], north_km[0]] == pytest.approx(shock.position_km[:2], abs=1e-3)
        assert event.magnitude == pytest.approx(shock.magnitude)


def test_every_station_has_a_true_p_and_s_pick(smoke):
    catalog = obspy.read_events(str(smoke[1] / "catalogue.xml"))
    for event in catalog:
        assert len(event.picks) == 16
        assert {pick.phase_hint for pick in event.picks} == {"P", "S"}


def test_energy_comes_with_the_first_p(loaded):
    """The second after P is louder than the one before, at 2-8 Hz, unless another's coda is in the way."""
    times_s = np.array([event.origin_time_s for event in loaded.catalogue])
    alone = np.flatnonzero(np.diff(times_s, prepend=-np.inf) > 30.0)
    assert len(alone) >= 2
    for event in (loaded.catalogue[int(i)] for i in alone):
        p = round((event.first_p_time_s - loaded.start_time_s) * 20.0)
        level = np.abs(loaded.narrow[:, 0])
        rise = level[:, p + 1 : p + 21].max(1) / level[:, p - 20 : p].max(1)
        assert rise.max() > 5.0


def test_another_seed_is_another_sequence(smoke):
    builder, _ = smoke
    before = builder.shocks()
    other = build("dataset.builder", ["+dataset=smoke", "dataset.builder.seed=7"]).shocks()
    assert [shock.origin_time_s for shock in before] != [shock.origin_time_s for shock in other]


def test_what_is_there_is_not_overwritten(smoke):
    builder, root = smoke
    with pytest.raises(FileExistsError, match="remove it"):
        builder.build(root)


def test_site_of_a_station_is_the_same_for_every_earthquake(smoke):
    region = smoke[0].region
    ground = Ground(region.crust, region.velocity_model, np.zeros((3, 3)), 50.0, seed=3)
    short, long = TimeAxis.holding(50.0, 40.0, 10.0), TimeAxis.holding(50.0, 80.0, 20.0)
    assert long.n_samples == 2 * short.n_samples
    torch.testing.assert_close(ground.site_amplitudes(short), ground.site_amplitudes(long)[..., ::2])


def test_an_earthquake_is_the_same_whatever_comes_before_it(smoke):
    region = smoke[0].region
    ground = Ground(region.crust, region.velocity_model, np.zeros((2, 3)), 50.0, seed=3)
    shock = Shock(4, 10.0, (20.0, 5.0, 10.0), 3.5)
    once = ground.motion(shock).velocity_mps
    ground.motion(Shock(3, 8.0, (1.0, 2.0, 3.0), 4.0))
    np.testing.assert_array_equal(ground.motion(shock).velocity_mps, once)


def test_horizontals_turn_with_the_azimuth():
    zrt = torch.randn(4, 3, 10, generator=torch.Generator().manual_seed(0))
    quarter = torch.full((4,), np.pi / 2)
    zne = to_zne(zrt, quarter)
    torch.testing.assert_close(zne[:, 0], zrt[:, 0])
    torch.testing.assert_close(zne[:, 1], -zrt[:, 2], atol=1e-6, rtol=0)  # wave to the east: T points south
    torch.testing.assert_close(zne[:, 2], zrt[:, 1], atol=1e-6, rtol=0)


def test_coda_is_faded_to_nothing():
    out = faded(torch.ones(1, 3, 400))
    assert (out[..., :300] == 1.0).all()
    assert (out.diff() <= 0).all()
    assert float(out[..., -1].abs().amax()) < 1e-6


ACCELEROMETER = (
    "{_target_: fcn.simulate.recording.instrument.Accelerometer, range_g: 4.0, resolution_mps2: 1.0e-5, "
    "self_noise_mps2: 1.0e-6, offset_mps2: 0.01, tilt_share: 0.0, tilt_from_mps2: 0.5}"
)
SEISMOMETER = (
    "{_target_: fcn.simulate.recording.instrument.Instrument, sensitivity_counts_per_mps: 1.0e+6, "
    "clip_mps: 5.0, corner_hz: 0.001, damping: 0.7, self_noise_mps: 0.0}"
)
TRIGGER = (
    "{_target_: fcn.simulate.recording.trigger.Trigger, level_mps2: 2.0e-3, lead_s: [5.0, 15.0], hold_s: 5.0}"
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Folders of the smoke sequence as a perfect seismometer writes it, an accelerometer, a triggered one."""
    roots = {}
    for name, instrument, trigger in (
        ("seismometer", SEISMOMETER, "null"),
        ("accelerometer", ACCELEROMETER, "null"),
        ("triggered", ACCELEROMETER, TRIGGER),
    ):
        node = "dataset.builder.recording"
        changes = [f"~{node}.instrument", f"+{node}.instrument={instrument}", f"+{node}.trigger={trigger}"]
        roots[name] = tmp_path_factory.mktemp("recorded") / name
        build("dataset.builder", ["+dataset=smoke", *changes]).build(roots[name])
    return roots


def test_accelerometers_are_read_back_as_the_same_ground_velocity(recorded, recipe):
    inventory = obspy.read_inventory(str(recorded["accelerometer"] / "stations.xml"))
    assert {channel.code for channel in inventory[0][0]} == {"HNZ", "HNN", "HNE"}
    assert inventory[0][0][0].response.instrument_sensitivity.input_units == "M/S**2"
    read, truth = (
        Sequence.load(recorded[name], recipe.preprocess) for name in ("accelerometer", "seismometer")
    )
    for name, tolerated in (("narrow", 0.03), ("broad", 0.08)):
        mine, other = (getattr(each, name)[..., 1200:] for each in (read, truth))  # filters have settled
        error = np.abs(mine - other).max(-1) / np.abs(other).max(-1)
        assert error.max() < tolerated  # preprocessing integrates by trapezoids: 3 % off at 9 Hz of 100


def test_triggered_records_begin_before_p_and_agree_with_continuous_ones(recorded, recipe):
    names = ("accelerometer", "triggered")
    whole, parts = (Sequence.load(recorded[name], recipe.preprocess) for name in names)
    assert 0.05 < parts.known.mean() < 0.9
    largest = max(parts.catalogue, key=lambda event: event.magnitude)
    p = round((largest.first_p_time_s - parts.start_time_s) * parts.sampling_rate_hz)
    lasting = parts.valid[:, p - 60 : p + 100].all(1)
    assert lasting.sum() >= 3
    first = round((parts.start_time_s - whole.start_time_s) * whole.sampling_rate_hz)
    row = [station.id for station in whole.network].index(parts.network.stations[int(lasting.argmax())].id)
    mine = parts.narrow[int(lasting.argmax()), :, p : p + 200]
    other = whole.narrow[row, :, first + p : first + p + 200]
    assert np.abs(mine - other).max() < 0.02 * np.abs(other).max()


def test_larger_earthquakes_last_longer():
    """1.5 times Lee et al. (1972): 100 s at M 3.13."""
    assert [record_length_s(m) for m in (1.0, 3.13, 7.0)] == pytest.approx([40.0, 150.0, 600.0])


@pytest.mark.parametrize(("start", "expected"), [(-2, [3, 1, 1]), (1, [1, 1, 2]), (9, [1, 1, 1])])
def test_records_that_stick_out_are_cut(start, expected):
    total = np.ones((3, 3))
    add_at(total, np.tile([0.0, 1.0, 2.0], (3, 1)), start)
    assert total[0].tolist() == expected
