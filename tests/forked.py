"""Processes that are forks of this one, which has imported what takes seconds."""

import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path


def fork(job: Callable[[], None], log: Path) -> int:
    """The id of a process that does the job and ends."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        with log.open("a") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        job()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def ended(process: int, within_s: float) -> bool:
    """Whether a process has ended by itself; raises for one that failed."""
    until = time.monotonic() + within_s
    while True:
        which, status = os.waitpid(process, os.WNOHANG)
        if which:
            assert os.waitstatus_to_exitcode(status) == 0, "a process failed: see log.txt"
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.001)
