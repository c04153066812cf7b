import pytest
import torch
from toy import resolved

from fcn.assemble import build_scheme, choose_velocity_model, velocity_models
from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, WindowEstimate
from fcn.config import build
from fcn.engine import precision
from fcn.geometry.projection import LocalFrame
from fcn.metrics.matching import MatchTolerance
from fcn.replay import Replay

FRAME = LocalFrame(38.0, 22.0)


def estimate(now_s: float, score: float = 0.9) -> WindowEstimate:
    return WindowEstimate(
        now_s=now_s,
        detection_score=score,
        first_p_time_s=100.0,
        location_score=score,
        east_km=1.0,
        north_km=2.0,
        depth_km=10.0,
        origin_time_s=98.0,
        magnitude=4.0,
    )


@pytest.fixture
def replay() -> Replay:
    event = Event("true", 98.0, 38.01, 22.01, 9.0, 4.1, "Mw", first_p_time_s=100.0)
    return Replay(
        name="made up",
        declarer=build(resolved("train")["declare"], frame=FRAME),
        catalogue=Catalogue("made up", (event,)),
        span_s=(0.0, 200.0),
        simulated=True,
        tolerance=MatchTolerance(origin_time_s=4.0, epicentre_km=25.0),
    )


def test_windows_in_order_become_a_scored_event(replay):
    for step in range(8):
        replay.process(101.0 + 0.5 * step, [estimate(101.0 + 0.5 * step)], 5.0)
    assert [type(event) for event in replay.declared] == [DeclaredEvent]
    score = replay.score()
    assert score["n_matched"] == 1
    assert score["recall"] == 1.0
    assert score["alarm_latency_s_min"] == pytest.approx(1.5)
    assert score["compute_ms_per_window_p50"] == 5.0
    replay.reset()
    assert replay.declared == []
    assert replay.score()["n_declared"] == 0


def test_windows_out_of_order_are_refused(replay):
    replay.process(101.0, [estimate(101.0)], 5.0)
    with pytest.raises(ValueError, match="in order and in one process"):
        replay.process(101.0, [estimate(101.0)], 5.0)


def test_origin_time_is_the_first_p_less_the_shortest_travel_time():
    """Logits that say exactly where and when are read back exactly so."""
    from fcn.assemble import travel_times
    from fcn.earth.travel_time import TravelTimeTable
    from fcn.targets.detection import encode_arrivals
    from fcn.targets.location import encode_location
    from fcn.targets.magnitude import encode_magnitude

    config = resolved("train", "experiment=smoke")
    decoder = build_scheme(config).decoder
    (model,) = velocity_models(config).values()
    table = TravelTimeTable.stack([travel_times(model, config["data"]["table"])])
    source_km = torch.tensor([[4.0, -6.0, 9.0]])
    station_km = torch.tensor([[[10.0, 0.0, 0.0], [-20.0, 5.0, -0.5], [0.0, 30.0, 0.0]]])
    mask = torch.tensor([[True, True, False]])
    travel_s = table.between(source_km[:, None], station_km)[0, :, 0, 0]
    pulse = encode_arrivals(
        torch.tensor([20.0]), torch.tensor([True]), n_samples=600, sampling_rate_hz=20.0, sigma_s=0.15
    )
    (found,) = decoder.windows(
        torch.logit(pulse.clamp(1e-4, 1 - 1e-4)),
        encode_location(source_km, decoder.grid, sigma_km=(3.0, 3.0)).log(),
        encode_magnitude(torch.tensor([4.3]), decoder.bins, sigma=0.2).log(),
        station_km=station_km,
        mask=mask,
        travel_time=table,
        now_s=torch.tensor([1000.0], dtype=torch.float64),
    )
    assert found.first_p_time_s == pytest.approx(1000.0 - 30.0 + 20.0, abs=0.01)
    assert found.origin_time_s == pytest.approx(990.0 - float(travel_s[:2].min()), abs=0.1)
    assert (found.east_km, found.north_km, found.depth_km) == pytest.approx((4.0, -6.0, 9.0), abs=0.3)
    assert found.magnitude == pytest.approx(4.3, abs=0.01)


class Named:
    """As much of a sequence as the choice of its velocity model needs."""

    name = "field"
    velocity_model = None


def test_the_velocity_model_is_the_commands_the_sequences_or_the_only_one():
    family = velocity_models(resolved("train"))
    only = {"iasp91": family["iasp91"]}
    override = resolved("train", "velocity_model=prem")["velocity_model"]
    choose = getattr(choose_velocity_model, "__wrapped__", choose_velocity_model)
    assert choose(override, Named(), only).name == "prem"
    assert choose(None, Named(), only).name == "iasp91"
    with pytest.raises(ValueError, match="choose one with velocity_model="):
        choose(None, Named(), family)
    with pytest.raises(ValueError, match="choose one"):
        choose(resolved("train")["velocity_model"], Named(), only)
    known = Named()
    known.velocity_model = family["fnet"]
    assert choose(None, known, family).name == "fnet"


def test_precision_is_taken_at_its_word_or_chosen_for_the_machine(monkeypatch):
    assert precision("16-mixed") == "16-mixed"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    fast = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    for name in fast:
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    assert precision("auto") == "32-true"
    for name in fast:
        with monkeypatch.context() as one:
            one.setattr(torch.cpu, name, lambda: True)
            assert precision("auto") == "bf16-mixed"
