"""Filters of streams side by side are those of each alone, in fewer calls."""

import numpy as np
import pytest
from scipy import signal

from fcn.waveform import filters
from fcn.waveform.together import Filtering, Filters, alone, together

SLOW, FAST = (signal.butter(2, hz, fs=20.0, output="sos") for hz in (1.0, 4.0))


def work(sos_each, samples):
    """Samples through filters, one after the other, in chunks that remember."""
    memory = [np.zeros((len(sos), 1, 2)) for sos in sos_each]
    out = []
    for chunk in samples:
        for i, sos in enumerate(sos_each):
            ((chunk, memory[i]),) = yield Filtering(Filters.of(sos), chunk, [memory[i]])
        out.append(chunk)
    return np.concatenate(out, axis=1) if out else None


@pytest.fixture
def calls(monkeypatch):
    counted, sosfilt = [], signal.sosfilt

    def counting(sos, samples, **options):
        counted.append(samples.shape)
        return sosfilt(sos, samples, **options)

    monkeypatch.setattr(filters.signal, "sosfilt", counting)
    return counted


def test_each_has_what_it_has_alone_to_the_last_digit(calls):
    rng = np.random.default_rng(1)
    sizes = ((20, 20), (20, 7), (), (3,), (20, 20))
    chunks = [[rng.standard_normal((1, n)) for n in each] for each in sizes]
    filters = [(SLOW, FAST), (SLOW, FAST), (SLOW,), (FAST,), (FAST, SLOW)]
    given = list(zip(filters, chunks, strict=True))
    expected = [alone(work(*each)) for each in given]
    assert len(calls) == 4 + 4 + 0 + 1 + 4
    calls.clear()
    found = together(work(*each) for each in given)
    assert expected[2] is found[2] is None
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    # two begin with the same filter of twenty samples, one with another, one has fewer
    assert calls[:3] == [(2, 20), (1, 3), (1, 20)]
    assert len(calls) < 13
    direct = signal.sosfilt(FAST, chunks[3][0])
    np.testing.assert_array_equal(found[3], direct)


def test_what_one_cannot_do_is_said():
    def wrong():
        yield Filtering(Filters.of(SLOW), np.zeros((1, 5)), [np.zeros((1, 1, 2))])
        raise ValueError("of this one")

    with pytest.raises(ValueError, match="of this one"):
        together([work([SLOW], [np.ones((1, 5))]), wrong()])


def test_there_may_be_nothing_to_do():
    assert together([]) == []
