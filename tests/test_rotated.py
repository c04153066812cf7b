"""Files of lines that others move, and that make way."""

import os
import threading
import time

import pytest

from fcn.rotated import DAY_S, RotatedFile


def rotated(path, **changes):
    options = {"largest_mb": 1.0, "n_old": 3, "oldest_days": None, "flushes": False, **changes}
    return RotatedFile(path, **options)


def test_who_moves_the_file_loses_no_line(tmp_path):
    """As logrotate does it without a word: rename, again and again, in the midst of writing."""
    path, n = tmp_path / "alerts.jsonl", 3000
    file = rotated(path)

    def write():
        for i in range(n):
            file.add(f"line {i}")

    writer = threading.Thread(target=write)
    writer.start()
    taken = 0
    while writer.is_alive():
        if path.exists():
            path.rename(tmp_path / f"taken.{taken:05d}")
            taken += 1
        time.sleep(1e-4)
    writer.join()
    assert taken > 1
    lines = [line for each in sorted(tmp_path.glob("taken.*")) for line in each.read_text().splitlines()]
    lines += path.read_text().splitlines() if path.exists() else []
    # a line may be written to the file that is just being moved, never to nowhere
    assert sorted(lines, key=lambda line: int(line.split()[1])) == [f"line {i}" for i in range(n)]


def test_old_files_are_forgotten(tmp_path):
    path = tmp_path / "log"
    file = rotated(path, largest_mb=1e-5, oldest_days=7.0)
    for i in range(4):
        file.add(f"{i} {'x' * 20}")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["log", "log.1", "log.2", "log.3"]
    old_s = time.time() - 8 * DAY_S
    for name in ("log.1", "log.2"):
        os.utime(tmp_path / name, (old_s, old_s))
    file.add("new")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["log", "log.1"]
    assert (tmp_path / "log.1").read_text().startswith("3 ")


def test_wrong_limits_are_named(tmp_path):
    with pytest.raises(ValueError, match="oldest_days must be a number above 0"):
        rotated(tmp_path / "x", oldest_days=0.0)
    with pytest.raises(ValueError, match="largest_mb"):
        rotated(tmp_path / "x", largest_mb=0.0)
