"""Files and folders that are there whole or not at all."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from fcn.engine import DurableCheckpointIO
from fcn.publish import PARTIAL, new_file, new_folder

BUILDER = """
import sys, time
from pathlib import Path
from fcn.publish import new_folder, only_one
path, name = Path(sys.argv[1]), sys.argv[2]
with only_one(path):
    if not path.is_dir():
        with new_folder(path) as folder:
            for i in range(20):
                (folder / f"{i}").write_text(name)
                print(name, i, flush=True)
                time.sleep(0.05)
"""


def start(path: Path, name: str) -> subprocess.Popen:
    command = [sys.executable, "-c", BUILDER, str(path), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def seen(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir() if not each.name.endswith(".lock"))


def test_two_first_runs_make_one_whole_folder(tmp_path):
    path = tmp_path / "made"
    runs = [start(path, name) for name in ("one", "two")]
    said = [run.communicate(timeout=60)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sorted(map(bool, said)) == [False, True]  # one builds, the other finds it built
    assert len({(path / str(i)).read_text() for i in range(20)}) == 1
    assert seen(tmp_path) == ["made"]


def test_a_killed_run_leaves_nothing_that_the_next_takes_for_whole(tmp_path):
    path = tmp_path / "made"
    with start(path, "one") as first:
        assert first.stdout.readline()
        first.kill()
    assert not path.exists()
    assert [name.endswith(PARTIAL) for name in seen(tmp_path)] == [True]
    second = start(path, "two")
    second.communicate(timeout=60)
    assert {(path / str(i)).read_text() for i in range(20)} == {"two"}
    assert seen(tmp_path) == ["made"]


def fail_half_way(writer) -> None:
    with writer as partial:
        (partial / "a" if partial.is_dir() else partial).write_text("after")
        raise RuntimeError("half way")


def test_an_error_leaves_neither_folder_nor_file(tmp_path):
    (tmp_path / "file").write_text("before")
    for writer in (new_folder(tmp_path / "folder"), new_file(tmp_path / "file")):
        with pytest.raises(RuntimeError, match="half way"):
            fail_half_way(writer)
    assert (tmp_path / "file").read_text() == "before"
    assert seen(tmp_path) == ["file"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("new", [new_folder, new_file])
def test_a_disk_that_is_full_is_said_with_what_was_to_be_written(tmp_path, new):
    with pytest.raises(OSError, match=r"No space left on device.*wanted"), new(tmp_path / "wanted"):
        Path("/dev/full").write_bytes(bytes(100_000))


def write_second(path: Path) -> None:
    with new_folder(path) as slow:
        (slow / "mark").write_text("second")
        with new_folder(path) as quick:
            (quick / "mark").write_text("first")
        assert (slow / "mark").exists()


def test_who_is_ready_first_has_the_place_and_nobody_writes_into_the_others(tmp_path):
    path = tmp_path / "made"
    with pytest.raises(FileExistsError, match="made exists"):
        write_second(path)
    assert (path / "mark").read_text() == "first"
    assert seen(tmp_path) == ["made"]


def test_what_is_logged_of_a_folder_that_is_filled_names_the_one_it_will_be(tmp_path, caplog):
    with new_folder(tmp_path / "made") as folder:
        logging.getLogger("fcn.made").warning("%s: 5 %% of it", folder / "a")
    logging.getLogger("fcn.made").warning("%s is gone", folder)
    assert caplog.messages == [f"{tmp_path / 'made' / 'a'}: 5 % of it", f"{folder} is gone"]


def test_a_folder_that_exists_is_not_overwritten(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(FileExistsError, match="there exists"), new_folder(tmp_path / "there"):
        pass


def test_permissions_are_those_of_any_file(tmp_path):
    (tmp_path / "plain").touch()
    with new_file(tmp_path / "file"):
        pass
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode


CHECKPOINTS = """
import sys
import torch
from pathlib import Path
from fcn.engine import DurableCheckpointIO
writer = DurableCheckpointIO()
for i in range(10**6):
    writer.save_checkpoint({"i": i, "weights": torch.full((200_000,), float(i))}, sys.argv[1])
    print(i, flush=True)
"""


@pytest.mark.parametrize("moment_s", [0.0, 0.007])
def test_a_kill_leaves_a_checkpoint_that_loads(tmp_path, moment_s):
    """Also where the temporary folder is on another file system: nothing goes by way of it."""
    path = tmp_path / "last.ckpt"
    elsewhere = {**os.environ, "TMPDIR": "/dev/shm"} if Path("/dev/shm").is_dir() else dict(os.environ)
    command = [sys.executable, "-c", CHECKPOINTS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=elsewhere) as run:
        while int(run.stdout.readline()) < 5:
            pass
        time.sleep(moment_s)
        run.kill()
    content = torch.load(path, weights_only=True)
    assert content["i"] >= 5
    assert (content["weights"] == content["i"]).all()


def test_a_full_disk_keeps_the_former_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "best.ckpt"
    DurableCheckpointIO().save_checkpoint({"i": 1}, path)

    def full(content, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        DurableCheckpointIO().save_checkpoint({"i": 2}, path)
    assert torch.load(path, weights_only=True) == {"i": 1}
    assert seen(tmp_path) == ["best.ckpt"]
