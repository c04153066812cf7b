"""Moveout: pulses at several stations at once are told from waves, and waves are left alone."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from fcn.config import build
from fcn.scheme.migration.moveout import MoveoutLaw
from fcn.scheme.migration.picks import Picks

P_KMPS = 6.0
STATION_KM = torch.tensor([[0.0, 0.0, 0.0], [14.0, 3.0, 0.0], [-6.0, 12.0, 0.0], [9.0, -13.0, 0.0]])
TIGHT_KM = STATION_KM / 8.0


@pytest.fixture(scope="module")
def law() -> MoveoutLaw:
    conf = OmegaConf.load(Path(__file__).parents[3] / "conf" / "scheme" / "migration.yaml")
    return build(OmegaConf.to_container(conf.reading.moveout))


def p_s(source_km: tuple[float, float, float], station_km: torch.Tensor = STATION_KM) -> torch.Tensor:
    return (station_km - torch.tensor(source_km)).norm(dim=1) / P_KMPS


def picks_of(time_s: torch.Tensor) -> Picks:
    return Picks(torch.arange(len(time_s)) % 4, time_s, torch.full_like(time_s, 0.9))


def found(law: MoveoutLaw, time_s: torch.Tensor, due_s: torch.Tensor, **given) -> list[bool]:
    everybody = {
        "judges": torch.ones(1, 4, dtype=torch.bool),
        "free": torch.ones(len(time_s), dtype=torch.bool),
    }
    return law.at_once(picks_of(time_s), due_s[None], **{**everybody, **given})[0].tolist()


@pytest.mark.parametrize(
    "source_km", [(4.0, 1.0, 12.0), (0.0, 5.0, 3.0), (40.0, 0.0, 10.0), (1.0, 0.0, 30.0)]
)
def test_one_pulse_at_all_stations_is_no_wave(law, source_km):
    """Wherever it is put, as picks of one pulse are off by less than a sample; even so deep."""
    pulse_s = 10.0 + torch.tensor([0.0, 0.03, -0.02, 0.01])
    assert found(law, pulse_s, p_s(source_km)) == [True] * 4


def test_real_arrivals_are_left_alone_however_their_picks_are_off(law):
    """Crustal events in and about the network: of a thousand not one pick in two hundred is doubted."""
    generator = torch.Generator().manual_seed(1)
    doubted = []
    for _ in range(1000):
        east_km, north_km = (40 * torch.rand(2, generator=generator) - 20).tolist()
        depth_km = 3 + 17 * float(torch.rand(1, generator=generator))
        due_s = p_s((east_km, north_km, depth_km))
        # what is believed is elsewhere, and picks are late and early
        wrong_s = p_s((east_km + 2.0, north_km - 1.0, depth_km + 3.0))
        picked_s = due_s + 0.08 * torch.randn(4, generator=generator)
        doubted += found(law, picked_s, wrong_s)
    assert sum(doubted) < 0.005 * len(doubted)


@pytest.mark.parametrize("depth_km", [8.0, 30.0])
def test_a_deep_event_under_a_tight_network_is_left_alone(law, depth_km):
    """P comes to all within a tenth of a second, as it should."""
    due_s = p_s((0.0, 0.0, depth_km), TIGHT_KM)
    assert float(due_s.max() - due_s.min()) < law.together_s
    assert found(law, 10.0 + due_s, due_s) == [False] * 4


def test_two_stations_are_no_pattern(law):
    assert found(law, torch.tensor([10.0, 10.0, 12.0, 14.0]), p_s((0.0, 5.0, 3.0))) == [False] * 4


def test_only_what_nothing_explains_at_stations_that_judge_counts(law):
    due_s, pulse_s = p_s((0.0, 5.0, 3.0)), torch.full((4,), 10.0)
    near = torch.tensor([[True, True, True, False]])
    assert found(law, pulse_s, due_s, judges=near) == [True, True, True, False]
    free = torch.tensor([True, True, False, True])
    assert found(law, pulse_s, due_s, free=free) == [True, True, False, True]
    assert found(law, pulse_s, due_s, judges=near, free=free) == [False] * 4


def test_without_picks_there_is_nothing(law):
    none = torch.zeros(0)
    empty = Picks(none.long(), none, none)
    free = none.bool()
    assert law.at_once(empty, torch.zeros(2, 4), torch.ones(2, 4, dtype=torch.bool), free).shape == (2, 0)


@pytest.mark.parametrize("change", [{"together_s": 0.0}, {"least_s": 0.05}, {"fewest": 2}])
def test_impossible_laws_are_refused(law, change):
    with pytest.raises(ValueError, match=r"reading\.moveout"):
        replace(law, **change)
