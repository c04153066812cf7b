import dataclasses

from made_alerts import PRODUCER, alert

from fcn.alert.sinks.console import ConsoleLines, line
from fcn.catalogue.event import Status


def test_a_line_says_what_is_known(capsys):
    ConsoleLines().deliver(alert())
    assert capsys.readouterr().out == (
        "12:26:40 new fcn20160414T122634 1: M 6.5 (6.0 to 7.0), at least, 32.742 130.809, 11 km deep, "
        "at 12:26:34, real with 0.97\n"
    )


def test_what_is_unknown_or_simulated_is_said():
    unsized = alert(magnitude=None, status=Status.RETRACTED)
    assert " retracted fcn20160414T122634 1: size unknown, 32.742" in line(unsized)
    assert line(alert(producer=dataclasses.replace(PRODUCER, is_simulated=True))).endswith("0.97, simulated")
    settled = dataclasses.replace(alert().magnitude, least=None, most=None, is_lower_bound=False)
    assert ": M 6.5, 32.742" in line(alert(magnitude=settled))
