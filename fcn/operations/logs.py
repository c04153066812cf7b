"""The log of a monitor in a file that makes way for a new one."""

import logging

from fcn.rotated import RotatedFile

FORMAT = "[%(asctime)s][%(name)s][%(levelname)s] - %(message)s"


class RotatedLog(logging.Handler):
    """What is logged from `level` on, in a `RotatedFile`, whose other arguments are the rest."""

    def __init__(
        self, path: str, level: str, largest_mb: float, n_old: int, oldest_days: float | None
    ) -> None:
        super().__init__(level)  # raises ValueError for one that is none
        self.file = RotatedFile(path, largest_mb, n_old, oldest_days, flushes=False)
        self.setFormatter(logging.Formatter(FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Add its lines; a disk that takes none costs the file, and nobody else."""
        try:
            self.file.add(self.format(record))
        except OSError:
            return  # the terminal has it
        except Exception:
            self.handleError(record)
