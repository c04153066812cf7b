"""The pictures of docs/how_read.md are of one window, and docs/how_read.py draws them."""

import importlib.util
import re

import torch
from documents import ROOT
from PIL import Image

PAGE = (ROOT / "docs" / "how_read.md").read_text("utf-8")


def test_its_window_is_as_the_page_says(tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("how_read", ROOT / "docs" / "how_read.py")
    command = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(command)
    monkeypatch.setattr(command, "IMAGES", tmp_path)
    kept = command.watched
    seen = []
    monkeypatch.setattr(command, "watched", lambda: seen.append(kept()) or seen[0])
    command.main()
    magnitude, delay_s = re.search(r"declares an M ([\d.]+), ([\d.]+) s after its first P", PAGE).groups()
    assert f"M {magnitude}, declared {delay_s} s after its P" in capsys.readouterr().out
    reader, said, *_ = seen[0]
    drawn = {path.stem: Image.open(path) for path in tmp_path.glob("*.png")}
    assert set(drawn) == {"read_picks", "read_coarse", "read_fine", "read_size"}
    for name, picture in drawn.items():
        assert f"(images/{name}.png)" in PAGE
        assert len(picture.getcolors(1 << 20)) > 2
    # what is drawn is what the reader told the alarm
    torch.testing.assert_close(reader.coarse.pdf.flatten(1).sum(dim=1), torch.ones(len(reader.fresh)))
    assert float(reader.placed.evidence[0]) > reader.reading.trusted_evidence
    east_km, north_km = reader.placed.place_km[0, :2].tolist()
    assert abs(said.event.magnitude - float(reader.sizes[4][0])) < 0.01
    assert max(abs(east_km), abs(north_km)) < 40
