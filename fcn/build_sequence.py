"""`python -m fcn.build_sequence`: waveforms, of files or of a data centre, become a sequence folder."""

import glob
import logging
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import obspy
from omegaconf import DictConfig
from rich.progress import track

from fcn import config as configuration
from fcn.catalogue.doubts import said_before
from fcn.catalogue.io import read_catalogue
from fcn.config import build
from fcn.data.sequences import Sequence
from fcn.earth.velocity_table import read_velocity_model
from fcn.fetch.fetch import Fetch
from fcn.fetch.pieces import kept_folder
from fcn.fetch.refusals import print_refusals, write_refusals
from fcn.geometry.codes import check_codes
from fcn.geometry.network import Network
from fcn.publish import new_folder, only_one
from fcn.terminal import show
from fcn.waveform import sac
from fcn.waveform.copies import reconcile_copies
from fcn.waveform.counted import leave_out_motion
from fcn.waveform.filled import mask_filled
from fcn.waveform.folder import WAVEFORMS, fill_sequence_folder
from fcn.waveform.inventory import described_ids, fill_sensitivities, make_inventory, stated_sensitivities
from fcn.waveform.preprocess import PreprocessSpec
from fcn.waveform.read import LEFTOVER, matching_files, read_waveforms
from fcn.waveform.recording import TooLongError
from fcn.waveform.response import Sensitivity
from fcn.waveform.station import Use
from fcn.waveform.station_lists import read_all_stations

log = logging.getLogger(__name__)


def _all_matching(patterns: str | list[str], key: str) -> list[Path]:
    if not patterns:
        raise ValueError(f"{key}={patterns} names no file: give a path, a pattern, or a list of them")
    listed = [patterns] if isinstance(patterns, str) else list(patterns)
    matched = list(dict.fromkeys(path for pattern in listed for path in matching_files(pattern, key)))
    paths = [path for path in matched if not LEFTOVER.fullmatch(path.name)]
    if not paths:
        raise ValueError(
            f"none of the {len(matched)} files of {key}={patterns} can be used: what systems and editors "
            "leave in folders is passed over"
        )
    if len(paths) < len(matched):
        n_leftovers = len(matched) - len(paths)
        log.info("%d files that systems and editors leave in folders are passed over", n_leftovers)
    return paths


def read_all(patterns: str | list[str]) -> obspy.Stream:
    """Waveforms of the files that glob patterns match; what cannot be used of them is left out and said.

    Raises FileNotFoundError where a pattern matches nothing, ValueError where no file can be used, and where
    two contradict each other (`reconcile_copies`).
    """
    paths = _all_matching(patterns, "waveforms")
    read, refused = list[tuple[Path, obspy.Trace]](), list[str]()
    for path in track(paths, description="reading", transient=True):
        try:
            read += [(path, trace) for trace in _with_codes(read_waveforms([path]), path)]
        except ValueError as error:
            log.warning("left out: %s", error)
            refused.append(str(error))
    if not read:
        raise ValueError(f"none of the {len(paths)} files of waveforms={patterns} can be used: {refused[0]}")
    if refused:
        log.warning("%d of %d files are left out", len(refused), len(paths))
    reconcile_copies(read)
    return obspy.Stream(trace for _, trace in read)


def _with_codes(found: obspy.Stream, path: Path) -> obspy.Stream:
    """The traces that can be told apart; ValueError where there are none."""
    stream, refused = obspy.Stream(), list[str]()
    for trace in found:
        try:
            check_codes(trace.stats, f"{path}: {trace.id}")
        except ValueError as error:
            of_nied = "knet" in trace.stats  # ObsPy's name for K-NET and KiK-net
            refused.append(f"{error}{'; python -m fcn.build_store source=knet reads them' * of_nied}")
        else:
            stream.append(trace)
    if not len(stream):
        raise ValueError(refused[0])
    for what in dict.fromkeys(refused):
        log.warning("left out: %s", what)
    return stream


def describe_stations(
    patterns: str | list[str], stream: obspy.Stream, stated: Mapping[str, Sensitivity]
) -> obspy.Inventory:
    """StationXML, or what else ObsPy reads, of one file or of many; or made from one CSV list.

    stated: sensitivities by channel, for those that have none there. Raises FileNotFoundError where a pattern
    matches nothing; ValueError for a sensitivity beside StationXML in which every recorded channel has its
    own, for several tables, and for files that contradict each other (`read_all_stations`).
    """
    paths = _all_matching(patterns, "station_file")
    tables = [path for path in paths if path.suffix.lower() == ".csv"]
    if tables and len(paths) > 1:
        raise ValueError(
            f"station_file= matches {len(paths)} files, {tables[0]} among them: a table has to be alone"
        )
    recorded = {f"{trace.stats.network}.{trace.stats.station}" for trace in stream}
    asked = str(paths[0]) if len(paths) == 1 else f"the {len(paths)} files of station_file={patterns}"
    if not tables:
        recorded_ids = {trace.id for trace in stream}
        inventory = read_all_stations(paths, recorded_ids)
        _check_listed(recorded, {f"{each.code}.{site.code}" for each in inventory for site in each}, asked)
        if stated:
            filled = fill_sensitivities(inventory, stated)
            lacking = sorted(recorded_ids - described_ids(inventory))
            if lacking and not filled:
                more = " ..." if len(lacking) > 3 else ""
                raise ValueError(
                    f"no description of {', '.join(lacking[:3])}{more} in {asked}, where the sensitivity of "
                    "all others is stated: ask for StationXML with level=response, or give stations as CSV"
                )
            if not filled:
                raise ValueError(
                    f"the sensitivity of each channel that takes the one given is stated by {asked}: leave "
                    "out sensitivity_counts_per_mps and sensitivity_counts_per_mps2, or give stations as CSV"
                )
            log.info("%s states no sensitivity of %s: the one given is taken", asked, ", ".join(filled))
        return inventory
    network = Network.from_csv(paths[0])
    _check_listed(recorded, {station.id for station in network}, asked)
    return make_inventory((s for s in network if s.id in recorded), stream, stated)


def _check_listed(recorded: set[str], listed: set[str], asked: str) -> None:
    if missing := sorted(recorded - listed):
        raise ValueError(
            f"no coordinates for {', '.join(missing)}: add them to {asked}, or leave their files out of the "
            "waveforms"
        )


def build_sequence(config: dict[str, Any]) -> dict[str, tuple[Use, ...]]:
    """Make the folder `out`; returns what is used of each station.

    Nothing is left of it where it could not be replayed: it is loaded as `fcn.test` does before it is there.
    """
    if config["source"] is not None:
        return fetch_sequence(config)
    stream = read_all(config["waveforms"])
    stated_values = config["sensitivity_counts_per_mps"], config["sensitivity_counts_per_mps2"]
    measured = {trace.id: kind for trace in stream if (kind := sac.measurement(trace))}
    sensitivities = stated_sensitivities({trace.id for trace in stream}, *stated_values, measured)
    inventory = describe_stations(config["station_file"], stream, sensitivities)
    leave_out_motion(stream, inventory)
    mask_filled(stream)
    given: Counter[str] = Counter()
    for trace in stream:
        given[trace.id] += int(np.ma.count(trace.data))
    _warn_of_flat(stream)
    catalogue, picks = None, None
    if config["catalogue"]:
        catalogue, picks = read_catalogue(Path(config["catalogue"]).expanduser())
    stated = described_by(config)
    with new_folder(Path(config["out"]).expanduser()) as folder:
        fill_sequence_folder(folder, stream, inventory, catalogue, picks, **stated)
        check_written(folder, given)
        used = check_replayable(folder, build(config["preprocess"]))
    return used


def _warn_of_flat(stream: obspy.Stream) -> None:
    """Of channels whose samples are all one value: a replay takes one such component for quiet ground."""
    values: dict[str, set[float]] = {}
    for trace in (trace for trace in stream if np.ma.count(trace.data) > 1):
        values.setdefault(trace.id, set()).update((float(trace.data.min()), float(trace.data.max())))
    flat = [f"{seed_id} ({min(met):g})" for seed_id, met in sorted(values.items()) if len(met) == 1]
    if flat:
        log.warning(
            "all samples are one value, of %s: such a component is dead, and a replay takes it for quiet "
            "ground; leave its files out",
            ", ".join(flat),
        )


def fetch_sequence(config: dict[str, Any]) -> dict[str, tuple[Use, ...]]:
    """Make the folder `out` of what a data centre gives; returns what is used of each station.

    What has come is kept beside it until it is made, and for as long as asking again may bring more. A region
    with too few stations for a replay makes an archive for a store.
    """
    out = Path(config["out"]).expanduser()
    if out.exists():
        raise FileExistsError(f"{out} exists; remove it or give another folder")
    stated = described_by(config)
    kept = kept_folder(out)
    with only_one(kept):
        fetch = Fetch(build(config["source"]), kept)
        fetch.run()
        catalogue, picks = fetch.catalogue, fetch.picks
        if config["catalogue"]:
            catalogue, picks = read_catalogue(Path(config["catalogue"]).expanduser())
        with new_folder(out) as folder:
            inventory, given = fetch.write(folder / WAVEFORMS)
            fill_sequence_folder(folder, obspy.Stream(), inventory, catalogue, picks, **stated)
            check_written(folder, given)
            write_refusals(fetch.refusals, folder)
            used = {}
            try:
                used = check_replayable(folder, build(config["preprocess"]))
            except ValueError as error:
                log.warning("%s is an archive for a store, not a sequence to replay: %s", out, error)
        print_refusals(fetch.refusals)
        if any(each.again for each in fetch.refusals):
            log.warning(
                "some of it may be had another time: remove %s and run the same command again, which asks "
                "for what %s does not hold",
                *(out, kept),
            )
        else:
            shutil.rmtree(kept)
    return used


def described_by(config: dict[str, Any]) -> dict[str, Any]:
    """What sequence.yaml is to say."""
    model = None
    if config["velocity_model_file"]:
        model = asdict(read_velocity_model(config["velocity_model_file"], config["velocity_model_rows"]))
    return {
        "name": config["name"] or Path(config["out"]).expanduser().name,
        "simulated": False,
        "half_width_km": config["half_width_km"],
        "span": config["span"],
        "velocity_model": model,
    }


def check_written(folder: Path, given: Mapping[str, int]) -> None:
    """Raise ValueError unless the folder holds all samples of each channel."""
    written: Counter[str] = Counter()
    for path in (path for path in (folder / WAVEFORMS).rglob("*") if path.is_file()):
        for trace in obspy.read(glob.escape(str(path)), format="MSEED", headonly=True):
            written[trace.id] += trace.stats.npts
    lacking = sorted(seed_id for seed_id in given if written[seed_id] != given[seed_id])
    if lacking:
        counts = f"{written[lacking[0]]} of {given[lacking[0]]} samples of {lacking[0]}"
        raise ValueError(f"the waveforms cannot be kept as miniSEED: {counts} were written; nothing is made")


def check_replayable(folder: Path, preprocess: PreprocessSpec) -> dict[str, tuple[Use, ...]]:
    """What a replay uses of each station; ValueError unless the folder loads.

    Nothing of one too long for a replay, as archives for a store are.
    """
    try:
        with said_before():  # the catalogue has been read
            sequence = Sequence.load(folder, preprocess)
        sequence.watched  # noqa: B018 - raises where no three stations ever deliver together
        return {station.id: uses for station, uses in zip(sequence.network, sequence.uses, strict=True)}
    except TooLongError as error:
        log.warning("%s", str(error).replace(f"{folder}", "the sequence"))
        return {}
    except (OSError, ValueError) as error:
        reason = str(error).replace(f"{folder}/", "")
        raise ValueError(f"the sequence could not be replayed, and nothing is made: {reason}") from error


def print_summary(used: dict[str, tuple[Use, ...]], out: str) -> None:
    """Which channels each station takes part with."""
    header = ("station", "first from", "channels", "measures", "counts per unit")
    rows: dict[tuple[str, str], tuple[str, ...]] = {}
    for station_id, uses in used.items():
        for use in (use for use in uses if use.channels):
            codes = " ".join(channel.seed_id.split(".", 2)[-1].lstrip(".") for channel in use.channels)
            measures = " ".join(sorted({channel.sensitivity.measurement for channel in use.channels}))
            values = " ".join(sorted({f"{channel.sensitivity.value:.4g}" for channel in use.channels}))
            row = (station_id, str(obspy.UTCDateTime(use.from_s)), codes, measures, values)
            rows.setdefault((station_id, f"{codes} {values}"), row)
    show(f"{len(used)} stations in {out}", header, list(rows.values()), left=(0, 1, 2, 3))


@configuration.entry_point("build_sequence")
def main(cfg: DictConfig) -> None:
    """Entry point."""
    config = configuration.plain(cfg)
    print_summary(build_sequence(config), config["out"])


if __name__ == "__main__":
    main()
