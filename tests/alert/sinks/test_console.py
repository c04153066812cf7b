from made_alerts import alert, site_warning

from fcn.alert.sinks.console import ConsoleLines


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
