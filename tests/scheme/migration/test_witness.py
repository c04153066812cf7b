"""What one event says of stations, on arrivals worked out by hand."""

import json

import pytest
import torch

from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.witness import Expected, Witness, clocks_s, sizes

LAW = {"off_s": 1.0, "off_share": 0.08, "reach_s": 5.0}
DUE_S = torch.tensor([[10.0, 13.0], [11.0, 14.5], [12.0, 16.0], [24.0, 36.0]])
NOBODY_S = torch.zeros(0, 4, 2)


def picks_at(*at: tuple[int, float]) -> Picks:
    """The first is the most probable."""
    station, time_s = zip(*at, strict=True)
    return Picks(torch.tensor(station), torch.tensor(time_s), torch.linspace(0.9, 0.5, len(at)))


def said(*at: tuple[int, float], others_s: torch.Tensor = NOBODY_S) -> list[float | None]:
    expected = Expected(DUE_S, DUE_S[:, 0] - 8.0, others_s, 0.6, 0.9)
    return clocks_s(picks_at(*at), expected, **LAW)


@pytest.mark.parametrize(
    ("station", "time_s", "clock_s"),
    [
        (0, 10.5, 0.0),  # when it was due
        (0, 10.8, None),  # neither here nor there
        (0, 11.3, 1.3),
        (0, 8.2, -1.8),
        (0, 12.8, None),  # may be S
        (0, 16.0, None),  # of something else
        (3, 25.2, None),  # 1.2 s in 16 s: the velocity model may be as wrong
        (3, 25.5, 1.5),
    ],
)
def test_a_clock_is_what_picks_say_of_it(station, time_s, clock_s):
    found = said((station, time_s))
    assert found.pop(station) == (None if clock_s is None else pytest.approx(clock_s, abs=1e-4))
    assert found == [None] * 3


def test_a_pick_when_p_was_due_outweighs_all_others():
    assert said((0, 11.3), (0, 10.1))[0] == 0.0


def test_of_several_the_most_probable_speaks():
    assert said((0, 11.3), (0, 8.5))[0] == pytest.approx(1.3, abs=1e-4)


@pytest.mark.parametrize("phase", [0, 1])
def test_arrivals_of_other_events_say_nothing(phase):
    others_s = torch.full((3, 4, 2), 99.0)
    others_s[1, 0, phase] = 11.5
    assert said((0, 11.3), (1, 12.3), others_s=others_s)[:2] == [None, pytest.approx(1.3, abs=1e-4)]


def test_sizes_are_told_from_the_median_of_trusted_stations_that_saw_p():
    by_station, clock_s = torch.tensor([3.0, 3.2, 3.4, 6.2, 9.0]), [0.0, 0.0, 0.0, 0.0, None]
    use, trusted = torch.ones(5, dtype=torch.bool), torch.tensor([True, True, True, False, True])
    found = sizes(by_station, use, trusted, clock_s, fewest=3)
    assert found == [pytest.approx(each, abs=1e-5) for each in (-0.2, 0.0, 0.2, 3.0)] + [None]
    assert sizes(by_station, use, trusted, clock_s, fewest=4) == [None] * 5


def test_a_witness_is_restored_from_json():
    witness = Witness([0.0, None, 1.25], [0.5, None, None])
    assert Witness.of_plain(json.loads(json.dumps(witness.plain())), 3) == witness
    assert witness.n_agreeing == 1
    for broken in ({"clock_s": [0.0], "size": [None]}, {"clock_s": [0.0, "x", None], "size": [None] * 3}):
        with pytest.raises(ValueError, match="clock_s of a witness"):
            Witness.of_plain(broken, 3)
