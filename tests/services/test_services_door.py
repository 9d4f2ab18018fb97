"""Sessions, roles, members and invitations, and the log that tells of them."""

import pytest
import sqlalchemy as sa
from service_checks import refused

from headrace.api.services import OPERATOR, accounts, audit, invitations, login_tokens, members, projects, sessions
from headrace.api.services.base import Who
from headrace.api.services.roles import ROLES, SCOPES_OF
from headrace.catalog import accounts as account_rows
from headrace.catalog import keys as key_rows
from headrace.catalog import logins, tables
from headrace.catalog import projects as project_table
from headrace.catalog.accounts import AccountRow

DAY = 24 * 3_600 * 1_000_000
EMAIL, PASSWORD = "owner@example.org", "correct horse"


def account(house, name):
    """An account without a password worth its time; gives its viewer."""
    with house.context.catalog.write() as conn:
        account_rows.add(conn, AccountRow(name, f"{name}@example.org", name, "hash", "member", house.clock.now))
    return viewer_of(house, name)


def viewer_of(house, account_id):
    with house.context.catalog.write() as conn:
        info = accounts.info(account_rows.by_id(conn, account_id))
        token = sessions.begin(house.context, conn, info, "192.0.2.1", "Browser")
    return sessions.find(house.context, token, "192.0.2.1")


def owner(house):
    return viewer_of(house, house.first.account.id)


def place(house, viewer, project=None):
    return sessions.project(house.context, viewer, project or house.project.slug)


def joined(house, name, role):
    """A member with that role; gives the viewer."""
    made = invitations.create(house.context, place(house, owner(house)), role=role)
    viewer = account(house, name)
    invitations.join(house.context, made.token, viewer.actor.who)
    return viewer


def told(house, **filters):
    """What people did, the newest first."""
    lines = audit.page(house.context, OPERATOR, **filters).lines
    return [(line.who, line.action, line.subject) for line in lines if line.who_kind != "operator"]


def test_a_session_is_found_by_its_token_alone(house):
    token = sessions.open(house.context, " OWNER@example.org", PASSWORD, "192.0.2.7", "  Fire\nfox " + "x" * 300)
    viewer = sessions.find(house.context, token)
    assert viewer.account.email == EMAIL
    (one,) = sessions.list_open(house.context, viewer)
    assert (one.address, one.current, len(one.agent), one.agent[:8]) == ("192.0.2.7", True, 200, "Fire fox")
    with house.context.catalog.read() as conn:
        stored = conn.execute(sa.select(tables.logins)).one()
    assert token.encode() not in b"".join(value for value in stored if isinstance(value, bytes))
    assert token not in str(stored)
    for wrong in ("", "x", token[:-1], token + "a", token.swapcase(), "\ud800"):
        assert sessions.find(house.context, wrong) is None
    assert viewer.csrf != sessions.find(house.context, sessions.open(house.context, EMAIL, PASSWORD, "", "")).csrf


@pytest.mark.parametrize(
    ("email", "password", "who"),
    [
        (EMAIL, "wrong horse", EMAIL),
        ("nobody@example.org", PASSWORD, ""),
        (PASSWORD, PASSWORD, ""),
        ("", "", ""),
    ],
)
def test_who_does_not_get_in_hears_the_same_and_is_told_of_once_a_minute(house, email, password, who):
    words = {refused("forbidden", sessions.open, house.context, email, password, "192.0.2.7", "") for _ in range(2)}
    assert words == {"this e-mail address and password do not belong together"}
    assert told(house) == [(who, "failed to sign in", "")]
    house.clock.now += audit.FAILURES_EVERY_US - 1
    refused("forbidden", sessions.open, house.context, email, password, "192.0.2.7", "")
    assert len(told(house)) == 1
    house.clock.now += 2
    refused("forbidden", sessions.open, house.context, email, password, "192.0.2.7", "")
    assert len(told(house)) == 2


def test_a_session_lives_as_long_as_it_is_used(house):
    begun = house.clock.now
    token = sessions.open(house.context, EMAIL, PASSWORD, "192.0.2.7", "", idle_us=DAY)
    house.clock.now = begun + DAY - 1
    viewer = sessions.find(house.context, token, "192.0.2.8")
    assert viewer
    assert [(one.seen_at, one.address) for one in sessions.list_open(house.context, viewer)] == [
        (begun + DAY - 1, "192.0.2.8")
    ]
    house.clock.now += sessions.SEEN_EVERY_US - 1  # not noted: the end stays
    assert sessions.find(house.context, token)
    house.clock.now = begun + 2 * DAY - 2
    assert sessions.find(house.context, token)
    house.clock.now += DAY
    assert sessions.find(house.context, token) is None
    sessions.open(house.context, EMAIL, PASSWORD, "", "")
    with house.context.catalog.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(tables.logins)).scalar_one() == 1


def test_a_program_s_login_lives_for_seven_days_used_or_not(house):
    begun = house.clock.now
    token = login_tokens.open(house.context, " OWNER@example.org", PASSWORD, "192.0.2.7", "curl/8\n.5").token
    browser = sessions.open(house.context, EMAIL, PASSWORD, "192.0.2.7", "Browser")
    assert sessions.find(house.context, token) is None
    assert login_tokens.find(house.context, browser, "") is None
    house.clock.now = begun + login_tokens.LIFE_US - 1
    holder = login_tokens.find(house.context, token, "192.0.2.8")
    assert (holder.account.email, holder.who) == (EMAIL, Who("account", holder.account.id, EMAIL, "192.0.2.8"))
    viewer = sessions.find(house.context, browser)
    (login,) = [one for one in sessions.list_open(house.context, viewer) if not one.current]
    assert (login.agent, login.address, login.seen_at) == ("API, curl/8 .5", "192.0.2.8", house.clock.now)
    house.clock.now += 1
    assert login_tokens.find(house.context, token, "") is None
    for wrong in ("", sessions.PROGRAM_PREFIX, token[:-1], token + "a", "\ud800"):
        assert login_tokens.find(house.context, wrong, "") is None
    words = refused("forbidden", login_tokens.open, house.context, EMAIL, "wrong horse", "192.0.2.7", "")
    assert words == "this e-mail address and password do not belong together"
    assert told(house)[0] == (EMAIL, "failed to sign in", "")


def test_sessions_end_and_only_ones_own(house):
    mine, other, foreign = owner(house), owner(house), viewer_of(house, "stranger")
    refused("not_found", sessions.close, house.context, mine, foreign.session)
    sessions.close(house.context, mine, other.session)
    assert [one.id for one in sessions.list_open(house.context, mine)] == [mine.session]
    sessions.close(house.context, mine)
    assert sessions.list_open(house.context, mine) == []
    assert sessions.list_open(house.context, foreign)
    assert [line[1] for line in told(house)][:2] == ["signed out", "ended a session"]


def test_a_new_password_ends_the_other_sessions(house):
    mine, other = owner(house), owner(house)
    change = {"old": PASSWORD, "new": "a fresh passphrase"}
    args = (accounts.change_password, house.context, mine.actor.who, mine.session)
    refused("forbidden", *args, **change | {"old": "wrong"})
    for length in (accounts.PASSWORD_MIN - 1, accounts.PASSWORD_MAX + 1):
        refused("invalid", *args, **change | {"new": "x" * length})
    accounts.change_password(house.context, mine.actor.who, mine.session, **change)
    assert [one.id for one in sessions.list_open(house.context, mine)] == [mine.session]
    assert accounts.verify_password(house.context, EMAIL, PASSWORD) is None
    assert accounts.verify_password(house.context, EMAIL, "a fresh passphrase")
    with house.context.catalog.read() as conn:
        assert logins.load(conn, other.account.id, house.clock.now)[0].id == mine.session


def test_a_role_says_what_its_actor_may(house):
    for role in ROLES:
        viewer = joined(house, f"the-{role}", role)
        there = place(house, viewer)
        assert (there.role, there.actor.scopes) == (role, SCOPES_OF[role])
        assert there.actor.who.id == viewer.account.id
        assert there.actor.project == house.project.number
        refused("not_found", place, house, viewer, house.foreign.slug)
        assert [one.info.id for one in sessions.projects(house.context, viewer)] == [house.project.id]
        refused("forbidden", accounts.list_all, house.context, there.actor)
        refused("forbidden", audit.page, house.context, there.actor)
        refused("forbidden", projects.create, house.context, there.actor, name="x")
        if role != "owner":
            refused("forbidden", projects.archive, house.context, there.actor, house.project.id)
            refused("forbidden", projects.delete, house.context, there.actor, house.project.id)
    boss, stranger = owner(house), viewer_of(house, "stranger")
    assert {one.role for one in sessions.projects(house.context, boss)} == {"owner"}
    assert len(sessions.projects(house.context, boss)) == 2
    assert place(house, boss, house.foreign.number).actor.account == "stranger"
    refused("not_found", place, house, stranger)
    projects.archive(house.context, place(house, boss).actor, house.project.id)
    refused("not_found", place, house, boss)


@pytest.mark.parametrize(
    ("asks", "whom", "role", "code"),
    [
        ("admin", "member", "admin", None),
        ("admin", "viewer", "member", None),
        ("admin", "member", "owner", "forbidden"),
        ("admin", "owner", "viewer", "forbidden"),
        ("owner", "owner", "viewer", None),
        ("owner", "admin", "owner", None),
        ("member", "viewer", "member", "forbidden"),
        ("viewer", "viewer", "member", "forbidden"),
        ("owner", "member", "boss", "invalid"),
        ("owner", "nobody", "member", "not_found"),
    ],
)
def test_who_may_change_whose_role(house, asks, whom, role, code):
    one, other = joined(house, "one", asks), joined(house, "other", whom if whom in ROLES else "member")
    target = other.account.id if whom in ROLES else "nobody"
    if code:
        refused(code, members.change_role, house.context, place(house, one), target, role)
        return
    members.change_role(house.context, place(house, one), target, role)
    assert place(house, other).role == role
    assert told(house)[0] == ("one@example.org", "changed a role", "other@example.org")


@pytest.mark.parametrize(
    ("asks", "whom", "code"),
    [
        ("admin", "member", None),
        ("admin", "owner", "forbidden"),
        ("member", "viewer", "forbidden"),
        ("owner", "owner", None),
        ("viewer", "self", None),
        ("admin", "self", None),
    ],
)
def test_who_may_remove_whom(house, asks, whom, code):
    one = joined(house, "one", asks)
    other = one if whom == "self" else joined(house, "other", whom)
    if code:
        refused(code, members.remove, house.context, place(house, one), other.account.id)
        return
    members.remove(house.context, place(house, one), other.account.id)
    refused("not_found", place, house, other)


def test_the_last_owner_stays_and_another_takes_over(house):
    boss = viewer_of(house, "stranger")
    there = place(house, boss, house.foreign.slug)
    refused("conflict", members.remove, house.context, there, "stranger")
    refused("conflict", members.change_role, house.context, there, "stranger", "viewer")
    assert [(one.may_change, one.may_go) for one in members.list_all(house.context, there)] == [(False, False)]
    made = invitations.create(house.context, there, role="owner")
    heir = account(house, "heir")
    invitations.join(house.context, made.token, heir.actor.who)
    secrets = {}
    from headrace.api.services import keys
    from headrace.api.services.key_specs import KeySpec

    for wide in (False, True):
        spec = KeySpec(name="wide" if wide else "narrow", account_wide=wide)
        secrets[wide] = keys.create(house.context, there.actor, project=house.foreign.number, spec=spec).id
    members.change_role(house.context, there, "stranger", "viewer")
    assert place(house, heir, house.foreign.slug).actor.account == "heir"
    assert place(house, boss, house.foreign.slug).role == "viewer"
    with house.context.catalog.read() as conn:
        narrow, wide = key_rows.by_id(conn, secrets[False]), key_rows.by_id(conn, secrets[True])
    assert (narrow.account_id, narrow.revoked_at) == ("heir", None)
    assert wide.revoked_at == house.clock.now
    refused("conflict", members.remove, house.context, place(house, heir, house.foreign.slug), "heir")


def test_an_invitation_works_once_within_a_week(house):
    there = place(house, owner(house))
    made = invitations.create(house.context, there, role="member", email=" One@example.org")
    offer = invitations.look(house.context, made.token)
    assert (offer.role, offer.email, offer.by, offer.project) == ("member", "one@example.org", EMAIL, "Shop")
    refused("forbidden", invitations.join, house.context, made.token, account(house, "two").actor.who)
    refused(
        "conflict",
        invitations.join,
        house.context,
        invitations.create(house.context, there, role="viewer").token,
        there.actor.who,
    )
    one = account(house, "one")
    house.clock.now += invitations.LIFE_US - 1
    assert invitations.join(house.context, made.token, one.actor.who) == house.project.slug
    refused("not_found", invitations.join, house.context, made.token, one.actor.who)
    late = invitations.create(house.context, place(house, one := owner(house)), role="viewer")
    house.clock.now += invitations.LIFE_US
    for call in (invitations.look, lambda *args: invitations.join(*args, one.actor.who)):
        refused("not_found", call, house.context, late.token)


def test_an_invitation_makes_an_account_too(house):
    there = place(house, owner(house))
    made = invitations.create(house.context, there, role="admin")
    form = {"email": "new@example.org", "password": "x" * 12, "name": "", "address": "", "agent": "", "idle_us": DAY}
    refused("invalid", invitations.register, house.context, made.token, **form | {"password": "x" * 11})
    refused("conflict", invitations.register, house.context, made.token, **form | {"email": EMAIL})
    slug, token = invitations.register(house.context, made.token, **form)
    viewer = sessions.find(house.context, token)
    assert (slug, viewer.account.name, viewer.account.role) == (house.project.slug, "new", "member")
    assert place(house, viewer).role == "admin"
    assert told(house)[:3] == [
        ("new@example.org", "signed in", ""),
        ("new@example.org", "used an invitation", EMAIL),
        ("new@example.org", "made an account", "new@example.org"),
    ]
    refused("not_found", invitations.register, house.context, made.token, **form | {"email": "b@example.org"})


def test_invitations_are_taken_back_and_bounded(house):
    there = place(house, owner(house))
    made = [invitations.create(house.context, there, role="viewer") for _ in range(invitations.OPEN_MAX)]
    refused("conflict", invitations.create, house.context, there, role="viewer")
    foreign = place(house, viewer_of(house, "stranger"), house.foreign.slug)
    refused("not_found", invitations.revoke, house.context, foreign, made[0].id)
    invitations.revoke(house.context, there, made[0].id)
    refused("not_found", invitations.look, house.context, made[0].token)
    assert len(invitations.list_open(house.context, there)) == invitations.OPEN_MAX - 1
    admin = place(house, joined_as_admin(house, made[1]))
    refused("forbidden", invitations.create, house.context, admin, role="owner")
    refused("invalid", invitations.create, house.context, there, role="viewer", email="nobody")


def joined_as_admin(house, invitation):
    viewer = account(house, "adm")
    invitations.join(house.context, invitation.token, viewer.actor.who)
    members.change_role(house.context, place(house, owner(house)), viewer.account.id, "admin")
    return viewer


def test_who_owns_a_project_deletes_it_and_sees_that_it_goes(house):
    people = {role: joined(house, f"the-{role}", role) for role in ROLES}
    stranger = viewer_of(house, "stranger")
    refused("not_found", sessions.kept_project, house.context, stranger, house.project.id)
    projects.archive(house.context, place(house, people["owner"]).actor, house.project.id)
    for role, viewer in people.items():
        assert sessions.kept_project(house.context, viewer, house.project.id).role == role
        assert [one.info.state for one in sessions.retired(house.context, viewer)] == ["archived"] * (role == "owner")
    # One who is owner by membership, not by account.
    projects.delete(house.context, sessions.kept_project(house.context, people["owner"], "shop").actor, "shop")
    for role, viewer in people.items():
        refused("not_found", sessions.kept_project, house.context, viewer, house.project.id)
        refused("not_found", place, house, viewer)
        assert [one.info.state for one in sessions.retired(house.context, viewer)] == ["deleting"] * (role == "owner")
    assert sessions.retired(house.context, stranger) == []
    with house.context.catalog.write() as conn:
        assert project_table.end_deletion(conn, house.project.number)
    assert sessions.retired(house.context, people["owner"]) == sessions.retired(house.context, owner(house)) == []


def test_an_archived_project_lets_nobody_in(house):
    there = place(house, owner(house))
    made = invitations.create(house.context, there, role="viewer")
    projects.archive(house.context, there.actor, house.project.id)
    refused("not_found", invitations.look, house.context, made.token)


def test_the_log_turns_pages_and_forgets(house):
    viewer = owner(house)
    for number in range(5):
        house.clock.now += 1_000
        accounts.rename(house.context, viewer.actor.who, f"name {number}")
    renamed = {"action": "changed the name", "limit": 2}
    seen, cursor = [], None
    while True:
        page = audit.page(house.context, viewer.actor, cursor=cursor, **renamed)
        seen += [line.details for line in page.lines]
        cursor = page.next
        if cursor is None:
            break
    assert seen == [f"name {number}" for number in (4, 3, 2, 1, 0)]
    assert told(house, project=house.project.slug) == []
    assert told(house, who="nobody") == []
    refused("invalid", audit.page, house.context, OPERATOR, action="sneezed")
    refused("not_found", audit.page, house.context, OPERATOR, project="nowhere")
    for limit in (0, audit.PAGE_MAX + 1):
        refused("invalid", audit.page, house.context, OPERATOR, limit=limit)
    last = house.clock.now
    house.clock.now = last + audit.KEPT_US
    audit.forget(house.context)
    assert [line[1] for line in told(house)] == ["changed the name"]
    house.clock.now += 1
    audit.forget(house.context)
    assert told(house) == []
