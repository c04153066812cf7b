"""What training and reading share."""

from dataclasses import replace

import torch

from fcn.scheme.migration.migrate import Anchors
from fcn.scheme.migration.neighbourhood import pairs_of
from fcn.scheme.migration.volume import travel_times


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


def test_delays_are_added_to_travel_times(module, batch):
    """Of stations' P and S; every other volume lacks its anchor's pair, as those of anchors that are none."""
    core = module.scheme.core
    station = torch.stack(
        [torch.zeros(len(batch), dtype=torch.long), torch.ones(len(batch), dtype=torch.long)]
    )
    anchors = Anchors(station.T, torch.full((len(batch), 2), 20.0))
    near, lattice = core.about_stations(batch, anchors.station)
    near[:, 1, 1] = False
    pairs = pairs_of(near)
    travel_s = travel_times(batch, lattice, pairs)
    delay_s = 0.3 * torch.randn(len(pairs), 2, generator=torch.Generator().manual_seed(0))
    network = module.network.eval()
    given = (network, core.encode(network, batch), batch, anchors, lattice, pairs)
    with torch.no_grad():
        found, expected = (
            core.volumes(*given, travel_s, delay_s),
            core.volumes(*given, travel_s + delay_s[..., None]),
        )
        without = core.volumes(*given, travel_s)
    for one, other, wrong in zip(found, expected, without, strict=True):
        # a sample in many is rounded to the next
        assert float((one - other).abs().mean()) < 0.01 * float((one - wrong).abs().mean())
