import logging

import pytest

from fcn.operations.logs import RotatedLog


def test_the_log_makes_way_and_follows_who_moves_it(tmp_path):
    path = tmp_path / "monitor.log"
    handler = RotatedLog(str(path), "INFO", 1e-3, 2, None)
    log = logging.Logger("made")
    log.addHandler(handler)
    log.debug("nothing")
    log.info("first")
    assert path.read_text().endswith("[made][INFO] - first\n")
    path.rename(tmp_path / "taken")
    log.info("second")
    assert path.read_text().count("\n") == 1
    for _ in range(100):
        log.warning("x" * 100)
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "monitor.log",
        "monitor.log.1",
        "monitor.log.2",
        "taken",
    ]


def test_a_file_that_cannot_be_written_stops_nobody(tmp_path, capsys):
    RotatedLog(str(tmp_path), "INFO", 1.0, 1, None).handle(
        logging.LogRecord("made", logging.INFO, "", 0, "words", (), None)
    )
    assert capsys.readouterr().err == ""
    with pytest.raises(ValueError, match="Unknown level"):
        RotatedLog("x", "LOUD", 1.0, 1, None)
