import math
from dataclasses import replace

import pytest
import torch

from fcn.simulate.path.scattering import band_weights, coda_operator, leaked, packet_operator
from fcn.simulate.source.spectrum import TimeAxis

AXIS = TimeAxis.holding(40.0, 60.0, 20.0)
N = 48


@pytest.fixture
def law(recipe):
    return recipe.crust.scattering


def column(value: float) -> torch.Tensor:
    return torch.full((N,), value)


def gen() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def test_coherent_share_falls_with_distance_and_frequency(law):
    share = law.coherent_share(torch.tensor([0.0, 40.0, 80.0]), torch.tensor([1.0, 8.0]))
    assert share[0].tolist() == [1.0, 1.0]
    assert share[1, 0] == pytest.approx(math.exp(-40.0 / law.coherence_km), rel=1e-4)
    assert (share.diff(dim=0) < 0).all()
    assert (share[1:].diff(dim=1) < 0).all()


def test_packet_has_unit_energy_and_the_laws_delay(law):
    spectrum = packet_operator(law, column(100.0), column(60.0), AXIS, gen())
    assert float((spectrum.abs() ** 2).mean()) == pytest.approx(1.0, rel=0.05)
    packet = torch.fft.irfft(spectrum, n=AXIS.n_samples)
    energy = (packet**2).mean((0, 1))
    mean_s = float((energy * AXIS.time_s).sum() / energy.sum())
    assert mean_s == pytest.approx(2.0 * (law.packet_s + 100.0 * law.packet_s_per_km), rel=0.1)
    assert float(packet[..., -200:].abs().amax()) < 1e-4


@pytest.mark.parametrize("frequency_hz", [2.0, 6.0])
def test_coda_decays_as_its_q_says(law, frequency_hz):
    spectrum = coda_operator(law, column(6.0), 3.5, column(60.0), AXIS, gen())
    narrow = torch.exp(-((torch.log2(AXIS.frequency_hz.clamp(min=0.1) / frequency_hz) / 0.3) ** 2))
    power = (torch.fft.irfft(spectrum * narrow, n=AXIS.n_samples) ** 2).mean((0, 1))
    elapsed_s = AXIS.time_s
    expected = law.coda_power(elapsed_s[None], torch.tensor([6.0]), 3.5)[0]
    expected = expected * torch.exp(-2 * math.pi * frequency_hz * elapsed_s / law.coda_q_at(frequency_hz))
    early, late = slice(400, 800), slice(1600, 2000)
    drop = 10 * torch.log10(power[late].mean() / power[early].mean())
    assert float(drop) == pytest.approx(
        float(10 * torch.log10(expected[late].mean() / expected[early].mean())), abs=1.5
    )


def test_single_scattering_follows_sato(law):
    # Sato (1977): energy g V K(a) over the direct wave's, K(a) = ln((a + 1) / (a - 1)) / a; at a = 2, 0.549.
    power = replace(law, coda_law="single").coda_power(torch.tensor([[10.0]]), torch.tensor([10.0]), 3.5)
    assert float(power) == pytest.approx(law.scattering_per_km * 3.5 * 0.5493, rel=2e-3)


def test_diffusion_falls_with_the_power_three_halves(law):
    diffuse = replace(law, coda_law="diffusion", scattering_per_km=0.1)
    power = diffuse.coda_power(torch.tensor([[400.0, 1600.0]]), torch.tensor([1.0]), 3.5)[0]
    assert float(power[0] / power[1]) == pytest.approx(4**1.5, rel=0.02)


def test_nothing_comes_before_the_arrival(law):
    spectrum = coda_operator(law, column(6.0), 3.5, column(40.0), AXIS, gen())
    tail = torch.fft.irfft(spectrum, n=AXIS.n_samples)
    assert float(tail[..., -200:].abs().amax()) < 2e-3 * float(tail.abs().amax())


def test_bands_add_up_to_everything():
    weights = band_weights((0.7, 2.0, 6.0), AXIS.frequency_hz)
    torch.testing.assert_close((weights**2).sum(0), torch.ones(len(AXIS.frequency_hz)))


def test_leakage_moves_energy_between_components_and_keeps_its_sum():
    arrivals = torch.randn(400, 3, 64, dtype=torch.complex64, generator=gen())
    arrivals[:, 2] = 0.0
    mixed = leaked(arrivals, 0.3, torch.linspace(0, 20, 64), gen())
    energy, before = (mixed.abs() ** 2).mean((0, 2)), (arrivals.abs() ** 2).mean((0, 2))
    assert float(energy.sum()) == pytest.approx(float(before.sum()), rel=0.03)
    assert float(energy[2]) == pytest.approx(0.15 * float(before.sum()), rel=0.1)
    torch.testing.assert_close(leaked(arrivals, 0.0, torch.linspace(0, 20, 64), gen()), arrivals)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"coherence_km": 0.0}, "coherence_km must be positive"),
        ({"coda_q": -1.0}, "coda_q must be positive"),
        ({"leakage": 1.5}, "leakage"),
        ({"coda_law": "magic"}, "'single' or 'diffusion'"),
        ({"p_tail": -1.0}, "p_tail"),
        ({"packet_s_per_km": -1.0}, "packet_s_per_km must not be negative, got -1.0"),
        ({"band_centres_hz": ()}, "band_centres_hz must be positive and at least one"),
    ],
)
def test_nonsense_is_refused(law, changes, message):
    with pytest.raises(ValueError, match=message):
        replace(law, **changes)
