"""S picks of known events: where a network hears S most, near when it is due."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from fcn.arch.migration import Features
from fcn.scheme.migration.picks import Arrived, parabola
from fcn.scheme.migration.transfer import HOST, moved


def find_s_picks(
    station_s: nn.Module | None,
    features: Features,
    heard: Bool[Tensor, "station time"],
    there: Bool[Tensor, " station"],
    due_s: Float[Tensor, "event station"],
    *,
    within_s: float,
    sampling_rate_hz: float,
) -> Arrived:
    """The most probable S of each event within `within_s` of when it is due, refined by a parabola.

    station_s: `StationS`, or None of a network that hears no S. features, heard: of a batch of one window, on
    the device that computes; there: its mask, on the host. due_s: seconds after the window's first sample.
    None where that reaches beyond the window, or into what no data came of, and where the most probable
    sample, the two ends aside, is no peak.
    """
    if station_s is None:
        return Arrived.none(*due_s.shape)
    n_samples, reach = features.station_p.shape[-1], max(1, round(within_s * sampling_rate_hz))
    middle = (due_s * sampling_rate_hz).round().nan_to_num(nan=-1.0, posinf=-1.0, neginf=-1.0).long()
    inside = there & (middle >= features.nobodys + reach) & (middle < n_samples - reach)
    event, station = inside.nonzero(as_tuple=True)
    middle = middle[event, station]
    sample, of = moved(features.table.device, middle[:, None] + torch.arange(-reach, reach + 1), station)
    logits = station_s(features.table[0][of[:, None], :, features.first + sample])
    has_data = heard[of[:, None], sample].all(dim=1)
    probability, has_data = moved(HOST, logits.sigmoid(), has_data)
    best = probability[:, 1:-1].argmax(dim=1, keepdim=True) + 1
    left, value, right = (probability.gather(1, best + step)[:, 0] for step in (-1, 0, 1))
    is_peak = has_data & (value >= left) & (value >= right)
    time_s = (middle - reach + best[:, 0] + parabola(left, value, right)) / sampling_rate_hz
    found = Arrived.none(*due_s.shape)
    found.late_s[event, station] = torch.where(is_peak, time_s - due_s[event, station], 0.0)
    found.probability[event, station] = torch.where(is_peak, value, 0.0)
    return found
