"""Only what is named is trained."""

import lightning
import pytest
import torch
from torch.utils.data import DataLoader
from toy import small_training

from fcn.assemble import build_module
from fcn.callbacks.frozen import Frozen
from fcn.module import FcnModule


class Module(FcnModule):
    """One branch over a normalised one."""

    validation_step = lightning.LightningModule.validation_step  # none

    def training_step(self, batch, batch_index):
        return self.network(batch).square().mean()

    def train_dataloader(self):
        return DataLoader(3.0 + torch.randn(16, 4), batch_size=4)


def made(store) -> Module:
    torch.manual_seed(0)
    whole = build_module(small_training(store))
    network = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    return Module(
        network,
        whole.loss,
        whole.scheme,
        optimiser=lambda parameters: torch.optim.AdamW(parameters, lr=0.1, weight_decay=0.1),
    )


def trained(store, *names: str) -> tuple[dict, dict]:
    module = made(store)
    before = {name: value.clone() for name, value in module.network.state_dict().items()}
    trainer = lightning.Trainer(
        max_epochs=2,
        limit_val_batches=0,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Frozen(names)],
    )
    trainer.fit(module)
    return before, module.network.state_dict()


@pytest.mark.parametrize("names", [("2.",), ("0.", "2.bias")])
def test_nothing_else_changes_weights_or_statistics(toy_store, names):
    before, after = trained(toy_store, *names)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {name for name in before if name.startswith(names)}


def test_a_name_of_nothing_is_refused(toy_store):
    with pytest.raises(ValueError, match=r"no parameter of Sequential begins with size; there are 0\.weight"):
        trained(toy_store, "size", "2.")
