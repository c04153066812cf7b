"""A small migration network with its scheme, and a batch of recombined windows."""

from dataclasses import replace

import pytest
from small_migration import configured, made_ruptures

from fcn.assemble import build_datamodule, build_module
from fcn.batch import Batch
from fcn.module import FcnModule
from fcn.seeding import Purpose


@pytest.fixture(scope="package")
def config(toy_store) -> dict:
    return configured(toy_store)


@pytest.fixture(scope="package")
def module(config) -> FcnModule:
    return build_module(config, trainable=False).eval()


@pytest.fixture(scope="package")
def batch(config, toy_store) -> Batch:
    data = build_datamodule(config, toy_store).recombined(Purpose.TRAIN, "train")
    return replace(data.__getitems__([(0, i) for i in range(10)]), ruptures=made_ruptures())
