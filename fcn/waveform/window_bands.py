"""The bands of whole windows at once, by transform, on any device: what `Bands` does to streams, in torch."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from fcn.waveform.filters import Butterworth
from fcn.waveform.preprocess import Banded, PreprocessSpec


def filter_windows(spec: PreprocessSpec, waveforms: Float[Tensor, "*batch time"]) -> Banded:
    """`fcn.waveform.preprocess.Bands` from rest on whole windows at once, by transform, on any device."""
    *bands, long = spec.filters
    narrow, broad, displacement = _filtered(bands, waveforms)
    return Banded(narrow, broad, displacement, long_period(long, waveforms))


def long_period(
    high: Butterworth | None, waveforms: Float[Tensor, "*batch time"]
) -> Float[Tensor, "*batch time"]:
    """The long-period band alone, of ground velocity from rest; zero where the spec has none."""
    return torch.zeros_like(waveforms) if high is None else _filtered([high], waveforms)[0]


def _filtered(
    filters: Sequence[Butterworth], waveforms: Float[Tensor, "*batch time"]
) -> list[Float[Tensor, "*batch time"]]:
    n_samples = waveforms.shape[-1]
    n_fft = max(each.transform_length(n_samples) for each in filters)
    spectrum = torch.fft.rfft(waveforms, n_fft)
    responses = [torch.as_tensor(each.response(n_fft)).to(spectrum) for each in filters]
    return [torch.fft.irfft(spectrum * response, n_fft)[..., :n_samples] for response in responses]
