"""A sequence through the engine: windows in order, read, declared, scored."""

import json
import tracemalloc

import killed_monitor
import numpy as np
import pytest
import torch
from made_alarms import declarer
from made_networks import START_S, make_network
from made_streams import SPEC, Listener, replay_of
from torch.nn import functional
from toy import resolved

from fcn import engine
from fcn.assemble import (
    TimesTo,
    _check_latency,
    build_replay,
    build_scheme,
    choose_velocity_model,
    velocity_models,
)
from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Known, WindowEstimate
from fcn.config import build
from fcn.data import sequences
from fcn.data.sequences import Sequence
from fcn.engine import build_trainer, precision
from fcn.geometry.projection import LocalFrame
from fcn.loss.multitask import MultitaskLoss
from fcn.module import FcnModule
from fcn.replay import Replay, plain_link
from fcn.scheme.base import require_finite
from fcn.shaking.recorded import recorded_intensity
from fcn.stream.keeping import read_events
from fcn.stream.observing import ObservedNetwork, Observing
from fcn.stream.sources import replay as sources
from fcn.waveform.folder import write_sequence_folder

FRAME = LocalFrame(38.0, 22.0)


def estimate(now_s: float, first_p_time_s: float) -> WindowEstimate:
    return WindowEstimate(
        now_s=now_s,
        detection_score=0.9,
        first_p_time_s=first_p_time_s,
        location_score=0.9,
        east_km=1.0,
        north_km=2.0,
        depth_km=10.0,
        origin_time_s=first_p_time_s - 2.0,
        magnitude=4.0,
    )


@pytest.fixture(scope="module")
def sequence(tmp_path_factory) -> Sequence:
    """Three stations, a minute."""
    _, stream, inventory = make_network(3)
    root = tmp_path_factory.mktemp("made") / "made"
    write_sequence_folder(root, stream, inventory)
    return Sequence.load(root, SPEC)


def made(sequence: Sequence, reader, **timing) -> Replay:
    """A replay of it, with one event whose first P is 10 s after its start."""
    p_s = sequence.start_time_s + 10.0
    event = Event("true", p_s - 2.0, 38.01, 22.01, 9.0, 4.1, "Mw", first_p_time_s=p_s)
    declare = resolved("train")["declare"]
    catalogue = Catalogue("made up", (event,))
    return replay_of(sequence, reader, lambda: build(declare, frame=FRAME), catalogue=catalogue, **timing)


def saying(first_s: float, last_s: float) -> Listener:
    """A reader that says the same of every window between times after the start."""

    def says(batch, known):
        now_s = float(batch.now_s[0])
        p_s = START_S + 10.0
        return [estimate(now_s, p_s)] if first_s <= now_s - START_S <= last_s else []

    return Listener(says)


def test_windows_in_order_become_a_scored_event(sequence):
    replay = made(sequence, saying(11.0, 14.5))
    for _ in range(2):  # a pass begins anew
        windows = list(replay)
        for batch in windows:
            replay.read(batch)
        assert len(replay.compute_ms) == len(windows) == len(replay) == 119
        assert [type(event) for event in replay.declared] == [DeclaredEvent]
        assert len(replay.estimates) == 8
        score = replay.score()
        assert score["n_matched"] == 1
        assert score["recall"] == 1.0
        assert score["alarm_latency_s_min"] == pytest.approx(1.5)
        assert score["compute_ms_per_window_p50"] == pytest.approx(np.median(replay.compute_ms))
    replay.reset()
    assert replay.declared == replay.estimates == []
    assert replay.score()["n_declared"] == 0


def test_windows_out_of_order_are_refused(sequence):
    replay = made(sequence, Listener())
    first, second, *_ = replay
    replay.read(second)
    for batch in (second, first):
        with pytest.raises(ValueError, match="'made' must be replayed in order and in one process"):
            replay.read(batch)


def test_what_is_declared_is_what_a_monitor_declares(sequence, tmp_path, monkeypatch):
    """To the last digit, whatever the packets; numbers depend on all buffers and on what stations taught."""
    monkeypatch.setattr(killed_monitor, "LINK", plain_link(1.0, None))
    (tmp_path / "live").mkdir()
    killed_monitor.run(tmp_path / "live", sequence.root)
    expected = read_events(tmp_path / "live")
    for packet_s in (None, 1.0, 0.37):
        reader = killed_monitor.Learner()
        replay = replay_of(sequence, reader, lambda: declarer(min_s=3.0, max_s=6.0), packet_s)
        for batch in replay:
            replay.read(batch)
        assert len(replay.declared) == 3
        assert json.loads(json.dumps(replay.engine.events_state())) == expected


@pytest.mark.parametrize(("window_s", "now_s"), [(60.5, None), (60.0, None), (59.5, [59.5, 60.0])])
def test_one_window_alone_is_no_time_that_is_tested(sequence, window_s, now_s):
    timing = {"window_s": window_s, "partial": False}
    if now_s is None:
        with pytest.raises(
            ValueError, match=rf"'made' is shorter than one window of {window_s:g} s and the next"
        ):
            made(sequence, Listener(), **timing)
    else:
        found = [float(each.now_s[0]) for each in made(sequence, Listener(), **timing)]
        assert [each - START_S for each in found] == now_s


class Saying(Listener):
    """A scheme that says the same of windows from 11 s on, and keeps what it was told of declared events."""

    terms = ("said",)
    partial = True

    def __init__(self) -> None:
        super().__init__(saying(11.0, 13.0).says)
        self.told: list[list[Known]] = []

    def network_arguments(self):
        return {}

    def losses(self, network, batch, targets):
        raise AssertionError("nothing is trained")

    validate = look = losses

    def estimates(self, network, batch, known):
        self.told.append(list(known))
        return super().estimates(network, batch, known)


@pytest.mark.parametrize("stage", ["validation", "test"])
def test_each_window_is_read_knowing_what_earlier_ones_declared(sequence, stage):
    scheme = Saying()
    module = FcnModule(torch.nn.Identity(), MultitaskLoss(weights={"said": 1.0}, learned=False), scheme)
    replay = made(sequence, scheme)
    if stage == "test":
        module.test_replay = replay
    else:
        module.validation_replays = [replay]
    times_s = []
    for index, batch in enumerate(replay):
        times_s += batch.now_s.tolist()
        if stage == "test":
            module.test_step(batch, index)
        else:
            module.validation_step(batch, index, dataloader_idx=1)
    (event,) = replay.declared
    declaring = times_s.index(event.alarm.now_s)
    assert 20 < declaring < 24
    assert not any(scheme.told[: declaring + 1])
    told = scheme.told[declaring + 1]
    # its last estimate, which is that of the window before
    assert [(k.event_id, k.is_open, k.estimate.now_s) for k in told] == [
        (event.event_id, True, times_s[declaring])
    ]
    # and then that it is closed
    states = ["".join(f"{k.is_open:d}" for k in known) for known in scheme.told[declaring + 1 :]]
    assert list(dict.fromkeys(states)) == ["1", "0"]


def test_sequences_are_validated_in_the_precision_in_which_they_are_tested(sequence, monkeypatch):
    """Training may run under autocast to bfloat16 (trainer.precision=auto); reading does not."""
    scheme, was = Saying(), []
    monkeypatch.setattr(scheme, "estimates", lambda *_: was.append(torch.is_autocast_enabled("cpu")) or [[]])
    module = FcnModule(torch.nn.Identity(), MultitaskLoss(weights={"said": 1.0}, learned=False), scheme)
    module.validation_replays = [made(sequence, scheme)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for index, batch in zip(range(3), module.validation_replays[0], strict=False):
            module.validation_step(batch, index, dataloader_idx=1)
        assert torch.is_autocast_enabled("cpu")
    assert was == [False] * 3


class Broken(Saying):
    """A scheme whose network answers with no number."""

    def estimates(self, network, batch, known):
        require_finite(batch, first_p=torch.tensor([0.0, torch.inf]))


def test_output_that_is_no_number_is_said_with_its_sequence_and_window(sequence):
    replay = made(sequence, Broken())
    told = r"sequence 'made', window ending 20..-..-..T.*: the network's first_p is not finite"
    with pytest.raises(ValueError, match=told):
        replay.read(next(iter(replay)))


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
    assert found.magnitude_uncertainty == pytest.approx(0.2, abs=0.02)
    assert (found.horizontal_uncertainty_km, found.depth_uncertainty_km) == pytest.approx(
        (3.0 * 2**0.5, 3.0), abs=0.3
    )
    assert found.origin_time_uncertainty_s is None  # nobody says


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


@pytest.fixture
def machine(monkeypatch):
    """Makes this one look like another: what its CPU and GPU can do, and what it gains by bfloat16."""

    def like(*, amx=False, avx=False, gain=1.0, gpu=None):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx)
        monkeypatch.setattr(engine, "bfloat16_gain", lambda: gain)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu is not None)
        native = gpu == "native"
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)

    return like


def test_precision_is_taken_at_its_word(machine):
    machine(amx=True, gain=2.0, gpu="native")
    assert precision("16-mixed") == "16-mixed"
    assert precision("32-true") == "32-true"


@pytest.mark.parametrize(
    ("given", "accelerator", "chosen"),
    [
        ({}, "auto", "32-true"),
        ({"gain": 2.0}, "auto", "32-true"),  # without instructions for it none is measured
        ({"amx": True, "gain": 2.0}, "auto", "bf16-mixed"),
        ({"avx": True, "gain": 1.6}, "cpu", "bf16-mixed"),
        ({"avx": True, "gain": 0.7}, "cpu", "32-true"),
        ({"avx": True, "gain": 1.05}, "auto", "32-true"),  # noise
        ({"gpu": "native"}, "auto", "bf16-mixed"),
        ({"gpu": "native"}, "gpu", "bf16-mixed"),
        ({"gpu": "emulated", "amx": True, "gain": 2.0}, "auto", "32-true"),
        ({"gpu": "native"}, "cpu", "32-true"),  # the GPU has no part in it
        ({"gpu": "native", "amx": True, "gain": 2.0}, "cpu", "bf16-mixed"),
    ],
)
def test_auto_is_bfloat16_where_the_machine_gains_by_it(machine, tmp_path, given, accelerator, chosen):
    machine(**given)
    assert precision("auto", accelerator) == chosen
    trainer = {"threads": 1, "accelerator": accelerator, "precision": "auto"}
    if accelerator == "cpu":  # Lightning looks for the others
        assert build_trainer({"trainer": trainer, "logger": None}, tmp_path, []).precision == chosen


def test_what_is_gained_is_measured_and_changes_no_random_number():
    before = torch.get_rng_state()
    assert 0.01 < engine.bfloat16_gain() < 100.0
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("slower", ["bfloat16", "float32"])
def test_what_takes_longer_loses(monkeypatch, slower):
    convolve, clock_s = functional.conv2d, [0.0]

    def slow(*given, **named):
        is_half = torch.is_autocast_enabled("cpu")
        clock_s[0] += 3.0 if is_half == (slower == "bfloat16") else 1.0
        return convolve(*given, **named)

    monkeypatch.setattr(functional, "conv2d", slow)
    monkeypatch.setattr(engine.time, "process_time", lambda: clock_s[0])
    assert engine.bfloat16_gain() == pytest.approx(1 / 3 if slower == "bfloat16" else 3.0)


def test_what_a_trainer_is_not_told_is_as_lightning_has_it(tmp_path):
    config = {"trainer": {"threads": 1, "accelerator": "cpu"}, "logger": None}
    assert build_trainer(config, tmp_path, []).precision == "32-true"


def test_late_data_are_in_no_earlier_window_and_alarms_are_timed_by_the_clock(sequence):
    """Packets of 1 s that take 2.5 s: windows lack 2.5 to 3.5 s, and what they say is said by then."""

    def says(batch, known):
        """From the first window on that has a second of P."""
        return [estimate(float(batch.now_s), START_S + 10.0)] if newest_s(batch) >= START_S + 10.95 else []

    replay = made(sequence, Listener(says), packet_s=1.0, latency_s=2.5)
    ages_s = []
    for batch in replay:
        if 12.0 <= float(batch.now_s) - START_S <= 58.0:  # all deliver
            ages_s.append(float(batch.now_s) - newest_s(batch))
        replay.read(batch)
    assert min(ages_s) >= 2.5
    assert max(ages_s) <= 3.6
    assert replay.score()["alarm_latency_s_min"] >= 1.0 + 2.5
    in_time = [float(batch.now_s) for batch in made(sequence, Listener(), packet_s=1.0)]
    late = [float(batch.now_s) for batch in replay]
    assert late[0] >= in_time[0] + 2.5  # nothing is read before the clock has got there
    assert in_time[-1] + 2.0 <= late[-1] <= in_time[-1] + 3.0


@pytest.fixture(scope="module")
def growing(tmp_path_factory) -> Sequence:
    """The same, of noise that is e times as strong every ten seconds: 0.09 of intensity each."""
    _, stream, inventory = make_network(3)
    for trace in stream:
        trace.data = np.round(trace.data * np.exp(trace.times() / 10.0)).astype(np.int32)
    root = tmp_path_factory.mktemp("growing") / "made"
    write_sequence_folder(root, stream, inventory)
    return Sequence.load(root, SPEC)


@pytest.mark.parametrize(
    ("packet_s", "latency_s", "late_s"), [(1.0, None, 0.0), (None, None, 0.0), (0.5, 1.0, 1.25)]
)
def test_intensity_is_observed_as_far_as_data_have_come(growing, packet_s, latency_s, late_s):
    """At each tick that of the whole record, at the last sample there is; windows are the same."""
    names = [each.id for each in growing.network]

    def observe():
        return ObservedNetwork(names, growing.inventory, Observing(60.0, 1.0, 2.0, 5.0))

    link = {"packet_s": packet_s, "latency_s": latency_s}
    replay = made(growing, Listener(), observe=observe, **link)
    with pytest.raises(RuntimeError, match="no pass of 'made' has observed intensity"):
        replay.heard()
    windows = [float(batch.now_s) for batch in replay]
    assert windows == [float(batch.now_s) for batch in made(growing, Listener(), **link)]
    heard = replay.heard()
    assert heard.station_ids == tuple(names)
    assert set(np.diff(heard.now_s)) == {0.25}
    recorded = recorded_intensity(growing.stream, growing.inventory, window_s=60.0, max_gap_s=1.0)
    for column, name in enumerate(names):
        whole = recorded[name]
        at = np.round((heard.now_s - whole.start_time_s - late_s) / whole.step_s).astype(int)
        within = (at >= 300) & (at < whole.intensity.size - 100)  # packets end within half a second of it
        oldest, newest = (whole.intensity[at[within] + shift] for shift in (-30, 30))
        observed = heard.intensity[within, column]
        assert (np.minimum(oldest, newest) - 1e-6 <= observed).all()
        assert (observed <= np.maximum(oldest, newest) + 1e-6).all()
        if latency_s is None:
            np.testing.assert_allclose(observed, whole.intensity[at[within]], atol=1e-6)


@pytest.mark.parametrize(("latency_s", "told"), [(9.0, False), (9.5, True), (12.0, True)])
def test_data_that_a_station_is_not_waited_for_are_warned_of(caplog, latency_s, told):
    """With packets of a second."""
    _check_latency(latency_s, 1.0, 30.0)
    assert ("is taken for stopped" in caplog.text) == told


def test_data_that_would_be_in_no_window_are_refused(sequence):
    given = {"preprocess": SPEC, "travel_times": TimesTo.__new__(TimesTo), "declare": {}, "matching": {}}
    with pytest.raises(ValueError, match=r"what is later than 20 s is in no window"):
        build_replay(
            sequence,
            torch.nn.Identity(),
            Listener(),
            partial=True,
            window_s=20.0,
            step_s=0.5,
            packet_s=1.0,
            latency_s=19.5,
            **given,
        )


def newest_s(batch) -> float:
    """Time of the last sample that anybody has delivered."""
    known = batch.known[0].any(dim=0).any(dim=0)
    age = int(known.flip(0).int().argmax()) if bool(known.any()) else len(known)
    return float(batch.now_s) - age / SPEC.sampling_rate_hz


@pytest.mark.slow
@pytest.mark.parametrize("packet_s", [20.0, None])
def test_memory_does_not_grow_with_the_sequence(tmp_path, monkeypatch, packet_s):
    """At its peak, loading and a pass; less than a tenth of the samples that a longer one has more."""
    monkeypatch.setattr(sequences, "PART_S", 60.0)
    monkeypatch.setattr(sources, "LONGEST_S", 60.0)
    peaks, n_bytes = [], []
    for minutes in (4, 14):
        _, stream, inventory = make_network(3, seconds=60.0 * minutes)
        write_sequence_folder(tmp_path / str(minutes), stream, inventory)
        n_bytes.append(sum(trace.data.nbytes for trace in stream))
        del stream
        tracemalloc.start()
        long = Sequence.load(tmp_path / str(minutes), SPEC)
        assert len(list(long.watched.spans_s)) == 1
        replay = replay_of(long, Listener(), declarer, packet_s, step_s=30.0)
        replay.engine.reader.estimates = lambda *_: [[]]
        n = sum(1 for _ in replay)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert n == 2 * minutes
    assert peaks[1] - peaks[0] < 0.1 * (n_bytes[1] - n_bytes[0])
