"""Spoilt inputs through the command lines themselves, in this process: another would mostly import."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from fuzz.kinds import (
    PLAIN,
    Kind,
    Target,
    catalogue_csv,
    catalogue_xml,
    checkpoint_nonsense,
    files_of,
    in_folder,
    model_tables,
    preprocess,
    read_checkpoint,
    sequence_nonsense,
    station_csv,
)
from fuzz.mutation import BYTES, MINISEED, SAMPLES, TEXT, spoil_checkpoint
from made_networks import make_network

from fcn.data.sequences import Sequence

NAMES = ("build_sequence, catalogue.csv", "build_sequence, catalogue.xml", "ship")


def run(module: str, *arguments: str) -> None:
    """The entry point of a module, whose errors come out as they are."""
    full = {"HYDRA_FULL_ERROR": "1"}
    with mock.patch("sys.argv", [module, *arguments]), mock.patch.dict("os.environ", full):
        importlib.import_module(module).main()


def raw() -> dict[str, bytes]:
    """Waveforms as they come, and tables beside them."""
    _, stream, _ = make_network(2, seconds=12.0)

    def write(folder: Path) -> None:
        for trace in stream:
            trace.write(str(folder / f"{trace.id}.mseed"), format="MSEED")

    tables = {
        **station_csv(),
        **catalogue_csv(),
        **catalogue_xml(),
        "layers.txt": model_tables()["layers.txt"],
    }
    return {**in_folder(write), **tables}


def build_sequence(catalogue: str) -> Any:
    def read(folder: Path) -> Sequence:
        tables = ("station_file=stations.csv", f"catalogue={catalogue}", "velocity_model_file=layers.txt")
        given = ("waveforms=*.mseed", "sensitivity_counts_per_mps=4e8", "out=made")
        run("fcn.build_sequence", *given, *tables)
        return Sequence.load(folder / "made", preprocess())

    return read


def ship(folder: Path) -> Any:
    run("fcn.ship", "ckpt=last.ckpt", "out=shipped.ckpt")
    (folder / "shipped.ckpt").rename(folder / "last.ckpt")
    return read_checkpoint(folder)


def commands() -> Mapping[str, Kind]:
    """Each command with the files it reads."""
    text = (*TEXT, *TEXT, *BYTES)
    records = tuple(Target(name, (*BYTES, *MINISEED, *SAMPLES)) for name in raw() if name.endswith(".mseed"))
    tables = tuple(Target(name, text) for name in ("stations.csv", "layers.txt"))
    made = {
        f"build_sequence, {name}": Kind(
            f"build_sequence, {name}",
            raw,
            (*records, *tables, Target(name, text)),
            build_sequence(name),
            sequence_nonsense,
        )
        for name in ("catalogue.csv", "catalogue.xml")
    }
    shipped = Target("last.ckpt", (*PLAIN, "weights", "top", "cut", "flip"), spoil_checkpoint)
    return {
        **made,
        "ship": Kind("ship", lambda: files_of("checkpoint"), (shipped,), ship, checkpoint_nonsense),
    }
