"""What the schemes show of a window: a pdf, and arrivals that belong to the hypocentre read from it."""

from dataclasses import dataclass, replace

import pytest
import torch
from small_migration import configured
from toy import small_training

from fcn.assemble import build_datamodule, build_module
from fcn.batch import Batch
from fcn.module import FcnModule
from fcn.scheme.base import View
from fcn.scheme.image.predict import predict
from fcn.seeding import Purpose


@dataclass
class Case:
    """A network, a batch of which some windows have an event, and what is seen of one that has."""

    module: FcnModule
    batch: Batch
    index: int

    def look(self, batch: Batch | None = None, index: int | None = None) -> View:
        batch = self.batch if batch is None else batch
        index = self.index if index is None else index
        return self.module.scheme.look(self.module.network, batch, batch.targets, index)


@pytest.fixture(scope="module", params=["image", "migration"])
def case(request, toy_store) -> Case:
    if request.param == "image":
        config = small_training(toy_store)
    else:
        config = configured(toy_store, "data.velocity.count=2")
    torch.manual_seed(0)
    data = build_datamodule(config, toy_store).recombined(Purpose.TRAIN, "train")
    batch = data.__getitems__([(0, i) for i in range(12)])
    padded = batch.targets.is_event & ~batch.mask.all(dim=1)  # fewer stations than the batch has room for
    assert padded[1:].any()
    index = 1 + int(padded[1:].int().argmax())
    return Case(build_module(config, trainable=False).eval(), batch, index)


@pytest.fixture(scope="module")
def view(case) -> View:
    return case.look()


def test_the_volume_is_a_pdf_about_the_hypocentre(case, view):
    assert view.volume.min() >= 0
    assert view.volume.sum().item() == pytest.approx(1, abs=1e-5)
    assert view.volume.std() > 0
    for axis_km, place_km in zip(view.axes_km, view.hypocentre_km, strict=True):
        assert axis_km[0] <= place_km <= axis_km[-1]
    assert torch.equal(view.source_km, case.batch.targets.source_km[case.index])
    assert not view.volume.requires_grad


def test_it_shows_the_stations_that_exist(case, view):
    n_stations = int(case.batch.mask[case.index].sum())
    assert view.station_p.shape == (n_stations, case.batch.waveforms.shape[-1])
    assert ((view.station_p >= 0) & (view.station_p <= 1)).all()


def test_arrivals_are_one_origin_time_and_the_travel_times(case, view):
    window = case.batch.window(case.index)
    travel_s = window.travel_time.between(view.hypocentre_km[None, None], window.station_km)[0, :, 0]
    origin_s = view.arrival_s - travel_s[window.mask[0]]
    assert travel_s[window.mask[0]].std() > 0
    torch.testing.assert_close(origin_s, origin_s[0, 0].expand_as(origin_s), atol=1e-3, rtol=0)


def test_the_origin_time_is_tied_to_a_p_arrival(case, view):
    batch, index, scheme = case.batch, case.index, case.module.scheme
    there = batch.mask[index]
    if "first_p" in scheme.terms:  # the network's own first P, at the station it reaches first
        logits = predict(case.module.network, batch).first_p.detach()
        wanted_s, predicted_s = scheme.decoder.first_p(logits)[0][index], view.arrival_s[:, 0].min()
    else:  # the true one that anchors the volume, at its own station
        true_s = batch.targets.p_arrival_s[index, there, 0]
        visible = batch.targets.p_snr[index, there, 0] > scheme.visible_snr
        wanted_s = true_s[visible].min()
        predicted_s = view.arrival_s[true_s == wanted_s, 0]
    assert predicted_s.item() == pytest.approx(wanted_s.item(), abs=1e-3)


def test_a_window_looks_the_same_alone_and_in_any_random_state(case, view):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    alone = case.look(case.batch.window(case.index), 0)
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(alone.volume, view.volume)
    torch.testing.assert_close(alone.arrival_s, view.arrival_s)


def test_windows_without_an_event_to_locate_are_refused(case):
    quiet = replace(case.batch.targets, is_event=torch.zeros(len(case.batch), dtype=torch.bool))
    with pytest.raises(ValueError, match=f"window {case.index} has no event to locate"):
        case.look(replace(case.batch, targets=quiet))


def test_an_event_that_stands_above_noise_nowhere_anchors_nothing(case):
    if "first_p" in case.module.scheme.terms:
        pytest.skip("needs no anchor")
    faint = replace(case.batch.targets, p_snr=torch.ones_like(case.batch.targets.p_snr))
    with pytest.raises(ValueError, match="nothing anchors a volume"):
        case.look(replace(case.batch, targets=faint))


def test_a_window_of_a_batch_keeps_its_own_records_truth_and_velocity_model(case):
    for index in range(len(case.batch)):
        window = case.batch.window(index)
        assert torch.equal(window.waveforms[0], case.batch.waveforms[index])
        assert torch.equal(window.targets.source_km[0], case.batch.targets.source_km[index])
        assert window.travel_time.model.tolist() == [int(case.batch.travel_time.model[index])]
    assert len(set(case.batch.travel_time.model.tolist())) > 1
    with pytest.raises(IndexError, match="no window 12"):
        case.batch.window(12)
    with pytest.raises(ValueError, match="one per window"):
        replace(case.batch, travel_time=OneModel()).window(0)


class OneModel:
    """Travel times that are no stack of tables."""

    def between(self, source_km, station_km):
        raise NotImplementedError

    def to(self, device):
        return self
