"""Splits never share a source, nor a station where there are enough."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn.store.split import split_by_source

FRACTIONS = {"train": 0.8, "dev": 0.1, "test": 0.1}


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30)), min_size=1, max_size=200), st.integers(0, 9)
)
def test_no_source_is_in_two_splits(pairs, seed):
    sources, stations = [f"e{e}" for e, _ in pairs], [f"s{s}" for _, s in pairs]
    splits, by_station = split_by_source(sources, stations, FRACTIONS, seed)
    of_source, of_station = defaultdict(set), defaultdict(set)
    for source, station, split in zip(sources, stations, splits, strict=True):
        of_source[source].add(split)
        of_station[station].add(split)
    assert all(len(found) == 1 for found in of_source.values())
    if by_station:
        assert all(len(found) == 1 for found in of_station.values())


def test_shares_are_as_asked():
    sources = [f"e{i}" for i in range(1000)]
    splits, by_station = split_by_source(sources, [f"s{i}" for i in range(1000)], FRACTIONS, 0)
    assert by_station
    assert {name: splits.count(name) for name in FRACTIONS} == {"train": 800, "dev": 100, "test": 100}


def test_one_network_that_records_everything_splits_by_source():
    sources = [f"e{i // 5}" for i in range(500)]
    splits, by_station = split_by_source(sources, [f"s{i % 5}" for i in range(500)], FRACTIONS, 0)
    assert not by_station
    assert splits.count("test") == 50


def test_stations_are_kept_apart_where_there_are_enough():
    sources = [f"e{i // 2}" for i in range(400)]
    stations = [f"s{i // 8}" for i in range(400)]  # 50 stations, four events each
    splits, by_station = split_by_source(sources, stations, FRACTIONS, 0)
    assert by_station
    assert len(set(zip(stations, splits, strict=True))) == 50


def test_the_seed_decides_and_the_order_does_not():
    sources = [f"e{i}" for i in range(100)]
    stations = [f"s{i}" for i in range(100)]
    first, _ = split_by_source(sources, stations, FRACTIONS, 0)
    again, _ = split_by_source(sources[::-1], stations[::-1], FRACTIONS, 0)
    other, _ = split_by_source(sources, stations, FRACTIONS, 1)
    assert first == again[::-1]
    assert first != other


def test_few_sources_still_leave_something_to_tune_on():
    splits, _ = split_by_source([f"e{i}" for i in range(10)], ["s"] * 10, FRACTIONS, 0)
    assert np.unique(splits).tolist() == ["dev", "test", "train"]


def test_fractions_are_checked():
    with pytest.raises(ValueError, match="needs exactly"):
        split_by_source(["e"], ["s"], {"train": 1.0}, 0)
