"""Levels from the past: by their definition, chunked as whole, windows as streams."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn.waveform.level import LEAST_LEVEL_MPS, LEVEL_BLOCK_S, TAU_S, RunningLevels, window_levels

RATE_HZ = 20.0
N = 10  # samples of a block


def motion(n_blocks, seed=0, n_stations=2):
    """Noise whose strength changes, and gaps of stations and of components."""
    rng = np.random.default_rng(seed)
    strength = np.exp(rng.normal(-14.0, 2.0, (n_stations, 1, n_blocks))).repeat(N, axis=-1)
    narrow = strength * rng.standard_normal((n_stations, 3, n_blocks * N))
    known = np.ones(narrow.shape, dtype=bool)
    for station in range(n_stations):
        first = rng.integers(0, known.shape[-1], 3)
        for start, length in zip(first, rng.integers(1, 80, 3), strict=True):
            known[station, :, start : start + length] = False
        known[station, rng.integers(3), first[0] :] = False
    return np.where(known, narrow, 0.0), known


def streamed(narrow, known, cuts=()):
    levels = RunningLevels(len(narrow), RATE_HZ)
    edges = [0, *(N * cut for cut in cuts), narrow.shape[-1]]
    parts = [
        levels.process(narrow[..., first:end], known[..., first:end])
        for first, end in itertools.pairwise(edges)
    ]
    return np.concatenate(parts, axis=-1)


def by_definition(narrow, known):
    """L_k = sum w^(k-1-i) m_i l_i / sum w^(k-1-i) m_i over the blocks i before k, one station."""
    n_blocks = narrow.shape[-1] // N
    blocks = [(narrow[:, i * N : (i + 1) * N], known[:, i * N : (i + 1) * N]) for i in range(n_blocks)]
    there = [bool(k.any(axis=0).mean() >= 0.5) for _, k in blocks]
    share = [k.mean() * (i > 0 and there[i - 1]) for i, (_, k) in enumerate(blocks)]
    logs = [np.log(np.sqrt(np.mean(x[k] ** 2))) if k.any() else 0.0 for x, k in blocks]
    levels = np.zeros((2, n_blocks))
    for row, tau_s in enumerate(TAU_S):
        for k in range(n_blocks):
            weights = [share[i] * np.exp(-(k - 1 - i) * LEVEL_BLOCK_S / tau_s) for i in range(k)]
            if sum(weights) > 0:
                levels[row, k] = np.exp(np.dot(weights, logs[:k]) / sum(weights))
    return levels


def test_levels_are_what_their_formula_says():
    narrow, known = motion(40)
    expected = np.stack([by_definition(*each) for each in zip(narrow, known, strict=True)])
    np.testing.assert_allclose(streamed(narrow, known), expected, rtol=1e-9)
    assert (expected > 0).mean() > 0.8


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(0, 30), max_size=6).map(sorted))
def test_chunked_equals_whole(seed, cuts):
    narrow, known = motion(30, seed)
    np.testing.assert_allclose(streamed(narrow, known, cuts), streamed(narrow, known), rtol=1e-12)


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-9), (torch.float32, 2e-4)])
def test_windows_have_the_levels_of_the_stream(dtype, rtol):
    narrow, known = motion(80, seed=3)
    found = window_levels(
        torch.from_numpy(narrow).to(dtype)[None], torch.from_numpy(known)[None], sampling_rate_hz=RATE_HZ
    )
    np.testing.assert_allclose(found[0].numpy(), streamed(narrow, known), rtol=rtol)


def test_a_block_has_no_part_in_its_own_level():
    narrow, known = motion(40, seed=1)
    changed = narrow.copy()
    changed[..., 25 * N :] *= 50.0
    one, other = streamed(narrow, known), streamed(changed, known)
    np.testing.assert_array_equal(one[..., :26], other[..., :26])
    assert not np.allclose(one[..., 26:], other[..., 26:])


def test_the_level_of_a_sine_is_its_rms_and_a_burst_hardly_lifts_the_slow_one():
    narrow = np.broadcast_to(1e-6 * np.sin(np.pi * np.arange(200 * N) / 5), (1, 3, 200 * N)).copy()
    narrow[..., 100 * N : 102 * N] *= 1000.0  # a second
    slow, fast = streamed(narrow, np.ones(narrow.shape, dtype=bool))[0] / (1e-6 / np.sqrt(2))
    np.testing.assert_allclose((slow[2:101], fast[2:101]), 1.0, rtol=1e-9)
    assert 1.2 < slow[102] < 1.4  # 1000^(1/30), of the mean power it would be 180
    assert 4.0 < fast[102] < 6.0


def test_nothing_is_known_at_a_start_and_after_a_long_silence():
    narrow = np.full((1, 3, 320 * N), 1e-7)
    known = np.ones(narrow.shape, dtype=bool)
    known[..., 20 * N : 180 * N] = False
    levels = streamed(np.where(known, narrow, 0.0), known)[0]
    # the first block of each stretch is that of the filters' start
    assert np.flatnonzero(levels[0] == 0)[:2].tolist() == [0, 1]
    lost = np.flatnonzero(levels[0] == 0)[2:]
    assert 140 < lost[0] < 150  # a minute after the last sample
    assert lost[-1] == 181
    np.testing.assert_array_equal(levels[0] == 0, levels[1] == 0)
    np.testing.assert_allclose(levels[levels > 0], 1e-7, rtol=1e-6)


def test_a_dead_channel_has_the_least_level():
    levels = streamed(np.zeros((1, 3, 60)), np.ones((1, 3, 60), dtype=bool))
    np.testing.assert_allclose(levels[..., 2:], LEAST_LEVEL_MPS, rtol=1e-9)


def test_a_rest_that_fills_no_block_is_refused():
    with pytest.raises(ValueError, match="63 samples are no whole number of blocks of 10"):
        streamed(np.zeros((1, 3, 63)), np.ones((1, 3, 63), dtype=bool))
