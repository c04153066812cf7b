"""`python -m fcn_edge bench FOLDER` and `python -m fcn_edge run FOLDER FILE...`."""

import argparse
import json
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Entry point; 1 for what cannot be done, said on one line."""
    parser = argparse.ArgumentParser(
        prog="fcn_edge", description="Run what python -m fcn.export has written."
    )
    parser.add_argument("--threads", type=int, default=1, help="of onnxruntime")
    commands = parser.add_subparsers(dest="command", required=True)
    timed = commands.add_parser("bench", help="latency and memory of each graph, as JSON")
    timed.add_argument("folder", type=Path)
    timed.add_argument("--repeats", type=int, default=100)
    run = commands.add_parser("run", help="declared events of miniSEED files, as JSON lines")
    run.add_argument("folder", type=Path)
    run.add_argument("files", type=Path, nargs="+")
    run.add_argument("--step-s", type=float, default=0.5, help="between the ends of two windows")
    given = parser.parse_args(arguments)
    try:
        if given.command == "bench":
            from fcn_edge.bench import bench

            print(json.dumps(bench(given.folder, threads=given.threads, repeats=given.repeats), indent=2))
        else:
            from fcn_edge.warn import Watch

            for update in Watch(given.folder, given.threads).updates(given.files, given.step_s):
                print(json.dumps(update.plain), flush=True)
    except (ValueError, FileNotFoundError) as error:
        print(f"fcn_edge: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
