"""`python -m fcn.monitor`: listen to packets, and say what is found."""

import sys

from omegaconf import DictConfig

from fcn import config as configuration

# What takes seconds to import is imported when the monitor begins: `--help` and completion need none of it.


SAID_AS = {"stations": "station_file", "pace": "source.pace"}


@configuration.entry_point("monitor")
def _main(cfg: DictConfig) -> None:
    configuration.check_choices()
    config = configuration.plain(cfg)
    from fcn.run_monitor import monitor

    monitor(config, configuration.run_dir())


def main() -> None:
    """Entry point."""
    sys.argv[1:] = as_keys(sys.argv[1:])
    _main()


def as_keys(arguments: list[str]) -> list[str]:
    """`stations=FILE` and `pace=1`, as one would say it, are `station_file=FILE` and `source.pace=1`.

    Hydra takes the first for a group.
    """
    given = (each.partition("=") for each in arguments)
    return [f"{SAID_AS.get(key, key)}{is_set}{value}" for key, is_set, value in given]


if __name__ == "__main__":
    main()
