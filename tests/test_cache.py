from pathlib import Path

import pytest

from fcn.cache import sequence_root


class Builder:
    """Writes a folder that says what it was built of."""

    def __init__(self, text: str, raw: str | None = None) -> None:
        self.text, self.raw = text, raw

    def build(self, root: Path) -> None:
        (root / "waveforms").mkdir(parents=True)
        (root / "stations.xml").touch()
        (root / "built").write_text(f"{self.text} {self.raw}")


def dataset(root: Path | None = None, **builder: str | None) -> dict:
    node = {"_target_": "test_cache.Builder", **builder} if builder else None
    return {"name": "made", "root": str(root) if root else None, "builder": node}


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "test_cache", sys.modules[__name__])


def test_a_sequence_is_built_once_and_again_only_for_another_recipe(tmp_path):
    first = sequence_root(dataset(text="one"), tmp_path)
    (first / "mark").touch()
    assert sequence_root(dataset(text="one"), tmp_path) == first
    assert (first / "mark").exists()
    assert sequence_root(dataset(text="two"), tmp_path) != first


def test_a_cache_that_cannot_be_made_is_said_with_its_key(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    message = r"sequences, in the cache, cannot be written to \(.*\): name .* cache=, .* FCN_CACHE"
    with pytest.raises(ValueError, match=message):
        sequence_root(dataset(text="one"), tmp_path / "file")
    monkeypatch.setattr("os.access", lambda *_: False)  # of a user other than root
    with pytest.raises(ValueError, match=message):
        sequence_root(dataset(text="one"), tmp_path)


def test_a_root_that_is_a_sequence_is_taken_as_it_is(tmp_path):
    (tmp_path / "waveforms").mkdir()
    assert sequence_root(dataset(tmp_path), tmp_path / "cache") == tmp_path
    assert sequence_root(dataset(tmp_path, text="one"), tmp_path / "cache") == tmp_path


def test_a_root_of_raw_files_goes_to_the_builder(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    made = sequence_root(dataset(raw, text="of", raw=str(raw)), tmp_path / "cache")
    assert made.parent == tmp_path / "cache" / "sequences"
    assert (made / "built").read_text() == f"of {raw}"


def test_nothing_to_build_and_nothing_there_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"dataset\.root"):
        sequence_root(dataset(tmp_path / "nowhere"), tmp_path)
    with pytest.raises(ValueError, match="no builder"):
        sequence_root(dataset(), tmp_path)


def test_a_copy_in_the_cache_that_lacks_a_part_is_refused_with_what_to_do(tmp_path):
    made = sequence_root(dataset(text="one"), tmp_path)
    (made / "stations.xml").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks stations\.xml: remove it, and it is built again"):
        sequence_root(dataset(text="one"), tmp_path)
