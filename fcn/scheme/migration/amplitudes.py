"""What the migration network's magnitude branch sees of a station: how strongly it has moved since P."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn.devices import numbers
from fcn.waveform.amplitude import AMPLITUDES, BLOCK_S, PAST_S

# of a first guess, log10 of the peak velocity in m/s corrected for distance; the network learns the rest
DISTANCE_SLOPE = 1.66  # of surface-wave magnitudes, and near that of local ones
FIRST_GUESS = 4.2  # magnitude 5 at 30 km: about 0.02 m/s in 0.5-9 Hz
P_SHORTFALL = 0.6  # of P below S, log10
EARLY_S = 0.3  # a window begins so much before a predicted arrival
NOISE_WINDOW_S = (8.0, 1.0)  # before P, from and to
LEAST_S = 0.5  # of P that counts
STRONG = 0.3  # of the peak: motion above it lasts
VISIBLE = 2.0  # a peak above that of noise
RISEN = 1.05  # a peak has grown where it is so many times what it was
FIRST_STATIONS = 8  # to feel an event: they say by how much it rose
STILL_GROWING = 0.2  # of the stations
WHOLE_S = 2.0  # after S: what comes later takes no peak from an event too small to last
# of `AMPLITUDES`, m/s and m: what quiet stations record. Where there is less nothing is known, as of the
# long-period band after a start in shaking; a station without any motion is dead.
FLOOR = (1e-8, 1e-8, 1e-9, 1e-9, 1e-7, 1e-7)
DEAD_MPS = 1e-10
OFFSET = 3.0  # added to halved log10 of amplitudes, which makes them of order one
VELOCITY = AMPLITUDES.index("broad velocity m/s")
LONG = AMPLITUDES.index("long-period displacement m")
DURING = (VELOCITY, LONG)  # whose duration and growth are measured


@dataclass(frozen=True)
class Motion:
    """How much stations have moved, up to now.

    peaks:   of blocks of `BLOCK_S`, channels `AMPLITUDES`; the last block ends now; 0 where nothing is known.
    horizontals: how many horizontal components are known. mask: the station exists.
    """

    peaks: Float[Tensor, "batch station 6 past"]
    horizontals: Float[Tensor, "batch station"]
    mask: Bool[Tensor, "batch station"]


@dataclass(frozen=True)
class Amplitudes:
    """Input of `fcn.arch.migration.MagnitudeNet`, per event and station.

    first_guess: magnitude from the peak velocity alone. inputs: what corrects it. use: P has been seen.
    falling_s: how long no peak has grown, of velocity and long-period displacement.
    rise: peak velocity since P over the peak before it.
    """

    first_guess: Float[Tensor, "batch event station"]
    inputs: Float[Tensor, "batch event station 31"]
    use: Bool[Tensor, "batch event station"]
    falling_s: Float[Tensor, "batch event station"]
    rise: Float[Tensor, "batch event station"]

    def course(
        self, p_s: Float[Tensor, "batch event station"]
    ) -> tuple[Float[Tensor, "batch event"], Float[Tensor, "batch event"]]:
        """How long motion has been falling, and by how much it rose, of each event. p_s: P arrivals.

        It falls where it does at all stations but `STILL_GROWING` of them: near the epicentre of a long one
        it falls first. The rise is the median over the first stations to feel it.
        """
        falling_s = self.falling_s.masked_fill(~self.use, torch.inf).sort(dim=2).values
        place = (STILL_GROWING * self.use.sum(dim=2, keepdim=True)).long()
        longest_s = torch.gather(falling_s, 2, place.clamp_max(falling_s.shape[2] - 1))[..., 0]
        order = p_s.masked_fill(~self.use, torch.inf).argsort(dim=2, stable=True)[..., :FIRST_STATIONS]
        counts = torch.gather(self.use, 2, order)
        rise = torch.gather(self.rise, 2, order).masked_fill(~counts, torch.nan)
        nobody = ~self.use.any(dim=2)
        return longest_s.masked_fill(nobody, 0.0), rise.nanmedian(dim=2).values.masked_fill(nobody, 0.0)


def measure(
    motion: Motion,
    since_s: Float[Tensor, "batch event station 2"],
    distance_km: Float[Tensor, "batch event station"],
    depth_km: Float[Tensor, "batch event"],
    since_next_s: Float[Tensor, "batch event station"] | None = None,
) -> Amplitudes:
    """Peaks since P and since S, what came before, how long strong motion lasts and whether it still grows.

    since_s: seconds since P and S arrived; negative for what is yet to come. distance_km: hypocentral.
    since_next_s: seconds since P of another event arrived, whose motion this is from then on. Where that was
    too soon after S the station is left to the other event, as long as this one has others.
    """
    n_past = motion.peaks.shape[-1]
    # seconds before now at which each block ends
    ago_s = BLOCK_S * torch.arange(n_past - 1, -1, -1, device=motion.peaks.device)
    since_p_s, since_s_s = since_s[..., 0, None], since_s[..., 1, None]
    from_p, from_s = ago_s < since_p_s + EARLY_S, ago_s < since_s_s + EARLY_S
    shared, own = _hidden(since_s[..., 1], since_next_s, ago_s)
    from_p, from_s = from_p & own, from_s & own
    latest, earliest = since_p_s + NOISE_WINDOW_S[1], since_p_s + NOISE_WINDOW_S[0]
    before = (ago_s + BLOCK_S > latest) & (ago_s + BLOCK_S <= earliest)
    peaks = motion.peaks[:, None]  # (batch, 1, station, channel, past)
    floor = numbers(FLOOR, peaks)
    p, s, noise = (_log_peak(peaks, window, floor) for window in (from_p & ~from_s, from_s, before))
    strongest = torch.maximum(p, s)
    above_noise = torch.stack([(strongest - noise)[..., kind] for kind in DURING], dim=-1)
    during = torch.stack([peaks[:, :, :, kind] for kind in DURING], dim=3)
    lasts_s, quiet_s = _course(during, from_p)
    # where noise is all there is nothing grows, and has not for as long as a stream remembers
    falling_s = quiet_s.masked_fill(above_noise < math.log10(VISIBLE), PAST_S).amin(dim=-1)
    has_s = since_s[..., 1] > LEAST_S
    log_km = distance_km.clamp_min(1.0).log10()
    velocity = torch.where(has_s, strongest[..., VELOCITY], p[..., VELOCITY] + P_SHORTFALL)
    shape = log_km.shape
    other = [
        log_km,
        depth_km[..., None].expand(shape) / 20,
        (1 + since_s[..., 0].clamp(0, 200)).log(),
        (1 + since_s[..., 1].clamp(0, 200)).log(),
        since_s[..., 1].clamp(-10, 10) / 10,
        (since_s[..., 0] - since_s[..., 1]) / 10,
        has_s.float(),
        motion.horizontals[:, None].expand(shape) / 2,
        (1 + falling_s).log(),
    ]
    levels = [each / 2 + OFFSET for each in (p, s, noise)]
    inputs = torch.cat([*levels, (1 + lasts_s).log(), above_noise, torch.stack(other, dim=-1)], dim=-1)
    # a station that has recorded nothing at all is dead, whatever its mask says
    use = motion.mask[:, None] & (since_s[..., 0] > LEAST_S)
    use = use & ((peaks[:, :, :, VELOCITY] * from_p).amax(dim=-1) > DEAD_MPS)
    use = torch.where((use & ~shared).any(dim=2, keepdim=True), use & ~shared, use)
    return Amplitudes(
        FIRST_GUESS + velocity + DISTANCE_SLOPE * log_km,
        inputs,
        use,
        falling_s,
        10 ** (strongest - noise)[..., VELOCITY],
    )


def _hidden(
    since_s_s: Float[Tensor, "batch event station"],
    since_next_s: Float[Tensor, "batch event station"] | None,
    ago_s: Float[Tensor, " past"],
) -> tuple[Bool[Tensor, "batch event station"], Bool[Tensor, "batch event station past"]]:
    """Stations where another event's P came too soon after S; blocks before it, all of them at those."""
    if since_next_s is None:
        since_next_s = torch.full_like(since_s_s, -torch.inf)
    shared = (since_next_s > 0) & (since_s_s - since_next_s < WHOLE_S)
    return shared, (ago_s > since_next_s[..., None]) | shared[..., None]


def _log_peak(
    peaks: Float[Tensor, "batch 1 station channel past"],
    window: Bool[Tensor, "batch event station past"],
    floor: Float[Tensor, " channel"],
) -> Float[Tensor, "batch event station channel"]:
    """log10 of the largest in a window, at least of a quiet station."""
    largest = (peaks * window[:, :, :, None]).amax(dim=-1)
    return torch.maximum(largest, floor).log10()


def _course(
    peaks: Float[Tensor, "batch 1 station kind past"], from_p: Bool[Tensor, "batch event station past"]
) -> tuple[Float[Tensor, "batch event station kind"], Float[Tensor, "batch event station kind"]]:
    """How long motion has been above `STRONG` of its peak since P, and how long its peak has not grown, s."""
    seen = peaks * from_p[:, :, :, None]
    largest = seen.amax(dim=-1, keepdim=True)
    lasts_s = BLOCK_S * ((seen > STRONG * largest) & (largest > 0)).sum(dim=-1)
    # the first block that came within a rounding of the peak: later ones did not grow
    first = (seen * RISEN >= largest).int().argmax(dim=-1)
    return lasts_s.float(), BLOCK_S * (peaks.shape[-1] - 1 - first).float()
