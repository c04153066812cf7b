"""Windows whose last samples have not come, as experiments/generalized/late.py makes them."""

import runpy
from dataclasses import replace
from pathlib import Path

import torch
from small_migration import configured

from fcn.assemble import build_datamodule
from fcn.seeding import Purpose

LATE = Path(__file__).parents[2] / "experiments" / "generalized" / "late.py"


def test_up_to_two_seconds_of_four_stations_in_five_are_missing(toy_store):
    data = build_datamodule(configured(toy_store), toy_store).recombined(Purpose.TRAIN, "train")
    batch = data.__getitems__([(0, i) for i in range(30)])
    whole = replace(batch, known=torch.ones_like(batch.known))
    late = runpy.run_path(str(LATE))["late"](whole, torch.Generator().manual_seed(1))
    n_late = (~late.known).sum(dim=-1)
    assert (n_late == n_late[:, :, :1]).all()  # of all components alike
    assert 36 <= int(n_late.max()) < 40
    assert 0.15 < float((n_late[:, :, 0] == 0).float().mean()) < 0.35
    ends = late.known.shape[-1] - n_late[:, :, :1]
    has_come = torch.arange(late.known.shape[-1]) < ends[..., None]
    assert (late.known == has_come).all()
    for made, was in ((late.waveforms, batch.waveforms), (late.waveforms_broad, batch.waveforms_broad)):
        torch.testing.assert_close(made, was * has_come)
