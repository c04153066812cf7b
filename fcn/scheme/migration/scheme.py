"""The scheme of the migration network: `conf/scheme/migration.yaml`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from fcn.scheme.base import JoinedScheme
from fcn.scheme.migration.anchors import AnchorPrior
from fcn.scheme.migration.migrate import Migration
from fcn.scheme.migration.objective import MigrationObjective
from fcn.scheme.migration.reader import MigrationReader, Reading
from fcn.scheme.migration.training_volumes import ModelError
from fcn.scheme.migration.volume import VolumeSpec
from fcn.scheme.station_p import StationP


@dataclass(frozen=True)
class MigrationScheme(JoinedScheme):
    """Several events per window, each in volumes about a P pick.

    visible_snr, arrival_sigma_s, positive_weight: see `StationP`.
    hypocentre_jitter_km, own_share: see `MigrationObjective`. partial: see `Scheme`.
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
    partial: bool
    reading: Reading

    @cached_property
    def core(self) -> Migration:
        """What both share."""
        across, down = self.reading.uncertainty_factor
        return Migration(self.sampling_rate_hz, self.volume, (float(across), float(down)))

    @cached_property
    def objective(self) -> MigrationObjective:
        """How the network is trained."""
        return MigrationObjective(
            core=self.core,
            station_p=StationP(
                visible_snr=self.visible_snr,
                sigma_s=self.arrival_sigma_s,
                positive_weight=self.positive_weight,
                sampling_rate_hz=self.sampling_rate_hz,
            ),
            anchors=self.anchors,
            model_error=self.model_error,
            hypocentre_jitter_km=self.hypocentre_jitter_km,
            own_share=self.own_share,
        )

    @cached_property
    def reader(self) -> MigrationReader:
        """How it is read."""
        return MigrationReader(self.core, self.reading, self.visible_snr)
