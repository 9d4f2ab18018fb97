"""Pages of keys, dead letters, projects and the server, over a real catalog and without a network."""

from __future__ import annotations

import re
from html import unescape

import pytest
from api_world import NOW

from headrace.api.deps import Readiness
from headrace.api.services import OPERATOR, accounts, keys
from headrace.api.services.key_specs import KeySpec
from headrace.catalog import dead_letters as letter_rows
from headrace.catalog import projects as project_rows
from headrace.records.ids import uuid7
from headrace.store.errors import StoreUnavailable
from headrace.web.forms import MAX_FORM
from headrace.web.render import APP_SECURITY_POLICY

PASSWORD = "correct horse battery"
ORIGIN = "http://tele.test:8787"
SHOP = "/app/p/ann-shop"
HOSTILE = "<img src=x onerror=alert(1)>'\"&"
#: A row of points as the store takes it: project, stat, ts in ms, value, flags.
POINT = "[{number},123456,1790000000000,0.5,0]"


class Visit:
    """A signed-in browser."""

    def __init__(self, world, email):
        self.world = world
        form = {"email": email, "password": PASSWORD}
        answer = world.call("POST", "/app/sign-in", data=form, headers={"origin": ORIGIN})
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        self.csrf = re.search(r'data-csrf="(\w+)"', self.get("/app/projects").text)[1]

    def get(self, path, **headers):
        return self.world.call("GET", path, headers={"cookie": self.cookie, **headers})

    def post(self, path, **form):
        headers = {"cookie": self.cookie, "origin": ORIGIN}
        return self.world.call("POST", path, headers=headers, data={"csrf": self.csrf, **form})


@pytest.fixture
def ann(world):
    """An owner of the instance."""
    return Visit(world, "ann@example.org")


@pytest.fixture
def bob(world):
    """Somebody with projects of their own."""
    return Visit(world, "bob@example.org")


@pytest.fixture
def letters(world):
    """Two open letters of ann's shop, the older one with a row that cannot be read; gives their ids, newest first."""
    with world.context.catalog.write() as conn:
        number = project_rows.by_slug(conn, "ann-shop").number
        for index, row in enumerate(("{not json", POINT.format(number=number))):
            letter_rows.add(
                conn,
                journal="j",
                segment=7,
                table="points",
                partition="2026",
                row_index=index,
                project=number,
                row=row,
                reason=f"refused: {HOSTILE}",
                at=NOW + index,
            )
        found = letter_rows.page(conn, projects=None, state="open", before=None, limit=9)
    return [letter.id for letter in found]


def words_of(answer):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


@pytest.mark.parametrize("page", ["keys", "dead-letters", "connect"])
def test_pages_run_only_our_scripts_and_come_packed(ann, page):
    answer = ann.get(f"{SHOP}/{page}", **{"accept-encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == APP_SECURITY_POLICY
    assert (answer.headers["content-encoding"], answer.headers["vary"]) == ("gzip", "accept-encoding")
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?![^>]* src=)|<[^>]+ (?:on\w+|style)=", answer.text)
    plain = ann.get(f"{SHOP}/{page}", **{"accept-encoding": "br"})
    assert "content-encoding" not in plain.headers
    assert ann.get(f"{SHOP}/{page}.json").headers["content-type"] == "application/json"


def test_a_key_is_shown_once_and_revoked_by_its_name(world, ann):
    made = ann.post(f"{SHOP}/keys", name=HOSTILE, style="statflow", scope=["write", "manage"], days="30", rate="120")
    assert made.status_code == 201
    secret = re.search(r'id="made-key">(sf_\w{32})<', made.text)[1]
    assert HOSTILE not in made.text
    assert f"Revoke the key {HOSTILE}?" in words_of(made)
    again = ann.get(f"{SHOP}/keys")
    assert secret not in again.text
    listed = ann.get(f"{SHOP}/keys.json").json()["keys"]
    line = next(one["key"] for one in listed if one["key"]["name"] == HOSTILE)
    assert (line["shown"], line["scopes"], line["rate"]) == (secret[:8], ["manage", "write"], 120)
    assert line["expires_at"] - line["created_at"] == 30 * 86_400 * 1_000_000
    assert world.keys.find(secret)
    gone = ann.post(f"{SHOP}/keys/{line['id']}/revoke")
    assert gone.headers["location"] == f"{SHOP}/keys?done=revoked"
    assert world.keys.find(secret) is None
    assert line["id"] not in ann.get(f"{SHOP}/keys").text
    assert "revoked" in words_of(ann.get(f"{SHOP}/keys?revoked=1"))
    assert ann.post(f"{SHOP}/keys/{line['id']}/revoke").status_code == 422


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"scope": []}, "scopes must be some of"),
        ({"rate": "many"}, "rate must be a whole number"),
        ({"rate": "0"}, "rate must lie between"),
        ({"days": "1e3"}, "days must be a whole number"),
        ({"style": "nonsense"}, "style must be one of"),
        ({"name": "x" * 101}, "name must be at most 100 characters"),
        ({"secret": " padded "}, "secret must not hold"),
    ],
)
def test_a_form_that_does_not_do_says_why_and_keeps_what_was_typed(ann, form, said):
    answer = ann.post(f"{SHOP}/keys", **{"name": "typed", "scope": ["write"], **form})
    assert answer.status_code == 422
    assert said in words_of(answer)
    assert f'value="{form.get("name", "typed")}"' in answer.text


def test_keys_of_others_cannot_be_revoked_from_here(world, ann):
    spec = KeySpec(name="of another project")
    other = keys.create(world.context, OPERATOR, project=world.ids["ann.site"], spec=spec)
    assert ann.post(f"{SHOP}/keys/{other.id}/revoke").status_code == 422
    assert world.keys.find(other.key)


def test_a_key_made_while_connecting_stands_in_every_program(world, ann):
    asked = ann.get(f"{SHOP}/connect?dialect=logister&language=python")
    assert (
        len(re.findall(r'type="radio"[^>]+ checked>', asked.text)) == 7
    )  # the dialect, and the language of each of six
    assert 'id="dialect-logister" value="logister" checked' in asked.text
    made = ann.post(f"{SHOP}/connect")
    assert made.status_code == 201
    secret = re.search(r'id="made-key">(hr_\w{32})<', made.text)[1]
    programs = re.findall(r'<code id="sample-[\w-]+">(.*?)</code>', made.text, re.DOTALL)
    assert len(programs) == 18
    assert all(secret in program for program in programs)
    assert all("tele.test:8787" in program for program in programs)
    assert secret not in ann.get(f"{SHOP}/connect").text
    assert world.keys.find(secret).scopes == {"write"}


def test_a_letter_is_fixed_and_replayed(world, ann, letters):
    good, broken = letters
    listed = ann.get(f"{SHOP}/dead-letters")
    assert HOSTILE not in listed.text
    assert f"refused: {HOSTILE}" in words_of(listed)
    assert re.search(r'class="count">2<', listed.text)
    view = ann.get(f"{SHOP}/dead-letters/{good}.json").json()
    assert view["values"][1] == ["stat", "123456"]
    assert ann.get(f"{SHOP}/dead-letters/{broken}.json").json()["values"] == []
    refused = ann.post(f"{SHOP}/dead-letters/{good}/fix", row="[1,2]")
    assert refused.status_code == 422
    assert "[1,2]</textarea>" in refused.text
    number = view["letter"]["row"].partition(",")[0][1:]
    fixed = ann.post(f"{SHOP}/dead-letters/{good}/fix", row=f"[{number},77,1790000000000,1.5,0]", then="replay")
    assert fixed.headers["location"] == f"{SHOP}/dead-letters?done=replayed"
    assert world.replayed == [(good, "points", [int(number), 77, 1_790_000_000_000, 1.5, 0])]
    assert ann.post(f"{SHOP}/dead-letters/{broken}/replay").status_code == 422
    ann.post(f"{SHOP}/dead-letters/{broken}/discard")
    states = {
        state: ann.get(f"{SHOP}/dead-letters.json?state={state}").json() for state in ("open", "replayed", "discarded")
    }
    assert [len(found["letters"]) for found in states.values()] == [0, 1, 1]
    assert "None waits" in words_of(ann.get(f"{SHOP}/dead-letters"))


def test_a_letter_is_seen_in_its_own_project_only(world, ann, letters):
    assert ann.get(f"/app/p/ann-site/dead-letters/{letters[0]}").status_code == 404
    assert ann.post(f"/app/p/ann-site/dead-letters/{letters[0]}/discard").status_code == 404
    assert ann.get(f"{SHOP}/dead-letters/{uuid7(NOW, lambda count: b'0' * count)}").status_code == 404
    assert ann.get(f"{SHOP}/dead-letters?state=lost").status_code == 422


def test_a_row_may_be_larger_than_other_forms(ann, letters):
    row = "[" + " " * (MAX_FORM + 1) + "]"
    assert ann.post(f"{SHOP}/dead-letters/{letters[0]}/fix", row=row).status_code == 422
    assert ann.post(f"{SHOP}/keys", name="x" * (MAX_FORM + 1)).status_code == 413


def test_projects_are_made_by_whom_projects_belong_to_and_archived_by_their_owners(ann, bob):
    made = ann.post("/app/projects", name=HOSTILE)
    slug = re.fullmatch(r"/app/p/([\w-]+)/connect", made.headers["location"])[1]
    page = ann.get("/app/projects")
    assert HOSTILE not in page.text
    assert f"Archive the project {HOSTILE}?" in words_of(page)
    assert ann.post("/app/projects", name=" ").status_code == 422
    assert ann.post(f"/app/p/{slug}/archive").headers["location"] == "/app/projects?done=archived"
    assert ann.get(f"/app/p/{slug}/connect").status_code == 404
    assert bob.post("/app/projects", name="mine").headers["location"] == "/app/p/mine/connect"
    assert [line["project"]["slug"] for line in bob.get("/app/projects.json").json()["projects"]] == [
        "bob-shop",
        "bob-site",
        "mine",
    ]
    assert ann.get("/app/p/mine/overview").status_code == 200  # owners of the instance see it, too


def test_who_was_only_invited_makes_no_project(world, ann):
    accounts.create(world.context, OPERATOR, email="guest@example.org", password=PASSWORD)
    guest = Visit(world, "guest@example.org")
    assert "Make a project" not in guest.get("/app/projects").text
    answer = guest.post("/app/projects", name="mine")
    assert answer.status_code == 422
    assert "only owners of this server" in answer.text
    assert guest.get("/app/projects.json").json() == {"projects": [], "may_create": False, "retired": []}
    assert "headrace project create --name NAME --account guest@example.org" in guest.get("/app/projects").text


def test_an_owner_deletes_a_project_by_typing_its_name(world, ann, bob):
    slug = re.fullmatch(r"/app/p/([\w-]+)/connect", ann.post("/app/projects", name=HOSTILE).headers["location"])[1]
    live = {line["project"]["slug"]: line["project"]["id"] for line in ann.get("/app/projects.json").json()["projects"]}
    path = f"/app/projects/{live[slug]}/delete"
    assert f"Type {HOSTILE} to go on" in words_of(ann.get("/app/projects"))
    assert bob.post(path, name=HOSTILE).status_code == 404
    for typed in ("", HOSTILE[:-1], slug):
        refused = ann.post(path, name=typed)
        assert refused.status_code == 422
        assert "Nothing was deleted" in words_of(refused)
    assert ann.post(path, csrf="", name=HOSTILE).status_code == 403
    assert ann.get(f"/app/p/{slug}/connect").status_code == 200
    deleted = ann.post(path, name=f" {HOSTILE} ")
    assert (deleted.status_code, deleted.headers["location"]) == (303, "/app/projects?done=deleting")
    shown = ann.get(deleted.headers["location"])
    assert HOSTILE not in shown.text
    assert "The project is being deleted: its keys are unknown from now on" in words_of(shown)
    assert f"{HOSTILE} being deleted" in words_of(shown)
    assert ann.get(f"/app/p/{slug}/connect").status_code == 404
    assert ann.post(path, name=HOSTILE).status_code == 404
    view = ann.get("/app/projects.json").json()
    assert [line["project"]["state"] for line in view["retired"]] == ["deleting"]
    assert bob.get("/app/projects.json").json()["retired"] == []


def test_an_archived_project_can_be_deleted(ann):
    ann.post("/app/p/ann-site/archive")
    (line,) = ann.get("/app/projects.json").json()["retired"]
    assert (line["project"]["slug"], line["project"]["state"]) == ("ann-site", "archived")
    assert "Delete the project ann site?" in words_of(ann.get("/app/projects"))
    path = f"/app/projects/{line['project']['id']}/delete"
    assert ann.post(path, name="ann site").headers["location"] == "/app/projects?done=deleting"


def test_the_servers_page_counts_every_byte(world, ann, bob):
    folder = world.services.holdings.folder
    (folder / "journal.db-wal").write_bytes(b"x" * 8_192)
    (folder / "store" / "deep").mkdir(parents=True)
    (folder / "store" / "deep" / "part").write_bytes(b"x" * 100_000)
    (folder / "journal.db.damaged-2026").write_bytes(b"x" * 4_096)
    view = ann.get("/app/server.json").json()
    sizes = {part["name"]: part["bytes"] for part in view["disk"]}
    on_disk = sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
    assert view["disk_used"] == sum(sizes.values()) == on_disk
    assert sizes["Journal"] >= 8_192
    assert sizes["Store"] >= 100_000
    assert sizes["Other"] >= 4_096
    assert {part["name"]: part["cap"] for part in view["disk"] if part["cap"]} == {"Journal": 1_000, "Claims": 2_000}
    assert (view["commits"], view["commit_p50_us"], view["commit_p99_us"]) == (6, 1_000, 10_000)
    assert view["dialects"][1]["dialect"] == "logister"
    assert ann.get("/app/server").status_code == 200
    assert bob.get("/app/server").status_code == bob.get("/app/server.json").status_code == 404


def test_the_servers_page_says_what_is_wrong(world, ann):
    world.store.fails = StoreUnavailable("gone")
    world.ready.state = Readiness(("the disk <b>is</b> full",), ("the loader is 12 s behind",))
    shown = words_of(ann.get("/app/server"))
    assert "Not accepting: the disk <b>is</b> full" in shown
    assert "The store does not answer" in shown
    assert "Degraded: the loader is 12 s behind" in shown


def test_colours_and_the_last_project_are_remembered(ann):
    chosen = ann.post("/app/theme", theme="dark", back=f"{SHOP}/keys")
    assert chosen.headers["location"] == f"{SHOP}/keys"
    assert chosen.headers["set-cookie"].startswith("headrace_theme=dark; Max-Age=34560000; Path=/; SameSite=lax")
    assert ann.post("/app/theme", theme="pink", back="/").status_code == 422
    assert ann.post("/app/theme", theme="dark", back="https://evil.test/").headers["location"] == "/app/"
    ann.cookie += "; headrace_theme=dark"
    seen = ann.get("/app/p/ann-site/connect")
    assert 'data-theme="dark"' in seen.text
    assert seen.headers["set-cookie"].startswith("headrace_project=ann-site; ")
    assert "/app/p/ann-site/keys" not in ann.get("/app/server").text
    ann.cookie += "; headrace_project=ann-site"
    assert 'href="/app/p/ann-site/keys"' in ann.get("/app/server").text
    assert ann.get("/app/").headers["location"] == "/app/p/ann-site/overview"
    ann.cookie = ann.cookie.replace("project=ann-site", "project=gone")
    assert ann.get("/app/").headers["location"] == "/app/p/ann-shop/overview"
    assert ann.get("/app/server").status_code == 200


def test_the_switch_keeps_the_page_and_its_range(ann):
    shown = ann.get(f"{SHOP}/dead-letters?state=replayed&range=7d&tz=Europe/Berlin").text
    assert 'href="/app/p/ann-site/dead-letters?range=7d&amp;tz=Europe%2FBerlin"' in shown
    assert ann.get(f"{SHOP}/dead-letters?tz=Nowhere").status_code == 400
