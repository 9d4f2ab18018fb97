"""The page on which a person lets a command line in."""

from __future__ import annotations

import re
from html import unescape

import pytest
from test_door import HOST, Person, text_of

from headrace.api.services import device_logins
from headrace.api.services.device_logins import Granted, shown_code
from headrace.dialects.logister_cli import SCOPES
from headrace.web.device import _READS

PAGE = "/app/device"


@pytest.fixture
def ann(world):
    return Person(world, "ann@example.org")


def waiting(world, name="Logister CLI", scopes=("projects:read", "events:read")):
    return device_logins.begin(world.context, client_name=name, scopes=scopes)


def becomes(world, asked):
    return device_logins.exchange(world.context, asked.device_code, "192.0.2.9")


def test_a_person_sees_who_asks_for_what_and_lets_it_in(world, ann):
    asked = waiting(world)
    code = shown_code(asked.user_code)
    page = ann.get(f"{PAGE}?code={code.lower()}")
    assert page.status_code == 200
    told = text_of(page)
    for words in ("Logister CLI", code.lower(), "the names of your projects", "events and logs", "30 days"):
        assert words in told
    assert "traces" not in told
    twin = ann.get(f"{PAGE}.json?code={code}").json()
    assert (twin["client"], twin["reads"]) == ("Logister CLI", ["the names of your projects", "events and logs"])
    answer = ann.post(PAGE, code=code, answer="approve")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?done=approved")
    assert "let in" in text_of(ann.get(answer.headers["location"]))
    assert isinstance(becomes(world, asked), Granted)


@pytest.mark.parametrize("answer", ["deny", "", "whatever"])
def test_anything_but_a_yes_is_a_no(world, ann, answer):
    asked = waiting(world)
    assert ann.post(PAGE, code=asked.user_code, answer=answer).headers["location"] == f"{PAGE}?done=denied"
    assert becomes(world, asked) == "access_denied"


@pytest.mark.parametrize("code", ["BCDF-GHJK", "x", "%00", "%F0%9F%92%A9", "B" * 5_000])
def test_a_code_that_nobody_waits_with(ann, code):
    for answer in (ann.get(f"{PAGE}?code={code}"), ann.post(PAGE, code=code, answer="approve")):
        assert answer.status_code == 404
        assert "No command line waits with this code" in text_of(answer)


def test_codes_are_counted_before_they_are_looked_up(world, ann):
    asked = waiting(world)
    world.services.door.wait = 7
    for answer in (ann.get(f"{PAGE}?code={asked.user_code}"), ann.post(PAGE, code=asked.user_code, answer="approve")):
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
        assert "Wait 7 seconds" in text_of(answer)
        assert "Logister CLI" not in answer.text
    assert world.services.door.tried == ["code of ann@example.org"] * 2
    assert ann.get(PAGE).status_code == 200
    assert becomes(world, asked) == "authorization_pending"


@pytest.mark.parametrize(
    ("csrf", "headers"),
    [("", {}), ("x", {}), (None, {"origin": "https://evil.test"}), (None, {"sec-fetch-site": "cross-site"})],
)
def test_another_page_lets_nobody_in(world, ann, csrf, headers):
    asked = waiting(world)
    assert ann.post(PAGE, csrf=csrf, headers=headers, code=asked.user_code, answer="approve").status_code == 403
    assert becomes(world, asked) == "authorization_pending"


def test_looking_changes_nothing_and_nobody_decides_who_is_not_signed_in(world):
    asked, nobody = waiting(world), Person(world)
    answer = nobody.get(f"{PAGE}?code={asked.user_code}")
    assert answer.headers["location"] == f"/app/sign-in?next=/app/device%3Fcode%3D{asked.user_code}"
    assert nobody.post(PAGE, code=asked.user_code, answer="approve").status_code == 303
    assert becomes(world, asked) == "authorization_pending"


def test_names_are_shown_as_text(world, ann):
    asked = waiting(world, name='<b>"x"</b> שלום')
    page = ann.get(f"{PAGE}?code={asked.user_code}").text
    assert '<b>"x"' not in page
    assert '<bdi><b>"x"</b> שלום</bdi>' in unescape(page)


def test_logisters_own_path_leads_here(world):
    for sent, leads in (("", ""), ("?user_code=AB-CD", "?code=AB-CD")):
        answer = world.call("GET", f"/cli/device{sent}", headers={"origin": HOST})
        assert (answer.status_code, answer.headers["location"]) == (303, PAGE + leads)


def test_every_scope_has_words():
    assert set(_READS) == set(SCOPES)
    assert all(re.fullmatch(r"[\w ,]+", words) for words in _READS.values())
