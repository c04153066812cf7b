"""Training and reading the migration network: anchors, the volumes about them, evidence, magnitude.

Training draws a few anchors per window, true and false, and a volume for each: coarse ones over the whole
network and fine ones anywhere in it. A stream's window is read in the same two passes: P picks that no
declared event explains anchor coarse volumes; where those hold evidence, and for the declared events that are
still followed, a fine volume about the peak gives the hypocentre.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

from fcn.arch.migration import Features, MigrationNet
from fcn.batch import Batch, Targets
from fcn.catalogue.event import Known, WindowEstimate
from fcn.earth.travel_time import TravelTimeTable
from fcn.geometry.lattice import Lattice
from fcn.loss.terms import detection_loss, masked_mean, pdf_loss
from fcn.scheme.amplitudes import Amplitudes, measure
from fcn.scheme.anchors import AnchorPrior, Anchors, Picks, draw, find_picks
from fcn.scheme.base import Located, View, require_event
from fcn.targets.detection import encode_arrivals
from fcn.targets.location import LocationEstimate
from fcn.targets.volume import decode_volume, encode_volume
from fcn.types import TravelTimes

VALIDATION_SEED = 20160414  # of the anchors of validation windows, the same in every epoch and every run


@dataclass(frozen=True)
class VolumeSpec:
    """Search volumes.

    shape:            cells (east, north, depth); a network fixes the last.
    margin:           a coarse volume is this much wider than the network.
    coarse_depth_km:  spacing of coarse cells along depth.
    fine_km:          spacing of fine cells at run time (horizontal, depth).
    fine_range_km:    of the horizontal spacing in training, log-uniform; fine_depth_range_km of the other.
    min_depth_km:     of the uppermost cell, down from sea level.
    sigma_cells:      width of the location target.
    reach_cells:      half-width of the centroid about the highest cell.
    """

    shape: Sequence[int]
    margin: float
    coarse_depth_km: float
    fine_km: Sequence[float]
    fine_range_km: Sequence[float]
    fine_depth_range_km: Sequence[float]
    min_depth_km: float
    sigma_cells: float
    reach_cells: float

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 4:
            raise ValueError(f"volume.shape must be three counts of at least 4 cells, got {list(self.shape)}")
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        for name in ("fine_km", "fine_range_km", "fine_depth_range_km"):
            value = tuple(float(v) for v in getattr(self, name))
            if len(value) != 2 or min(value) <= 0:
                raise ValueError(f"volume.{name} must be two positive numbers of km, got {list(value)}")
            object.__setattr__(self, name, value)

    @property
    def cells(self) -> tuple[int, int, int]:
        """Cells east, north, depth."""
        east, north, depth = self.shape
        return east, north, depth

    def coarse(
        self, station_km: Float[Tensor, "batch station 3"], mask: Bool[Tensor, "batch station"]
    ) -> Lattice:
        """One volume per window over the network and a margin, down from `min_depth_km`."""
        horizontal_km = station_km[..., :2]
        gone = ~mask[..., None]
        low = horizontal_km.masked_fill(gone, torch.inf).amin(dim=1)
        high = horizontal_km.masked_fill(gone, -torch.inf).amax(dim=1)
        alive = mask.any(dim=1, keepdim=True)
        middle = torch.where(alive, (low + high) / 2, 0.0)
        width_km = torch.where(alive, (high - low) * self.margin, 1.0).amax(dim=1, keepdim=True)
        step_km = (width_km / min(self.shape[:2])).clamp_min(self.fine_km[0])
        spacing_km = torch.cat([step_km, step_km, torch.full_like(step_km, self.coarse_depth_km)], dim=1)
        return Lattice.about(
            torch.cat([middle, torch.full_like(step_km, -torch.inf)], dim=1).nan_to_num(neginf=-1e3),
            spacing_km,
            self.cells,
            min_depth_km=self.min_depth_km,
        )

    def fine(self, centre_km: Float[Tensor, "volume 3"], within: Lattice) -> Lattice:
        """Volumes of `fine_km` about points, moved inside the coarse volume `within`, where it is that large.

        Nobody looks beyond the coarse volume: a source below or outside would draw them after it, window by
        window, until no travel time is known.
        """
        spacing_km = centre_km.new_tensor([self.fine_km[0], self.fine_km[0], self.fine_km[1]])
        cells = centre_km.new_tensor(self.cells)
        low_km = within.first_km + (spacing_km * cells - within.spacing_km) / 2
        high_km = low_km + (within.spacing_km - spacing_km) * cells
        middle_km = (low_km + high_km) / 2
        centre_km = torch.maximum(centre_km, torch.minimum(low_km, middle_km))
        centre_km = torch.minimum(centre_km, torch.maximum(high_km, middle_km))
        return Lattice.about(
            centre_km, spacing_km.expand_as(centre_km), self.cells, min_depth_km=self.min_depth_km
        )


@dataclass(frozen=True)
class ModelError:
    """How wrong the travel times given to the network are in training: standard deviations, relative.

    path: of all times of a window; station: of each station's; s: of all S times beside P's.
    """

    path: float
    station: float
    s: float


@dataclass(frozen=True)
class Reading:
    """How a stream's window is read.

    least_probability, pick_apart_s: picks. recent_s: an unexplained pick anchors for so long.
    max_anchors:       most probable unexplained picks that anchor in one window.
    least_evidence:    of a coarse volume that is worth a fine one.
    least_picks:       stations at which a new hypothesis needs a P pick of its own.
    p_tolerance_s, s_tolerance_s: a pick is explained by an event whose P or S was due so near.
    same_s, same_km:   hypotheses of one window this near each other are one.
    relocate_s:        a declared event is read again after this.
    uncertainty_factor: on the horizontal and the depth uncertainty, chosen on validation sequences
                       (experiments/generalized/calibration.py).
    """

    least_probability: float
    pick_apart_s: float
    recent_s: float
    max_anchors: int
    least_evidence: float
    least_picks: int
    p_tolerance_s: float
    s_tolerance_s: float
    same_s: float
    same_km: float
    relocate_s: float
    uncertainty_factor: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.uncertainty_factor) != 2 or min(self.uncertainty_factor) <= 0:
            raise ValueError(
                "reading.uncertainty_factor must be two positive numbers, horizontal and depth, got "
                f"{list(self.uncertainty_factor)}"
            )


@dataclass(frozen=True)
class Hypotheses:
    """Places in one window where a fine volume is to be made.

    centre_km: of the volumes. station, time_s: their anchors.
    follows: ids of the declared events that are read again; None for what may be a new one.
    """

    centre_km: Float[Tensor, "event 3"]
    station: Int[Tensor, " event"]
    time_s: Float[Tensor, " event"]
    follows: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.follows)

    def __add__(self, other: "Hypotheses") -> "Hypotheses":
        """These and others."""
        pairs = [(getattr(self, name), getattr(other, name)) for name in ("centre_km", "station", "time_s")]
        centre_km, station, time_s = (torch.cat(pair) for pair in pairs)
        return Hypotheses(centre_km, station, time_s, self.follows + other.follows)


@torch.no_grad()
def travel_times(batch: Batch, lattice: Lattice) -> Float[Tensor, "pair anchor cell 2"]:
    """P and S times from every cell of a window's volumes to every station that exists, windows in order."""
    cells_km = lattice.cells_km()  # (batch, anchor, cell, 3)
    if len(batch) == 1:
        times_s = batch.travel_time.between(cells_km.flatten(1, 2), batch.station_km)[0][batch.mask[0]]
    else:
        if not isinstance(batch.travel_time, TravelTimeTable):
            raise ValueError(
                f"a batch of {len(batch)} windows needs travel-time tables, one per window, got "
                f"{type(batch.travel_time).__name__}"
            )
        window, station = batch.mask.nonzero(as_tuple=True)
        times_s = batch.travel_time[window].between(
            cells_km.flatten(1, 2)[window], batch.station_km[window, station][:, None]
        )[:, 0]
    return times_s.view(-1, *cells_km.shape[1:3], 2)


@dataclass
class MigrationScheme:
    """See the module's docstring.

    visible_snr:         P counts as a detection target above it; samples around fainter ones do not count.
    hypocentre_jitter_km: (horizontal, depth) error of the hypocentres that amplitudes are measured for in
                         training.
    own_share:           of the fine volumes in training: about the peak of the network's own coarse one.
    """

    sampling_rate_hz: float
    visible_snr: float
    arrival_sigma_s: float
    positive_weight: float
    anchors: AnchorPrior
    volume: VolumeSpec
    model_error: ModelError
    hypocentre_jitter_km: Sequence[float]
    own_share: float
    reading: Reading
    terms: tuple[str, ...] = field(default=("station_p", "evidence", "location", "magnitude"), init=False)
    _coarse: "tuple[Tensor, Tensor, TravelTimes, Lattice, Tensor] | None" = field(
        default=None, init=False, repr=False
    )

    def network_arguments(self) -> dict[str, Any]:
        """Cells of a volume along depth."""
        return {"n_depths": self.volume.cells[2]}

    # ---------------------------------------------------------------- training

    def losses(self, network: nn.Module, batch: Batch, targets: Targets) -> dict[str, Tensor]:
        """Each of the terms, unweighted, of a training batch; random numbers are torch's own."""
        return self._losses(network, batch, targets, None)[0]

    def validate(
        self, network: nn.Module, batch: Batch, targets: Targets
    ) -> tuple[dict[str, Tensor], Located]:
        """The same with anchors and volumes that are the same in every epoch, and what was located."""
        generator = torch.Generator(device=batch.waveforms.device).manual_seed(VALIDATION_SEED)
        return self._losses(network, batch, targets, generator)

    def _losses(
        self, network: nn.Module, batch: Batch, targets: Targets, generator: Generator | None
    ) -> tuple[dict[str, Tensor], Located]:
        assert isinstance(network, MigrationNet)
        features = network.encode(batch.waveforms, batch.mask)
        anchors = draw(
            targets,
            batch.mask,
            features.station_p,
            self.anchors,
            sampling_rate_hz=self.sampling_rate_hz,
            generator=generator,
        )
        event = anchors.event.clamp_min(0)
        source_km = torch.gather(targets.event_km, 1, event[..., None].expand(-1, -1, 3))
        factor = self._draw_errors(batch, generator)
        own_km = self._own_peaks(network, features, batch, anchors, factor)
        lattice = self._draw_lattice(batch, anchors, source_km, own_km, generator)
        travel_s = travel_times(batch, lattice) * factor
        logits, evidence = self._volumes(network, features, batch, anchors, lattice, travel_s)
        inside = (anchors.event >= 0) & lattice.contains(source_km)

        flat = Lattice(lattice.first_km.flatten(0, 1), lattice.spacing_km.flatten(0, 1), lattice.shape)
        volumes, found = logits.flatten(0, 1), (inside & anchors.valid).flatten()
        place = encode_volume(source_km.flatten(0, 1), flat, sigma_cells=self.volume.sigma_cells)
        size, magnitude_loss, seen = self._magnitudes(network, batch, targets, generator)
        terms = {
            "station_p": self._station_p_loss(features.station_p, batch, targets),
            "evidence": masked_mean(
                functional.binary_cross_entropy_with_logits(evidence, inside.float(), reduction="none"),
                anchors.valid,
            ),
            "location": pdf_loss(volumes, place, found),
            "magnitude": magnitude_loss,
        }
        where = self._decode(volumes.detach(), flat)
        # a magnitude is asked for the event of each located anchor
        sized = torch.gather(size, 1, event).flatten()
        has_size = found & torch.gather(seen, 1, event).flatten()
        truth = torch.gather(targets.event_magnitude, 1, event).flatten()
        located = Located(
            where.hypocentre_km[has_size],
            source_km.flatten(0, 1)[has_size],
            sized[has_size].detach(),
            truth[has_size],
        )
        return terms, located

    def _station_p_loss(
        self, station_p: Float[Tensor, "batch station time"], batch: Batch, targets: Targets
    ) -> Tensor:
        """Cross-entropy against a pulse at every visible P; samples near a doubtful one do not count."""
        visible = targets.p_snr > self.visible_snr

        def pulses(which: Tensor) -> Tensor:
            return encode_arrivals(
                targets.p_arrival_s,
                which,
                n_samples=station_p.shape[-1],
                sampling_rate_hz=self.sampling_rate_hz,
                sigma_s=self.arrival_sigma_s,
            ).amax(dim=2)

        wanted, doubtful = pulses(visible), pulses(~visible & (targets.p_snr > 0))
        keep = batch.mask[..., None] & ((doubtful < 0.01) | (wanted > 0.01))
        return detection_loss(station_p, wanted, keep, positive_weight=self.positive_weight)

    def _draw_lattice(
        self,
        batch: Batch,
        anchors: Anchors,
        source_km: Float[Tensor, "batch anchor 3"],
        own_km: Float[Tensor, "batch anchor 3"],
        generator: Generator | None,
    ) -> Lattice:
        """Volumes of a training batch: coarse for even anchors, fine for odd ones, places and sizes drawn.

        own_km: where the network itself would put the fine volume of each anchor.
        """
        coarse = self.volume.coarse(batch.station_km, batch.mask)
        shape = (*anchors.station.shape, 6)
        draw_ = torch.rand(shape, generator=generator, device=source_km.device)
        step_km = coarse.spacing_km[:, None, :1]  # of the coarse cells
        low, high = self.volume.fine_range_km
        # never coarser than the coarse pass
        top = torch.minimum(torch.full_like(step_km, high), step_km).clamp_min(low * 1.001)
        fine_km = low * (top / low) ** draw_[..., :1]
        coarse_km = step_km * (0.8 + 0.4 * draw_[..., :1])
        deep_low, deep_high = self.volume.fine_depth_range_km
        fine_deep_km = deep_low * (deep_high / deep_low) ** draw_[..., 1:2]
        coarse_deep_km = self.volume.coarse_depth_km * (0.8 + 0.4 * draw_[..., 1:2])
        is_fine = (torch.arange(shape[1], device=draw_.device) % 2 == 1)[None, :, None]
        horizontal_km = torch.where(is_fine, fine_km, coarse_km)
        depth_km = torch.where(is_fine, fine_deep_km, coarse_deep_km)
        spacing_km = torch.cat([horizontal_km, horizontal_km, depth_km], dim=-1)
        cells = torch.tensor(self.volume.cells, dtype=torch.float32, device=draw_.device)
        # a fine volume holds its event in nine cases of ten; a false anchor's lies about its station
        about_km = torch.where(
            (anchors.event >= 0)[..., None],
            source_km,
            torch.gather(batch.station_km, 1, anchors.station[..., None].expand(-1, -1, 3))
            * torch.tensor([1.0, 1.0, 0.0], device=draw_.device)
            + torch.tensor([0.0, 0.0, 10.0], device=draw_.device),
        )
        # nobody looks beyond the coarse volume
        middle_km = coarse.first_km[:, None] + coarse.spacing_km[:, None] * (cells - 1) / 2
        half_km = coarse.spacing_km[:, None] * cells / 2
        about_km = torch.minimum(torch.maximum(about_km, middle_km - half_km), middle_km + half_km)
        fine_centre_km = about_km + (draw_[..., 2:5] - 0.5) * 0.9 * cells * spacing_km
        fine_centre_km = torch.where(draw_[..., 5:6] < self.own_share, own_km, fine_centre_km)
        coarse_centre_km = middle_km + (draw_[..., 2:5] - 0.5) * step_km
        coarse_centre_km = torch.cat(
            [coarse_centre_km[..., :2], torch.full_like(coarse_centre_km[..., 2:], -1e3)], dim=-1
        )
        centre_km = torch.where(is_fine, fine_centre_km, coarse_centre_km)
        return Lattice.about(centre_km, spacing_km, self.volume.cells, min_depth_km=self.volume.min_depth_km)

    @torch.no_grad()
    def _own_peaks(
        self,
        network: MigrationNet,
        features: Features,
        batch: Batch,
        anchors: Anchors,
        factor: Float[Tensor, "pair 1 1 2"],
    ) -> Float[Tensor, "batch anchor 3"]:
        """Peaks of the coarse volumes that a stream would place the fine ones about; of even anchors: zeros.

        Right or wrong, they are what the fine pass has to judge.
        """
        odd = slice(1, None, 2)
        own_km = torch.zeros(*anchors.station.shape, 3, device=anchors.station.device)
        chosen = Anchors(
            anchors.station[:, odd], anchors.time_s[:, odd], anchors.event[:, odd], anchors.valid[:, odd]
        )
        n = chosen.station.shape[1]
        if self.own_share == 0 or n == 0:
            return own_km
        one = self.volume.coarse(batch.station_km, batch.mask)
        single = Lattice(one.first_km[:, None], one.spacing_km[:, None], one.shape)
        travel_s = (travel_times(batch, single) * factor).expand(-1, n, -1, -1)
        lattice = Lattice(
            single.first_km.expand(-1, n, -1), single.spacing_km.expand(-1, n, -1), single.shape
        )
        training = network.training
        network.eval()  # as a stream reads; its statistics are those of the volumes that are trained on
        logits, _ = self._volumes(network, features, batch, chosen, lattice, travel_s)
        network.train(training)
        flat = Lattice(lattice.first_km.flatten(0, 1), lattice.spacing_km.flatten(0, 1), lattice.shape)
        where = self._decode(logits.flatten(0, 1), flat)
        own_km[:, odd] = where.hypocentre_km.view(len(batch), n, 3)
        return own_km

    def _draw_errors(self, batch: Batch, generator: Generator | None) -> Float[Tensor, "pair 1 1 2"]:
        """Factors that make travel times as wrong as a velocity model is."""
        pairs = batch.mask.nonzero()
        normal = torch.randn(
            (len(batch), batch.mask.shape[1] + 2), generator=generator, device=batch.station_km.device
        )
        path, s = normal[pairs[:, 0], 0], normal[pairs[:, 0], 1]
        station = normal[pairs[:, 0], pairs[:, 1] + 2]
        p_factor = 1 + self.model_error.path * path + self.model_error.station * station
        factor = torch.stack([p_factor, p_factor + self.model_error.s * s], dim=-1)
        return factor[:, None, None]

    # ---------------------------------------------------------------- shared

    def _decode(self, logits: Float[Tensor, "volume x y depth"], lattice: Lattice) -> LocationEstimate:
        """Hypocentres of volumes."""
        volume = self.volume
        across, down = self.reading.uncertainty_factor
        return decode_volume(
            logits,
            lattice,
            sigma_cells=volume.sigma_cells,
            reach_cells=volume.reach_cells,
            uncertainty_factor=(float(across), float(down)),
        )

    def _volumes(
        self,
        network: MigrationNet,
        features: Features,
        batch: Batch,
        anchors: Anchors,
        lattice: Lattice,
        travel_s: Float[Tensor, "pair anchor cell 2"],
    ) -> tuple[Float[Tensor, "batch anchor x y depth"], Float[Tensor, "batch anchor"]]:
        """Migrate: every arrival is predicted from the anchor's."""
        pairs = batch.mask.nonzero()
        n_anchors = anchors.station.shape[1]
        row = torch.zeros_like(batch.mask, dtype=torch.long)
        row[batch.mask] = torch.arange(len(pairs), device=row.device)
        own = torch.gather(row, 1, anchors.station)  # the anchor's station among the pairs
        at_anchor_s = travel_s[own, torch.arange(n_anchors, device=row.device), :, 0]
        origin_s = anchors.time_s[..., None] - at_anchor_s  # (batch, anchor, cell)
        sample = (origin_s[pairs[:, 0]][..., None] + travel_s) * self.sampling_rate_hz
        elapsed_s = batch.waveforms.shape[-1] / self.sampling_rate_hz - anchors.time_s
        condition = torch.stack(
            [
                batch.mask.sum(dim=1).clamp_min(1).log10()[:, None].expand(-1, n_anchors),
                lattice.spacing_km[..., 0].log2(),
                lattice.spacing_km[..., 2].log2(),
                lattice.first_km[..., 2] / 10,
                elapsed_s / 10,
            ],
            dim=-1,
        )
        return network.volume(features, pairs, sample.view(*sample.shape[:2], *lattice.shape, 2), condition)

    def _measure(
        self,
        batch: Batch,
        hypocentre_km: Float[Tensor, "batch event 3"],
        p_s: Float[Tensor, "batch event station"],
        s_s: Float[Tensor, "batch event station"],
    ) -> Amplitudes:
        """Amplitudes at every station for events at these places."""
        distance_km = torch.linalg.vector_norm(hypocentre_km[:, :, None] - batch.station_km[:, None], dim=-1)
        return measure(
            batch.waveforms_broad,
            batch.mask,
            torch.stack([p_s, s_s], dim=-1),
            distance_km,
            hypocentre_km[..., 2],
            sampling_rate_hz=self.sampling_rate_hz,
        )

    def _magnitudes(
        self, network: MigrationNet, batch: Batch, targets: Targets, generator: Generator | None
    ) -> tuple[Float[Tensor, "batch event"], Tensor, Bool[Tensor, "batch event"]]:
        """Magnitudes of every event at its jittered place, their loss, and which could be read.

        The loss is the negative log-likelihood of a Gaussian.
        """
        n_batch, n_events = targets.event_exists.shape
        jitter = targets.event_km.new_tensor(
            [self.hypocentre_jitter_km[0], self.hypocentre_jitter_km[0], self.hypocentre_jitter_km[1]]
        )
        normal = torch.randn((n_batch, n_events, 3), generator=generator, device=jitter.device)
        hypocentre_km = targets.event_km + jitter * normal
        window_s = batch.waveforms.shape[-1] / self.sampling_rate_hz
        far_s = 10 * window_s  # events that do not exist arrive never
        p_s, s_s = (
            t.nan_to_num(posinf=far_s).transpose(1, 2) for t in (targets.p_arrival_s, targets.s_arrival_s)
        )
        seen_at = (targets.p_snr > self.visible_snr).transpose(1, 2)
        amplitudes = self._measure(batch, hypocentre_km, p_s, s_s)
        # stations that have not seen the event count as they will in a stream: their weight is learned
        use = amplitudes.use
        # a P that came before the window leaves only a coda: its magnitude is not asked for
        within = (p_s.masked_fill(~(use & seen_at), far_s).amin(dim=2) > 0) & targets.event_exists
        magnitude, deviation = network.magnitude(
            amplitudes.first_guess.flatten(0, 1), amplitudes.inputs.flatten(0, 1), use.flatten(0, 1)
        )
        magnitude, deviation = (v.view(n_batch, n_events) for v in (magnitude, deviation))
        seen = within & (use & seen_at).any(dim=2)
        miss = (magnitude - targets.event_magnitude) / deviation
        loss = masked_mean(0.5 * miss.clamp(-30, 30) ** 2 + deviation.log(), seen)
        return magnitude, loss, seen

    # ---------------------------------------------------------------- looking at a window

    @torch.no_grad()
    def look(self, network: nn.Module, batch: Batch, targets: Targets, index: int) -> View:
        """The coarse volume of one window, anchored by the first visible P of the event to locate.

        Raises ValueError where there is none.
        """
        assert isinstance(network, MigrationNet)
        require_event(targets, index)
        window, there = batch.window(index), batch.mask[index]
        station, time_s = self._first_visible_p(window, targets, index)
        features = network.encode(window.waveforms, window.mask)
        one = self.volume.coarse(window.station_km, window.mask)
        lattice = Lattice(one.first_km[:, None], one.spacing_km[:, None], one.shape)
        logits, _ = self._volumes(
            network,
            features,
            window,
            self._as_anchors(station[None], time_s[None]),
            lattice,
            travel_times(window, lattice),
        )
        place_km = self._decode(logits[0], one).hypocentre_km
        travel_s = window.travel_time.between(place_km[None], window.station_km)[0, :, 0]
        east_km, north_km, depth_km = (axis_km[0] for axis_km in one.axes_km())
        return View(
            station_p=features.station_p[0, there].float().sigmoid(),
            volume=torch.softmax(logits[0, 0].float().flatten(), dim=0).view(one.shape),
            axes_km=(east_km, north_km, depth_km),
            hypocentre_km=place_km[0],
            source_km=targets.source_km[index],
            arrival_s=(time_s - travel_s[station, 0] + travel_s)[there],
        )

    def _first_visible_p(self, window: Batch, targets: Targets, index: int) -> tuple[Tensor, Tensor]:
        """Station and time of the earliest P of the event to locate that stands above noise in the window."""
        p_s = targets.p_arrival_s[index, :, 0]
        inside = (p_s > 0) & (p_s < window.waveforms.shape[-1] / self.sampling_rate_hz)
        visible = inside & (targets.p_snr[index, :, 0] > self.visible_snr) & window.mask[0]
        if not visible.any():
            raise ValueError(
                f"no P of the event to locate stands more than scheme.visible_snr={self.visible_snr:g} above "
                f"noise in window {index}: nothing anchors a volume"
            )
        station = p_s.masked_fill(~visible, torch.inf).argmin()
        return station, p_s[station]

    # ---------------------------------------------------------------- reading a stream

    @torch.no_grad()
    def estimates(
        self, network: nn.Module, batch: Batch, known: Sequence[Known]
    ) -> list[list[WindowEstimate]]:
        """Hypotheses of one window. Raises ValueError for a batch of several: each must know the last."""
        assert isinstance(network, MigrationNet)
        if len(batch) != 1:
            raise ValueError(f"windows of a stream are read one at a time, got a batch of {len(batch)}")
        if not batch.mask.any():
            return [[]]
        reading, rate = self.reading, self.sampling_rate_hz
        window_s = batch.waveforms.shape[-1] / rate
        start_s = float(batch.now_s[0]) - window_s
        features = network.encode(batch.waveforms, batch.mask)
        picks = find_picks(
            features.station_p[0],
            (batch.waveforms[0] == 0).all(dim=1) | ~batch.mask[0, :, None],
            least_probability=reading.least_probability,
            apart_s=reading.pick_apart_s,
            sampling_rate_hz=rate,
        )
        due = self._due(batch, known, start_s)
        explained = self._explained(picks, due, known)
        unexplained = picks.where(~explained)
        fresh = unexplained.where(unexplained.time_s >= window_s - reading.recent_s)
        followed = self._followed(batch, known, picks, due)
        hypotheses = (
            followed
            + self._moved(network, features, batch, followed)
            + self._coarse_pass(network, features, batch, fresh)
        )
        if len(hypotheses) == 0:
            return [[]]
        return [self._fine_pass(network, features, batch, hypotheses, picks, explained, start_s)]

    def _due(self, batch: Batch, known: Sequence[Known], start_s: float) -> Float[Tensor, "event station 2"]:
        """P and S of known events at every station, seconds after the window's first sample."""
        device = batch.station_km.device
        if not known:
            return torch.zeros(0, batch.station_km.shape[1], 2, device=device)
        place_km = torch.tensor(
            [[k.estimate.east_km, k.estimate.north_km, k.estimate.depth_km] for k in known], device=device
        )
        origin_s = torch.tensor([k.estimate.origin_time_s - start_s for k in known], device=device)
        travel_s = batch.travel_time.between(place_km[None], batch.station_km)[0].transpose(0, 1)
        return origin_s[:, None, None] + travel_s

    def _explained(
        self, picks: Picks, due: Float[Tensor, "event station 2"], known: Sequence[Known]
    ) -> Bool[Tensor, " pick"]:
        """Picks that lie where P or S of a known event was due, given how well it is located."""
        if not known:
            return torch.zeros(len(picks), dtype=torch.bool, device=due.device)
        reading = self.reading
        slack_s = torch.tensor(
            [(k.estimate.horizontal_uncertainty_km or 0.0) / 6.0 for k in known], device=due.device
        ).clamp_max(2.0)  # at 6 km/s
        off_s = (picks.time_s[:, None, None] - due[:, picks.station].transpose(0, 1)).abs()
        limit_s = torch.tensor([reading.p_tolerance_s, reading.s_tolerance_s], device=due.device)
        return (off_s <= limit_s + slack_s[None, :, None]).flatten(1).any(dim=1)

    def _followed(
        self,
        batch: Batch,
        known: Sequence[Known],
        picks: Picks,
        due: Float[Tensor, "event station 2"],
    ) -> Hypotheses:
        """The declared events to read again, about their last place: the best pick where P was due."""
        now_s = float(batch.now_s[0])
        window_s = batch.waveforms.shape[-1] / self.sampling_rate_hz
        centres: list[list[float]] = []
        stations: list[int] = []
        times: list[float] = []
        follows: list[str] = []
        for row, each in enumerate(known):
            last = each.estimate
            if not each.is_open or now_s - last.now_s < self.reading.relocate_s - 1e-3:
                continue
            off_s = (picks.time_s - due[row, picks.station, 0]).abs()
            slack_s = min(2.0, (last.horizontal_uncertainty_km or 0.0) / 6.0)
            own = (off_s <= self.reading.p_tolerance_s + slack_s).nonzero()[:, 0]
            if len(own) > 0:
                best = int(own[0])  # the most probable
                station, time_s = int(picks.station[best]), float(picks.time_s[best])
            else:
                p_s = due[row, :, 0].masked_fill(~batch.mask[0], torch.inf)
                station = int(p_s.argmin())
                time_s = float(p_s[station])
            if not 0 <= time_s <= window_s:
                continue  # its first P has left the window
            centres.append([last.east_km, last.north_km, last.depth_km])
            stations.append(station)
            times.append(time_s)
            follows.append(each.event_id)
        device = batch.station_km.device
        return Hypotheses(
            torch.tensor(centres, device=device).view(-1, 3),
            torch.tensor(stations, dtype=torch.long, device=device),
            torch.tensor(times, dtype=torch.float32, device=device),
            tuple(follows),
        )

    def _coarse_travel_times(self, batch: Batch) -> tuple[Lattice, Tensor]:
        """Coarse volume of a network and its travel times, kept from window to window."""
        kept = self._coarse
        mask = torch.ones_like(batch.mask)  # a station that is silent for a while moves no volume
        if (
            kept is not None
            and kept[2] is batch.travel_time
            and torch.equal(kept[0], batch.station_km)
            and kept[1].shape == mask.shape
        ):
            return kept[3], kept[4]
        lattice = self.volume.coarse(batch.station_km, mask)
        times_s = batch.travel_time.between(lattice.cells_km(), batch.station_km)[0]
        self._coarse = (batch.station_km.clone(), mask, batch.travel_time, lattice, times_s)
        return lattice, times_s

    def _moved(
        self, network: MigrationNet, features: Features, batch: Batch, followed: Hypotheses
    ) -> Hypotheses:
        """Declared events that the whole network now puts elsewhere, out of reach of the volume about them.

        An early epicentre may be tens of km off, and the fine volume about it would never find the right one.
        """
        if len(followed) == 0:
            return followed
        where, score, _ = self._coarse_peaks(network, features, batch, followed.station, followed.time_s)
        half_km = 0.5 * self.volume.cells[0] * self.volume.fine_km[0]
        off_km = (where.hypocentre_km - followed.centre_km)[:, :2].abs().amax(dim=1)
        far = (off_km > half_km) & (score >= self.reading.least_evidence)
        follows = (name for name, moves in zip(followed.follows, far.tolist(), strict=True) if moves)
        return Hypotheses(
            where.hypocentre_km[far], followed.station[far], followed.time_s[far], tuple(follows)
        )

    def _coarse_peaks(
        self,
        network: MigrationNet,
        features: Features,
        batch: Batch,
        station: Int[Tensor, " anchor"],
        time_s: Float[Tensor, " anchor"],
    ) -> tuple[LocationEstimate, Float[Tensor, " anchor"], Lattice]:
        """Peak of each anchor's coarse volume, evidence for an event in it, and the volume all share."""
        n = len(station)
        one, travel_s = self._coarse_travel_times(batch)
        lattice = Lattice(
            one.first_km[:, None].expand(-1, n, -1), one.spacing_km[:, None].expand(-1, n, -1), one.shape
        )
        logits, evidence = self._volumes(
            network,
            features,
            batch,
            self._as_anchors(station, time_s),
            lattice,
            travel_s[batch.mask[0], None].expand(-1, n, -1, -1),
        )
        flat = Lattice(lattice.first_km[0], lattice.spacing_km[0], lattice.shape)
        return self._decode(logits[0], flat), evidence[0].sigmoid(), one

    def _coarse_pass(
        self, network: MigrationNet, features: Features, batch: Batch, picks: Picks
    ) -> Hypotheses:
        """Where unexplained picks have evidence for an event, most evidence first, and none twice."""
        n = min(self.reading.max_anchors, len(picks))
        station, time_s = picks.station[:n], picks.time_s[:n]
        if n == 0:
            return Hypotheses(batch.station_km.new_zeros(0, 3), station, time_s, ())
        where, score, one = self._coarse_peaks(network, features, batch, station, time_s)
        order = score.argsort(descending=True, stable=True)
        order = order[score[order] >= self.reading.least_evidence]
        # the anchors of one event agree on its origin time: one of them is enough
        at_anchor = self._time_to(batch, where.hypocentre_km, station)
        origin_s = time_s - at_anchor
        kept: list[int] = []
        for i in order.tolist():
            near = [
                j
                for j in kept
                if abs(float(origin_s[i] - origin_s[j])) <= self.reading.same_s
                and float((where.hypocentre_km[i] - where.hypocentre_km[j])[:2].norm())
                <= max(self.reading.same_km, 2 * float(one.spacing_km[0, 0]))
            ]
            if not near:
                kept.append(i)
        index = torch.tensor(kept, dtype=torch.long, device=station.device)
        return Hypotheses(where.hypocentre_km[index], station[index], time_s[index], (None,) * len(kept))

    @staticmethod
    def _as_anchors(station: Tensor, time_s: Tensor) -> Anchors:
        """Anchors of one window."""
        return Anchors(
            station[None],
            time_s[None],
            torch.full_like(station[None], -1),
            torch.ones_like(station[None], dtype=torch.bool),
        )

    @staticmethod
    def _time_to(batch: Batch, place_km: Float[Tensor, "event 3"], station: Tensor) -> Tensor:
        """P time from each place to its own station."""
        travel_s = batch.travel_time.between(place_km[None], batch.station_km)[0, :, :, 0]
        return travel_s[station, torch.arange(len(station), device=station.device)]

    def _fine_pass(
        self,
        network: MigrationNet,
        features: Features,
        batch: Batch,
        hypotheses: Hypotheses,
        picks: Picks,
        explained: Bool[Tensor, " pick"],
        start_s: float,
    ) -> list[WindowEstimate]:
        """Hypocentres, origin times, magnitudes and evidence of hypotheses; new ones have picks of their own.

        explained: picks that a declared event explains.
        """
        station, time_s = hypotheses.station, hypotheses.time_s
        coarse, _ = self._coarse_travel_times(batch)
        volumes = self.volume.fine(hypotheses.centre_km, coarse)
        lattice = Lattice(volumes.first_km[None], volumes.spacing_km[None], volumes.shape)
        travel_s = travel_times(batch, lattice)
        logits, evidence = self._volumes(
            network, features, batch, self._as_anchors(station, time_s), lattice, travel_s
        )
        flat = Lattice(lattice.first_km[0], lattice.spacing_km[0], lattice.shape)
        where = self._decode(logits[0], flat)
        hypocentre_km = where.hypocentre_km
        travel = batch.travel_time.between(hypocentre_km[None], batch.station_km)[0].transpose(0, 1)
        rows = torch.arange(len(station), device=station.device)
        origin_s = self._origin_times(time_s - travel[rows, station, 0], travel[..., 0], picks)
        arrival_s = origin_s[:, None, None] + travel
        amplitudes = self._measure(
            batch, hypocentre_km[None], arrival_s[None, ..., 0], arrival_s[None, ..., 1]
        )
        magnitude, deviation = network.magnitude(
            amplitudes.first_guess[0], amplitudes.inputs[0], amplitudes.use[0]
        )
        first_p_s = arrival_s[..., 0].masked_fill(~batch.mask[0], torch.inf).amin(dim=1)
        has_size = amplitudes.use[0].any(dim=1)
        is_new = torch.tensor([name is None for name in hypotheses.follows], device=station.device)
        keep = self._have_picks(arrival_s, evidence[0], picks, is_new, explained)
        columns = torch.stack(
            [
                evidence[0].sigmoid(),
                first_p_s,
                where.score,
                *hypocentre_km.unbind(dim=1),
                origin_s,
                magnitude,
                where.horizontal_uncertainty_km,
                where.depth_uncertainty_km,
                deviation,
            ],
            dim=1,
        )
        found = []
        kept = (name for name, stands in zip(hypotheses.follows, keep.tolist(), strict=True) if stands)
        rows_ = zip(columns[keep].double().cpu().tolist(), has_size[keep].tolist(), kept, strict=True)
        for row, sized, follows in rows_:
            detection, first, score, east, north, depth, origin, size, wide, deep, spread = row
            found.append(
                WindowEstimate(
                    now_s=float(batch.now_s[0]),
                    detection_score=detection,
                    first_p_time_s=start_s + first,
                    location_score=score,
                    east_km=east,
                    north_km=north,
                    depth_km=depth,
                    origin_time_s=start_s + origin,
                    magnitude=size if sized else None,
                    horizontal_uncertainty_km=wide,
                    depth_uncertainty_km=deep,
                    magnitude_uncertainty=spread if sized else None,
                    follows=follows,
                )
            )
        return found

    def _have_picks(
        self,
        arrival_s: Float[Tensor, "event station 2"],
        evidence: Float[Tensor, " event"],
        picks: Picks,
        is_new: Bool[Tensor, " event"],
        explained: Bool[Tensor, " pick"],
    ) -> Bool[Tensor, " event"]:
        """Which hypotheses stand: of the new ones, those with P picks of their own at `least_picks` stations.

        A pick is a hypothesis's own where neither a declared event nor P or S of one with more evidence
        explains it.
        """
        reading = self.reading
        off_s = (picks.time_s[None, :, None] - arrival_s[:, picks.station]).abs()
        is_p = off_s[..., 0] <= reading.p_tolerance_s
        explains = is_p | (off_s[..., 1] <= reading.s_tolerance_s)
        free, keep = ~explained, ~is_new
        for event in evidence.argsort(descending=True, stable=True).tolist():
            if bool(is_new[event]):
                stations = picks.station[is_p[event] & free].unique()
                keep[event] = len(stations) >= reading.least_picks
            if bool(keep[event]):
                free = free & ~explains[event]
        return keep

    def _origin_times(
        self,
        first_guess_s: Float[Tensor, " event"],
        travel_s: Float[Tensor, "event station"],
        picks: Picks,
    ) -> Float[Tensor, " event"]:
        """Origin time from all picks that lie near the anchor's: the mean weighted by their probability."""
        origin_s = picks.time_s[None] - travel_s[:, picks.station]
        near = (origin_s - first_guess_s[:, None]).abs() <= self.reading.p_tolerance_s
        weight = near * picks.probability
        total = weight.sum(dim=1)
        mean_s = (weight * origin_s).sum(dim=1) / total.clamp_min(1e-6)
        return torch.where(total > 0, mean_s, first_guess_s)
