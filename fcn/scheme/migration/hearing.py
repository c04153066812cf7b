"""When P and S of an event come to a station: what is asked of an `Ear`, in training and of a stream.

An arrival comes within `DUE_S` of when it is due; the softmax of the logits there is the pdf of its time.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor
from torch.nn import functional

from fcn.arch.ear import Ear
from fcn.arch.migration import MigrationNet
from fcn.arch.series import until_the_end
from fcn.batch import Batch, Targets
from fcn.scheme.base import require_finite
from fcn.scheme.migration.picks import Arrived, parabola
from fcn.scheme.migration.transfer import HOST

DUE_S = 1.5  # as wide as places may be wrong, and velocity models
# in training: when an arrival is due is so far off, evenly; the rest of the range is for what is beside it
OFF_S = 1.0
PULSE_SAMPLES = 0.7  # standard deviation of the pdf that is asked for: a sample either side
LEAST_SNR = 0.2  # of P (`fcn.batch.Targets.p_snr`): of fainter events there is nothing to hear
SOONEST_S = 0.3  # before the window's end: what comes later is not there to be seen
SMOOTH_SAMPLES = 1.0  # standard deviation: what the best sample is told by
PEAK_S = 0.15  # about the best sample: a pick is as probable as the arrival is to lie there
LEAST_PROBABILITY = 0.3  # of a pick: an even pdf makes 0.11


def reach(sampling_rate_hz: float) -> int:
    """Samples either side of when an arrival is due."""
    return round(DUE_S * sampling_rate_hz)


def listened(ear: Ear, batch: Batch, rows: Tensor, sampling_rate_hz: float) -> Float[Tensor, "row 2 longer"]:
    """Logits of these stations, counted over the windows, with `reach` samples more at either end."""
    levels = until_the_end(batch.background_mps, batch.known)
    given = (each.flatten(0, 1)[rows] for each in (batch.waveforms, levels, batch.known))
    logits: Tensor = ear(*given, reach(sampling_rate_hz))
    return logits


def asked(
    ear: Ear,
    batch: Batch,
    targets: Targets,
    generator: Generator,
    sampling_rate_hz: float,
    *,
    share: float = 1.0,
) -> tuple[Float[Tensor, "arrival sample"], Float[Tensor, "arrival sample"], Bool[Tensor, " arrival"]]:
    """Of every arrival of a training batch: logits about when it is due, the pdf wanted, and if it counts.

    It is due as wrongly as `OFF_S` says. Where nothing comes there is one that does not count. share: of the
    stations, drawn.
    """
    n, steps = batch.waveforms.shape[-1], reach(sampling_rate_hz)
    arrival_s = torch.stack([targets.p_arrival_s, targets.s_arrival_s], dim=-1).flatten(0, 1)
    there = (batch.mask[..., None] & (targets.p_snr > LEAST_SNR)).flatten(0, 1)[..., None]
    there = there & (arrival_s > 0) & (arrival_s < n / sampling_rate_hz - SOONEST_S)
    off_s = OFF_S * (2 * torch.rand(arrival_s.shape, generator=generator, device=arrival_s.device) - 1)
    due = ((arrival_s + off_s) * sampling_rate_hz).round()
    drawn = torch.rand((len(due), 1, 1), generator=generator, device=due.device) < share
    there &= (due >= 0) & (due < n) & drawn
    row, event, phase = there.nonzero(as_tuple=True)
    if is_none := len(row) == 0:  # parameters have a gradient all the same
        row = event = phase = row.new_zeros(1)
    listening, which = row.unique(return_inverse=True)
    logits = listened(ear, batch, listening, sampling_rate_hz)
    middle = due[row, event, phase].nan_to_num(posinf=0.0).clamp(0, n - 1).long()
    samples = middle[:, None] + torch.arange(2 * steps + 1, device=middle.device)
    # of infinite times nothing is kept
    at = (arrival_s[row, event, phase] * sampling_rate_hz).nan_to_num(posinf=0.0) - middle
    apart = torch.arange(-steps, steps + 1, device=at.device) - at[:, None]
    wanted = torch.softmax(-0.5 * (apart / PULSE_SAMPLES) ** 2, dim=1)
    keep = torch.full_like(row, not is_none, dtype=torch.bool)
    return logits[which[:, None], phase[:, None], samples], wanted, keep


@dataclass
class Listener:
    """Logits of the stations of one window of a stream, of each when it is first asked for.

    said: (station, 2, time) as `listened` gives them, on the host; zeros of those that were not asked for.
    """

    ear: Ear
    batch: Batch
    sampling_rate_hz: float

    def __post_init__(self) -> None:
        n_stations, n_samples = self.batch.waveforms.shape[1], self.batch.waveforms.shape[-1]
        self.said = torch.zeros(n_stations, 2, n_samples + 2 * reach(self.sampling_rate_hz))
        self._asked = torch.zeros(n_stations, dtype=torch.bool)

    @classmethod
    def of(cls, network: MigrationNet, batch: Batch, sampling_rate_hz: float) -> "Listener | None":
        """None of a network that times no arrivals."""
        return None if network.ear is None else cls(network.ear, batch, sampling_rate_hz)

    def ask(self, stations: Bool[Tensor, " station"]) -> Float[Tensor, "station 2 longer"]:
        """Of these stations at least. Raises `NonFiniteError` where the network says what is no number."""
        rows = (stations & ~self._asked).nonzero()[:, 0]
        if len(rows) > 0:
            device = self.batch.waveforms.device
            said = listened(self.ear, self.batch, rows.to(device), self.sampling_rate_hz).to(HOST)
            require_finite(self.batch, arrivals=said)
            self.said[rows] = said
            self._asked[rows] = True
        return self.said


@dataclass(frozen=True)
class Due:
    """Arrivals that are due in a window, one a row, and the pdfs of their times.

    event, station, phase: 0 for P, 1 for S. first_s: of the first sample, how much later than due it is; the
    others follow at `step_s`. pdf: probabilities of the samples, which come to one.
    """

    event: Int[Tensor, " arrival"]
    station: Int[Tensor, " arrival"]
    phase: Int[Tensor, " arrival"]
    first_s: Float[Tensor, " arrival"]
    pdf: Float[Tensor, "arrival sample"]
    step_s: float

    @classmethod
    def of(
        cls,
        listener: Listener,
        has_data: Bool[Tensor, "station time"],
        may: Bool[Tensor, "event station"],
        due_s: Float[Tensor, "event station 2"],
    ) -> "Due":
        """Of events at the stations that may be heard; none may come after the window's end or in a gap.

        has_data, due_s: on the host; due_s in seconds after the window's first sample.
        """
        rate_hz, n_samples = listener.sampling_rate_hz, has_data.shape[-1]
        steps = reach(rate_hz)
        around = torch.arange(-steps, steps + 1)
        middle = (due_s * rate_hz).round().nan_to_num(nan=-1.0, posinf=-1.0, neginf=-1.0).long()
        inside = may[..., None] & (middle >= steps) & (middle < n_samples - steps)
        event, station, phase = inside.nonzero(as_tuple=True)
        samples = middle[event, station, phase][:, None] + around
        complete = has_data[station[:, None], samples].all(dim=1).nonzero()[:, 0]
        event, station, phase, samples = (each[complete] for each in (event, station, phase, samples))
        # all that may be heard, so that nothing is left to ask for when a place has moved
        said = listener.ask(may.any(dim=0) & bool(len(event)))
        logits = said[station[:, None], phase[:, None], samples + steps]
        first_s = samples[:, 0] / rate_hz - due_s[event, station, phase]
        return cls(event, station, phase, first_s, logits.softmax(dim=1), 1 / rate_hz)

    def __len__(self) -> int:
        return len(self.event)

    def where(self, keep: Bool[Tensor, " arrival"]) -> "Due":
        """Those to keep."""
        rows = keep.nonzero()[:, 0]
        which = self.event[rows], self.station[rows], self.phase[rows]
        return Due(*which, self.first_s[rows], self.pdf[rows], self.step_s)

    def picks(self, n_events: int, n_stations: int, within_s: tuple[float, float]) -> tuple[Arrived, Arrived]:
        """P and S where they are most probable, within so much of when they are due.

        The probability is that of `PEAK_S` about the pick. None where the pdf has no peak that is probable
        enough.
        """
        found = Arrived.none(n_events, n_stations), Arrived.none(n_events, n_stations)
        if len(self) == 0:
            return found
        off_s = self.first_s[:, None] + self.step_s * torch.arange(self.pdf.shape[1])
        sure, smooth = _summed(self.pdf, torch.ones(2 * round(PEAK_S / self.step_s) + 1)), self._smooth()
        near = off_s.abs() <= torch.tensor(within_s)[self.phase, None]
        best = smooth.masked_fill(~near, -1.0)[:, 1:-1].argmax(dim=1, keepdim=True) + 1
        left, value, right = (smooth.gather(1, best + step)[:, 0] for step in (-1, 0, 1))
        probability = sure.gather(1, best)[:, 0].clamp_max(1.0)
        is_pick = (value >= left) & (value >= right) & (probability >= LEAST_PROBABILITY)
        is_pick &= near.gather(1, best)[:, 0]  # nothing is, where less than a sample is asked for
        late_s = off_s.gather(1, best)[:, 0] + parabola(left, value, right) * self.step_s
        for phase, each in enumerate(found):
            rows = (is_pick & (self.phase == phase)).nonzero()[:, 0]
            at = self.event[rows], self.station[rows]
            each.late_s[at], each.probability[at] = late_s[rows], probability[rows]
        return found

    def _smooth(self) -> Float[Tensor, "arrival sample"]:
        steps = torch.arange(-round(4 * SMOOTH_SAMPLES), round(4 * SMOOTH_SAMPLES) + 1)
        return _summed(self.pdf, torch.softmax(-0.5 * (steps / SMOOTH_SAMPLES) ** 2, dim=0))


def _summed(pdf: Float[Tensor, "pick sample"], kernel: Float[Tensor, " odd"]) -> Float[Tensor, "pick sample"]:
    """Sums along time, weighted so; nothing lies beyond the ends."""
    return functional.conv1d(pdf[:, None], kernel[None, None], padding=len(kernel) // 2)[:, 0]
