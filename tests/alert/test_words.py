import dataclasses

from made_alerts import PRODUCER, alert

from fcn.alert.words import line
from fcn.catalogue.event import Status


def test_what_is_unknown_or_replayed_is_said():
    unsized = alert(magnitude=None, status=Status.RETRACTED)
    assert " retracted fcn20160414T122634 1: size unknown, 32.742" in line(unsized)
    assert line(alert(producer=dataclasses.replace(PRODUCER, is_simulated=True))).endswith("0.97, replayed")
    settled = dataclasses.replace(alert().magnitude, least=None, most=None, is_lower_bound=False)
    assert ": M 6.5, 32.742" in line(alert(magnitude=settled))
