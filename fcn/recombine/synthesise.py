"""Placing, correcting and rotating single-station records; pure torch, vectorised over records."""

import math

import torch
from jaxtyping import Complex64, Float, Int
from torch import Tensor

SHEAR_VELOCITY_MPS = 3500.0  # of the source region, for corner frequencies
STRESS_DROP_PA = 3.0e6  # global median of moderate crustal earthquakes, Allmann & Shearer 2009
SOURCE_TAIL_S = 15.0  # 1 / (2 pi fc) is 1.3 s at magnitude 7
P_GUARD_S = (
    0.3  # before a record's P, where it fades in: picks of real records are good to a tenth of a second
)
P_RAMP_S = 0.2  # over which it fades in
FADE_S = 1.0  # over which a record aligned on P gives way to itself aligned on S
RECORD_TAPER_S = 2.0  # at a record's end, where it stops before "now"


def seismic_moment_nm(magnitude: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """M0 in N m (Hanks & Kanamori 1979, in SI: log10 M0 = 1.5 Mw + 9.1)."""
    return 10.0 ** (1.5 * magnitude.double() + 9.1)


def corner_frequency_hz(magnitude: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """S corner frequency of Brune (1970): 0.4906 beta (stress drop / M0)^(1/3), SI units."""
    return 0.4906 * SHEAR_VELOCITY_MPS * (STRESS_DROP_PA / seismic_moment_nm(magnitude)) ** (1 / 3)


def place_records(
    records: Float[Tensor, "n 3 time"],
    npts: Int[Tensor, " n"],
    picks: Float[Tensor, "n 2"],
    targets: Float[Tensor, "n 2"],
    *,
    n_out: int,
    sampling_rate_hz: float,
) -> Float[Tensor, "n 3 out"]:
    """Records shifted so that P, and after it S, arrive on the target samples.

    picks, targets: P and S in samples from the start of the record and of the output. Shifts are whole
    samples (at most half a sample, 25 ms at 20 Hz, from the target); the change from the P to the S
    alignment is a cross-fade that ends at S. Zero outside the record, whose last seconds are tapered, and
    before its P, where it fades in.
    """
    time = torch.arange(n_out)
    shift = (targets - picks).round().long()
    index = time - shift[:, :, None]  # (n, 2, out)
    inside = (index >= 0) & (index < npts[:, None, None])
    left = (npts[:, None, None] - 1 - index) / (RECORD_TAPER_S * sampling_rate_hz)
    # a record's own noise before P, scaled with its signal, would announce the earthquake to come
    risen = (index - picks[:, :1, None] + P_GUARD_S * sampling_rate_hz) / (P_RAMP_S * sampling_rate_hz)
    keep = inside * left.clamp(0, 1) * (0.5 - 0.5 * torch.cos(math.pi * risen.clamp(0, 1)))
    index = index.clamp(0, records.shape[2] - 1)
    on_p, on_s = (
        torch.gather(records, 2, index[:, i : i + 1].expand(-1, 3, -1)) * keep[:, i : i + 1] for i in (0, 1)
    )
    s_out = picks[:, 1:].round() + shift[:, 1:]
    gap = (targets[:, 1:] - targets[:, :1]) / 2
    fade = gap.clamp(1.0, FADE_S * sampling_rate_hz)
    weight = ((time - s_out + fade) / fade).clamp(0, 1)[:, None]
    return on_p + weight * (on_s - on_p)


def source_ratio(
    from_magnitude: Float[Tensor, " n"],
    to_magnitude: Float[Tensor, " n"],
    frequency_hz: Float[Tensor, " f"],
    *,
    sampling_rate_hz: float,
) -> Complex64[Tensor, "n f"]:
    """Ratio of two omega-square moment-rate spectra as a causal, minimum-phase digital filter.

    M0' / M0 * ((1 + i f / fc) / (1 + i f / fc'))^2 with the corner frequencies of Brune (1970), its double
    zero and pole mapped to z = exp(-2 pi fc / sampling rate) (matched z-transform), so that sampling the
    response does not smear energy ahead of P.
    """
    delay = torch.exp(-2j * math.pi * frequency_hz.double() / sampling_rate_hz)
    gain = seismic_moment_nm(to_magnitude) / seismic_moment_nm(from_magnitude)
    terms = []
    for magnitude in (from_magnitude, to_magnitude):
        root = torch.exp(-2 * math.pi * corner_frequency_hz(magnitude) / sampling_rate_hz)[:, None]
        terms.append((1 - root * delay) / (1 - root))
    return (gain[:, None] * (terms[0] / terms[1]) ** 2).to(torch.complex64)


def change_magnitude(
    waveforms: Float[Tensor, "n 3 time"],
    from_magnitude: Float[Tensor, " n"],
    to_magnitude: Float[Tensor, " n"],
    *,
    sampling_rate_hz: float,
) -> Float[Tensor, "n 3 time"]:
    """Records as the same source with another moment and corner frequency would have written them."""
    n = waveforms.shape[-1]
    # zero padding holds the filter's tail, which is as long as the larger source
    n_fft = 1 << math.ceil(math.log2(n + SOURCE_TAIL_S * sampling_rate_hz))
    frequency_hz = torch.fft.rfftfreq(n_fft, 1 / sampling_rate_hz)
    ratio = source_ratio(from_magnitude, to_magnitude, frequency_hz, sampling_rate_hz=sampling_rate_hz)
    return torch.fft.irfft(torch.fft.rfft(waveforms, n_fft) * ratio[:, None], n_fft)[..., :n]


def spreading_gain(from_km: Float[Tensor, " n"], to_km: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Body-wave geometric spreading between two hypocentral distances, 1 / R."""
    return from_km / to_km


def rotate_to_north_east(
    zrt: Float[Tensor, "n 3 time"], azimuth_rad: Float[Tensor, " n"]
) -> Float[Tensor, "n 3 time"]:
    """Z, R, T to Z, N, E; azimuth from the source to the station, clockwise from north."""
    cos, sin = azimuth_rad.cos()[:, None], azimuth_rad.sin()[:, None]
    z, r, t = zrt.unbind(dim=1)
    return torch.stack([z, r * cos - t * sin, r * sin + t * cos], dim=1)
