"""The server that all browser tests look at: people, a project that holds something of everything, one that is hostile, one that is empty."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import requests
from endpoints import BY_PATH
from victim import SHARED, Victim, plant_letter
from wire import TIMEOUT_S, Client, settle

#: Would run if it were ever taken for markup, in any place it may stand in.
HOSTILE = "\"'><script>__ran=1</script><img src=x onerror=__ran=1></title></textarea>"
#: Nothing of these may make a page wider than its window.
LONG, RTL = "an-unbroken-name-" * 5, "שם ארוך מימין לשמאל عربى"
#: Letters of every file of the font: Polish, Vietnamese, a price, pinyin, an accent of Sanskrit, Cyrillic, Greek.
LETTERS = "Zażółć gęślą, điện thoại, 5 ₺, nǐ hǎo, ṛṣi, Ёлка, Ωμέγα"
#: The owner that ``Server.init`` makes.
EMAIL, PASSWORD = "owner@example.test", "correct horse battery"
STRANGER, MEMBER = "stranger@example.test", "member@example.test"


class Person:
    """Somebody's browser, as far as requests go. ``email`` "" is nobody."""

    def __init__(self, site: Site, email: str = "") -> None:
        self.url = site.server.url
        self.email = email
        self.http = requests.Session()
        self.http.headers["Origin"] = self.url
        if email:
            form = {"email": email, "password": PASSWORD}
            answer = self.http.post(f"{self.url}/app/sign-in", data=form, allow_redirects=False, timeout=TIMEOUT_S)
            assert answer.status_code == 303, answer.text

    @property
    def cookie(self) -> dict[str, Any]:
        """The session as Playwright takes it."""
        return {"name": "headrace_session", "value": self.http.cookies["headrace_session"], "url": self.url}

    @property
    def csrf(self) -> str:
        page = self.get("/app/account").text
        return page.partition('name="csrf" value="')[2].partition('"')[0]

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.http.get(self.url + path, headers=headers, allow_redirects=False, timeout=TIMEOUT_S)

    def send(self, method: str, path: str, form: dict[str, str]) -> requests.Response:
        return self.http.request(method, self.url + path, data=form, allow_redirects=False, timeout=TIMEOUT_S)

    def accept(self, link: str) -> None:
        assert self.send("POST", link, {"csrf": self.csrf}).status_code == 303

    def sign_out(self) -> None:
        assert self.send("POST", "/app/sign-out", {"csrf": self.csrf}).status_code == 303


class Site:
    """``ids`` are what the paths' parameters name: everything is in the victim's project, which the owner of the instance has."""

    def __init__(self, server: Any) -> None:
        self.server = server
        for email, name in ((STRANGER, "Stranger"), (MEMBER, HOSTILE)):
            server.call("account.create", email=email, password=PASSWORD, name=name)
        self.victim = Victim(server)
        self.stranger_project = Client(server, "The stranger's own", account=STRANGER).project
        self.hostile = Hostile(server)
        self.empty = self._slug(Client(server, "Empty").project)
        self.owner = Person(self, EMAIL)
        self.stranger = Person(self, STRANGER)
        self.nobody = Person(self)
        Person(self, MEMBER).accept(self._invite(self.hostile.ids["slug"]))
        settle(server)
        self.ids = self._ids()

    def person(self, email: str = EMAIL) -> Person:
        """A session of its own, for a test that ends it."""
        return Person(self, email)

    def _slug(self, project: str) -> str:
        return next(one["slug"] for one in self.server.call("project.list") if one["id"] == project)

    def _ids(self) -> dict[str, str]:
        ids = self.victim.ids
        accounts = {one["email"]: one["id"] for one in self.server.call("account.list")}
        sessions = self.owner.get("/app/account.json").json()["sessions"]
        self.link = self._invite(ids["slug"])
        members = self.owner.get(f"/app/p/{ids['slug']}/members.json")
        assert members.status_code == 200, members.text
        invited = members.json()["invitations"]
        return {
            "slug": ids["slug"],
            "project_id": ids["project"],
            "account": accounts[EMAIL],
            "session": next(one["id"] for one in sessions if not one["current"]) if len(sessions) > 1 else uuid4().hex,
            "invitation": invited[0]["id"],
            "token": self.link.rpartition("/")[2],
            "stat_id": ids["stat"],
            "stat": ids["stat"],
            "public": self._shared(self.victim.client)["id"],
            "event": ids["event"],
            "request": ids["request"],
            "span": ids["span"],
            "annotation": ids["annotation"],
            "key": ids["key"],
            "letter": ids["letter"],
            "record": ids["event"],
        }

    def _shared(self, client: Client) -> dict[str, Any]:
        """A stat whose name everybody has, made public."""
        shared: dict[str, Any] = self.server.call("stat.share", project=client.project, ref=SHARED, public=True)
        return shared

    def _invite(self, slug: str) -> str:
        form = {"csrf": self.owner.csrf, "role": "viewer"}
        page = self.owner.send("POST", f"/app/p/{slug}/members/invitations", form).text
        return "/app/invitation/" + page.partition("/app/invitation/")[2].partition("<")[0]


class Hostile:
    """A project whose every text is markup, too long or from right to left."""

    def __init__(self, server: Any) -> None:
        text = HOSTILE
        client = Client(server, HOSTILE[:90])
        mine = next(one for one in server.call("project.list") if one["id"] == client.project)
        server.call("key.create", project=client.project, name=RTL)
        server.call("key.create", project=client.project, name=LONG)
        event = {"type": "error", "name": text, "message": text + RTL, "meta": {text: text, LONG: LONG}}
        logister = {
            "event_type": "error",
            "message": text,
            "environment": text[:60],
            "level": text[:20],
            "uuid": str(uuid4()),
            "context": {text: {text: text}, "exception": {"class": text, "message": text, "backtrace": [text, LONG]}},
        }
        records: list[tuple[str, Any]] = [
            *(("/v1/ingest", {"stat": name, "count": 1}) for name in (text, LONG, RTL, LETTERS)),
            ("/api/v1/events", {"events": [event]}),
            ("/api/slowstats/ingest-metrics", {"projectId": client.project, "payload": {text: 1, LONG: 2}}),
            ("/api/v1/ingest_events", {"event": logister}),
        ]
        for path, body in records:
            answer = BY_PATH[path].post(client, body)
            assert answer.status_code < 300, (path, answer.text)
        note = {"text": text, "stat": LONG, "url": "https://example.org/" + "a" * 80}
        assert client.call("POST", "/v1/annotations", json=note).status_code < 300
        refused = server.call("key.create", project=client.project, name=text)
        assert BY_PATH["/v1/ingest"].post(client, b"{", key=refused["key"]).status_code == 400
        settle(server)
        self.ids = {
            "slug": mine["slug"],
            "stat": client.api("/stats", q=text)["stats"][0]["id"],
            "record": logister["uuid"],
            "letter": plant_letter(client, mine["number"], text),
        }
