"""`python -m fcn.monitor`: listen to packets, and say what is found."""

import sys

from omegaconf import DictConfig

from fcn import config as configuration

# What takes seconds to import is imported when the monitor begins: `--help` and completion need none of it.


@configuration.entry_point("monitor")
def main(cfg: DictConfig) -> None:
    """Entry point."""
    configuration.check_choices()
    config = configuration.plain(cfg)
    from fcn.run_monitor import monitor

    monitor(config, configuration.run_dir())


def stations_named(arguments: list[str]) -> list[str]:
    """`stations=FILE`, as one would say it, is `station_file=FILE`: Hydra takes the first for a group."""
    named = "stations="
    return [f"station_file={each[len(named) :]}" if each.startswith(named) else each for each in arguments]


if __name__ == "__main__":
    sys.argv[1:] = stations_named(sys.argv[1:])
    main()
