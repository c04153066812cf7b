"""S picks: the most probable moment near when S is due, of what has data, is in the window and is a peak."""

import pytest
import torch
from torch import nn

from fcn.arch.migration import Features, MigrationNet
from fcn.arch.station_s import StationS
from fcn.scheme.migration.picks import Arrived
from fcn.scheme.migration.s_picks import find_s_picks

RATE_HZ, N_SAMPLES, N_STATIONS, FIRST = 20.0, 400, 3, 7
WITHIN_S = 0.9


class Heard(nn.Module):
    """Says what was put into the features of S."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Channel 0."""
        return features[..., 1, 0]


EAR = Heard()


Window = tuple[Features, torch.Tensor]


def window(
    peaks_s: list[float | None], *, nobodys: int = 0, silent: tuple[float, float] | None = None
) -> Window:
    """Stations that hear S at these moments, as pulses of a tenth of a second; and where they have data."""
    at_s = torch.arange(N_SAMPLES) / RATE_HZ
    table = torch.full((1, N_STATIONS, 2, FIRST + N_SAMPLES + 1, 4), -9.0)
    heard = torch.ones(N_STATIONS, N_SAMPLES, dtype=torch.bool)
    for station, peak_s in enumerate(peaks_s):
        if peak_s is not None:
            pulse = 2.0 - 0.5 * ((at_s - peak_s) / 0.1) ** 2
            table[0, station, 1, FIRST : FIRST + N_SAMPLES, 0] = pulse.clamp_min(-9.0)
    if silent is not None:
        heard[:, (at_s >= silent[0]) & (at_s < silent[1])] = False
    return Features(torch.zeros(1, N_STATIONS, N_SAMPLES), table, FIRST, nobodys), heard


def found(seen: Window, due_s: list[float], ear: nn.Module | None = EAR) -> Arrived:
    there, due = torch.ones(N_STATIONS, dtype=torch.bool), torch.tensor([due_s])
    return find_s_picks(ear, *seen, there, due, within_s=WITHIN_S, sampling_rate_hz=RATE_HZ)


def test_s_is_picked_between_samples_where_it_is_heard_most():
    said = found(window([10.0, 10.13, 12.4]), [10.0, 10.5, 12.0])
    torch.testing.assert_close(said.late_s, torch.tensor([[0.0, -0.37, 0.4]]), atol=0.01, rtol=0)
    torch.testing.assert_close(said.probability[0], torch.full((3,), 2.0).sigmoid(), atol=0.03, rtol=0)


@pytest.mark.parametrize(
    ("seen", "due_s"),
    [
        (window([13.0, 7.0, None]), [12.0, 8.0, 10.0]),  # further off than asked for; nowhere
        (window([0.5, 19.6, 25.0]), [0.5, 19.6, 25.0]),  # too near either end, or beyond
        (window([10.0] * 3, silent=(9.5, 9.6)), [10.0] * 3),  # a hole, where something is filled in
        (window([4.0] * 3, nobodys=80), [4.0] * 3),  # what is nobody's
        (window([10.0] * 3), [torch.inf, -torch.inf, torch.nan]),  # stations that it never reaches
    ],
    ids=["elsewhere", "ends", "hole", "nobodys", "never"],
)
def test_elsewhere_nothing_is_picked(seen, due_s):
    said = found(seen, due_s)
    assert said.probability.max() < 0.001


def test_stations_that_are_not_there_pick_nothing():
    there = torch.tensor([True, False, True])
    due_s = torch.full((1, N_STATIONS), 10.0)
    said = find_s_picks(EAR, *window([10.0] * 3), there, due_s, within_s=WITHIN_S, sampling_rate_hz=RATE_HZ)
    assert (said.probability[0] > 0.5).tolist() == there.tolist()


def test_less_than_a_sample_is_a_sample():
    due_s = torch.tensor([[10.0, torch.nan, 12.0]])
    there = torch.ones(N_STATIONS, dtype=torch.bool)
    said = find_s_picks(EAR, *window([10.0] * 3), there, due_s, within_s=0.0, sampling_rate_hz=RATE_HZ)
    assert (said.probability[0] > 0.5).tolist() == [True, False, False]


def test_what_comes_later_than_is_asked_for_changes_no_pick():
    """A stream's next windows say the same of an S that lies in all of them."""
    before = found(window([10.0, 10.2, 10.4]), [10.0] * 3)
    later = window([10.0, 10.2, 10.4])
    later[0].table[..., FIRST + round((10.0 + 1.0) * RATE_HZ) :, :] = 50.0
    after = found(later, [10.0] * 3)
    assert torch.equal(before.late_s, after.late_s)
    assert torch.equal(before.probability, after.probability)


def test_a_network_that_hears_no_s_picks_none():
    said = found(window([10.0] * 3), [10.0] * 3, ear=None)
    assert said.probability.shape == (1, N_STATIONS)
    assert not said.probability.any()


def test_what_hears_s_is_asked_alike_everywhere_and_at_once():
    torch.manual_seed(0)
    ear, table = StationS(n_features=4, width=8), torch.randn(2, 3, 2, 50, 4, requires_grad=True)
    everywhere = ear.everywhere(table)
    assert everywhere.shape == (2, 3, 50)
    torch.testing.assert_close(everywhere[1, 2, 17], ear(table[1, 2, :, 17]))
    everywhere.sum().backward()
    assert table.grad is None, "features are made for P and for volumes"
    assert ear.layers[0].weight.grad.abs().max() > 0


def test_a_network_is_otherwise_what_it_was_without_an_ear():
    """Drawn after all else: from the same seed everything else is the same."""
    widths = {"series_width": 8, "dilations": [1], "n_features": 4, "n_depths": 3, "volume_width": 8}
    made = []
    for s_width in (0, 8):
        torch.manual_seed(0)
        network = MigrationNet(**widths, volume_layers=1, magnitude_width=8, separable=False, s_width=s_width)
        made.append(network.state_dict())
    deaf, hears = made
    assert set(hears) - set(deaf) == {
        f"station_s.layers.{n}.{part}" for n in (0, 2) for part in ("weight", "bias")
    }
    assert all(torch.equal(hears[name], value) for name, value in deaf.items())
