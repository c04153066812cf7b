"""Noise of stations: level and colour of the store's records, and a course in time of its own."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import signal
from toy import RATE_HZ, small_training

from fcn.config import build
from fcn.recombine.noise import NoiseBank
from fcn.recombine.texture import NoiseTexture
from fcn.store.reader import BaseStore

LEVEL = 1e-7  # of toy noise, m/s; it is white
OFF = {
    "swell": (0.0, 0.0),
    "burst_share": 0.0,
    "hum_share": 0.0,
    "correlation": (0.0, 0.0),
    "horizontal_db": (0.0, 0.0),
    "slow_db": (0.0, 0.0),
}


@pytest.fixture(scope="module")
def store(toy_store) -> BaseStore:
    return BaseStore.open(toy_store)


@pytest.fixture(scope="module")
def usual(toy_store) -> NoiseTexture:
    return build(small_training(toy_store)["data"]["noise_texture"])


@pytest.fixture(scope="module")
def draw(store, usual):
    """Of 40 windows of 12 stations, with nothing on but what is asked for; (480, 3, 1400)."""
    bank = NoiseBank(store, "train", None)

    def drawn(**changes: Any) -> torch.Tensor:
        bank.texture = replace(usual, **(OFF | changes)) if changes else None
        rngs = [np.random.default_rng(i) for i in range(40)]
        return bank.draw(rngs, [12] * 40, 1400).double().flatten(0, 1)

    return drawn


def density(series: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    return signal.welch(series.numpy(), RATE_HZ, nperseg=700, axis=-1)


def test_noise_has_the_level_and_colour_of_the_records(draw):
    """At all frequencies, also where noise made in time meets noise made of frequencies."""
    drawn = draw()
    assert float(drawn.square().mean().sqrt()) == pytest.approx(LEVEL, rel=0.03)
    hz, found = density(drawn)
    white = 2 * LEVEL**2 / RATE_HZ
    for low, high in ((0.05, 0.2), (0.6, 0.9), (0.9, 1.2), (1.2, 1.7), (2.0, 8.0)):
        assert found[..., (hz >= low) & (hz <= high)].mean() == pytest.approx(white, rel=0.1)


def test_a_texture_of_nothing_changes_nothing(draw):
    torch.testing.assert_close(draw(swell=(0.0, 0.0)), draw(), atol=1e-5 * LEVEL, rtol=1e-4)


def test_noise_swells_and_keeps_its_level(draw):
    swollen, steady = draw(swell=(0.5, 0.5), swell_s=(4.0, 4.0)), draw()
    assert float(swollen.square().mean()) == pytest.approx(float(steady.square().mean()), rel=0.1)
    sos = signal.butter(4, (2.0, 8.0), "bandpass", fs=RATE_HZ, output="sos")
    spread = []
    for series in (swollen, steady):
        narrow = signal.sosfilt(sos, series.numpy())
        spread.append(np.log((narrow.reshape(*narrow.shape[:-1], -1, 20) ** 2).mean(axis=-1)).std() / 2)
    assert (spread[0] ** 2 - spread[1] ** 2) ** 0.5 == pytest.approx(0.5, rel=0.15)


def test_bursts_befall_their_share_and_are_as_large_as_asked(draw):
    quiet = draw()
    loud = draw(burst_share=0.5, burst_rate_hz=(0.1, 0.1), burst_gain=(10.0, 10.0), burst_s=(0.5, 0.5))
    added = (loud - quiet).abs().amax(dim=(1, 2)) / LEVEL
    hit = added > 3
    assert float(hit.float().mean()) == pytest.approx(0.5, abs=0.06)  # (11/12)^12 of none have none
    assert 10 < added[hit].median() < 50
    touched = ((loud - quiet).abs().amax(dim=1) > LEVEL).double().mean(dim=1)[hit]
    assert 0.05 < touched.mean() < 0.35


def test_bursts_are_of_all_lengths_and_polarised_or_not(draw):
    quiet = draw()
    made = draw(burst_share=1.0, burst_rate_hz=(0.01, 0.01), burst_gain=(20.0, 20.0), burst_s=(0.1, 5.0))
    added = made - quiet
    strong = added.abs().amax(dim=(1, 2)) > 5 * LEVEL
    energy = added[strong].square().sum(dim=1)
    length_s = energy.sum(dim=1) ** 2 / energy.square().sum(dim=1) / RATE_HZ
    assert length_s.quantile(0.1) < 0.3
    assert length_s.quantile(0.9) > 1.0
    value = torch.linalg.eigvalsh(added[strong] @ added[strong].mT)
    linear = 1 - value[:, :2].sum(dim=1) / (2 * value[:, 2])
    assert linear.quantile(0.1) < 0.8
    assert linear.quantile(0.9) > 0.95


def test_machinery_hums_at_one_frequency_with_harmonics(draw):
    hum = draw(hum_share=1.0, hum_hz=(2.0, 2.0), hum_gain=(1.0, 1.0)) - draw()
    power = torch.fft.rfft(hum).abs().square().sum(dim=(0, 1))
    bins = torch.tensor([140, 280, 420])  # 2, 4, 6 Hz of 70 s
    assert float(power[bins].sum() / power.sum()) > 0.999
    torch.testing.assert_close(
        power[bins] / power[140], torch.tensor([1, 1 / 4, 1 / 9]).double(), rtol=0.06, atol=0
    )
    assert float(power[140] / power.sum() * hum.square().mean()) == pytest.approx(LEVEL**2, rel=0.15)
    some = draw(hum_share=0.3, hum_hz=(2.0, 2.0), hum_gain=(1.0, 1.0)) - draw()
    assert float((some.abs().amax(dim=(1, 2)) > 0.1 * LEVEL).float().mean()) == pytest.approx(0.3, abs=0.07)


def test_components_go_together_and_horizontals_are_louder(draw):
    def correlation(x: torch.Tensor) -> float:
        moment = x @ x.mT
        size = moment.diagonal(dim1=1, dim2=2).sqrt()
        return float((moment[:, 0, 1] / (size[:, 0] * size[:, 1])).abs().mean())

    alone, mixed = draw(), draw(correlation=(1.0, 1.0))
    assert correlation(alone) < 0.05
    assert correlation(mixed) > 0.3
    assert float(mixed.square().mean()) == pytest.approx(float(alone.square().mean()), rel=0.05)
    louder = draw(horizontal_db=(6.0, 0.0)).square().mean(dim=(0, 2)) / alone.square().mean(dim=(0, 2))
    torch.testing.assert_close(10 * louder.log10(), torch.tensor([0.0, 6.0, 6.0]).double(), atol=0.05, rtol=0)


def test_microseism_changes_below_a_hertz_alone(draw):
    hz, plain = density(draw())
    _, raised = density(draw(slow_db=(20.0, 0.0)))
    change_db = 10 * np.log10(raised.mean(axis=(0, 1)) / plain.mean(axis=(0, 1)))
    assert np.abs(change_db[(hz > 0.05) & (hz < 0.28)] - 20).max() < 0.5
    assert np.abs(change_db[hz > 1.2]).max() < 0.1
    assert 3 < change_db[np.abs(hz - 0.55).argmin()] < 17


def test_noise_is_keyed_by_example(store, usual):
    bank = NoiseBank(store, "train", usual)
    alone = bank.draw([np.random.default_rng(3)], [5], 700)
    among = bank.draw([np.random.default_rng(1), np.random.default_rng(3)], [9, 5], 700)
    torch.testing.assert_close(among[1, :5], alone[0], atol=1e-12, rtol=1e-4)
    assert not among[1, 5:].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"swell": (-0.1, 1.0)}, "swell must be positive"),
        ({"burst_s": (0.0, 1.0)}, "burst_s must be positive"),
        ({"hum_share": 1.5}, "hum_share"),
        ({"slow_db": (1.0, -1.0)}, "slow_db"),
    ],
)
def test_impossible_textures_are_refused(usual, change, message):
    with pytest.raises(ValueError, match=message):
        replace(usual, **change)
