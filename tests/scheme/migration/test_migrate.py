"""What training and reading share."""

from dataclasses import replace

import torch


def test_amplitudes_are_those_of_the_broad_band(module, batch):
    targets = batch.targets
    both = torch.stack([targets.p_arrival_s, targets.s_arrival_s], dim=-1)
    arrival_s = both.nan_to_num(posinf=300.0).transpose(1, 2)

    def seen(**changes: torch.Tensor):
        return module.scheme.core.measure(replace(batch, **changes), targets.event_km, arrival_s)

    as_it_is = seen()
    assert as_it_is.use.any()
    other = seen(waveforms=torch.randn_like(batch.waveforms))
    assert torch.equal(other.first_guess, as_it_is.first_guess)
    assert torch.equal(other.inputs, as_it_is.inputs)
    louder = seen(waveforms_broad=10 * batch.waveforms_broad).first_guess - as_it_is.first_guess
    torch.testing.assert_close(louder[as_it_is.use], torch.ones_like(louder[as_it_is.use]), rtol=0, atol=1e-3)
