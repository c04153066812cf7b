"""Declared events of recorded waveforms: windows through the graphs, estimates through fcn's alarm rule."""

import functools
import importlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fcn.catalogue.event import Update, WindowEstimate, covariance_of
from fcn.waveform import filters
from fcn_edge.frame import Frame
from fcn_edge.graphs import Graph, open_folder
from fcn_edge.motion import Motion, motion_of, spec_of
from fcn_edge.records import read

BUILT = ("fcn.alarm.", "fcn.catalogue.coda.")  # what an alarm rule may be made of
FIRST_S = 0.5  # windows end at multiples of this


def build(node: Any, **runtime: Any) -> Any:
    """The alarm rule that a configuration describes by `_target_`. Raises ValueError for any other class."""
    if not isinstance(node, Mapping):
        return node
    arguments = {key: build(value) for key, value in node.items() if key not in ("_target_", "_partial_")}
    if "_target_" not in node:
        return arguments
    if not node["_target_"].startswith(BUILT):
        raise ValueError(f"declare: {node['_target_']} is no part of an alarm rule that fcn_edge has")
    module, _, name = node["_target_"].rpartition(".")
    return functools.partial(getattr(importlib.import_module(module), name), **arguments)(**runtime)


class Watch:
    """A folder that was exported with a station file: from miniSEED to updates of declared events."""

    def __init__(self, root: Path, threads: int = 1) -> None:
        self.exported = open_folder(root)
        if missing := sorted({"image", "reading"} - set(self.exported.graphs)):
            raise ValueError(
                f"{root} has no graph {' and '.join(missing)}: export it with station_file=<StationXML>, of "
                "a network over a fixed grid (ckpt=lite)"
            )
        if hasattr(filters, "know"):  # where SciPy is, fcn's own module designs them
            filters.know(json.loads((root / "filters.json").read_text(encoding="utf-8")))
        site = json.loads((root / "stations.json").read_text(encoding="utf-8"))
        settings = self.exported.settings
        self.stations, self.spec = site["stations"], spec_of(settings["preprocess"])
        self.image, self.reading = (Graph(self.exported, name, threads) for name in ("image", "reading"))
        self.n_rows, self.n_samples = self.image.file.inputs[0].shape[1], self.image.file.inputs[0].shape[3]
        self.declarer = build(settings["declare"], frame=Frame(**site["centre"]))

    def updates(self, paths: list[Path], step_s: float) -> Iterator[Update]:
        """What is said of the earthquakes in these files, window by window, a window every `step_s`.

        Raises ValueError where no station of the folder is in them, and for a step of no whole samples.
        """
        n_step = step_s * self.spec.sampling_rate_hz
        if not math.isfinite(n_step) or n_step < 1 or abs(n_step - round(n_step)) > 1e-6:
            raise ValueError(
                f"--step-s must be a whole number of samples of {1 / self.spec.sampling_rate_hz:g} s, "
                f"one at least, got {step_s:g}"
            )
        segments = read(paths)
        motions = [motion_of(each["channels"], segments, self.spec) for each in self.stations]
        there = [each for each in motions if each is not None]
        if not there:
            raise ValueError(
                f"no station of {self.exported.root} is in the files: they have {sorted(segments)}"
            )
        rate_hz = self.spec.sampling_rate_hz
        grid = round(FIRST_S * rate_hz)
        end = min(each.start for each in there) // grid * grid + self.n_samples
        over = max(each.start + each.valid.size for each in there)
        while end <= over:
            now_s = end / rate_hz
            yield from self.declarer.process(now_s, self.estimates(motions, end, now_s))
            end += round(n_step)

    def estimates(self, motions: list[Motion | None], end: int, now_s: float) -> list[WindowEstimate]:
        """What the window before a sample says; nothing where no station sends data."""
        given = self.window(motions, end)
        if not given["mask"].any():
            return []
        said = self.image(**given)
        read = self.reading(**given, **{name: said[name] for name in ("first_p", "location", "magnitude")})
        number = {name: float(value[0]) for name, value in read.items() if value.shape == (1,)}
        after_s = number["after_start_s"] - self.n_samples / self.spec.sampling_rate_hz
        if not all(map(math.isfinite, number.values())):
            raise ValueError(f"window ending at {now_s}: the network's answer is no number: {number}")
        east_km, north_km, depth_km = (float(each) for each in read["place_km"][0])
        return [
            WindowEstimate(
                now_s=now_s,
                detection_score=number["detection_score"],
                first_p_time_s=now_s + after_s,
                location_score=number["location_score"],
                east_km=east_km,
                north_km=north_km,
                depth_km=depth_km,
                origin_time_s=now_s + after_s - number["shortest_s"],
                magnitude=number["magnitude_said"],
                horizontal_uncertainty_km=number["across_km"],
                depth_uncertainty_km=number["down_km"],
                magnitude_uncertainty=number["magnitude_spread"],
                covariance_km2=covariance_of(read["covariance_km2"][0].astype(np.float64).tolist()),
            )
        ]

    def window(self, motions: list[Motion | None], end: int) -> dict[str, np.ndarray]:
        """Inputs of the image graph; rows without a station are zero."""
        wave = np.zeros((2, 1, self.n_rows, 3, self.n_samples), np.float32)
        station_km, mask = np.zeros((1, self.n_rows, 3), np.float32), np.zeros((1, self.n_rows), dtype=bool)
        for row, (station, motion) in enumerate(zip(self.stations, motions, strict=True)):
            if motion is not None:
                wave[0, 0, row], wave[1, 0, row], mask[0, row] = motion.window(end, self.n_samples)
                station_km[0, row] = station["east_km"], station["north_km"], motion.depth_km
        return {"waveforms": wave[0], "waveforms_broad": wave[1], "station_km": station_km, "mask": mask}
