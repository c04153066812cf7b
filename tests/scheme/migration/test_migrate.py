"""What training and reading share."""

from dataclasses import replace

import torch


def test_amplitudes_are_those_of_the_block_peaks(module, batch):
    targets = batch.targets
    both = torch.stack([targets.p_arrival_s, targets.s_arrival_s], dim=-1)
    arrival_s = both.nan_to_num(posinf=300.0).transpose(1, 2)

    def seen(**changes: torch.Tensor):
        return module.scheme.core.measure(replace(batch, **changes), targets.event_km, arrival_s)

    as_it_is = seen()
    assert as_it_is.use.any()
    other = seen(waveforms=torch.randn_like(batch.waveforms), waveforms_broad=0 * batch.waveforms_broad)
    assert torch.equal(other.first_guess, as_it_is.first_guess)
    assert torch.equal(other.inputs, as_it_is.inputs)
    louder = seen(peaks=10 * batch.peaks).first_guess - as_it_is.first_guess
    torch.testing.assert_close(louder[as_it_is.use], torch.ones_like(louder[as_it_is.use]), rtol=0, atol=1e-3)


def test_events_are_sized_by_the_stations_near_them(module, batch):
    targets = batch.targets
    core = module.scheme.core
    arrival_s = torch.zeros(*targets.event_exists.shape, batch.mask.shape[1], 2) + 10.0
    everywhere = core.measure(batch, targets.event_km, arrival_s).use
    few = replace(core, sizing=replace(core.sizing, n_stations=2, enough=1))
    assert (few.measure(batch, targets.event_km, arrival_s).use.sum(dim=2) <= 2).all()
    assert (everywhere.sum(dim=2) > 2).any()
