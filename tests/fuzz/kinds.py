"""What is attacked: a sound input of each kind, how the project reads it, and what may come of it."""

import functools
import io
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from fuzz.mutation import (
    BYTES,
    MINISEED,
    SAMPLES,
    SPOILERS,
    TEXT,
    Mutation,
    mutations,
    spoil_bytes,
    spoil_checkpoint,
    spoil_hdf5,
    spoil_yaml,
)
from hypothesis import strategies as st
from made_networks import START_S, make_network
from small_migration import configured as small_migration
from store_records import make_noise, make_record
from toy import resolved

from fcn import checkpoint
from fcn.assemble import build_module
from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.io import PhasePick, read_csv, read_quakeml, write_csv, write_quakeml
from fcn.config import build
from fcn.data.sequences import Sequence
from fcn.earth.grid3d import VelocityGrid, read_velocity_grid
from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.earth.velocity_table import read_velocity_model
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.store.reader import BaseStore
from fcn.store.writer import StoreWriter
from fcn.waveform.folder import write_sequence_folder
from fcn.waveform.inventory import read_stations

HDF5 = ("value", "value", "leave out", "replace", "replace")
PLAIN = (*["change"] * 6, "leave out", "add")
Files = dict[str, bytes]
MODEL = LayeredModel.from_velocities("two", "made", (0.0, 10.0), (5.5, 6.5), (3.2, 3.8))


@dataclass(frozen=True)
class Target:
    """A file that is spoilt: which kinds of mutation, and what does those that are not common."""

    file: str
    what: tuple[str, ...]
    spoil: Callable[[bytes, Mutation], bytes] | None = None

    def mutations(self) -> st.SearchStrategy[tuple["Target", Mutation]]:
        return st.tuples(st.just(self), mutations(self.what))

    def spoilt(self, content: bytes, mutation: Mutation) -> bytes:
        spoil = SPOILERS.get(mutation.what, self.spoil)
        assert spoil is not None
        try:
            return spoil(content, mutation)
        except Exception:  # a first mutation may have left nothing to open
            return spoil_bytes(content, Mutation("flip", mutation.at, mutation.value))


@dataclass(frozen=True)
class Kind:
    """files: sound ones, made once. read: what enters the project, from a folder of files. nonsense: what of
    it no such input may bring in, None for nothing."""

    name: str
    files: Callable[[], Files]
    targets: tuple[Target, ...]
    read: Callable[[Path], Any]
    nonsense: Callable[[Any], str | None]

    def mutations(self) -> st.SearchStrategy[tuple[tuple[Target, Mutation], ...]]:
        """One or two, of one file or of two."""
        return st.lists(st.one_of([t.mutations() for t in self.targets]), min_size=1, max_size=2).map(tuple)


def in_folder(make: Callable[[Path], object]) -> Files:
    """The files that `make` leaves in a folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def outside(values: Iterable[float | None], low: float, high: float) -> float | None:
    """The first value that is not a number between the two; None where all are, or are not known."""
    return next((v for v in values if v is not None and not low <= v <= high), None)


def first_fault(**checks: tuple[Iterable[float | None], float, float]) -> str | None:
    for name, (values, low, high) in checks.items():
        found = outside(values, low, high)
        if found is not None:
            return f"{name} is {found}"
    return None


CODE = re.compile(r"[A-Za-z0-9]{0,8}\.[A-Za-z0-9]{1,8}")
EARLIEST_S = -2_208_988_800.0  # 1900


def latest_s() -> float:
    return time.time() + 86_400


# ------------------------------------------------------------------ stations


def network_nonsense(network: Network) -> str | None:
    odd = [station.id for station in network if not CODE.fullmatch(station.id)]
    if odd:
        return f"a station is called {odd[0]!r}"
    return first_fault(
        latitude=((s.latitude_deg for s in network), -90, 90),
        longitude=((s.longitude_deg for s in network), -360, 360),
        elevation=((s.elevation_m for s in network), -12_000, 9_000),
    )


def station_csv() -> Files:
    rows = [f"XX,S{i:02d},{32.7 + 0.1 * i:.2f},{130.7 + 0.05 * i:.2f},{50 * i}" for i in range(4)]
    return {"stations.csv": "\n".join(["network,station,latitude,longitude,elevation", *rows, ""]).encode()}


def station_xml() -> Files:
    inventory = make_network(2, seconds=1.0)[2]
    return in_folder(lambda folder: inventory.write(str(folder / "stations.xml"), format="STATIONXML"))


# ------------------------------------------------------------------ catalogues


def made_catalogue() -> Catalogue:
    return Catalogue(
        "made",
        tuple(
            Event(
                f"e{i}",
                START_S + 3.0 + 4.0 * i,
                32.8,
                130.7,
                10.0,
                3.0 - i,
                "Mw",
                START_S + 5.0 + 4.0 * i,
                0.5,
                0.7,
            )
            for i in range(3)
        ),
    )


def catalogue_nonsense(catalogue: Catalogue) -> str | None:
    odd = [event.event_id for event in catalogue if not event.event_id.strip()]
    if odd:
        return "an event has no id"
    return first_fault(
        latitude=((e.latitude_deg for e in catalogue), -90, 90),
        longitude=((e.longitude_deg for e in catalogue), -360, 360),
        depth=((e.depth_km for e in catalogue), -10, 800),
        magnitude=((e.magnitude for e in catalogue), -5, 10),
        origin_time=((e.origin_time_s for e in catalogue), EARLIEST_S, latest_s()),
        first_p=((e.first_p_time_s for e in catalogue), EARLIEST_S, latest_s()),
        horizontal_uncertainty=((e.horizontal_uncertainty_km for e in catalogue), 0, 21_000),
        depth_uncertainty=((e.depth_uncertainty_km for e in catalogue), 0, 7_000),
        magnitude_uncertainty=((e.magnitude_uncertainty for e in catalogue), 0, 15),
    )


def catalogue_csv() -> Files:
    return in_folder(lambda folder: write_csv(made_catalogue(), folder / "catalogue.csv"))


def catalogue_xml() -> Files:
    picks = {"e0": [PhasePick("XX", "S00", "P", START_S + 5.0), PhasePick("XX", "S00", "S", START_S + 7.0)]}
    return in_folder(lambda folder: write_quakeml(made_catalogue(), folder / "catalogue.xml", picks))


# ------------------------------------------------------------------ sequences


def sequence() -> Files:
    _, stream, inventory = make_network(2, seconds=12.0)
    stated = {
        "name": "made",
        "simulated": False,
        "centre": {"latitude_deg": 32.75, "longitude_deg": 130.7},
        "half_width_km": [30.0, 40.0],
        "span": {"start": "2016-04-14T12:26:31", "end": "2016-04-14T12:26:45"},
        "velocity_model": asdict(MODEL),
        "stations": ["XX.S00", "XX.S01"],
    }

    def write(folder: Path) -> None:
        write_sequence_folder(folder / "s", stream, inventory, made_catalogue(), **stated)

    return in_folder(write)


def read_sequence(folder: Path) -> Sequence:
    return Sequence.load(folder / "s", preprocess())


@functools.cache
def preprocess() -> Any:
    return build(resolved("build_sequence", "waveforms=x", "station_file=x", "out=x")["preprocess"])


def sequence_nonsense(found: Sequence) -> str | None:
    arrays = (found.narrow, found.broad, found.known)
    size = sum(array.nbytes for array in arrays)
    if size > 64 * 2**20:
        return f"twelve seconds became {size / 2**20:.0f} MiB"
    if (
        not isinstance(found.name, str)
        or set(found.name) & set("/\\\0")
        or not isinstance(found.simulated, bool)
    ):
        return f"it is called {found.name!r}, simulated {found.simulated!r}"
    for fault in (
        network_nonsense(found.network),
        found.catalogue and catalogue_nonsense(found.catalogue),
        found.velocity_model and model_nonsense(found.velocity_model),
    ):
        if fault:
            return fault
    return first_fault(
        start=((found.start_time_s,), EARLIEST_S, latest_s()),
        end=((found.end_time_s,), EARLIEST_S, latest_s()),
        place=(found.station_km.ravel().tolist(), -3000, 3000),
        half_width=(found.box, 0.1, 1000),
        motion=((float(np.abs(array).max(initial=0.0)) for array in arrays), 0, 100),
        finite=((float(np.abs(array).sum()) for array in arrays), 0, 1e6),
    )


def sds_target() -> tuple[Target, ...]:
    """Each miniSEED file of the sequence."""
    return tuple(
        Target(name, (*BYTES, *MINISEED, *MINISEED, *SAMPLES, *SAMPLES))
        for name in files_of("sequence")
        if "/waveforms/" in name
    )


# ------------------------------------------------------------------ velocity models


def model_nonsense(model: LayeredModel) -> str | None:
    tops = model.top_depth_km
    if not -10 <= tops[0] <= 0 or list(tops) != sorted(set(tops)):
        return f"layers begin at {tops}"
    if len(tops) > 10_000:
        return f"{len(tops)} layers"
    return first_fault(
        depth=(tops, -10, 1000),
        vp=(model.vp_kmps, 0.1, 15),
        vs=(model.vs_kmps, 0.01, 9),
        vpvs=((p / s for p, s in zip(model.vp_kmps, model.vs_kmps, strict=True)), 1.15, 20),
        density=(model.density_gpcm3, 0.01, 10),
        qp=(model.qp, 0.1, 1e7),
        qs=(model.qs, 0.1, 1e7),
    )


def model_tables() -> Files:
    return {
        "layers.txt": b"depth_top vp vs\n0 5.0 2.9\n10.5 6.0 3.5\n32 7.8 4.5\n",
        "full.csv": b"# ours\ntop,vp,vs,density,qp,qs\n"
        b"0.0,5.5,3.18,2.4,636,318\n5.5,6.3,3.64,2.67,728,364\n16,6.7,3.87,2.8,774,387\n",
        "nodes.txt": b"Node Vp Vs\n-2 2.5 1.4\n1 4.0 2.25\n9 6.8 3.8\n30 7.4 4.2\n",
        "nonlinloc.in": b"LAYER -1.0 3.0 0.5 1.7 0.3 2.5 0.0\nLAYER 4.0 6.0 0.0 3.5 0.0 2.7 0.0\n",
    }


def read_tables(folder: Path) -> list[LayeredModel]:
    return [read_velocity_model(path, None) for path in sorted(folder.iterdir())]


def model_mapping() -> Files:
    return {"model.yaml": yaml.safe_dump(asdict(MODEL)).encode()}


def read_mapping(folder: Path) -> LayeredModel:
    return LayeredModel.from_mapping(yaml.safe_load((folder / "model.yaml").read_bytes()), "model.yaml")


def velocity_grid() -> Files:
    vp = np.random.default_rng(0).uniform(5.0, 6.0, (4, 5, 3))
    grid = VelocityGrid("g", "made", (-6.0, -7.0, -1.0), (4.0, 4.0, 8.0), vp, vp / 1.75)
    return in_folder(lambda folder: grid.write(folder / "grid.h5"))


def grid_nonsense(grid: VelocityGrid) -> str | None:
    if grid.vp_kmps.size > 10_000 or grid.vp_kmps.shape != grid.vs_kmps.shape:
        return f"vp {grid.vp_kmps.shape}, vs {grid.vs_kmps.shape}"
    return first_fault(
        corner=((*grid.minimum_km, *grid.maximum_km), -2000, 2000),
        spacing=(grid.spacing_km, 1e-6, 2000),
        vp=(grid.vp_kmps.ravel().tolist(), 0.1, 15),
        vs=(grid.vs_kmps.ravel().tolist(), 0.01, 9),
        vpvs=((grid.vp_kmps / grid.vs_kmps).ravel().tolist(), 1.15, 20),
    )


# ------------------------------------------------------------------ stores


def store() -> Files:
    def write(folder: Path) -> None:
        with StoreWriter(folder / "store", 20.0, {"train": 0.6, "dev": 0.2, "test": 0.2}, 0) as writer:
            for i in range(5):
                writer.add(make_record(i, n_samples=300 if i < 3 else 280))
            writer.add(make_noise(9, n_samples=300))

    return in_folder(write)


def read_store(folder: Path) -> tuple[BaseStore, np.ndarray]:
    found = BaseStore.open(folder / "store")
    return found, found.waveforms(np.arange(len(found)))


def store_nonsense(found: tuple[BaseStore, np.ndarray]) -> str | None:
    table, waveforms = found
    if waveforms.nbytes > 2**20 or waveforms.shape[1] != 3:
        return f"waveforms of shape {waveforms.shape}"
    if not set(table.split) <= {"train", "dev", "test"} or not set(table.category) <= {"earthquake", "noise"}:
        return f"splits {set(table.split)}, categories {set(table.category)}"
    quake = table.category == "earthquake"
    arrivals = zip(table.p_sample[quake], table.s_sample[quake], table.npts[quake], strict=True)
    if not all(0 <= p < s < n for p, s, n in arrivals):
        return "P, S and the end of the record are not in that order"
    return first_fault(
        rate=((table.sampling_rate_hz,), 1, 1000),
        magnitude=(table.magnitude[quake], -5, 10),
        depth=(table.depth_km[quake], -10, 800),
        distance=(table.distance_km[quake], 0, 20_100),
        azimuth=(table.azimuth_deg[quake], -360, 360),
        motion=((float(np.abs(waveforms).sum()),), 0, 1e6),
    )


# ------------------------------------------------------------------ checkpoints


def small_checkpoint() -> Files:
    config = small_migration(Path("store"))
    module = build_module(config, record={}, trainable=False)
    record = {"fcn": "0", "git": {"commit": "0"}, "config": config, "overrides": [], "store_digest": "0"}
    out = io.BytesIO()
    torch.save({"state_dict": module.state_dict(), "fcn": record}, out)
    return {"last.ckpt": out.getvalue()}


def read_checkpoint(folder: Path) -> checkpoint.Restored:
    """As a test does, up to the alarm rule and the travel times."""
    restored = checkpoint.load(folder / "last.ckpt")
    build(restored.declare, frame=LocalFrame(32.0, 130.0))
    TravelTimeTable.build(MODEL, **restored.config["data"]["table"])
    return restored


def numbers_of(node: Any) -> Iterator[float]:
    """Every number in a plain configuration."""
    values = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for value in values:
        yield from numbers_of(value)
    if isinstance(node, int | float):
        yield node


def checkpoint_nonsense(found: checkpoint.Restored) -> str | None:
    weights = found.module.state_dict()
    if sum(value.numel() for value in weights.values()) > 10**6:
        return "the network has become larger"
    if not all(bool(torch.isfinite(value).all()) for value in weights.values()):
        return "weights are not finite"
    for model in found.velocity_models.values():
        if fault := model_nonsense(model):
            return fault
    for part in ("arch", "declare", "loss", "preprocess", "scheme", "velocity_model"):
        odd = [number for number in numbers_of(found.config[part]) if not -1e9 <= number <= 1e9]
        if odd:
            return f"{part} has {odd[0]}"
    return first_fault(
        window=((found.window_s,), 1, 600),
        rate=((found.preprocess.sampling_rate_hz,), 1, 1000),
    )


# ------------------------------------------------------------------ all of them

KINDS: Mapping[str, Callable[[], Kind]] = {
    "stations, CSV": lambda: Kind(
        "stations, CSV",
        station_csv,
        (Target("stations.csv", (*TEXT, *TEXT, *BYTES)),),
        lambda folder: Network.from_csv(folder / "stations.csv"),
        network_nonsense,
    ),
    "stations, XML": lambda: Kind(
        "stations, XML",
        station_xml,
        (Target("stations.xml", (*TEXT, *TEXT, *BYTES)),),
        lambda folder: Network.from_inventory(read_stations(folder / "stations.xml")),
        network_nonsense,
    ),
    "catalogue, CSV": lambda: Kind(
        "catalogue, CSV",
        catalogue_csv,
        (Target("catalogue.csv", (*TEXT, *TEXT, *BYTES)),),
        lambda folder: read_csv(folder / "catalogue.csv"),
        catalogue_nonsense,
    ),
    "catalogue, XML": lambda: Kind(
        "catalogue, XML",
        catalogue_xml,
        (Target("catalogue.xml", (*TEXT, *TEXT, *BYTES)),),
        lambda folder: read_quakeml(folder / "catalogue.xml"),
        catalogue_nonsense,
    ),
    "sequence.yaml": lambda: Kind(
        "sequence.yaml",
        lambda: files_of("sequence"),
        (Target("s/sequence.yaml", (*TEXT, *BYTES, *PLAIN, *PLAIN), spoil_yaml),),
        read_sequence,
        sequence_nonsense,
    ),
    "sequence, miniSEED": lambda: Kind(
        "sequence, miniSEED", lambda: files_of("sequence"), sds_target(), read_sequence, sequence_nonsense
    ),
    "sequence, metadata": lambda: Kind(
        "sequence, metadata",
        lambda: files_of("sequence"),
        (Target("s/stations.xml", (*TEXT, *TEXT, *BYTES)), Target("s/catalogue.xml", (*TEXT, *BYTES))),
        read_sequence,
        sequence_nonsense,
    ),
    "velocity model, table": lambda: Kind(
        "velocity model, table",
        model_tables,
        tuple(Target(name, (*TEXT, *TEXT, *BYTES)) for name in model_tables()),
        read_tables,
        lambda models: next(filter(None, map(model_nonsense, models)), None),
    ),
    "velocity model, mapping": lambda: Kind(
        "velocity model, mapping",
        model_mapping,
        (Target("model.yaml", PLAIN, spoil_yaml),),
        read_mapping,
        model_nonsense,
    ),
    "velocity model, grid": lambda: Kind(
        "velocity model, grid",
        velocity_grid,
        (
            Target(
                "grid.h5",
                (*BYTES, "value", "value", "leave out", "replace", "replace", "attribute"),
                spoil_hdf5,
            ),
        ),
        lambda folder: read_velocity_grid(folder / "grid.h5"),
        grid_nonsense,
    ),
    "store": lambda: Kind(
        "store",
        store,
        (
            Target("store/metadata.csv", (*TEXT, *TEXT, *BYTES)),
            Target("store/waveforms.hdf5", (*BYTES, *HDF5), spoil_hdf5),
        ),
        read_store,
        store_nonsense,
    ),
    "checkpoint": lambda: Kind(
        "checkpoint",
        small_checkpoint,
        (Target("last.ckpt", (*BYTES, *PLAIN, *PLAIN, "weights", "weights", "top"), spoil_checkpoint),),
        read_checkpoint,
        checkpoint_nonsense,
    ),
}
MADE = {"sequence": sequence}


@functools.cache
def files_of(name: str) -> Files:
    """The sound files of a kind, or of what several kinds share; made once."""
    return MADE[name]() if name in MADE else sound(kind_of(name))


@functools.cache
def kind_of(name: str) -> Kind:
    return KINDS[name]()


@functools.cache
def sound(kind: Kind) -> Files:
    """The sound files of a kind, made once."""
    return kind.files()


def spoilt(kind: Kind, done: Iterable[tuple[Target, Mutation]]) -> Files:
    """The files of a kind with some of them spoilt."""
    files = dict(sound(kind))
    for target, mutation in done:
        files[target.file] = target.spoilt(files[target.file], mutation)
    return files
