"""Gaps: where they part a recording, and that a packet full of them is what its pieces are."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fcn.shaking.real_time import RealTimeIntensity
from fcn.waveform.gaps import stretches
from fcn.waveform.preprocess import ToVelocity, joined

RATE_HZ = 100.0


@given(hnp.arrays(bool, st.integers(0, 40)), st.integers(0, 5))
def test_stretches_hold_every_known_sample_and_no_long_gap(known, most_missing):
    found = stretches(known, most_missing)
    inside = np.zeros(known.size, dtype=bool)
    for first, end in found:
        assert known[first]
        assert known[end - 1]
        gaps = "".join("x" if each else "." for each in known[first:end]).split("x")
        assert max(len(each) for each in gaps) <= most_missing
        inside[first:end] = True
    assert not (known & ~inside).any()
    assert all(later[0] - end > most_missing for (_, end), later in itertools.pairwise(found))


def riddled(seed, n):
    """Noise about an offset with gaps of one sample to two seconds, most of them short."""
    rng = np.random.default_rng(seed)
    counts = 1000.0 * rng.standard_normal(n) + 5e4
    for at in rng.integers(0, n, n // 6):
        counts[at : at + rng.choice([1, 1, 1, 2, 3, 20, 200], p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.09, 0.01])] = (
            np.nan
        )
    return counts


def one_by_one(counts):
    """Where each stretch of known samples begins, and the stretch."""
    known = np.flatnonzero(np.isfinite(counts))
    parts = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1)
    return [(part[0], counts[part]) for part in parts if part.size]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["velocity", "acceleration"]))
def test_a_packet_full_of_gaps_is_what_its_pieces_are(spec, seed, measurement):
    counts = riddled(seed, 3000)
    whole = ToVelocity(spec, RATE_HZ, measurement, 1e6).whole(100.0, counts[None])
    pieces = ToVelocity(spec, RATE_HZ, measurement, 1e6)
    chunks = []
    for first, piece in one_by_one(counts):
        chunks += pieces.process(100.0 + first / RATE_HZ, piece[None])
    expected = joined([*chunks, *pieces.flush()])
    assert expected.valid.any()
    np.testing.assert_array_equal(whole.valid, expected.valid)
    np.testing.assert_allclose(whole.velocity_mps, expected.velocity_mps, rtol=1e-9, atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_intensity_of_a_packet_full_of_gaps_is_that_of_its_pieces(seed):
    """At each known sample; the gaps between pieces come as packets of nothing known."""
    made = lambda: RealTimeIntensity(RATE_HZ, window_s=5.0, max_gap_s=1.0)  # noqa: E731
    acceleration = 1e-5 * np.stack([riddled(seed + i, 1500) for i in range(3)])
    edges = np.flatnonzero(np.any(np.diff(np.isfinite(acceleration), axis=1), axis=0)) + 1
    pieces = made()
    expected = [pieces.process(each) for each in np.split(acceleration, edges, axis=1)]
    found = made().process(acceleration)
    assert np.isfinite(found).any()
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-9, atol=1e-9)
