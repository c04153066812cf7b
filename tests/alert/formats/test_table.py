from made_alerts import alert

from fcn.alert.formats.table import EventTable
from fcn.catalogue.event import Status

UNSIZED = alert(
    "a",
    3,
    status=Status.RETRACTED,
    magnitude=None,
    origin_stations=None,
    magnitude_stations=None,
    probability=0.04,
)


def test_a_line_for_each_version_under_the_words_of_sceewlog():
    content = None
    for each in (alert("a", 1), alert("a", 2), UNSIZED, alert("a", 2)):
        content = EventTable().render(each, content)
    title, stations, header, *rows = content.decode().splitlines()
    assert title == "a, monitor kyushu"
    assert [name.strip() for name in header.split("|")][:8] == [
        "Ver.",
        "Tdiff",
        "Type",
        "Mag.",
        "Lat.",
        "Lon.",
        "Depth",
        "origin time (UTC)",
    ]
    assert [[cell.strip() for cell in row.split("|")] for row in rows] == [
        [
            str(version),
            f"{5.5 + version:.2f}",
            *size,
            "32.742",
            "130.809",
            "11.4",
            "2016-04-14 12:26:34.25",
            *scores,
            f"2016-04-14 12:26:{39.75 + version:.2f}",
        ]
        for version, size, scores in (
            (1, ("M", "6.5"), ("0.97", "2", "1", "new")),
            (2, ("M", "6.6"), ("0.97", "2", "1", "update")),
            (3, ("-", "-"), ("0.04", "-", "-", "retracted")),
        )
    ]
    bars = [[i for i, letter in enumerate(line) if letter == "|"] for line in (header, *rows)]
    assert bars[1:] == [bars[0]] * 3  # columns stand under their names
    assert {stations.index("|"), stations.rindex("|")} <= set(bars[0])


def test_what_is_no_table_is_begun_anew():
    content = EventTable().render(alert("a", 2), b"\xff\xfe nothing\nx|y\n")
    assert content.decode().splitlines()[3:] == [
        EventTable().render(alert("a", 2), None).decode().splitlines()[3]
    ]
