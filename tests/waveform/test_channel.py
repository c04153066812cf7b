"""What a channel keeps of its motion."""

import numpy as np

from fcn.waveform.channel import N_KINDS, Track


def test_what_is_forgotten_makes_room_and_what_is_not_stays():
    track, n = Track(), 20
    for i in range(500):
        track.put(1000 + n * i, np.full((N_KINDS, n), float(i)), np.ones(n, dtype=bool))
        first, end = 1000 + n * max(i - 4, 0), 1000 + n * (i + 1)
        track.forget(first)
        motion, valid, clipped = track.between(first, end)
        assert motion[0, ::n].tolist() == list(range(max(i - 4, 0), i + 1))
        assert valid.all()
        assert not clipped.any()
    state = track.state()
    assert state["_first"] <= first
    assert state["_motion"].shape[1] == end - state["_first"] <= 4 * (end - first)
