"""Placing, correcting and rotating single-station records; pure torch, vectorised over records."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

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
NEAREST_KM = 1.0  # amplitudes grow no further towards the source
FIRST_MOTION_S = 0.15  # after P, whose sum on Z tells its polarity


@dataclass(frozen=True)
class Corrections:
    """What is done to a record at its new place; each has a value that turns it off.

    align_s:     move S to its place, too; off: the record keeps its own S minus P.
    magnitude:   moment and corner frequency of the new magnitude (`source_ratio`).
    spreading_exponents, spreading_break_km: amplitude falls as R to minus the first up to the break, to minus
                 the second beyond; zeros: off.
    q, q_exponent: Qs = q f^n, constant below 1 Hz (`attenuation_response`); infinity: off.
    rotate:      radial and transverse motion along and across the new azimuth; off: R is north, T is east.
    polarity:    P moves the ground as one double couple per event would have it.
    radiation:   records of strong P where that double couple radiates strongly (`fcn.recombine.radiation`).
    source_term: one per event instead of each record's own (`fcn.recombine.source_terms`).
    """

    align_s: bool
    magnitude: bool
    spreading_exponents: Sequence[float]
    spreading_break_km: float
    q: float
    q_exponent: float
    rotate: bool
    polarity: bool
    radiation: bool
    source_term: bool

    def __post_init__(self) -> None:
        exponents = tuple(map(float, self.spreading_exponents))
        if len(exponents) != 2 or min(exponents) < 0 or self.spreading_break_km <= 0 or self.q <= 0:
            raise ValueError(
                "corrections need two spreading_exponents >= 0, a positive spreading_break_km and q, got "
                f"{list(exponents)}, {self.spreading_break_km} km, {self.q}"
            )
        object.__setattr__(self, "spreading_exponents", exponents)


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
    alignment is a cross-fade that ends where S would first come in either. Zero outside the record, whose
    last seconds are tapered, and before its P, where it fades in.
    """
    time = torch.arange(n_out, device=records.device)
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
    # the fade ends before S comes in either: a record with too short a gap would bring it twice
    s_out = picks[:, 1:].round() + shift.amin(dim=1, keepdim=True)
    fade = ((s_out - targets[:, :1]) / 2).clamp(1.0, FADE_S * sampling_rate_hz)
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
    delay = torch.exp(-2j * math.pi * frequency_hz / sampling_rate_hz).to(torch.complex64)
    moments = seismic_moment_nm(to_magnitude) / seismic_moment_nm(from_magnitude)
    roots = (
        torch.exp(-2 * math.pi * corner_frequency_hz(magnitude) / sampling_rate_hz)[:, None]
        for magnitude in (from_magnitude, to_magnitude)
    )
    # double precision where numbers are few: 1 - root is small for large earthquakes
    zero, pole = ((root, 1 - root) for root in roots)
    gain = moments.sqrt()[:, None] * pole[1] / zero[1]
    ratio = gain.float() * (1 - zero[0].float() * delay) / (1 - pole[0].float() * delay)
    return ratio * ratio


@functools.lru_cache(maxsize=8)
def _attenuation_exponent(n_fft: int, sampling_rate_hz: float, q: float, q_exponent: float) -> Tensor:
    """Complex logarithm of one second's attenuation, minimum phase (folded cepstrum), on the CPU."""
    frequency_hz = torch.fft.rfftfreq(n_fft, 1 / sampling_rate_hz, dtype=torch.float64)
    quality = q * frequency_hz.clamp_min(1.0) ** q_exponent
    cepstrum = torch.fft.irfft((-math.pi * frequency_hz / quality).to(torch.complex128), n_fft)
    fold = torch.zeros(n_fft, dtype=torch.float64)
    fold[0], fold[1 : (n_fft + 1) // 2] = 1.0, 2.0
    if n_fft % 2 == 0:
        fold[n_fft // 2] = 1.0
    return torch.fft.rfft(cepstrum * fold)


def attenuation_response(
    longer_s: Float[Tensor, " n"], n_fft: int, *, sampling_rate_hz: float, q: float, q_exponent: float
) -> Complex64[Tensor, "n f"]:
    """Anelastic attenuation of a path longer by so many seconds of S travel time, shorter if negative.

    exp(-pi f t / Q), Q = q f^n (constant below 1 Hz), with the phase that makes it causal, and so its
    inverse: minimum phase. At the frequencies of an `n_fft`-point real transform.
    """
    exponent = _attenuation_exponent(n_fft, sampling_rate_hz, q, q_exponent)
    exponent = exponent.to(device=longer_s.device, dtype=torch.complex64)
    # five times as fast as the exponential of complex numbers
    return torch.polar(torch.exp(longer_s[:, None] * exponent.real), longer_s[:, None] * exponent.imag)


def spreading_gain(
    from_km: Float[Tensor, " n"],
    to_km: Float[Tensor, " n"],
    *,
    exponents: tuple[float, float],
    break_km: float,
) -> Float[Tensor, " n"]:
    """Ratio of amplitudes at two hypocentral distances: R^-a up to the break, R^-b beyond, exponents a, b.

    Body waves fall as 1 / R; trapped in the crust, at most as R^-0.5.
    """
    ratios = [(from_km, to_km), (from_km.clamp_min(break_km), to_km.clamp_min(break_km))]
    near, far = exponents
    # within the break the first factor alone changes; beyond it the second trades exponents
    return (ratios[0][0] / ratios[0][1]) ** near * (ratios[1][0] / ratios[1][1]) ** (far - near)


def level_db(
    magnitude: Float[Tensor, " n"], hypocentral_km: Float[Tensor, " n"], *, frequency_hz: float
) -> Float[Tensor, " n"]:
    """What amplitude a record should have at a frequency, in dB to any reference: source over distance."""
    corner = (1 + (frequency_hz / corner_frequency_hz(magnitude)) ** 2).log10()
    moment = seismic_moment_nm(magnitude).log10()
    return (20 * (moment - corner - hypocentral_km.clamp_min(NEAREST_KM).log10())).to(magnitude.dtype)


def p_radiation(
    mechanism_rad: Float[Tensor, "n 3"], azimuth_rad: Float[Tensor, " n"], takeoff_rad: Float[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """P amplitude of a double couple, -1 to 1 (Aki & Richards 2002, eq. 4.89).

    mechanism_rad: strike, dip, rake; takeoff_rad: from straight down. Positive: away from the source.
    """
    strike, dip, rake = mechanism_rad.unbind(dim=-1)
    phi, i = azimuth_rad - strike, takeoff_rad
    return (
        rake.cos() * dip.sin() * i.sin() ** 2 * (2 * phi).sin()
        - rake.cos() * dip.cos() * (2 * i).sin() * phi.cos()
        + rake.sin() * (2 * dip).sin() * (i.cos() ** 2 - i.sin() ** 2 * phi.sin() ** 2)
        + rake.sin() * (2 * dip).cos() * (2 * i).sin() * phi.sin()
    )


def first_motion(
    records: Float[Tensor, "n 3 time"], p_sample: Float[Tensor, " n"], *, sampling_rate_hz: float
) -> Float[Tensor, " n"]:
    """1 where the ground first moves up, else -1: the sign of Z's mean in the first moments after P."""
    n = max(1, round(FIRST_MOTION_S * sampling_rate_hz))
    index = p_sample.round().long()[:, None] + torch.arange(1, n + 1, device=records.device)
    moved = torch.gather(records[:, 0], 1, index.clamp_max(records.shape[2] - 1)).sum(dim=1)
    return torch.where(moved < 0, -1.0, 1.0)


def rotate_to_north_east(
    zrt: Float[Tensor, "n 3 time"], azimuth_rad: Float[Tensor, " n"]
) -> Float[Tensor, "n 3 time"]:
    """Z, R, T to Z, N, E; azimuth from the source to the station, clockwise from north."""
    cos, sin = azimuth_rad.cos()[:, None], azimuth_rad.sin()[:, None]
    z, r, t = zrt.unbind(dim=1)
    return torch.stack([z, r * cos - t * sin, r * sin + t * cos], dim=1)
