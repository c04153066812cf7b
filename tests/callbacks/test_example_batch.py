from dataclasses import replace

import h5py
import torch
from small_migration import made_ruptures
from toy import small_training

from fcn.assemble import build_datamodule
from fcn.callbacks.example_batch import write_batch


def test_whole_earthquakes_are_beside_the_windows(toy_store, tmp_path):
    loader = build_datamodule(small_training(toy_store, "data.workers=0"), toy_store).train_dataloader()
    batch = next(iter(loader))
    ruptures = made_ruptures()
    batch = replace(batch, ruptures=ruptures)
    write_batch(batch, tmp_path / "batch.h5")
    with h5py.File(tmp_path / "batch.h5") as file:
        assert (file["peaks"][:] == batch.peaks.numpy()).all()
        assert torch.equal(torch.from_numpy(file["ruptures/peaks"][:]), ruptures.peaks)
        assert file["ruptures/station_km"].attrs["unit"] == "km"
        assert file["ruptures/elapsed_s"].attrs["unit"] == "s"
