"""What `python -m fcn.merge` does, from a resolved configuration."""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fcn.alert.alert import Producer
from fcn.config import build, digest
from fcn.operations.merger import Merger
from fcn.operations.merging import MergeHabits, Merging
from fcn.saying import build_sinks, log_to, make_folder
from fcn.terminal import say, terminal


def merge(config: Mapping[str, Any], run_dir: Path) -> None:
    """Until SIGTERM or SIGINT comes."""
    running = build_merging(config, run_dir)
    log_to(config["log"], running.folder)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: running.stop())
    say(f"listening to monitors; alerts in {running.folder}", terminal())
    running.run()


def build_merging(config: Mapping[str, Any], run_dir: Path) -> Merging:
    """The merger of a configuration, going on from the state in its folder where there is one.

    Raises ValueError naming the key.
    """
    folder = run_dir if config["folder"] is None else Path(config["folder"]).expanduser()
    make_folder(folder)
    of = digest({**config, "folder": None})
    # checkpoint and whether it is simulated are those of the monitors, alert by alert
    producer = Producer(config["name"], checkpoint_digest="none", config_digest=of, is_simulated=False)
    merger = Merger(build(config["likeness"]), build(config["keeping"]), producer)
    habits = MergeHabits(**config["habits"])
    return Merging(merger, build(config["listen"]), build_sinks(config, folder), folder, habits)
