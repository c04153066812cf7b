"""From a scene and the records that stand in for its arrivals to a batch. Pure torch: no store, no files.

    made = Composition.of(recipe, scene, tables, faults)
    batch = made.batch(records, noise)      # records: one for each of made.places

All is linear but the faults: events, noise and filters meet in the frequency domain, and only the faulty
stations are filtered again after their damage.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Complex64, Float, Int, Shaped
from torch import Tensor

from fcn.batch import Batch
from fcn.earth.travel_time import TravelTimeTable
from fcn.recombine.damage import begins, known, restarts, spoil
from fcn.recombine.faults import Faults
from fcn.recombine.recipe import Recipe
from fcn.recombine.scene import Scene
from fcn.recombine.synthesise import (
    NEAREST_KM,
    P_GUARD_S,
    SHEAR_VELOCITY_MPS,
    attenuation_response,
    first_motion,
    p_radiation,
    place_records,
    rotate_to_north_east,
    source_ratio,
    spreading_gain,
)
from fcn.recombine.truth import Arrivals, make_targets, p_snr, true_arrivals
from fcn.waveform.amplitude import block_peaks, samples_in
from fcn.waveform.level import LEVEL_BLOCK_S, window_levels
from fcn.waveform.preprocess import Banded
from fcn.waveform.window_bands import long_period


@dataclass(frozen=True)
class Places:
    """The arrivals of a batch that have begun by now, k of them: what each asks of its record.

    at:          (window, station, event) of each.
    offset_km:   east, north, depth of the station from the source.
    arrival_s:   P and S, seconds after the window's first sample.
    p_pattern:   P amplitude that the event's double couple radiates there, -1 to 1, along a straight line.
    pick, origin_pick: uniform draws that choose among candidates, and the origin of the event's records.
    rupture, turn_rad: that all records of the event come from, -1 for none, and by how much it is turned.
    """

    at: tuple[Int[Tensor, " k"], ...]
    offset_km: Float[Tensor, "k 3"]
    depth_km: Float[Tensor, " k"]
    magnitude: Float[Tensor, " k"]
    arrival_s: Float[Tensor, "k 2"]
    p_pattern: Float[Tensor, " k"]
    pick: Float[Tensor, " k"]
    origin_pick: Float[Tensor, " k"]
    rupture: Int[Tensor, " k"]
    turn_rad: Float[Tensor, " k"]

    @classmethod
    def begun(cls, scene: Scene, arrivals: Arrivals, *, before_s: float) -> "Places":
        """Those whose P comes before `before_s`."""
        there = scene.mask[..., None] & scene.exists[:, None] & (arrivals.arrival_s[..., 0] < before_s)
        b, n, e = there.nonzero(as_tuple=True)
        offset_km = scene.station_km[b, n] - scene.source_km[b, e]
        takeoff_rad = torch.atan2(torch.linalg.vector_norm(offset_km[:, :2], dim=1), offset_km[:, 2])
        return cls(
            at=(b, n, e),
            offset_km=offset_km,
            depth_km=scene.source_km[b, e, 2],
            magnitude=scene.magnitude[b, e],
            arrival_s=arrivals.arrival_s[b, n, e],
            p_pattern=p_radiation(scene.mechanism_rad[b, e], _azimuth_rad(offset_km), takeoff_rad),
            pick=scene.pick[b, n, e],
            origin_pick=scene.origin_pick[b, e],
            rupture=scene.rupture[b, e],
            turn_rad=scene.turn_rad[b, e],
        )

    def __len__(self) -> int:
        return len(self.depth_km)

    @property
    def distance_km(self) -> Float[Tensor, " k"]:
        """Along the surface."""
        return torch.linalg.vector_norm(self.offset_km[:, :2], dim=1)

    @property
    def away_km(self) -> Float[Tensor, " k"]:
        """Along the straight line."""
        return torch.linalg.vector_norm(self.offset_km, dim=1)

    @property
    def azimuth_rad(self) -> Float[Tensor, " k"]:
        """From the source to the station, clockwise from north."""
        return _azimuth_rad(self.offset_km)


@dataclass(frozen=True)
class Records:
    """Records of single stations, as they are: row k stands in for place k.

    velocity_mps: Z, R, T, a stretch that holds all the place needs of `npts` samples, zero after them.
    picks: P and S, samples of the stretch; P may lie before it where `common`.
    hypocentral_km: of the record's own path. source_term: of the record's own earthquake, log10.
    term_deviation: standard deviation of source terms where the record is from; zeros in both leave it alone.
    widened:      the record lies outside the selection's tolerances.
    common:       it and the others of its event are of one rupture: P moves the ground as it did there.
    vertical_only: nobody recorded its horizontals, which are zero: they are unknown at its place.
    """

    velocity_mps: Float[Tensor, "k 3 time"]
    npts: Int[Tensor, " k"]
    picks: Float[Tensor, "k 2"]
    magnitude: Float[Tensor, " k"]
    hypocentral_km: Float[Tensor, " k"]
    source_term: Float[Tensor, " k"]
    term_deviation: Float[Tensor, " k"]
    widened: Bool[Tensor, " k"]
    common: Bool[Tensor, " k"]
    vertical_only: Bool[Tensor, " k"]


@dataclass(frozen=True)
class Composition:
    """A batch in the making: all that is known of it before any record is read.

    tables: first arrivals, one velocity model per window. All on one device, that of `scene`.
    """

    recipe: Recipe
    scene: Scene
    tables: TravelTimeTable
    faults: Faults
    arrivals: Arrivals
    places: Places

    @classmethod
    def of(cls, recipe: Recipe, scene: Scene, tables: TravelTimeTable, faults: Faults) -> "Composition":
        """Arrivals of the scene, and the places to find records for."""
        arrivals = true_arrivals(
            scene, tables, residual_s=recipe.events.arrival_residual_s, clock_s=faults.clock_s
        )
        before_s = recipe.window_s + P_GUARD_S + 1 / recipe.sampling_rate_hz
        return cls(recipe, scene, tables, faults, arrivals, Places.begun(scene, arrivals, before_s=before_s))

    def batch(self, records: Records, noise: Complex64[Tensor, "b n 3 f"]) -> Batch:
        """Waveforms and targets, of a record per place and of the stations' noise, as spectra."""
        recipe, at, device = self.recipe, self.places.at, noise.device
        events = self.ground_motion(records)
        narrow_response = recipe.response(recipe.preprocess.filters[0]).to(device)
        narrow_noise = self._series(noise * narrow_response)
        narrow_events = self._series(events * narrow_response)
        narrow_signal = _add(torch.zeros_like(narrow_noise), at, narrow_events)
        ground = _add(noise.clone(), at, events)
        bands = self._bands(ground, narrow_noise + narrow_signal)
        self._damage(bands, ground, narrow_noise)
        rate, window = recipe.sampling_rate_hz, slice(recipe.n_lead, None)
        there = self._known(records.vertical_only)
        snr = p_snr(
            at,
            narrow_events[..., window],
            narrow_signal[..., window],
            narrow_noise[..., window],
            known=there[..., window],
            p_arrival_s=self.arrivals.arrival_s[..., 0],
            sampling_rate_hz=rate,
        )
        widened = self._share(records.widened)
        return Batch(
            **given(bands, there, recipe.n_samples, sampling_rate_hz=rate),
            station_km=self.scene.station_km,
            mask=there[..., window].flatten(2).any(dim=-1),
            travel_time=self.tables,
            now_s=torch.zeros(len(noise), dtype=torch.float64),
            targets=make_targets(recipe, self.scene, self.arrivals, snr=snr, widened=widened),
        )

    def ground_motion(self, records: Records) -> Complex64[Tensor, "k 3 f"]:
        """Spectra of each record at its place: ground velocity in m/s, Z, N, E, lead included."""
        recipe, places, fix = self.recipe, self.places, self.recipe.corrections
        rate, n_fft = recipe.sampling_rate_hz, recipe.n_fft
        if len(places) == 0:  # MKL refuses empty batches
            return torch.zeros(0, 3, n_fft // 2 + 1, dtype=torch.complex64, device=places.depth_km.device)
        targets = places.arrival_s * rate + recipe.n_lead
        if not fix.align_s:
            own_gap = records.picks[:, 1] - records.picks[:, 0]
            targets = torch.stack([targets[:, 0], targets[:, 0] + own_gap], dim=1)
        placed = place_records(
            records.velocity_mps,
            records.npts,
            records.picks,
            targets,
            n_out=recipe.n_lead + recipe.n_samples,
            sampling_rate_hz=rate,
        )
        if fix.rotate:
            placed = rotate_to_north_east(placed, places.azimuth_rad)
        spectra = torch.fft.rfft(placed * self._gain(records)[:, None, None], n_fft)
        return spectra * self._response(records)[:, None]

    def _gain(self, records: Records) -> Float[Tensor, " k"]:
        """Factor on each record, at all frequencies: spreading, source term, sign of P."""
        fix, places, (b, _, e) = self.recipe.corrections, self.places, self.places.at
        gain = spreading_gain(
            records.hypocentral_km.clamp_min(NEAREST_KM),
            places.away_km.clamp_min(NEAREST_KM),
            exponents=(fix.spreading_exponents[0], fix.spreading_exponents[1]),
            break_km=fix.spreading_break_km,
        )
        gain = gain * 10 ** (records.term_deviation * self.scene.source_term[b, e] - records.source_term)
        if fix.polarity:
            sign = torch.where(places.p_pattern < 0, -1.0, 1.0)
            picks, rate = records.picks[:, 0].clamp_min(0.0), self.recipe.sampling_rate_hz
            sign = sign * first_motion(records.velocity_mps, picks, sampling_rate_hz=rate)
            gain = gain * torch.where(records.common, 1.0, sign)
        return gain

    def _response(self, records: Records) -> Complex64[Tensor, "k f"]:
        """What turns a record's source and path into its event's, at the frequencies of the transforms."""
        fix, rate, n_fft = self.recipe.corrections, self.recipe.sampling_rate_hz, self.recipe.n_fft
        farther_km = self.places.away_km - records.hypocentral_km
        response = attenuation_response(
            farther_km * 1000 / SHEAR_VELOCITY_MPS,
            n_fft,
            sampling_rate_hz=rate,
            q=fix.q,
            q_exponent=fix.q_exponent,
        )
        if not fix.magnitude:
            return response
        frequency_hz = torch.fft.rfftfreq(n_fft, 1 / rate, device=farther_km.device)
        return response * source_ratio(
            records.magnitude, self.places.magnitude, frequency_hz, sampling_rate_hz=rate
        )

    def _bands(self, ground: Complex64[Tensor, "b n 3 f"], narrow: Float[Tensor, "b n 3 t"]) -> Banded:
        """The ground's motion in all bands, lead included; the narrow one is known already."""
        preprocess = self.recipe.preprocess
        _, *broad_filters, long = preprocess.filters
        broad, displacement = (
            self._series(ground * self.recipe.response(band).to(ground.device)) for band in broad_filters
        )
        return Banded(narrow, broad, displacement, long_period(long, self._series(ground)))

    def _damage(
        self,
        bands: Banded,
        ground: Complex64[Tensor, "b n 3 f"],
        narrow_noise: Float[Tensor, "b n 3 t"],
    ) -> None:
        """Put what faulty stations record in the place of the ground's motion, in all bands."""
        first = restarts(
            self.faults, self._begin_s(), **self._time(), max_gap_s=self.recipe.preprocess.max_gap_s
        )
        spoil(
            bands,
            self._series(ground),
            self.faults,
            first,
            mask=self.scene.mask,
            noise_mps=narrow_noise.square().mean(dim=(2, 3)).sqrt(),
            preprocess=self.recipe.preprocess,
        )

    def _known(self, vertical_only: Bool[Tensor, " k"]) -> Bool[Tensor, "b n 3 t"]:
        """Which samples of lead and window there are: no horizontals where a record has none."""
        there = known(self.faults, self._begin_s(), **self._time()) & self.scene.mask[..., None, None]
        b, n, _ = self.places.at
        there[b[vertical_only], n[vertical_only], 1:] = False
        return there

    def _begin_s(self) -> Float[Tensor, "b n"]:
        """When each station begins to deliver; -inf: before the lead."""
        recipe, mask = self.recipe, self.scene.mask
        p_arrival_s = self.arrivals.arrival_s[..., 0, 0].masked_fill(~mask, torch.inf)
        latest_s = recipe.faults.start_latest_s
        return begins(self.faults, p_arrival_s, window_s=recipe.window_s, start_latest_s=latest_s)

    def _time(self) -> dict[str, Any]:
        """Samples of lead and window, and their rate."""
        recipe = self.recipe
        return {
            "n_lead": recipe.n_lead,
            "n_samples": recipe.n_samples,
            "sampling_rate_hz": recipe.sampling_rate_hz,
        }

    def _series(self, spectra: Complex64[Tensor, "*n f"]) -> Float[Tensor, "*n t"]:
        """Time series of lead and window."""
        n_total = self.recipe.n_lead + self.recipe.n_samples
        if spectra.numel() == 0:  # MKL refuses empty batches
            return torch.zeros(*spectra.shape[:-1], n_total, device=spectra.device)
        return torch.fft.irfft(spectra, self.recipe.n_fft)[..., :n_total]

    def _share(self, true: Bool[Tensor, " k"]) -> Float[Tensor, " b"]:
        """Of each window's places."""
        b, n_windows = self.places.at[0], len(self.scene.mask)
        count = torch.bincount(b, minlength=n_windows).clamp_min(1)
        return torch.bincount(b, weights=true.float(), minlength=n_windows).float() / count


def given(
    bands: Banded,
    there: Bool[Tensor, "b n 3 t"],
    n_samples: int,
    *,
    sampling_rate_hz: float,
) -> dict[str, Any]:
    """What a `Batch` holds of the last `n_samples` of (b, n, 3, t) bands; from all, what came before.

    there: which samples are known. Block peaks are of all, so that P early in the window has noise before it.
    """
    narrow, *others = (band.masked_fill(~there, 0.0) for band in bands)
    window = slice(narrow.shape[-1] - n_samples, None)
    levels = window_levels(narrow, there, sampling_rate_hz=sampling_rate_hz)
    background = levels.repeat_interleave(samples_in(LEVEL_BLOCK_S, sampling_rate_hz), dim=-1)[..., window]
    broad, displacement, long = others
    return {
        "waveforms": narrow[..., window],
        "waveforms_broad": broad[..., window],
        "known": there[..., window] & (background[:, :, :1] > 0),
        "background_mps": background,
        "peaks": block_peaks(broad, displacement, long, there, sampling_rate_hz=sampling_rate_hz),
    }


def _azimuth_rad(offset_km: Float[Tensor, "k 3"]) -> Float[Tensor, " k"]:
    return torch.atan2(offset_km[:, 0], offset_km[:, 1])


def _add(
    total: Shaped[Tensor, "b n 3 x"], at: tuple[Int[Tensor, " k"], ...], parts: Shaped[Tensor, "k 3 x"]
) -> Shaped[Tensor, "b n 3 x"]:
    """`total` with the parts added to the stations they belong to, in place."""
    b, n, _ = at
    total.view(-1, *total.shape[2:]).index_add_(0, b * total.shape[1] + n, parts)
    return total
