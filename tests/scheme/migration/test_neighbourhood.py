"""Which stations judge a place."""

import pytest
import torch

from fcn.scheme.migration.neighbourhood import Neighbourhood, first_reached, with_own


def along_a_line(*east_km: float) -> torch.Tensor:
    return torch.tensor([[[east, 0.0, 0.0] for east in east_km]])


def near(law: Neighbourhood, place_km: float, *east_km: float, mask: list[bool] | None = None) -> list[int]:
    there = torch.tensor([mask or [True] * len(east_km)])
    return law.of(along_a_line(place_km), along_a_line(*east_km), there)[0, 0].nonzero()[:, 0].tolist()


def test_the_nearest_judge():
    law = Neighbourhood(n_stations=3, enough=1, reach_km=100.0, spread=1.0)
    assert near(law, 0.0, 30.0, -10.0, 20.0, 40.0, -5.0) == [1, 2, 4]
    assert near(law, 0.0, 30.0, -10.0, 20.0, 40.0, -5.0, mask=[True, False, True, True, True]) == [0, 2, 4]
    assert near(law, 0.0, 30.0, -10.0) == [0, 1]


@pytest.mark.parametrize(("enough", "found"), [(1, [0]), (2, [0, 1, 2]), (3, [0, 1, 2]), (4, [0, 1, 2, 3])])
def test_distant_ones_judge_where_there_are_not_enough(enough, found):
    law = Neighbourhood(n_stations=5, enough=enough, reach_km=50.0, spread=1.5)
    assert near(law, 0.0, 10.0, 100.0, 140.0, 250.0) == found


def test_depth_of_place_and_station_do_not_matter():
    law = Neighbourhood(n_stations=1, enough=1, reach_km=50.0, spread=1.5)
    station_km = torch.tensor([[[0.0, 10.0, -3.0], [9.0, 0.0, 0.0]]])
    found = law.of(torch.tensor([[[0.0, 0.0, 30.0]]]), station_km, torch.ones(1, 2, dtype=torch.bool))
    assert found.tolist() == [[[False, True]]]


def test_silent_distant_stations_change_nothing():
    law = Neighbourhood(n_stations=20, enough=6, reach_km=120.0, spread=1.5)
    generator = torch.Generator().manual_seed(0)
    own = 80 * torch.rand(1, 12, 3, generator=generator) - 40
    direction = torch.nn.functional.normalize(torch.randn(1, 100, 3, generator=generator)[..., :2], dim=-1)
    distant = torch.cat(
        [
            (250 + 300 * torch.rand(1, 100, 1, generator=generator)) * direction,
            own[:, :1, 2:].expand(1, 100, 1),
        ],
        dim=-1,
    )
    alone = law.of(own, own, torch.ones(1, 12, dtype=torch.bool))
    among = law.of(own, torch.cat([own, distant], dim=1), torch.ones(1, 112, dtype=torch.bool))
    assert torch.equal(among[..., :12], alone)
    assert not among[..., 12:].any()


def test_an_anchor_judges_its_own_volume():
    found = with_own(torch.zeros(1, 2, 3, dtype=torch.bool), torch.tensor([[2, 0]]))
    assert found.tolist() == [[[False, False, True], [True, False, False]]]


@pytest.mark.parametrize("change", [{"enough": 0}, {"enough": 21}, {"reach_km": 0.0}, {"spread": 0.9}])
def test_impossible_neighbourhoods_are_refused(change):
    with pytest.raises(ValueError, match="1 <= enough <= n_stations"):
        Neighbourhood(**({"n_stations": 20, "enough": 6, "reach_km": 120.0, "spread": 1.5} | change))


def test_stations_that_p_reaches_late_do_not_judge():
    near = torch.tensor([[[True, True, True, True, False]]])
    travel_s = torch.tensor([[[2.0, 4.0, 9.0, 10.0, 1.0]]])
    few = first_reached(near, travel_s, within_s=3.0, enough=1)
    assert few.tolist() == [[[True, True, False, False, False]]]
    enough = first_reached(near, travel_s, within_s=3.0, enough=3)
    assert enough.tolist() == [[[True, True, True, False, False]]]
    assert first_reached(near, travel_s, within_s=1000.0, enough=1).tolist() == near.tolist()
