import numpy as np
import pytest
from made_networks import make_network
from toy import resolved

from fcn.config import build
from fcn.data.part import some_minutes, some_stations, station_spacing_km
from fcn.data.sequences import Sequence
from fcn.waveform.folder import write_sequence_folder


@pytest.fixture(scope="module")
def sequence(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    _, stream, inventory = make_network(6)
    write_sequence_folder(root / "made", stream, inventory)
    return Sequence.load(
        root / "made",
        build(resolved("build_sequence", *("waveforms=x", "station_file=x", "out=x"))["preprocess"]),
    )


def codes(sequence):
    return [station.code for station in sequence.network]


def test_fewer_stations_are_among_more_and_keep_what_is_theirs(sequence):
    three, five = some_stations(sequence, 3, 0), some_stations(sequence, 5, 0)
    assert set(codes(three)) < set(codes(five)) < set(codes(sequence))
    rows = [codes(sequence).index(code) for code in codes(three)]
    assert rows == sorted(rows)
    assert {trace.stats.station for trace in three.stream} == set(codes(three))
    for name in ("narrow", "broad", "known"):
        assert np.array_equal(getattr(three, name), getattr(sequence, name)[rows])
    assert np.allclose(three.station_km, sequence.station_km[rows])
    assert three.uses == tuple(sequence.uses[row] for row in rows)
    assert three.frame == sequence.frame
    assert three.box == sequence.box


def test_every_seed_draws_others_until_each_has_been_left_out(sequence):
    drawn = [tuple(codes(some_stations(sequence, 3, seed))) for seed in range(40)]
    assert drawn[0] == tuple(codes(some_stations(sequence, 3, 0)))
    assert len(set(drawn)) > 8  # of 20
    for code in codes(sequence):
        assert 8 < sum(code in each for each in drawn) < 32


def test_what_cannot_be_drawn_is_refused(sequence):
    assert some_stations(sequence, None, 0) is sequence
    with pytest.raises(ValueError, match=r"subset\.n_stations=7, and 'made' has 6 stations"):
        some_stations(sequence, 7, 0)
    with pytest.raises(ValueError, match=r"subset\.n_stations must be a whole number of at least 3"):
        some_stations(sequence, 2, 0)


def test_the_first_minutes_are_as_they_were_in_the_whole(sequence):
    part = some_minutes(sequence, 0.5)
    assert part.n_samples == 600
    assert part.watched.length_s == pytest.approx(30.0, abs=1.0)
    for name in ("narrow", "broad", "known"):
        assert np.array_equal(getattr(sequence, name)[..., :600], getattr(part, name))
    assert max(trace.stats.endtime.timestamp for trace in part.stream) <= part.end_time_s + 1e-3
    assert some_minutes(sequence, None) is sequence
    assert some_minutes(sequence, 1e6).n_samples == sequence.n_samples
    with pytest.raises(
        ValueError, match=r"budget\.minutes or validation\.minutes must be a number of at least 0\.1"
    ):
        some_minutes(sequence, 0)


def test_minutes_from_the_midst_begin_then_and_are_as_they_were(sequence):
    part = some_minutes(sequence, 0.25, 0.5)
    assert part.start_time_s == sequence.start_time_s + 30.0
    assert (part.n_samples, part.end_time_s) == (300, part.start_time_s + 15.0)
    for name in ("narrow", "broad", "known"):
        assert np.array_equal(getattr(sequence, name)[..., 600:900], getattr(part, name))
    assert min(trace.stats.starttime.timestamp for trace in part.stream) >= part.start_time_s
    assert part.watched.spans_s[0][0] >= part.start_time_s
    assert some_minutes(sequence, None, 0.5).end_time_s == sequence.end_time_s
    with pytest.raises(ValueError, match=r"budget\.from_minute=1000 is beyond the end of 'made'"):
        some_minutes(sequence, 0.5, 1000)


def test_spacing_is_the_median_way_to_the_nearest_other_station():
    station_km = np.array([[0.0, 0.0, 5.0], [3.0, 4.0, 0.0], [3.0, 6.0, 0.0], [100.0, 0.0, 0.0]])
    assert station_spacing_km(station_km) == pytest.approx((2.0 + 5.0) / 2)
    assert station_spacing_km(station_km[:1]) is None
