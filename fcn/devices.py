"""What keeps the host from waiting for a device, as it does where a list or a tensor is copied to it."""

from collections.abc import Sequence

import torch
from jaxtyping import Shaped
from torch import Tensor


def numbers(values: Sequence[float], like: Tensor) -> Shaped[Tensor, " n"]:
    """A few numbers of the type and on the device of `like`, made there."""
    return torch.stack([like.new_full((), value) for value in values])


def sent(values: Tensor, device: torch.device | str) -> Tensor:
    """On another device: a GPU takes it from page-locked memory while the host goes on.

    Not back, where the host would read what has not come yet, and not to Apple's, which has races.
    """
    return values.to(device, non_blocking=torch.device(device).type not in ("cpu", "mps"))
