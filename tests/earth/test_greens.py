import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fcn.earth.greens import GreensBank, compute_greens, low_pass
from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel

GOLDEN = Path(__file__).with_name("golden")
EXPLOSION = (1.0, 1.0, 1.0, 0.0, 0.0, 0.0)
GENERAL = (0.3, -0.5, 0.2, 0.4, -0.7, 0.6)
ROCK = LayeredModel("rock", "test", [0.0], [6.0], [3.5], [2.7], [2000.0], [1000.0])
CRUST = LayeredModel(
    "crust", "test", [0, 1, 12, 30], [4.6, 5.9, 6.6, 8.0], [2.6, 3.4, 3.8, 4.5], [2.5, 2.7, 2.85, 3.3],
    [200, 500, 800, 1000], [100, 250, 400, 500],
)  # fmt: skip
BAND = {"duration_s": 32.0, "sampling_rate_hz": 20.0, "max_frequency_hz": 9.8, "reference_frequency_hz": 10.0}
LOW_BAND = BAND | {"duration_s": 25.0, "sampling_rate_hz": 10.0, "max_frequency_hz": 4.0}


def seismograms(bank: GreensBank, tensor=GENERAL, azimuth_deg=37.0, corner_hz=2.0):
    """Velocity (depth, distance, 3, time) of a smooth causal moment-rate pulse of 1 N m."""
    n_depths, n_distances = bank.spectra.shape[:2]
    depth, distance = (
        i.flatten() for i in torch.meshgrid(torch.arange(n_depths), torch.arange(n_distances), indexing="ij")
    )
    n = len(depth)
    spectra = bank.radiate(
        depth, distance, torch.tensor([tensor]).expand(n, 6), torch.full((n,), azimuth_deg)
    )
    pulse = (1 + bank.laplace_per_s / (2 * np.pi * corner_hz)) ** -4
    return bank.to_time(spectra * pulse.to(torch.complex64)).unflatten(0, (n_depths, n_distances)).numpy()


def pulse(time_s, corner_hz):
    """The moment-rate pulse of `seismograms`: w^4 t^3 exp(-w t) / 6."""
    w = 2 * np.pi * corner_hz
    return np.where(time_s > 0, w * (w * time_s) ** 3 * np.exp(-w * np.maximum(time_s, 0)) / 6, 0.0)


def pulse_rate(time_s, corner_hz):
    w = 2 * np.pi * corner_hz
    t = np.maximum(time_s, 0)
    return w**2 * (3 * (w * t) ** 2 - (w * t) ** 3) * np.exp(-w * t) / 6


@pytest.fixture(scope="module")
def crust_bank() -> GreensBank:
    return compute_greens(CRUST, [3.0, 9.0, 20.0], [10.0, 45.0, 80.0], **(BAND | {"duration_s": 50.0}))


@pytest.mark.reference
def test_against_an_independent_code():
    """Golden seismograms of pygrt-kit, from just before P on: at the origin time that code has a pulse.

    Its velocities hold at the highest frequency it computes.
    """
    spec = importlib.util.spec_from_file_location("make_greens", GOLDEN / "make_greens.py")
    deck = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(deck)
    expected = np.load(GOLDEN / "greens.npz")["seismograms"]
    thickness_km, *columns = deck.LAYERS.T
    tops_km = np.concatenate([[0], np.cumsum(thickness_km[:-1])])
    model = LayeredModel("golden", "test", tuple(tops_km), *map(tuple, columns))
    bank = compute_greens(
        model,
        deck.DEPTHS_KM,
        deck.DISTANCES_KM,
        duration_s=deck.N_SAMPLES / deck.SAMPLING_RATE_HZ,
        sampling_rate_hz=deck.SAMPLING_RATE_HZ,
        max_frequency_hz=deck.SAMPLING_RATE_HZ / 2,
        reference_frequency_hz=deck.MAX_FREQUENCY_HZ,
    )
    laplace = bank.laplace_per_s.numpy()
    time_s = np.arange(deck.N_SAMPLES) / deck.SAMPLING_RATE_HZ
    source = np.exp(-np.outer(laplace, time_s)) @ deck.pulse() / deck.SAMPLING_RATE_HZ
    source /= low_pass(laplace, deck.SAMPLING_RATE_HZ / 2)
    table = TravelTimeTable.build(model, max_depth_km=20, max_distance_km=100, step_km=0.5)
    worst = 0.0
    for i, j, k in np.ndindex(expected.shape[:3]):
        azimuth_deg = torch.tensor([deck.AZIMUTHS_DEG[k]])
        spectra = bank.radiate(
            torch.tensor([i]), torch.tensor([j]), torch.tensor([deck.MOMENT_TENSOR]), azimuth_deg
        )
        found = 1e18 * bank.to_time(spectra * torch.tensor(source))[0, :, ::2].numpy()
        hypocentre, station = (
            torch.tensor([[0, 0, deck.DEPTHS_KM[i]]]),
            torch.tensor([[deck.DISTANCES_KM[j], 0, 0]]),
        )
        p_s = float(table.between(hypocentre, station)[0, 0, 0])
        start = int(10 * (p_s + deck.PULSE_DELAY_S - 3 * deck.PULSE_WIDTH_S))
        difference = np.abs(found - expected[i, j, k])[:, start:].max(1) / np.abs(expected[i, j, k]).max(1)
        worst = max(worst, float(difference.max()))
    print(f"against pygrt-kit: worst difference {worst:.4f} of the peak of the component")  # noqa: T201
    assert worst < 0.01


def test_explosion_below_is_the_far_field_doubled_by_the_surface():
    """u_P = Mdot / (4 pi rho a^3 R) (Aki & Richards 2002, eq. 4.29) + near field, twice at a free surface."""
    depth_km, distance_km = 15.0, 0.5
    bank = compute_greens(ROCK, [depth_km], [distance_km], **BAND)
    found = seismograms(bank, EXPLOSION)[0, 0, 0]
    r_m, a = 1e3 * np.hypot(depth_km, distance_km), 6000.0
    delay_s = np.arange(len(found)) / 20 - r_m / a
    # Velocity for a moment rate s(t): the far field has s'(t), the near field of an explosion s(t) a / r.
    expected = (
        2 * (pulse_rate(delay_s, 2.0) + pulse(delay_s, 2.0) * a / r_m) / (4 * np.pi * 2700 * a**3 * r_m)
    )
    filtered = filtered_like(bank, expected)
    assert found.max() == pytest.approx(filtered.max(), rel=0.02)
    assert np.abs(found - filtered).max() < 0.03 * filtered.max()


def filtered_like(bank: GreensBank, series):
    """A series through the low-pass of the bank."""
    frequency_hz = np.fft.rfftfreq(len(series), 1 / bank.sampling_rate_hz)
    return np.fft.irfft(np.fft.rfft(series) * low_pass(2j * np.pi * frequency_hz + 1e-9, 9.8), len(series))


def test_transverse_s_is_the_far_field_doubled_by_the_surface():
    """u_SH = F Mdot / (4 pi rho b^3 R) in the far field, F for a strike slip seen across its planes."""
    depth_km, distance_km = 4.0, 40.0
    bank = compute_greens(ROCK, [depth_km], [distance_km], **BAND)
    strike_slip = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0)  # M_ne
    found = seismograms(bank, strike_slip, azimuth_deg=0.0)[0, 0, 2]
    r_m, b = 1e3 * np.hypot(depth_km, distance_km), 3500.0
    delay_s = np.arange(len(found)) / 20 - r_m / b
    radiation = distance_km / np.hypot(depth_km, distance_km)  # cos 2 azimuth sin takeoff
    expected = filtered_like(bank, 2 * radiation * pulse_rate(delay_s, 2.0) / (4 * np.pi * 2700 * b**3 * r_m))
    assert np.abs(found).max() == pytest.approx(np.abs(expected).max(), rel=0.05)
    late = delay_s > 0
    assert np.corrcoef(found[late], expected[late])[0, 1] > 0.99


def test_onsets_agree_with_the_travel_time_table_and_nothing_precedes_them(crust_bank):
    table = TravelTimeTable.build(CRUST, max_depth_km=40, max_distance_km=100, step_km=0.5)
    motion = seismograms(crust_bank, corner_hz=6.0)
    for i, depth_km in enumerate(crust_bank.depth_km):
        for j, distance_km in enumerate(crust_bank.distance_km):
            p_s, s_s = table.between(
                torch.tensor([[0, 0, depth_km]]), torch.tensor([[distance_km, 0.0, 0.0]])
            )[0, 0]
            p, s = int(20 * p_s), int(20 * s_s)
            record = np.abs(motion[i, j])
            p_peak = record[:, p : p + 40].max()
            assert record[:, : p - 1].max() < 1e-3 * p_peak
            assert record[:, p : p + 12].max() > 0.02 * p_peak  # a head wave begins weakly
            transverse = record[2]
            # Before S there is near field alone; S may begin as a head wave.
            assert transverse[: s - 1].max() < 0.25 * transverse.max()
            assert transverse[s : s + 30].max() > 3 * transverse[: s - 1].max()


def test_rotating_source_and_station_together_changes_nothing(crust_bank):
    turn = np.radians(50.0)
    nn, ee, dd, ne, nd, ed = GENERAL
    tensor = np.array([[nn, ne, nd], [ne, ee, ed], [nd, ed, dd]])
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    turned = rotation @ tensor @ rotation.T
    turned = tuple(turned[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]])
    here, there = seismograms(crust_bank), seismograms(crust_bank, turned, 87.0)
    np.testing.assert_allclose(there, here, atol=1e-5 * np.abs(here).max())


def test_mirror_image_has_the_opposite_transverse(crust_bank):
    nn, ee, dd, ne, nd, ed = GENERAL  # mirrored at the north-down plane: everything odd in east changes sign
    here, there = seismograms(crust_bank), seismograms(crust_bank, (nn, ee, dd, -ne, nd, -ed), -37.0)
    signs = np.array([1, 1, -1])[:, None]
    np.testing.assert_allclose(there * signs, here, atol=1e-5 * np.abs(here).max())


def test_explosion_has_no_transverse_and_pushes_up_and_away(crust_bank):
    motion = seismograms(crust_bank, EXPLOSION, corner_hz=4.0)
    assert np.abs(motion[:, :, 2]).max() < 1e-6 * np.abs(motion).max()
    for depth, distance in np.ndindex(motion.shape[:2]):
        up, away = motion[depth, distance, :2]
        first = int(np.argmax(np.abs(up) > 0.02 * np.abs(up).max()))
        assert up[first] > 0
        assert away[first + 1] > 0


def test_layers_that_do_not_differ_change_nothing():
    depths, distances = [4.0, 13.0], [12.0, 30.0]
    whole = seismograms(compute_greens(CRUST, depths, distances, **LOW_BAND))
    split = seismograms(compute_greens(CRUST.subdivided(5.0, 40.0), depths, distances, **LOW_BAND))
    np.testing.assert_allclose(split, whole, atol=2e-5 * np.abs(whole).max())


def test_source_on_an_interface_belongs_to_the_layer_above():
    on, above = (
        seismograms(compute_greens(CRUST, [depth_km], [25.0], **LOW_BAND)) for depth_km in (12.0, 11.999)
    )
    np.testing.assert_allclose(on, above, atol=2e-3 * np.abs(on).max())


def test_depths_together_equal_depths_alone():
    together = seismograms(compute_greens(CRUST, [3.0, 9.0, 20.0], [15.0, 30.0], **LOW_BAND))
    for i, depth_km in enumerate((3.0, 9.0, 20.0)):
        alone = seismograms(compute_greens(CRUST, [depth_km], [15.0, 30.0], **LOW_BAND))
        np.testing.assert_allclose(together[i], alone[0], atol=1e-3 * np.abs(alone).max())


def test_a_longer_window_begins_with_the_shorter_one():
    short = seismograms(compute_greens(CRUST, [9.0], [20.0], **LOW_BAND))[0, 0]
    longer = seismograms(compute_greens(CRUST, [9.0], [20.0], **(LOW_BAND | {"duration_s": 45.0})))[0, 0]
    np.testing.assert_allclose(longer[:, : short.shape[1]], short, atol=2e-3 * np.abs(short).max())


def test_absorption_weakens_and_delays_high_frequencies(crust_bank):
    clear = replace(CRUST, qp=(1e5,) * 4, qs=(1e5,) * 4)
    bank = compute_greens(clear, [9.0], [80.0], **(BAND | {"duration_s": 50.0}))
    with_q, without = seismograms(crust_bank, corner_hz=6.0)[1, 2], seismograms(bank, corner_hz=6.0)[0, 0]
    assert np.abs(with_q).max() < 0.9 * np.abs(without).max()


def test_bank_describes_itself(crust_bank):
    assert crust_bank.spectra.shape == (3, 3, 10, 491)
    assert crust_bank.spectra.dtype == torch.complex64
    assert crust_bank.frequency_hz[-1] == pytest.approx(9.8)
    assert crust_bank.laplace_per_s[0].real == pytest.approx(crust_bank.damping_per_s)
    assert torch.isfinite(crust_bank.spectra.abs()).all()
    assert seismograms(crust_bank).shape == (3, 3, 3, 1000)


@pytest.mark.parametrize(
    ("depths", "distances", "change", "message"),
    [
        ([0.0, 5.0], [10.0], {}, "depths must be positive and ascending"),
        ([5.0, 5.0], [10.0], {}, "depths must be positive and ascending"),
        ([], [10.0], {}, "depths must be positive"),
        ([5.0], [0.0], {}, "distances must be positive"),
        ([5.0], [], {}, "distances must be positive"),
        ([5.0], [10.0], {"max_frequency_hz": 10.1}, "max_frequency_hz 10.1"),
    ],
)
def test_what_cannot_be_computed_is_refused(depths, distances, change, message):
    with pytest.raises(ValueError, match=message):
        compute_greens(CRUST, depths, distances, **(BAND | change))
