"""A reader that is told true places, as experiments/generalized/told_where.py tells them."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fcn.scheme.migration.hypotheses import Hypotheses
from fcn.scheme.migration.reader import MigrationReader

TOLD_WHERE = Path(__file__).parents[2] / "experiments" / "generalized" / "told_where.py"
START_S, WINDOW_S, RECENT_S = 1.0e9, 30.0, 4.0


class Seen:
    """A window with three stations, of which the second is away."""

    start_s = START_S
    here = SimpleNamespace(mask=torch.tensor([[True, False, True]]))

    def travel_times(self, place_km):
        """P, and S as late again, the further east the later at the first station."""
        p_s = torch.stack([place_km[:, 0], torch.zeros(len(place_km)), 10 - place_km[:, 0]], dim=1)
        return torch.stack([p_s, 2 * p_s], dim=2)


@pytest.fixture
def anchored(monkeypatch):
    """What is anchored of four true places, beside one that picks anchor."""
    own = Hypotheses(torch.full((1, 3), 7.0), torch.tensor([2]), torch.tensor([25.0]), (None,))
    monkeypatch.setattr(MigrationReader, "_anchored", lambda self, seen, picks: own)
    pointed = object.__new__(runpy.run_path(str(TOLD_WHERE))["Pointed"])
    pointed.core = SimpleNamespace(window_s=lambda batch: WINDOW_S)
    pointed.reading = SimpleNamespace(recent_s=RECENT_S)
    pointed.places_km = torch.tensor([[1.0, 0, 8], [2.0, 0, 8], [9.0, 0, 8], [4.0, 0, 8]])
    pointed.first_p_s = START_S + np.array([25.9, 26.1, 30.0, 30.1])
    return pointed._anchored(Seen(), picks=None)


def test_places_are_told_while_a_pick_would_anchor_one_and_not_before_p(anchored):
    assert anchored.centre_km[:, 0].tolist() == [7.0, 2.0, 9.0]
    assert anchored.follows == (None, None, None)


def test_their_anchor_is_true_p_at_the_first_station_that_is_there(anchored):
    assert anchored.station.tolist() == [2, 0, 2]
    torch.testing.assert_close(anchored.time_s, torch.tensor([25.0, 26.1, 30.0]), atol=1e-4, rtol=0)
