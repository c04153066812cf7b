from xml.etree import ElementTree

from made_alerts import alert, heartbeat

from fcn.alert.formats.cap import NAMESPACE, Cap, Severity
from fcn.alert.sinks.cap_folder import CapFolder
from fcn.catalogue.event import Status

CAP = Cap("eew@example.org", "A network", "Test", None, "en", 600.0, [Severity("Moderate", 5.0, 100.0)])


def names(folder):
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


def found(path, name):
    return ElementTree.parse(path).findtext(f"{{{NAMESPACE}}}{name}")


def test_messages_of_an_event_refer_to_those_that_were_written(tmp_path):
    for version, status in ((1, Status.NEW), (3, Status.UPDATE), (10, Status.RETRACTED)):
        CapFolder(str(tmp_path), CAP).deliver(alert("a", version, status=status))  # each a process of its own
    CapFolder(str(tmp_path), CAP).beat(heartbeat())
    assert names(tmp_path) == ["a/1.xml", "a/10.xml", "a/3.xml", "heartbeat.json"]
    kinds = [found(tmp_path / "a" / f"{version}.xml", "msgType") for version in (1, 3, 10)]
    assert kinds == ["Alert", "Update", "Cancel"]
    referred = found(tmp_path / "a" / "10.xml", "references").split()
    assert [each.split(",")[1] for each in referred] == ["kyushu.a.1", "kyushu.a.3"]


def test_the_same_again_is_the_same_message(tmp_path):
    sink = CapFolder(str(tmp_path), CAP)
    for version in (1, 2, 3):
        sink.deliver(alert("a", version))
    before = (tmp_path / "a" / "2.xml").read_bytes()
    sink.deliver(alert("a", 2))
    assert (tmp_path / "a" / "2.xml").read_bytes() == before


def test_what_was_never_announced_is_not_cancelled(tmp_path):
    CapFolder(str(tmp_path), CAP).deliver(alert("a", 2, status=Status.RETRACTED))
    assert names(tmp_path) == []


def test_what_cannot_be_read_is_not_referred_to(tmp_path):
    sink = CapFolder(str(tmp_path), CAP)
    sink.deliver(alert("a", 1))
    (tmp_path / "a" / "1.xml").write_text("<")
    (tmp_path / "a" / "x.xml").write_text("<")
    sink.deliver(alert("a", 2))
    assert found(tmp_path / "a" / "2.xml", "msgType") == "Alert"
