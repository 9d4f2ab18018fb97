"""Set-up, accounts and projects."""

import threading

import msgspec
import pytest
import sqlalchemy as sa
from service_checks import refused

from headrace.api.services import (
    OPERATOR,
    Actor,
    Context,
    ServiceError,
    accounts,
    audit,
    keys,
    projects,
    sessions,
    setup,
)
from headrace.api.services.base import Who
from headrace.api.services.key_specs import KeySpec
from headrace.api.services.projects import ProjectUse
from headrace.catalog import meta, tables
from headrace.catalog import projects as project_table

PASSWORD = "correct horse"
GOOD = {"email": "Owner@Example.org", "password": PASSWORD}


def test_the_setup_token_makes_an_owner_once(empty: Context) -> None:
    stale, token = setup.issue_token(empty), setup.issue_token(empty)
    assert stale
    assert token
    with empty.catalog.read() as conn:
        assert token.encode() not in conn.execute(sa.select(tables.meta.c.setup_sha256)).scalar_one()

    refused("forbidden", setup.complete, empty, stale, **GOOD)
    refused("forbidden", setup.complete, empty, "\ud800", **GOOD)
    refused("invalid", setup.complete, empty, token, email="nobody", password="correct horse")
    made = setup.complete(empty, token, **GOOD, project="My shop")
    refused("forbidden", setup.complete, empty, token, email="two@example.org", password="correct horse")
    refused("conflict", setup.init, empty, **GOOD)

    assert setup.issue_token(empty) is None
    assert (made.account.email, made.account.role, made.project.slug) == ("owner@example.org", "owner", "my-shop")
    assert made.project.number == 1
    viewer = sessions.find(empty, made.token)
    assert viewer
    assert (viewer.account, viewer.is_owner) == (made.account, True)
    assert keys.list_all(empty, viewer.actor) == []
    assert [row.id for row in accounts.list_all(empty, OPERATOR)] == [made.account.id]


def test_of_two_people_with_the_link_one_gets_in(empty: Context) -> None:
    token = setup.issue_token(empty)
    assert token
    start, answers = threading.Barrier(2), []

    def work(email: str) -> None:
        start.wait()
        try:
            setup.complete(empty, token, email=email, password="correct horse")
            answers.append("in")
        except ServiceError as error:
            answers.append(error.code)

    threads = [threading.Thread(target=work, args=(f"{name}@example.org",)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["forbidden", "in"]
    assert len(accounts.list_all(empty, OPERATOR)) == 1


def test_init_ends_a_token_that_was_handed_out(empty: Context) -> None:
    token = setup.issue_token(empty)
    assert token
    setup.init(empty, **GOOD)
    refused("forbidden", setup.complete, empty, token, email="two@example.org", password="correct horse")


@pytest.mark.parametrize(
    ("email", "password", "found"),
    [
        pytest.param("owner@example.org", "correct horse", True, id="right"),
        pytest.param(" OWNER@example.ORG ", "correct horse", True, id="another case"),
        pytest.param("owner@example.org", "Correct horse", False, id="wrong password"),
        pytest.param("owner@example.org", "", False, id="empty password"),
        pytest.param("nobody@example.org", "correct horse", False, id="unknown address"),
        pytest.param("nobody@example.org", "", False, id="unknown address and the empty password"),
        pytest.param("\ud800", "\ud800", False, id="not text"),
    ],
)
def test_passwords(house, email: str, password: str, found: bool) -> None:
    account = accounts.verify_password(house.context, email, password)
    assert (account and account.id) == (house.first.account.id if found else None)


def test_a_hash_of_old_strength_is_renewed_at_sign_in(house) -> None:
    from argon2 import PasswordHasher

    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse")
    with house.context.catalog.write() as conn:
        conn.execute(sa.update(tables.accounts).values(password_hash=old))
    assert accounts.verify_password(house.context, "owner@example.org", "correct horse")
    with house.context.catalog.read() as conn:
        column = tables.accounts.c.password_hash
        new = conn.execute(sa.select(column).where(tables.accounts.c.email == "owner@example.org")).scalar_one()
    assert new != old
    assert accounts.verify_password(house.context, "owner@example.org", "correct horse")


@pytest.mark.parametrize(
    ("email", "password", "code"),
    [
        pytest.param("a@b", "x" * 11, "invalid", id="password of 11"),
        pytest.param("a@b", "x" * 12, None, id="password of 12"),
        pytest.param("a@b", "x" * 128, None, id="password of 128"),
        pytest.param("a@b", "x" * 129, "invalid", id="password of 129"),
        pytest.param("a" * 252 + "@b", "x" * 12, None, id="email of 254"),
        pytest.param("a" * 253 + "@b", "x" * 12, "invalid", id="email of 255"),
        pytest.param("a b@c", "x" * 12, "invalid", id="email with a blank"),
        pytest.param("a@b@c", "x" * 12, "invalid", id="email with two @"),
        pytest.param("  ", "x" * 12, "invalid", id="blank email"),
        pytest.param("a\0@b", "x" * 12, "invalid", id="email with NUL"),
        pytest.param("a\ud800@b", "x" * 12, "invalid", id="email with half a character"),
        pytest.param("OWNER@example.org", "x" * 12, "conflict", id="taken in another case"),
    ],
)
def test_account_limits(house, email: str, password: str, code: str | None) -> None:
    if code:
        refused(code, accounts.create, house.context, OPERATOR, email=email, password=password)
        return
    made = accounts.create(house.context, house.owner, email=email, password=password)
    assert made.role == "member"
    assert accounts.verify_password(house.context, email, password) == made


def test_the_first_account_made_by_hand_is_an_owner(empty: Context) -> None:
    roles = [
        accounts.create(empty, OPERATOR, email=f"{name}@example.org", password="x" * 12).role for name in ("a", "b")
    ]
    assert roles == ["owner", "member"]


@pytest.mark.parametrize("who", ["member", "key of one project", "key without manage"])
def test_only_owners_manage_accounts(house, who: str) -> None:
    actor = {
        "member": house.stranger,
        "key of one project": house.owner._replace(project=1),
        "key without manage": house.owner._replace(scopes=frozenset(("read", "write"))),
    }[who]
    refused("forbidden", accounts.list_all, house.context, actor)
    refused("forbidden", accounts.create, house.context, actor, email="n@example.org", password="x" * 12)


@pytest.mark.parametrize(
    ("names", "slugs"),
    [
        pytest.param(["My Shop", "my shop", "MY-SHOP!"], ["my-shop", "my-shop-2", "my-shop-3"], id="same words"),
        pytest.param(["Café Größe"], ["cafe-groe"], id="accents"),
        pytest.param(["日本", "🙂"], ["project", "project-2"], id="no ASCII at all"),
        pytest.param(["a" * 59 + " b" * 20], ["a" * 59], id="cut at a word"),
    ],
)
def test_slugs_are_unique_and_plain(house, names: list[str], slugs: list[str]) -> None:
    assert [projects.create(house.context, house.owner, name=name).slug for name in names] == slugs


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        pytest.param("x" * 100, True, id="100"),
        pytest.param("x" * 101, False, id="101"),
        pytest.param("", False, id="empty"),
        pytest.param(" \t", False, id="blank"),
        pytest.param("a\nb", False, id="two lines"),
        pytest.param("a\x00b", True, id="NUL is repaired"),
        pytest.param("فروشگاه\u200cما 👩\u200d👧", True, id="joined"),
        pytest.param("\u200d", False, id="a joiner alone"),
        pytest.param("a\u202eb", False, id="turned around"),
    ],
)
def test_project_names(house, name: str, fine: bool) -> None:
    if fine:
        made = projects.create(house.context, house.owner, name=f" {name} ")
        assert projects.get(house.context, house.owner, name.replace("\x00", "\ufffd")) == made
    else:
        refused("invalid", projects.create, house.context, house.owner, name=name)


def test_projects_are_found_by_id_slug_number_and_single_name(house) -> None:
    context, owner = house.context, house.owner
    twin = projects.create(context, owner, name="Shop")
    for ref in (house.project.id, "shop", house.project.number):
        assert projects.get(context, owner, ref) == ProjectUse(**msgspec.structs.asdict(house.project), used=0)
    assert "2 projects" in refused("conflict", projects.get, context, owner, "Shop")
    projects.archive(context, owner, twin.id)
    assert projects.get(context, owner, "Shop") == ProjectUse(**msgspec.structs.asdict(house.project), used=0)
    assert projects.get(context, owner, twin.id).state == "archived"
    assert [row.id for row in projects.list_all(context, owner)] == [house.project.id]
    assert [row.id for row in projects.list_all(context, owner, archived=True)] == [house.project.id, twin.id]


def test_another_accounts_project_is_the_same_as_none(house) -> None:
    unknown = refused("not_found", projects.get, house.context, house.owner, "nothing")
    for ref in (house.foreign.id, house.foreign.slug, house.foreign.name, house.foreign.number):
        assert refused("not_found", projects.get, house.context, house.owner, ref) == unknown
        assert refused("not_found", projects.archive, house.context, house.owner, ref) == unknown
    assert {row.id for row in projects.list_all(house.context, OPERATOR)} == {house.project.id, house.foreign.id}
    mine = house.owner._replace(project=house.project.number)
    other = projects.create(house.context, house.owner, name="Other")
    assert [row.id for row in projects.list_all(house.context, mine)] == [house.project.id]
    refused("not_found", projects.get, house.context, mine, other.id)


def test_archiving_twice_is_a_conflict_and_stops_the_keys(house) -> None:
    context, owner = house.context, house.owner
    done = projects.archive(context, owner, "shop")
    assert (done.state, done.archived_at) == ("archived", house.clock.now)
    refused("conflict", projects.archive, context, owner, house.project.id)
    assert [key.state for key in keys.list_all(context, owner)] == ["revoked"]
    refused("not_found", keys.create, context, owner, project=house.project.id, spec=KeySpec())


@pytest.mark.parametrize("state", ["live", "archived"])
def test_what_is_being_deleted_is_found_by_nobody(house, state: str) -> None:
    context, owner = house.context, house.owner
    if state == "archived":
        projects.archive(context, owner, "shop")
    done = projects.delete(context, owner, "shop")
    assert (done.id, done.state) == (house.project.id, "deleting")
    for ref in (house.project.id, "shop", house.project.number, "Shop"):
        for call in (projects.get, projects.archive, projects.delete):
            for actor in (owner, OPERATOR):
                refused("not_found", call, context, actor, ref)
        refused("not_found", keys.create, context, owner, project=ref, spec=KeySpec())
    assert [key.state for key in keys.list_all(context, owner)] == ["revoked"]
    assert projects.list_all(context, owner) == []
    assert [row.state for row in projects.list_all(context, owner, archived=True)] == ["deleting"]
    (line,) = audit.page(context, OPERATOR, action="deleted a project").lines
    assert (line.subject_id, line.subject) == (house.project.id, "Shop")


def test_an_id_of_a_deleted_project_is_not_given_again(house) -> None:
    context = house.context
    brought = projects.create(context, OPERATOR, name="Old", id="from-before")
    for state in ("deleting", "deleted"):
        if state == "deleting":
            projects.delete(context, OPERATOR, brought.id)
        else:
            with context.catalog.write() as conn:
                assert project_table.end_deletion(conn, brought.number)
        told = refused("conflict", projects.create, context, OPERATOR, name="Old", id="from-before")
        assert "deleted" in told
        refused("not_found", projects.get, context, OPERATOR, "from-before")
    again = projects.create(context, OPERATOR, name="Old")
    assert (again.slug, again.number) == ("old", brought.number + 1)
    assert [row.name for row in projects.list_all(context, OPERATOR, archived=True)] == ["Shop", "Foreign", "Old"]


def test_whoever_deletes_their_last_project_begins_anew(house) -> None:
    context = house.context
    guest = accounts.create(context, OPERATOR, email="guest@example.org", password=PASSWORD)
    owner, invited = (Actor(one, who=Who("account", one)) for one in (house.stranger.account, guest.id))
    projects.delete(context, owner, house.foreign.id)
    with context.catalog.write() as conn:
        assert project_table.end_deletion(conn, house.foreign.number)
    assert projects.create(context, owner, name="Anew").slug == "anew"
    refused("forbidden", projects.create, context, invited, name="Anew")


@pytest.mark.parametrize("actor", ["reader", "project key"])
def test_deleting_takes_manage_on_the_account(house, actor: str) -> None:
    who = house.owner._replace(scopes=frozenset(("read", "write")))
    if actor == "project key":
        who = house.owner._replace(project=1)
    refused("forbidden", projects.delete, house.context, who, "shop")
    refused("not_found", projects.delete, house.context, house.owner, house.foreign.id)


@pytest.mark.parametrize("role", [None, "owner", "admin", "member", "viewer"])
def test_a_quota_is_set_by_owners_of_the_project(house, role: str | None) -> None:
    who = house.owner._replace(project=1, role=role)
    if role == "owner":
        assert projects.set_quota(house.context, who, "shop", 5).quota == 5
    else:
        refused("forbidden", projects.set_quota, house.context, who, "shop", 5)
    assert projects.set_quota(house.context, house.owner, "shop", None).quota is None


@pytest.mark.parametrize("actor", ["reader", "project key"])
def test_making_projects_takes_manage_on_the_account(house, actor: str) -> None:
    who = house.owner._replace(scopes=frozenset(("read", "write")))
    if actor == "project key":
        who = house.owner._replace(project=1)
    refused("forbidden", projects.create, house.context, who, name="New")


def test_projects_need_an_account(empty: Context) -> None:
    assert "init" in refused("conflict", projects.create, empty, OPERATOR, name="New")
    refused("not_found", projects.create, empty, OPERATOR, name="New", account="nobody@example.org")
    with empty.catalog.read() as conn:
        assert meta.key_epoch(conn) == 1


def test_an_actor_reaches_what_its_key_reaches() -> None:
    from headrace.api.services import key_actor
    from headrace.api.services.base import Who
    from headrace.catalog.keys import KeyRow

    row = KeyRow("k", "a", 3, "p", "project", "key", frozenset(("read",)), b"", {}, None, None, False, 9, None, "")
    assert key_actor(row) == Actor("a", 3, frozenset(("read",)), 9, Who("key", "k"))
    assert key_actor(row._replace(reach="account")).project is None


def test_a_project_brings_the_id_that_its_programs_send(empty: Context) -> None:
    setup.init(empty, **GOOD)
    made = projects.create(empty, OPERATOR, name="Old", id="abc123")
    assert made.id == "abc123"
    assert projects.get(empty, OPERATOR, "abc123").number == made.number
    refused("conflict", projects.create, empty, OPERATOR, name="Other", id="abc123")


@pytest.mark.parametrize("brought", ["", "a b", "-a", "a/b", "é", "a" * 65])
def test_an_id_that_urls_could_not_hold_is_refused(empty: Context, brought: str) -> None:
    setup.init(empty, **GOOD)
    refused("invalid", projects.create, empty, OPERATOR, name="Odd", id=brought)
