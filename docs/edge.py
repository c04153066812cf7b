"""The table of docs/edge.md: `python docs/edge.py` times and weighs torch and onnxruntime, one thread each.

Exports the shipped networks, installs fcn-edge in an environment of its own (from the package index) and runs
the same inputs through the same graphs on either side, then `fcn-edge run` over dataset=smoke; prints
Markdown, and the whole as JSON with --json.
"""

import argparse
import functools
import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MB = 1e6
# of the first two the series network in int8, too; of the last the graph that reads it
NETWORKS = {
    "generalized": ("dataset=smoke_validation",),
    "compact": ("dataset=smoke_validation",),
    "lite": ("velocity_model=iasp91",),
}
# the command, which then says what its process took
RUN = """
import json, sys, time
from fcn_edge.__main__ import main
from fcn_edge.timing import memory_mb
status = main(sys.argv[1:])
print(json.dumps({"cpu_s": time.process_time(), "resident_most_mb": memory_mb()}))
sys.exit(status)
"""


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--json", type=Path, help="where to write all figures")
    parser.add_argument(
        "--torch", nargs=2, metavar=("NAME", "FOLDER"), help="time one network in torch, as JSON"
    )
    given = parser.parse_args()
    if given.torch:
        sys.stdout.write(json.dumps(in_torch(given.torch[0], given.torch[1], given.repeats)) + "\n")
        return
    with tempfile.TemporaryDirectory() as room:
        figures = measured(Path(room), given.repeats)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.stdout.write(table(figures) + "\n")


def measured(room: Path, repeats: int) -> dict:
    """Figures of each network on both sides, and the size of what is installed for either."""
    environment = room / "environment"
    _run(sys.executable, "-m", "venv", str(environment))
    own = _site_packages(environment)
    before = _size(own)
    _run(str(environment / "bin" / "pip"), "install", "--quiet", str(ROOT / "edge"))
    figures: dict = {"packages_mb": {"torch": _closure_mb("fcn"), "onnxruntime": (_size(own) - before) / MB}}
    for name, options in NETWORKS.items():
        folder = room / name
        if name == "lite":
            options = (*options, f"station_file={_stations(room)}")
        _run(sys.executable, "-m", "fcn.export", f"ckpt={name}", f"out={folder}", *options)
        asked = ("--repeats", str(repeats))
        edge = _run(str(environment / "bin" / "fcn-edge"), "bench", str(folder), *asked)
        torch = _run(sys.executable, __file__, "--torch", name, str(folder), *asked)
        figures[name] = {"onnxruntime": json.loads(edge), "torch": json.loads(torch.splitlines()[-1])}
    figures["run"] = whole_run(room, environment)
    return figures


def whole_run(room: Path, environment: Path) -> dict:
    """What a process of `fcn-edge run` takes on smoke, from its start; lite, in smoke's centre and crust."""
    import yaml
    from hydra import compose, initialize_config_dir

    from fcn import config as configuration
    from fcn.cache import sequence_root

    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("test", overrides=["ckpt=none", "dataset=smoke"]))
    root = sequence_root(config["dataset"], Path(config["cache"]).expanduser())
    stated = yaml.safe_load((root / "sequence.yaml").read_text(encoding="utf-8"))
    layers = (stated["velocity_model"][name] for name in ("top_depth_km", "vp_kmps", "vs_kmps"))
    crust, folder = room / "crust.txt", room / "run"
    crust.write_text("\n".join(" ".join(map(repr, row)) for row in zip(*layers, strict=True)) + "\n")
    _run(
        *(sys.executable, "-m", "fcn.export", "ckpt=lite", f"out={folder}"),
        *(f"station_file={root / 'stations.xml'}", "velocity_model=table", "velocity_model.rows=layers"),
        f"velocity_model.path={crust}",
        "centre={{latitude_deg: {latitude_deg}, longitude_deg: {longitude_deg}}}".format(**stated["centre"]),
    )
    files = sorted(str(path) for path in (root / "waveforms").rglob("*") if path.is_file())
    told = _run(str(environment / "bin" / "python"), "-c", RUN, "run", str(folder), *files).splitlines()
    return {**json.loads(told[-1]), "updates": len(told) - 1}


def in_torch(name: str, folder: str, repeats: int) -> dict:
    """What `fcn_edge bench` says of the graphs in a folder, of the modules that they were made from."""
    import torch

    from fcn.checkpoint import load
    from fcn.exported.folder import Exported
    from fcn.exported.graphs import graphs_of
    from fcn.exported.reading import reading_graph
    from fcn.exported.write import site_of
    from fcn.scheme.image.scheme import ImageScheme

    sys.path.insert(0, str(ROOT / "edge"))
    from fcn_edge.timing import made_inputs, memory_mb, timed

    torch.set_num_threads(1)
    restored, exported = load(name), Exported.read(Path(folder))
    scheme = restored.config["scheme"]
    cells = tuple(scheme["volume"]["shape"][:2]) if "volume" in scheme else None
    rate_hz = restored.preprocess.sampling_rate_hz
    graphs = graphs_of(restored.module.network, round(restored.window_s * rate_hz), cells)
    if "reading" in exported.graphs:
        chosen = exported.settings["velocity_models"]["iasp91"]
        given = {"station_ids": None, "centre": None, "velocity_model": chosen}
        site = site_of(restored, _stations(Path(folder).parent), **given)
        read = restored.module.scheme
        assert isinstance(read, ImageScheme)
        graphs.append(reading_graph(graphs[0], read.decoder, site.times))
    times = {}
    with torch.inference_mode():
        for graph in graphs:
            inputs = [torch.from_numpy(each) for each in made_inputs(exported.graphs[graph.name]).values()]
            times[graph.name] = timed(functools.partial(graph.module.eval(), *inputs), repeats)
    return {"graphs": times, "resident_most_mb": memory_mb()}


def _stations(room: Path) -> Path:
    """StationXML of twelve stations, written once."""
    from fcn.geometry.network import Station
    from fcn.waveform.inventory import make_inventory
    from fcn.waveform.response import Sensitivity

    path = room / "stations.xml"
    if not path.is_file():
        import obspy

        sites = [
            Station("XX", f"S{i:02d}", "", 37.8 + 0.1 * (i // 4), 21.8 + 0.1 * (i % 4), 0.0)
            for i in range(12)
        ]
        stream = obspy.Stream()
        for site in sites:
            for component in "ZNE":
                header = {"network": "XX", "station": site.code, "channel": f"HH{component}"}
                stream.append(obspy.Trace(header={**header, "sampling_rate": 100.0}))
        stated = {trace.id: Sensitivity(4e8, "velocity") for trace in stream}
        make_inventory(sites, stream, stated).write(str(path), "STATIONXML")
    return path


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def _site_packages(environment: Path) -> Path:
    (found,) = environment.glob("lib/python*/site-packages")
    return found


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _closure_mb(name: str) -> float:
    """Files of a distribution, here, and of all that it requires."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    assert block is not None
    left, seen, size = re.findall(r'"([\w.-]+)', block[1]), set(), 0
    while left:
        each = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if each in seen:
            continue
        seen.add(each)
        try:
            found = importlib.metadata.distribution(each)
        except importlib.metadata.PackageNotFoundError:
            continue  # of another platform
        paths = (Path(str(found.locate_file(file))) for file in found.files or ())
        size += sum(path.stat().st_size for path in paths if path.is_file())
        left += [
            re.match(r"[\w.-]+", asked)[0]  # type: ignore[index]
            for asked in found.requires or ()
            if "extra ==" not in asked
        ]
    return size / MB


def table(figures: dict) -> str:
    """Markdown: graphs, then memory and packages."""
    lines = [
        "| network | graph | torch, ms of CPU: median, 99 % | onnxruntime | file, MB |",
        "|---|---|---:|---:|---:|",
    ]
    for name in NETWORKS:
        torch, onnx = figures[name]["torch"]["graphs"], figures[name]["onnxruntime"]["graphs"]
        for graph, own in onnx.items():
            took = [
                f"{each['p50_ms']:.1f}, {each['p99_ms']:.1f}" if each else "-"
                for each in (torch.get(graph), own)
            ]
            lines.append(f"| {name} | {graph} | {' | '.join(took)} | {own['file_mb']:.1f} |")
    lines += ["", "| | torch (fcn) | onnxruntime (fcn-edge) |", "|---|---:|---:|"]
    for name in NETWORKS:
        sizes = (figures[name][side]["resident_most_mb"] for side in ("torch", "onnxruntime"))
        lines.append("| resident at most, {}, MB | {:.0f} | {:.0f} |".format(name, *sizes))
    packages = figures["packages_mb"]
    lines.append(f"| packages, MB | {packages['torch']:.0f} | {packages['onnxruntime']:.0f} |")
    run = figures["run"]
    lines += ["", "| `fcn-edge run`, `lite`, `dataset=smoke` | |", "|---|---:|"]
    lines.append("| from start to end, s of CPU | {:.1f} |".format(run["cpu_s"]))
    lines.append("| resident at most, MB | {:.0f} |".format(run["resident_most_mb"]))
    lines.append("| updates | {} |".format(run["updates"]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
