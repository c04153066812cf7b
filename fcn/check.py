"""`python -m fcn.check folder=FOLDER`: a plugin for Nagios and its kind; one line, exit codes 0 to 3."""

import time
from pathlib import Path

from omegaconf import DictConfig

from fcn import config as configuration


class _Said(SystemExit):
    """The end of a check that has come to a verdict; others are of what could not be checked."""


@configuration.entry_point("check")
def check(cfg: DictConfig) -> None:
    """Print the line, and end with its code."""
    config = configuration.plain(cfg)
    limits = configuration.build(config["limits"])
    from fcn.operations.check import Level, Verdict, verdict
    from fcn.operations.status import read_status
    from fcn.terminal import say

    try:
        said = verdict(read_status(Path(config["folder"]).expanduser()), time.time(), limits)
    except OSError as error:
        said = Verdict(Level.CRITICAL, str(error))
    except ValueError as error:  # a disk that lost power leaves such files; who runs a plugin reads one line
        said = Verdict(Level.UNKNOWN, " ".join(str(error).split()).replace("|", "/"))
    say(said.line())
    raise _Said(int(said.level))


def main() -> None:
    """Entry point: a command line or a file that is wrong is UNKNOWN, not a warning."""
    try:
        check()
    except _Said:
        raise
    except SystemExit as error:
        raise SystemExit(3 if error.code else 0) from None


if __name__ == "__main__":
    main()
