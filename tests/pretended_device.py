"""A device that is pretended: its tensors have values, on the CPU, and refuse what a GPU's refuse.

Operations on tensors of it and of the CPU are an error, but for numbers without axes; what is copied between
the two, and how often the host waits for a value, is counted by line of code. It calls itself `meta`, the one
device other than the CPU that torch makes tensors for anywhere.
"""

import functools
import traceback
from collections import Counter
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("meta")
PACKAGE = f"{Path(__file__).parents[1] / 'fcn'}/"
aten = torch.ops.aten
# A GPU's tensor may be indexed by one of the host, which is copied.
INDEXED = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default)

# The host learns the size, or the answer itself.
WAITED_FOR = (
    aten.bincount.default,
    aten.equal.default,
    aten.repeat_interleave.Tensor,
    aten._unique2.default,
    aten.unique_dim.default,
    aten._linalg_eigh.default,  # asks whether it converged
)


class Pretended(Tensor):
    """A tensor of the device."""

    @staticmethod
    def __new__(cls, inner: Tensor) -> "Pretended":
        """With the values of one of the CPU."""
        made = Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=DEVICE,
        )
        made.inner = inner
        return made

    def tolist(self):
        """Torch refuses it of subclasses."""
        return self.cpu().tolist()

    def new_tensor(self, data, dtype=None):
        """Made of numbers, where no mode sees it, too."""
        return torch.tensor(data, dtype=dtype or self.dtype, device=DEVICE)

    def __getitem__(self, key):
        """Lists of numbers in it are copied to the device, where no mode sees it."""
        keys = key if isinstance(key, tuple) else (key,)
        there = (_index(each) if isinstance(each, list | tuple) else each for each in keys)
        return super().__getitem__(tuple(there))

    def __repr__(self) -> str:
        return f"Pretended({self.inner!r})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError(f"{func} outside of PretendedDevice")


class PretendedDevice(TorchDispatchMode):
    """While it is on. copies: number of copies by file and line of the package.

    pinned: what is copied to it is in page-locked memory; where code does not ask to wait (`non_blocking`),
    nobody does, and it is not counted.
    """

    def __init__(self, *, pinned: bool = False) -> None:
        super().__init__()
        self.pinned = pinned
        self.copies: Counter[str] = Counter()

    def __enter__(self):
        # what is made of numbers goes to a device where no mode sees it; torch knows no autocast of it
        self._patched = mock.patch.multiple(
            torch, tensor=_made(torch.tensor), as_tensor=_made(torch.as_tensor), autocast=_autocast
        )
        self._patched.start()
        return super().__enter__()

    def __exit__(self, *raised):
        self._patched.stop()
        return super().__exit__(*raised)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        wanted = kwargs.get("device")
        if wanted is not None and torch.device(wanted) == DEVICE:
            kwargs["device"] = torch.device("cpu")
        tensors = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, Tensor)]
        theirs = [each for each in tensors if isinstance(each, Pretended)]
        if any(each.is_meta for each in tensors if not isinstance(each, Pretended)):
            raise NotImplementedError(f"{func}: a tensor was made where no mode sees it, {self._line()}")
        if func is aten._local_scalar_dense.default and theirs:
            self._count("waits for a number")
        elif func is aten._to_copy.default:
            to_it = wanted is not None and torch.device(wanted) == DEVICE
            freely = to_it and self.pinned and kwargs.get("non_blocking")
            if wanted is not None and to_it != bool(theirs) and not freely:
                self._count("copies")
        elif func is aten.copy_.default:
            if 0 < len(theirs) < len(tensors):
                self._count("copies")
        elif theirs and any(each.dim() for each in tensors if not isinstance(each, Pretended)):
            if func not in INDEXED or not isinstance(args[0], Pretended):
                raise RuntimeError(f"{func} of tensors of two devices, {self._line()}")
            self._count("copies indices")
        if theirs and func in WAITED_FOR and "output_size" not in kwargs:
            self._count("waits for what comes out")
        if theirs and func in (aten.nonzero.default, aten.index.Tensor, aten.masked_select.default):
            is_mask = func is not aten.index.Tensor or any(
                each is not None and each.dtype == torch.bool for each in args[1]
            )
            if is_mask:
                self._count("waits for a size")
        found = func(*tree_map(_inner, args), **tree_map(_inner, kwargs))
        goes_there = bool(theirs) if wanted is None else torch.device(wanted) == DEVICE
        if func is aten._local_scalar_dense.default or not goes_there:
            return found
        same = {id(each.inner): each for each in theirs}  # what is changed in place stays itself

        def outside(value):
            if not isinstance(value, Tensor):
                return value
            return same[id(value)] if id(value) in same else Pretended(value)

        return tree_map(outside, found)

    def _count(self, what: str) -> None:
        self.copies[f"{self._line()}: {what}"] += 1

    @staticmethod
    def _line() -> str:
        """The innermost line of the package that is running."""
        for frame in reversed(traceback.extract_stack()):
            if frame.filename.startswith(PACKAGE):
                return f"{frame.filename.removeprefix(PACKAGE)}:{frame.lineno} {frame.line}"
        return "outside of the package"


def _made(make):
    """One of torch's that makes tensors of numbers, and copies them to the device."""

    @functools.wraps(make)
    def made(data, *args, device=None, **kwargs):
        found = make(data, *args, **kwargs)
        return found if device is None else found.to(device)

    return made


_AUTOCAST = torch.autocast


def _autocast(device_type, **options):
    return _AUTOCAST("cpu" if device_type == DEVICE.type else device_type, **options)


def _index(numbers):
    return torch.tensor(numbers, dtype=None if numbers else torch.long, device=DEVICE)


def _inner(value):
    return value.inner if isinstance(value, Pretended) else value


def there(module: nn.Module) -> nn.Module:
    """A module whose parameters and buffers are on the device; call while it is on."""
    for each in module.modules():
        for values in (each._parameters, each._buffers):
            for name, value in values.items():
                if value is not None:
                    values[name] = Pretended(value.detach()).requires_grad_(value.requires_grad)
    return module
