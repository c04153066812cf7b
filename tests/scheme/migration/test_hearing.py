"""Arrivals that are due: their pdfs and picks, of what has data and is in the window; how they are learnt."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from small_migration import hears, single

from fcn.arch.ear import Ear
from fcn.arch.migration import MigrationNet
from fcn.batch import Batch
from fcn.loss.terms import pdf_loss
from fcn.scheme.base import NonFiniteError
from fcn.scheme.migration.hearing import DUE_S, SOONEST_S, Due, Listener, asked, listened, reach
from fcn.scheme.migration.picks import Arrived

RATE_HZ, WITHIN_S, ALL = 20.0, (0.6, 0.9), slice(None)


@pytest.fixture
def window(batch) -> Batch:
    """Of six stations or more, all of which have data."""
    found = next(each for each in map(partial(single, batch), range(10)) if each.station_km.shape[1] >= 6)
    return replace(found, mask=torch.ones_like(found.mask), known=torch.ones_like(found.known))


def due(listener: Listener, due_s: torch.Tensor, *, has_data=None, may=None) -> Due:
    n, n_samples = due_s.shape[1], listener.batch.waveforms.shape[-1]
    has_data = torch.ones(n, n_samples, dtype=torch.bool) if has_data is None else has_data
    may = torch.ones(due_s.shape[:2], dtype=torch.bool) if may is None else may
    return Due.of(listener, has_data, may, due_s)


def picked(found: Due, n: int) -> tuple[Arrived, Arrived]:
    return found.picks(1, n, WITHIN_S)


def test_an_arrival_is_picked_between_samples_where_it_is_heard_most(module, window):
    n = window.station_km.shape[1]
    heard_s = torch.tensor([10.0, 15.0]) + torch.linspace(-0.4, 0.43, n)[:, None]
    found = due(hears(module.network.ear, window, heard_s, 0.06), torch.tensor([10.0, 15.0]).expand(1, n, 2))
    torch.testing.assert_close(found.pdf.sum(dim=1), torch.ones(2 * n))
    for phase, each in enumerate(picked(found, n)):
        late_s = heard_s[:, phase] - (10.0, 15.0)[phase]
        torch.testing.assert_close(each.late_s[0], late_s, atol=0.01, rtol=0)
        assert (each.probability > 0.95).all()


def test_a_pick_is_as_probable_as_the_arrival_is_to_lie_about_it(module, window):
    """0.15 s: of a normal pdf the error function says how much that is."""
    n = window.station_km.shape[1]
    at_s = torch.tensor([10.0, 15.0])
    for width_s in (0.1, 0.2):
        heard = hears(module.network.ear, window, at_s.expand(n, 2), width_s)
        (p, _) = picked(due(heard, at_s.expand(1, n, 2)), n)
        share = torch.erf(torch.tensor(0.175 / width_s / 2**0.5))  # half a sample more, as samples are wide
        torch.testing.assert_close(p.probability, share.expand(1, n), atol=0.01, rtol=0)
    vague = due(hears(module.network.ear, window, at_s.expand(n, 2), 1.0), at_s.expand(1, n, 2))
    assert not picked(vague, n)[0].probability.any(), "less than noise makes"


@pytest.mark.parametrize(
    ("heard_s", "due_s"),
    [(10.0, 10.7), (10.0, 9.3), (4.0, 20.0), (29.0, 29.0), (0.5, 0.5), (10.0, torch.inf), (10.0, torch.nan)],
)
def test_elsewhere_nothing_is_picked(module, window, heard_s, due_s):
    """Too far off, not heard at all, too near either end, and where P never comes."""
    n = window.station_km.shape[1]
    listener = hears(module.network.ear, window, torch.full((n, 2), heard_s))
    (p, _) = picked(due(listener, torch.full((1, n, 2), due_s)), n)
    assert not p.probability.any()


def test_a_station_that_may_not_be_heard_or_has_a_gap_hears_nothing(module, window):
    n, n_samples = window.station_km.shape[1], window.waveforms.shape[-1]
    at_s = torch.full((n, 2), 10.0)
    has_data, may = torch.ones(n, n_samples, dtype=torch.bool), torch.ones(1, n, dtype=torch.bool)
    has_data[1, round((10.0 + DUE_S) * RATE_HZ)] = False
    has_data[2, round((10.0 + DUE_S) * RATE_HZ) + 1] = False  # beyond what is looked at
    may[0, 3] = False
    found = due(hears(module.network.ear, window, at_s), at_s[None], has_data=has_data, may=may)
    for each in picked(found, n):
        assert (each.probability[0] > 0).tolist() == [i not in (1, 3) for i in range(n)]


def test_each_station_is_listened_to_once(module, window):
    """When it is first asked for; and what is said is what the ear says of it alone."""
    n = window.station_km.shape[1]

    class Counting(Ear):
        rows = 0

        def forward(self, waveforms, *given):
            self.rows += len(waveforms)
            return module.network.ear(waveforms, *given)

    ear = Counting(4, [1])
    listener, some = Listener(ear, window, RATE_HZ), torch.arange(n) < 2
    with torch.no_grad():
        for asked in (some, some, torch.ones_like(some)):
            said = listener.ask(asked)
        last = listened(module.network.ear, window, torch.tensor([n - 1]), RATE_HZ)
    assert ear.rows == n
    torch.testing.assert_close(said[-1:], last, atol=1e-4, rtol=1e-4)


def test_logits_reach_as_far_beyond_a_window_as_arrivals_may_be_off(module, window):
    ear, n_samples = module.network.ear, window.waveforms.shape[-1]
    with torch.no_grad():
        said = listened(ear, window, torch.tensor([0]), RATE_HZ)
    assert said.shape == (1, 2, n_samples + 2 * reach(RATE_HZ))
    assert reach(RATE_HZ) == 30


class Says(Ear):
    """An ear that hears the P and S of every event at each station, so much late."""

    def __init__(self, batch: Batch, off_s: float) -> None:
        super().__init__(4, [1])
        self.batch, self.off_s = batch, off_s

    def forward(self, waveforms, background_mps, known, beyond):
        """Stations are told by their motion."""
        every, targets = self.batch.waveforms.flatten(0, 1), self.batch.targets
        arrival_s = torch.stack([targets.p_arrival_s, targets.s_arrival_s], dim=-1).flatten(0, 1)
        at_s = (torch.arange(waveforms.shape[-1] + 2 * beyond) - beyond) / RATE_HZ
        said = []
        for each in waveforms:
            row = int((every == each).flatten(1).all(dim=1).nonzero()[0, 0])
            off_s = (at_s - arrival_s[row].T[..., None] - self.off_s) / 0.035  # phase, event, time
            said.append((-0.5 * off_s.square()).nan_to_num(neginf=-1e4).clamp_min(-1e4).amax(dim=1))
        return torch.stack(said)


def test_the_loss_is_least_where_arrivals_come(batch):
    """Almost nothing there; more by half a sample; a great deal by five."""
    losses = []
    for off_s in (0.0, 0.025, -0.025, 0.25):
        generator = torch.Generator().manual_seed(0)
        losses.append(float(pdf_loss(*asked(Says(batch, off_s), batch, batch.targets, generator, RATE_HZ))))
    right, *near, far = losses
    assert right < 0.5 * min(near)
    assert far > 10 * max(near)


def test_a_batch_in_which_nothing_comes_costs_nothing_and_trains_nothing(module, batch):
    """Parameters have a gradient all the same, as training by several processes asks for."""
    never = torch.full_like(batch.targets.p_arrival_s, torch.inf)
    targets = replace(batch.targets, p_arrival_s=never, s_arrival_s=never)
    generator = torch.Generator().manual_seed(0)
    loss = pdf_loss(*asked(module.network.ear, batch, targets, generator, RATE_HZ))
    assert loss == 0
    loss.backward()
    try:
        assert all(not each.grad.any() for each in module.network.ear.parameters())
    finally:
        module.zero_grad(set_to_none=True)


def test_a_network_is_otherwise_what_it_was_without_an_ear():
    """Drawn after all else: from the same seed everything else is the same."""
    widths = {"series_width": 8, "dilations": [1], "n_features": 4, "n_depths": 3, "volume_width": 8}
    made = []
    for width in (0, 8):
        torch.manual_seed(0)
        given = {"volume_layers": 1, "magnitude_width": 8, "separable": False, "ear_dilations": [1]}
        made.append(MigrationNet(**widths, **given, ear_width=width).state_dict())
    deaf, hearing = made
    assert set(hearing) - set(deaf) == {f"ear.{name}" for name in Ear(8, [1]).state_dict()}
    assert all(torch.equal(hearing[name], value) for name, value in deaf.items())


def test_of_what_is_no_number_a_stream_is_told(module, window):
    listener = Listener(module.network.ear, replace(window, waveforms=window.waveforms * torch.nan), RATE_HZ)
    with torch.no_grad(), pytest.raises(NonFiniteError):
        listener.ask(torch.ones(window.station_km.shape[1], dtype=torch.bool))


def test_less_than_a_sample_asks_for_nothing_else(module, window):
    n = window.station_km.shape[1]
    early = hears(module.network.ear, window, torch.full((n, 2), 10.02 - DUE_S + 0.05))
    (p, _) = due(early, torch.full((1, n, 2), 10.02)).picks(1, n, (0.005, 0.005))
    assert not p.probability.any()


def test_arrivals_are_due_wrongly_in_training_and_those_that_may_not_be_heard_are_not_asked(batch):
    """Evenly within a second; nothing of what is too faint or yet to come, or of stations not there."""
    targets = batch.targets
    loud = replace(targets, p_snr=torch.where(targets.p_snr > 0, 9.0, 0.0))
    faint = replace(targets, p_snr=0.19 * (targets.p_snr > 0))

    def off_s(targets) -> torch.Tensor:
        generator = torch.Generator().manual_seed(1)
        _, wanted, keep = asked(Says(batch, 0.0), batch, targets, generator, RATE_HZ)
        return (wanted[keep] @ torch.arange(-30.0, 31.0)) / RATE_HZ

    off = off_s(loud)
    assert len(off_s(faint)) == 0
    assert off.abs().max() < 1.03
    assert off.std() == pytest.approx(1 / 3**0.5, abs=0.06)
    arrival_s = torch.stack([targets.p_arrival_s, targets.s_arrival_s])
    came = (arrival_s > 0) & (arrival_s < batch.waveforms.shape[-1] / RATE_HZ - SOONEST_S)
    came &= (targets.p_snr > 0) & batch.mask[..., None]
    few = asked(Says(batch, 0.0), batch, loud, torch.Generator().manual_seed(1), RATE_HZ, share=0.3)[2]
    assert int(few.sum()) == pytest.approx(0.3 * len(off), rel=0.35)
    assert 0.97 * int(came.sum()) <= len(off) <= int(came.sum())  # at the ends some are due outside


def test_levels_after_the_last_sample_of_a_late_station_are_not_heard(module, window):
    """As of the series network: what follows looks as what follows a window."""
    known = window.known.clone()
    known[:, :, :, -10:] = False
    levels = window.background_mps.clone()
    levels[..., -10:] *= 100.0
    late = replace(window, known=known)
    with torch.no_grad():
        said, other = (
            listened(module.network.ear, each, torch.arange(2), RATE_HZ)
            for each in (late, replace(late, background_mps=levels))
        )
    assert torch.equal(said, other)
