"""What every scheme asks of single stations: P where it stands above the noise."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from fcn.loss.terms import detection_loss
from fcn.targets.detection import encode_arrivals

PULSE_SHARE = 0.01  # of a pulse's height: what belongs to it


@dataclass(frozen=True)
class StationP:
    """Target and loss of the P series.

    visible_snr: P counts as a target above it; samples around fainter ones are left out of the loss, since a
                 picker could argue either way.
    sigma_s:     width of the target's pulses.
    positive_weight: of samples near P, see `fcn.loss.terms.detection_loss`.
    """

    visible_snr: float
    sigma_s: float
    positive_weight: float
    sampling_rate_hz: float

    def pulses(
        self,
        p_arrival_s: Float[Tensor, "batch station event"],
        which: Bool[Tensor, "batch station event"],
        n_samples: int,
    ) -> Float[Tensor, "batch station time"]:
        """The highest of the pulses at these arrivals; times are seconds after the window's first sample."""
        return encode_arrivals(
            p_arrival_s,
            which,
            n_samples=n_samples,
            sampling_rate_hz=self.sampling_rate_hz,
            sigma_s=self.sigma_s,
        ).amax(dim=2)

    def loss(
        self,
        logits: Float[Tensor, "batch station time"],
        mask: Bool[Tensor, "batch station"],
        p_arrival_s: Float[Tensor, "batch station event"],
        p_snr: Float[Tensor, "batch station event"],
    ) -> Float[Tensor, ""]:
        """Cross-entropy of the series of existing stations; p_snr is 0 where P is yet to come."""
        n_samples, visible = logits.shape[-1], p_snr > self.visible_snr
        wanted = self.pulses(p_arrival_s, visible, n_samples)
        doubtful = self.pulses(p_arrival_s, ~visible & (p_snr > 0), n_samples)
        keep = mask[..., None] & ((doubtful < PULSE_SHARE) | (wanted > PULSE_SHARE))
        return detection_loss(logits, wanted, keep, positive_weight=self.positive_weight)
