"""CAP 1.2 (OASIS, 2010): its rules as a test, in place of a schema from elsewhere."""

import dataclasses
import re
from xml.etree import ElementTree

import pytest
from made_alerts import MAGNITUDE, PRODUCER, alert

from fcn.alert.formats.cap import NAMESPACE, Cap, Reference, Severity, reference
from fcn.catalogue.event import Status

SEVERITIES = (
    Severity("Moderate", 5.0, 100.0),
    Severity("Severe", 6.0, 200.0),
    Severity("Extreme", 7.0, 400.0),
)
CAP = Cap("eew@example.org", "A network", "Actual", None, "en", 600.0, SEVERITIES)
EARLIER = [
    Reference("eew@example.org", f"kyushu.a.{version}", f"2016-04-14T12:26:4{version}-00:00")
    for version in (1, 2)
]

# element: (least, most) of its kind; in the order in which section 3.4 has them
ALERT = {
    "identifier": (1, 1),
    "sender": (1, 1),
    "sent": (1, 1),
    "status": (1, 1),
    "msgType": (1, 1),
    "source": (0, 1),
    "scope": (1, 1),
    "restriction": (0, 1),
    "addresses": (0, 1),
    "code": (0, 99),
    "note": (0, 1),
    "references": (0, 1),
    "incidents": (0, 1),
    "info": (0, 99),
}
INFO = {
    "language": (0, 1),
    "category": (1, 99),
    "event": (1, 1),
    "responseType": (0, 99),
    "urgency": (1, 1),
    "severity": (1, 1),
    "certainty": (1, 1),
    "audience": (0, 1),
    "eventCode": (0, 99),
    "effective": (0, 1),
    "onset": (0, 1),
    "expires": (0, 1),
    "senderName": (0, 1),
    "headline": (0, 1),
    "description": (0, 1),
    "instruction": (0, 1),
    "web": (0, 1),
    "contact": (0, 1),
    "parameter": (0, 99),
    "resource": (0, 99),
    "area": (0, 99),
}
AREA = {
    "areaDesc": (1, 1),
    "polygon": (0, 99),
    "circle": (0, 99),
    "geocode": (0, 99),
    "altitude": (0, 1),
    "ceiling": (0, 1),
}
PARAMETER = {"valueName": (1, 1), "value": (1, 1)}
WORDS = {
    "status": "Actual Exercise System Test Draft",
    "msgType": "Alert Update Cancel Ack Error",
    "scope": "Public Restricted Private",
    "category": "Geo Met Safety Security Rescue Fire Health Env Transport Infra CBRNE Other",
    "responseType": "Shelter Evacuate Prepare Execute Avoid Monitor Assess AllClear None",
    "urgency": "Immediate Expected Future Past Unknown",
    "severity": "Extreme Severe Moderate Minor Unknown",
    "certainty": "Observed Likely Possible Unlikely Unknown",
}
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d"  # 3.3.2: no fraction, no Z
NAME = r"[^\s,<&]+"
PATTERNS = {
    **dict.fromkeys(("sent", "effective", "onset", "expires"), TIME),
    **dict.fromkeys(("identifier", "sender"), NAME),
    "references": rf"{NAME},{NAME},{TIME}( {NAME},{NAME},{TIME})*",
    "circle": r"-?\d+(\.\d+)?,-?\d+(\.\d+)? \d+(\.\d+)?",
}


def faults(message: bytes) -> list[str]:
    """What CAP 1.2 does not allow in a message."""
    root = ElementTree.fromstring(message)
    found = [] if root.tag == f"{{{NAMESPACE}}}alert" else [f"root {root.tag}"]
    for parent, kinds in (
        (root, ALERT),
        *((each, INFO) for each in root.iter(tag("info"))),
        *((each, AREA) for each in root.iter(tag("area"))),
        *((each, PARAMETER) for each in root.iter(tag("parameter"))),
    ):
        names = [each.tag.removeprefix(f"{{{NAMESPACE}}}") for each in parent]
        unknown = set(names) - set(kinds)
        found += [f"unknown {sorted(unknown)}"] if unknown else []
        known = [name for name in names if name in kinds]
        found += [] if known == sorted(known, key=list(kinds).index) else [f"order {names}"]
        found += [
            f"{name} {names.count(name)} times"
            for name, (least, most) in kinds.items()
            if not least <= names.count(name) <= most
        ]
    for each in root.iter():
        name, content = each.tag.removeprefix(f"{{{NAMESPACE}}}"), each.text or ""
        if len(each) == 0 and not content.strip():
            found.append(f"{name} is empty")
        if name in WORDS and content not in WORDS[name].split():
            found.append(f"{name} {content}")
        if name in PATTERNS and not re.fullmatch(PATTERNS[name], content):
            found.append(f"{name} {content}")
    values = {name: root.findtext(tag(name)) for name in ("scope", "restriction", "msgType", "references")}
    if (values["scope"] == "Restricted") != (values["restriction"] is not None):
        found.append("restriction goes with the scope Restricted")
    if (values["msgType"] in ("Update", "Cancel")) != (values["references"] is not None):
        found.append("what updates or cancels refers to what it does so")
    return found


def tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def text(message: bytes, name: str) -> str | None:
    return next((each.text for each in ElementTree.fromstring(message).iter(tag(name))), None)


FIRST = CAP.render(alert("a"), [])
UPDATE = CAP.render(alert("a", 3), EARLIER)
CANCEL = CAP.render(alert("a", 3, status=Status.RETRACTED), EARLIER)


@pytest.mark.parametrize("message", [FIRST, UPDATE, CANCEL], ids=["alert", "update", "cancel"])
def test_messages_keep_the_rules(message):
    assert faults(message) == []


def test_a_first_message_says_what_is_known():
    found = {
        name: text(FIRST, name)
        for name in ("identifier", "sender", "sent", "status", "msgType", "scope", "severity", "certainty")
    }
    assert found == {
        "identifier": "kyushu.a.1",
        "sender": "eew@example.org",
        "sent": "2016-04-14T12:26:40-00:00",
        "status": "Actual",
        "msgType": "Alert",
        "scope": "Public",
        "severity": "Severe",
        "certainty": "Likely",
    }
    assert text(FIRST, "onset") == "2016-04-14T12:26:34-00:00"
    assert text(FIRST, "expires") == "2016-04-14T12:36:40-00:00"
    assert text(FIRST, "circle") == "32.7417,130.8087 200"
    assert text(FIRST, "headline") == "Earthquake, M 6.5 (6.0 to 7.0), at least"


def parameters(message: bytes) -> dict[str, str]:
    each = ElementTree.fromstring(message).iter(tag("parameter"))
    return {parameter[0].text: parameter[1].text for parameter in each}


def test_parameters_say_all_that_an_alert_does():
    found = parameters(FIRST)
    assert found["firstPTime"] == "2016-04-14T12:26:36.375000Z"
    assert (found["magnitudeLeast"], found["magnitudeMost"]) == ("6.0", "7.0")
    assert (found["checkpointDigest"], found["configDigest"]) == ("0123456789ab", "ba9876543210")
    assert (found["latencyTransportS"], found["latencyDataS"]) == ("0.50", "1.40")
    vague = dataclasses.replace(MAGNITUDE, least=None, most=None)
    found = parameters(CAP.render(alert("a", magnitude=vague, first_p_time_s=None), []))
    assert not {"firstPTime", "magnitudeLeast", "magnitudeMost"} & set(found)


def test_later_messages_refer_to_earlier_ones():
    assert (text(UPDATE, "msgType"), text(CANCEL, "msgType")) == ("Update", "Cancel")
    wanted = (
        "eew@example.org,kyushu.a.1,2016-04-14T12:26:41-00:00 "
        "eew@example.org,kyushu.a.2,2016-04-14T12:26:42-00:00"
    )
    assert text(UPDATE, "references") == text(CANCEL, "references") == wanted
    assert reference(FIRST) == Reference("eew@example.org", "kyushu.a.1", "2016-04-14T12:26:40-00:00")
    assert "did not happen" in text(CANCEL, "note")


@pytest.mark.parametrize(
    ("magnitude", "severity", "radius_km"),
    [(None, "Unknown", 100), (4.9, "Unknown", 100), (5.0, "Moderate", 100), (7.4, "Extreme", 400)],
)
def test_severity_and_radius_follow_the_magnitude(magnitude, severity, radius_km):
    size = magnitude and dataclasses.replace(MAGNITUDE, value=magnitude, least=None, most=None)
    message = CAP.render(alert("a", magnitude=size), [])
    assert faults(message) == []
    assert text(message, "severity") == severity
    assert text(message, "circle").endswith(f" {radius_km}")


def test_a_replay_is_a_test_whatever_is_configured():
    message = CAP.render(alert("a", producer=dataclasses.replace(PRODUCER, is_simulated=True)), [])
    assert text(message, "status") == "Test"


def test_a_restriction_restricts():
    message = Cap("eew@example.org", "A network", "Exercise", "staff", "en", 600.0, SEVERITIES).render(
        alert("a"), []
    )
    assert faults(message) == []
    assert (text(message, "scope"), text(message, "restriction")) == ("Restricted", "staff")


def test_what_was_never_sent_is_not_cancelled():
    with pytest.raises(ValueError, match="a was retracted before anything was sent"):
        CAP.render(alert("a", status=Status.RETRACTED), [])


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda text: text.replace("Immediate", "Now"), "urgency Now"),
        (lambda text: text.replace("<language>en</language>", ""), None),
        (lambda text: text.replace("<category>Geo</category>", ""), "category 0 times"),
        (lambda text: text.replace("-00:00</sent>", "Z</sent>"), "sent 2016-04-14T12:26:40Z"),
        (lambda text: text.replace("kyushu.a.1", "kyushu a"), "identifier kyushu a"),
        (lambda text: text.replace(">Alert<", ">Update<"), "what updates or cancels"),
    ],
)
def test_the_rules_see_what_breaks_them(spoil, fault):
    found = faults(spoil(FIRST.decode()).encode())
    assert (found == []) if fault is None else any(fault in each for each in found), found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sender": "a network"}, "sender must have no blanks"),
        ({"status": "Real"}, "status must be one of Actual, Exercise, Test, got 'Real'"),
        ({"severities": ()}, "severities must be by rising magnitude"),
        ({"severities": SEVERITIES[::-1]}, "severities must be by rising magnitude"),
        ({"expires_s": 0.0}, "expires_s must be"),
    ],
)
def test_what_cap_does_not_allow_is_refused(change, message):
    whole = {
        "sender": "eew@example.org",
        "sender_name": "A network",
        "status": "Actual",
        "restriction": None,
        "language": "en",
        "expires_s": 600.0,
        "severities": SEVERITIES,
    }
    with pytest.raises(ValueError, match=message):
        Cap(**{**whole, **change})


def test_a_severity_is_one_of_caps():
    with pytest.raises(ValueError, match=r"severity must be one of Minor, .* got 'Bad'"):
        Severity("Bad", 5.0, 100.0)


@pytest.mark.parametrize("message", [b"<", b"<alert/>"])
def test_what_is_no_message_is_not_referred_to(message):
    with pytest.raises(ValueError, match=r"no XML|without sender"):
        reference(message)
