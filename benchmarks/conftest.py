"""Every benchmark runs on one core, so that ratios compare codes and not threads."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_core():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
