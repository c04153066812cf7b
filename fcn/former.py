"""What files written by earlier versions call things: checkpoints outlive the names of classes.

The one table of former names. A class that moves or is renamed gets a row here; nothing else in the package
knows that it was ever called otherwise.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

# former dotted path: the present one
NAMES: Mapping[str, str] = {
    "fcn.scheme.anchors.AnchorPrior": "fcn.scheme.migration.anchors.AnchorPrior",
    "fcn.scheme.image.ImageScheme": "fcn.scheme.image.scheme.ImageScheme",
    "fcn.scheme.migration.MigrationScheme": "fcn.scheme.migration.scheme.MigrationScheme",
    "fcn.scheme.migration.ModelError": "fcn.scheme.migration.training_volumes.ModelError",
    "fcn.scheme.migration.Reading": "fcn.scheme.migration.reading.Reading",
    "fcn.scheme.migration.reader.Reading": "fcn.scheme.migration.reading.Reading",
    "fcn.scheme.migration.VolumeSpec": "fcn.scheme.migration.volume.VolumeSpec",
    "fcn.simulate.crust.Crust": "fcn.simulate.path.crust.Crust",
    "fcn.simulate.full_wave.FullWaveLaw": "fcn.simulate.path.full_wave.FullWaveLaw",
    "fcn.simulate.instrument.Instrument": "fcn.simulate.recording.instrument.Instrument",
    "fcn.simulate.kumamoto.KumamotoTwin": "fcn.simulate.kumamoto.twin.KumamotoTwin",
    "fcn.simulate.kumamoto.TwinWindow": "fcn.simulate.kumamoto.twin.TwinWindow",
    "fcn.simulate.kumamoto_earth.TwinEarth": "fcn.simulate.kumamoto.earth.TwinEarth",
    "fcn.simulate.kumamoto_sites.ColumnLaw": "fcn.simulate.kumamoto.sites.ColumnLaw",
    "fcn.simulate.lateral.LateralLaw": "fcn.simulate.path.lateral.LateralLaw",
    "fcn.simulate.noise.NoiseLaw": "fcn.simulate.recording.noise.NoiseLaw",
    "fcn.simulate.paths.PathLaw": "fcn.simulate.path.rays.PathLaw",
    "fcn.simulate.recipe.EarthquakePrior": "fcn.simulate.ensemble.recipe.EarthquakePrior",
    "fcn.simulate.recipe.ModelFamily": "fcn.simulate.ensemble.recipe.ModelFamily",
    "fcn.simulate.recipe.Recipe": "fcn.simulate.ensemble.recipe.Recipe",
    "fcn.simulate.record.SimulatedSource": "fcn.simulate.ensemble.source.SimulatedSource",
    "fcn.simulate.recording.Recording": "fcn.simulate.recording.counts.Recording",
    "fcn.simulate.regions.Distant": "fcn.simulate.sequence.random_region.Distant",
    "fcn.simulate.regions.EarthLaw": "fcn.simulate.sequence.random_region.EarthLaw",
    "fcn.simulate.regions.NetworkLaw": "fcn.simulate.sequence.random_region.NetworkLaw",
    "fcn.simulate.regions.RegionLaw": "fcn.simulate.sequence.random_region.RegionLaw",
    "fcn.simulate.regions.RegionalCrust": "fcn.simulate.sequence.random_region.RegionalCrust",
    "fcn.simulate.regions.SeismicityLaw": "fcn.simulate.sequence.random_region.SeismicityLaw",
    "fcn.simulate.rupture.RuptureLaw": "fcn.simulate.source.composite.CompositeRupture",
    "fcn.simulate.scattering.ScatteringLaw": "fcn.simulate.path.scattering.ScatteringLaw",
    "fcn.simulate.seismicity.Aftershocks": "fcn.simulate.source.seismicity.Aftershocks",
    "fcn.simulate.seismicity.Background": "fcn.simulate.source.seismicity.Background",
    "fcn.simulate.sequence.NetworkRecipe": "fcn.simulate.sequence.simulated.NetworkRecipe",
    "fcn.simulate.sequence.Region": "fcn.simulate.sequence.simulated.Region",
    "fcn.simulate.sequence.SimulatedSequence": "fcn.simulate.sequence.simulated.SimulatedSequence",
    "fcn.simulate.site.SiteLaw": "fcn.simulate.path.site.SiteLaw",
    "fcn.simulate.source.rupture.RuptureLaw": "fcn.simulate.source.composite.CompositeRupture",
    "fcn.simulate.telemetry.Clipped": "fcn.simulate.recording.telemetry.Clipped",
    "fcn.simulate.telemetry.DeadChannels": "fcn.simulate.recording.telemetry.DeadChannels",
    "fcn.simulate.telemetry.Gaps": "fcn.simulate.recording.telemetry.Gaps",
    "fcn.simulate.telemetry.Reversed": "fcn.simulate.recording.telemetry.Reversed",
    "fcn.simulate.telemetry.Spikes": "fcn.simulate.recording.telemetry.Spikes",
    "fcn.simulate.telemetry.Steps": "fcn.simulate.recording.telemetry.Steps",
    "fcn.simulate.telemetry.Telemetry": "fcn.simulate.recording.telemetry.Telemetry",
    "fcn.simulate.validation.RecordingLaw": "fcn.simulate.sequence.validation.RecordingLaw",
    "fcn.simulate.validation.ValidationSequence": "fcn.simulate.sequence.validation.ValidationSequence",
    "fcn.stream.declare.BestWindow": "fcn.alarm.rules.BestWindow",
    "fcn.stream.declare.Declarer": "fcn.alarm.declarer.Declarer",
    "fcn.stream.declare.Evidence": "fcn.alarm.rules.Evidence",
    "fcn.stream.declare.Latest": "fcn.alarm.rules.Latest",
    "fcn.stream.declare.Nearness": "fcn.alarm.rules.Nearness",
    "fcn.stream.declare.Sameness": "fcn.alarm.rules.Sameness",
    "fcn.stream.declare.Settlement": "fcn.alarm.rules.Settlement",
    "fcn.stream.declare.SummedEvidence": "fcn.alarm.rules.SummedEvidence",
}

# Alarm rules once counted windows; what they were chosen for was read every so many seconds. The estimates
# of a declared event came as often, but for the migration network (`SummedEvidence`): once a second.
WINDOW_STEP_S = 0.5
MIGRATION_STEP_S = 1.0


def _evidence(n_agree: int, n_windows: int, **kept: Any) -> dict[str, Any]:
    return {**kept, "agree_s": (n_agree - 1) * WINDOW_STEP_S, "within_s": n_windows * WINDOW_STEP_S}


def _summed_evidence(n_windows: int, **kept: Any) -> dict[str, Any]:
    return {**kept, "every_s": WINDOW_STEP_S, "within_s": n_windows * WINDOW_STEP_S}


def _declarer(settle: Mapping[str, Any], evidence: Mapping[str, Any], **kept: Any) -> dict[str, Any]:
    summed = evidence.get("_target_") == NAMES["fcn.stream.declare.SummedEvidence"]
    settle = dict(settle)
    stable_s = (settle.pop("n_stable") - 1) * (MIGRATION_STEP_S if summed else WINDOW_STEP_S)
    settle["stable_s"] = min(stable_s, settle["max_s"])  # beyond it updates end in any case
    return _settling({**kept, "settle": settle, "evidence": dict(evidence)})


def _settling(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Rules that had but one way of ending updates have no others."""
    return {"follow": None, "coda": None, "retract": None, "coincide": None, **rule}


def _events(**kept: Any) -> dict[str, Any]:
    off = {"large_share": 0.0, "large_magnitude": [6.0, 8.0], "large_coda_before_s": [0.0, 90.0]}
    reach = kept.get("reach")  # once the same in all windows
    if isinstance(reach, float | int):
        kept["reach"] = [reach, reach]
    return {**off, **kept}  # before some were drawn large


def _recombination(**kept: Any) -> dict[str, Any]:
    return {"one_rupture_from": 10.0, **kept}  # before stores had ruptures


def _preprocess(**kept: Any) -> dict[str, Any]:
    return {"long": None, **kept}  # before there was a long-period band


# Faults once reached as deep as their magnitude asked, and high frequencies were what energy asks.
FAULT_KM = (0.5, 30.0)


def _rupture(n_subevents: int, **kept: Any) -> dict[str, Any]:
    return {
        **kept,
        "n_subsources": [n_subevents, n_subevents],
        "depth_km": list(FAULT_KM),
        "strength": [1.0, 1.0],
    }


def _volumes(**kept: Any) -> dict[str, Any]:
    return {"widest_km": 170.0, **kept}  # those of every training before it was said


def _model_error(**kept: Any) -> dict[str, Any]:
    return {"delay_s": 0.0, "times": [1.0, 1.0], **kept}  # before stations had delays, and windows their own


def _reading(**kept: Any) -> dict[str, Any]:
    # before sources were looked for outside networks, stations had terms and health, or were too late to
    # judge, picks had to show moveout and moved places, and hypotheses were kept
    off = {"margin": 1.15, "judges_within_s": 1000.0, "terms": None, "moveout": None, "health": None}
    refine = kept.get("refine")
    if isinstance(refine, Mapping) and str(refine.get("_target_")).endswith(".PickLaw"):
        kept["refine"] = None  # of S that was heard in features (`GONE`)
    return {**off, "candidates": None, "refine": None, **kept}


def _terms(**kept: Any) -> dict[str, Any]:
    # before misfits were in ranges, and S was heard
    off = {"misfit_s": 0.15, "misfit_of": 20.0, "epicentre_kmps": 0.0, "least_s_probability": 1.0}
    return {**off, "s_prior_s": 0.2, "s_residual_s": 0.2, **kept}


def _felt(**kept: Any) -> dict[str, Any]:
    return {"min_location_score": 0.15, **kept}  # as the rule asked that it was part of


def _eewnet(**kept: Any) -> dict[str, Any]:
    return {"occupancy": False, **kept}  # before images said which rows are stations'


def _migration(**kept: Any) -> dict[str, Any]:
    kept.pop("s_width", None)  # heard S in features, for a while
    # before there were narrow ones, and any timed arrivals
    return {"separable": False, "ear_width": 0, "ear_dilations": [], **kept}


def _scheme(**kept: Any) -> dict[str, Any]:
    return {"heard_share": 1.0, **kept}  # before a share of arrivals was timed


def _decoder(**kept: Any) -> dict[str, Any]:
    return {"uncertainty_factor": [1.0, 1.0], **kept}  # before there was one


def _loss(**kept: Any) -> dict[str, Any]:
    weights = kept.get("weights")
    if isinstance(weights, Mapping) and "evidence" in weights:  # of a migration network
        known = {term: weight for term, weight in weights.items() if term != "station_s"}
        kept["weights"] = {"arrivals": 0.0, **known}  # before any timed them
    return kept


def _matching(**kept: Any) -> dict[str, Any]:
    return {"magnitude_scale": math.inf, **kept}  # before magnitudes counted


# What weights of before do not have, and the loss that trains it: `weights=` of a training begins it anew.
NEW_PARTS: Mapping[str, str] = {
    "network.ear.": "arrivals",
    "loss.log_variance.arrivals": "arrivals",
}
# What weights had for a while, and no network has now.
GONE: tuple[str, ...] = ("network.station_s.", "loss.log_variance.station_s")

# dotted path of what is or was built with other arguments than today: today's, from any it has had
ARGUMENTS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "fcn.targets.window.WindowDecoder": _decoder,
    "fcn.waveform.preprocess.PreprocessSpec": _preprocess,
    "fcn.alarm.declarer.Declarer": lambda **rule: _settling(rule),
    "fcn.alarm.rules.Felt": _felt,
    "fcn.arch.eewnet.EEWNet": _eewnet,
    "fcn.arch.migration.MigrationNet": _migration,
    "fcn.loss.multitask.MultitaskLoss": _loss,
    "fcn.metrics.matching.MatchTolerance": _matching,
    "fcn.recombine.priors.EventPrior": _events,
    "fcn.recombine.recipe.Recipe": _recombination,
    "fcn.scheme.migration.MigrationScheme": _scheme,
    "fcn.scheme.migration.scheme.MigrationScheme": _scheme,
    "fcn.scheme.migration.ModelError": _model_error,
    "fcn.scheme.migration.Reading": _reading,
    "fcn.scheme.migration.VolumeSpec": _volumes,
    "fcn.scheme.migration.reader.Reading": _reading,
    "fcn.scheme.migration.reading.Reading": _reading,
    "fcn.scheme.migration.station_terms.TermsLaw": _terms,
    "fcn.scheme.migration.training_volumes.ModelError": _model_error,
    "fcn.scheme.migration.volume.VolumeSpec": _volumes,
    "fcn.simulate.rupture.RuptureLaw": _rupture,
    "fcn.simulate.source.rupture.RuptureLaw": _rupture,
    "fcn.stream.declare.Declarer": _declarer,
    "fcn.stream.declare.Evidence": _evidence,
    "fcn.stream.declare.SummedEvidence": _summed_evidence,
}


def current(node: Any) -> Any:
    """A copy of a plain configuration in which everything has its present name and arguments."""
    if isinstance(node, Mapping):
        renamed = {key: current(value) for key, value in node.items()}
        target = renamed.get("_target_")
        if isinstance(target, str):
            renamed = ARGUMENTS[target](**renamed) if target in ARGUMENTS else renamed
            renamed["_target_"] = NAMES.get(target, target)
        return renamed
    if isinstance(node, list | tuple):
        return [current(value) for value in node]
    return node
