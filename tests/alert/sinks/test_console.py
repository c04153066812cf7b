from made_alerts import alert, site_warning

from fcn.alert.sinks.console import ConsoleLines
from fcn.alert.site_warning import Basis


def test_a_line_says_what_is_known(capsys):
    ConsoleLines().deliver(alert())
    assert capsys.readouterr().out == (
        "12:26:40 new fcn20160414T122634 1: M 6.5 (6.0 to 7.0), at least, 32.742 130.809, 11 km deep, "
        "at 12:26:34, real with 0.97\n"
    )


def test_a_site_has_a_line(capsys):
    ConsoleLines().warn(site_warning())
    assert capsys.readouterr().out == (
        "12:26:34 site Aso: intensity 4.7 (4.1 to 5.3), at least, S in 8 s, fcn20160414T122634 (source)\n"
    )


def test_what_is_observed_nearby_has_no_range(capsys):
    plum = {"low": None, "high": None, "basis": Basis.PLUM, "event_id": None, "s_in_s": None}
    ConsoleLines().warn(site_warning(**plum, is_lower_bound=False))
    assert capsys.readouterr().out == "12:26:34 site Aso: intensity 4.7, observed nearby\n"
