import pytest
import torch
from toy import resolved

from fcn.assemble import build_scheme, choose_velocity_model, velocity_models
from fcn.batch import Batch
from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Known, WindowEstimate
from fcn.config import build
from fcn.engine import build_trainer, precision
from fcn.geometry.projection import LocalFrame
from fcn.loss.multitask import MultitaskLoss
from fcn.metrics.matching import MatchTolerance
from fcn.metrics.watched import Watched
from fcn.module import FcnModule
from fcn.replay import Replay
from fcn.scheme.base import require_finite

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
        watched=Watched(((0.0, 200.0),)),
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


class Saying:
    """A scheme that says the same of every window, and keeps what it was told of declared events."""

    terms = ("said",)
    partial = False

    def __init__(self) -> None:
        self.told: list[list[Known]] = []

    def network_arguments(self):
        return {}

    def losses(self, network, batch, targets):
        raise AssertionError("nothing is trained")

    validate = look = losses

    def estimates(self, network, batch, known):
        self.told.append(list(known))
        return [[estimate(now_s)] for now_s in batch.now_s.tolist()]

    def state(self):
        return {}

    def restore(self, state):
        pass


class NoTimes:
    """The travel times of a network that asks for none."""

    def between(self, source_km, station_km):
        raise AssertionError("not needed")

    def to(self, device):
        return self


def ending_at(now_s: float) -> Batch:
    return Batch(
        waveforms=torch.zeros(1, 2, 3, 4),
        waveforms_broad=torch.zeros(1, 2, 3, 4),
        station_km=torch.zeros(1, 2, 3),
        mask=torch.ones(1, 2, dtype=torch.bool),
        known=torch.ones(1, 2, 3, 4, dtype=torch.bool),
        background_mps=torch.ones(1, 2, 2, 4),
        peaks=torch.zeros(1, 2, 6, 1),
        travel_time=NoTimes(),
        now_s=torch.tensor([now_s], dtype=torch.float64),
    )


@pytest.mark.parametrize("stage", ["validation", "test"])
def test_each_window_is_read_knowing_what_earlier_ones_declared(replay, stage):
    scheme = Saying()
    module = FcnModule(torch.nn.Identity(), MultitaskLoss(weights={"said": 1.0}, learned=False), scheme)
    if stage == "test":
        module.test_replay = replay
    else:
        module.validation_replays = [replay]
    times_s = [101.0 + 0.5 * step for step in range(5)]
    for index, now_s in enumerate(times_s):
        if stage == "test":
            module.test_step(ending_at(now_s), index)
        else:
            module.validation_step(ending_at(now_s), index, dataloader_idx=1)
    (event,) = replay.declared
    declaring = times_s.index(event.alarm.now_s)
    assert 0 < declaring < 4
    assert [len(known) for known in scheme.told] == [0] * (declaring + 1) + [1] * (4 - declaring)
    for index, known in enumerate(scheme.told):
        # its last estimate, which is that of the window before
        assert [(k.event_id, k.is_open, k.estimate.now_s) for k in known] == [
            (event.event_id, True, times_s[index - 1]) for _ in known
        ]


class Broken(Saying):
    """A scheme whose network answers with no number."""

    def estimates(self, network, batch, known):
        require_finite(batch, first_p=torch.tensor([0.0, torch.inf]))


def test_output_that_is_no_number_is_said_with_its_sequence_and_window(replay):
    module = FcnModule(torch.nn.Identity(), MultitaskLoss(weights={"said": 1.0}, learned=False), Broken())
    module.test_replay = replay
    named = "sequence 'made up', window ending 1970-01-01T00:01:41.*: the network's first_p is not finite"
    with pytest.raises(ValueError, match=named):
        module.test_step(ending_at(101.0), 0)


def test_a_forgotten_event_is_known_to_no_window(replay):
    scheme = Saying()
    module = FcnModule(torch.nn.Identity(), MultitaskLoss(weights={"said": 1.0}, learned=False), scheme)
    module.test_replay = replay
    for index, now_s in enumerate([101.0, 101.5, 102.0, 102.5, 130.0, 200.0]):
        module.test_step(ending_at(now_s), index)
    assert [[k.is_open for k in known] for known in scheme.told[-2:]] == [[False], []]


def test_origin_time_is_the_first_p_less_the_shortest_travel_time():
    """Logits that say exactly where and when are read back exactly so."""
    from fcn.assemble import travel_times
    from fcn.earth.travel_time import TravelTimeTable
    from fcn.targets.detection import encode_arrivals
    from fcn.targets.location import encode_axes
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
        torch.einsum("bx,by,bz->bxyz", *encode_axes(source_km, decoder.grid, sigma_km=(3.0, 3.0))).log(),
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


def test_what_a_trainer_is_not_told_is_as_lightning_has_it(tmp_path):
    config = {"trainer": {"threads": 1, "accelerator": "cpu"}, "logger": None}
    assert build_trainer(config, tmp_path, []).precision == "32-true"
