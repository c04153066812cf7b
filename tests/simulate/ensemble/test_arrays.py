"""Large ruptures and the arrays that record them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from fcn.constants import RELEASED
from fcn.simulate.ensemble.arrays import release_times_s, rupture_records, stations_around
from fcn.simulate.ensemble.source import SimulatedSource
from fcn.simulate.source.point import DoubleCouple
from fcn.store.schema import RUPTURES


@pytest.fixture(scope="module")
def small(recipe):
    """Two ruptures an Earth, eight stations each."""
    law = replace(recipe.ruptures, stations_per_rupture=8, ruptures_per_earth=2, duration_s=120.0)
    return replace(recipe, ruptures=law)


@pytest.fixture(scope="module")
def records(small):
    return rupture_records(small, seed=1, number=0)


def test_records_are_long_valid_and_share_their_source(small, records):
    assert len(records) == 16
    for record in records:
        record.check()
        assert record.waveform_mps.shape == (3, 2400)
        assert record.origin == RUPTURES
        assert 100.0 <= record.p_arrival_sample < 101.0
    for source in (0, 1):
        own = records[8 * source : 8 * source + 8]
        for name in ("source_id", "source_magnitude", "source_depth_km", "source_release_s"):
            assert len({getattr(record, name) for record in own}) == 1
    assert records[0].source_id != records[8].source_id
    assert len({record.station_code for record in records}) == 16
    assert 5.8 <= records[0].source_magnitude <= records[8].source_magnitude <= 8.2


def test_arrays_surround_their_ruptures_at_all_distances(recipe):
    law = replace(recipe.ruptures, ruptures_per_earth=20)
    distance_km, azimuth_rad = stations_around(law, torch.Generator().manual_seed(0))
    around = azimuth_rad.reshape(20, 32).sort(dim=1).values
    gaps = torch.cat([around.diff(dim=1), around[:, :1] + 2 * math.pi - around[:, -1:]], dim=1)
    assert float(gaps.max()) < 2 * 2 * math.pi / 32 + 1e-5
    share = (distance_km / 2.0).log() / math.log(100.0)
    assert 0.0 <= float(share.min()) < 0.01
    assert 0.99 < float(share.max()) <= 1.0
    counts = np.stack([np.histogram(row, bins=8, range=(0, 1))[0] for row in share.reshape(20, 32).numpy()])
    assert counts.min() >= 2  # of four to be expected
    # near and far alike in every quadrant
    near = (share < 0.5).reshape(20, 32)
    quadrant = (azimuth_rad / (math.pi / 2)).long().reshape(20, 32)
    for q in range(4):
        assert ((quadrant == q) & near).sum(dim=1).min() >= 1
        assert ((quadrant == q) & ~near).sum(dim=1).min() >= 1


def test_moment_is_released_in_order_and_as_long_as_the_source_lasts(recipe):
    generator = torch.Generator().manual_seed(0)
    magnitude = torch.tensor([5.0, 6.5, 8.0]).repeat_interleave(20)
    mechanism = DoubleCouple.random(60, generator)
    sources = recipe.crust.draw_sources(magnitude, torch.full((60,), 12.0), mechanism, generator)
    release_s = release_times_s(sources)
    assert release_s.shape == (60, len(RELEASED))
    assert release_s.diff(dim=1).min() >= 0
    assert release_s.min() >= 0
    assert (release_s[:, -1] <= sources.duration_s + 0.05).all()
    half_s = release_s[:, RELEASED.index(0.5)].reshape(3, 20).median(dim=1).values
    assert half_s[0] < 2.0 < half_s[1] < 12.0 < half_s[2] < 60.0


def test_a_source_counts_ruptures_and_makes_the_same_alone_or_among_more(small):
    def made(**counts):
        return SimulatedSource(
            **{
                "n_records": 0,
                "n_ruptures": 3,
                "n_noise": 0,
                "seed": 1,
                "n_workers": 0,
                "recipe": small,
                **counts,
            }
        )

    three = made()
    records = list(three.records(lambda *_: pytest.fail("refused")))
    assert len(records) == three.n_expected == 24
    assert len({record.source_id for record in records}) == 3
    fewer = list(made(n_ruptures=1, n_noise=2).records(lambda *_: None))
    assert [record.category for record in fewer] == ["earthquake"] * 8 + ["noise"] * 2
    for one, other in zip(fewer[:8], records[:8], strict=True):
        np.testing.assert_array_equal(one.waveform_mps, other.waveform_mps)
