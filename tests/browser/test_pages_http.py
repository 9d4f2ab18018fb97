"""Pages of data over HTTP: twins, downloads, notes, ten thousand stats, a chart across a DST change, the live feed."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape
from secrets import token_hex

import pytest
import requests
from browser_site import MEMBER, PASSWORD
from wire import TIMEOUT_S, Client, settle


@pytest.fixture(scope="module")
def shop(site):
    """A project of 10,000 stats that the owner of the instance may see, with its slug."""
    client = Client(site.server, "Ten thousand")
    for first in range(0, 10_000, 1_000):
        items = [
            {"stat": f"stat.{number:05}", "value": number, "type": "value"} for number in range(first, first + 1_000)
        ]
        assert client.call("POST", "/v1/ingest/batch", json={"items": items}).status_code < 300
    # 25 October 2026 has 25 hours in Berlin: from 22:00 UTC to 23:00 UTC.
    hours = [f"2026-10-{24 + (22 + at) // 24:02}T{(22 + at) % 24:02}:30:00Z" for at in range(25)]
    items = [{"stat": "=cmd", "value": 1, "type": "counter", "timestamp": at} for at in hours]
    assert client.call("POST", "/v1/ingest/batch", json={"items": items}).status_code < 300
    settle(site.server)
    client.slug = next(one["slug"] for one in site.server.call("project.list") if one["id"] == client.project)
    client.base = f"/app/p/{client.slug}"
    return client


def twin(person, path, **query):
    answer = person.http.get(person.url + path, params=query, timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_ten_thousand_stats_are_walked_by_name(site, shop):
    names, cursor = [], ""
    while True:
        found = twin(site.owner, f"{shop.base}/stats.json", cursor=cursor, limit=100, q="STAT.0")
        assert found["total"] == 10_000
        names += [one["name"] for one in found["stats"]]
        cursor = found["next"]
        if cursor is None or len(names) >= 300:
            break
    assert names == [f"stat.{number:05}" for number in range(300)]
    page = site.owner.get(f"{shop.base}/stats?q=stat.0999&order=created").text
    assert page.count('<svg class="spark') == 10
    assert "10 of 10 that match" in page


def test_a_chart_of_a_day_of_25_hours(site, shop):
    query = {
        "range": "custom",
        "from": "2026-10-25",
        "to": "2026-10-26T00:00",
        "tz": "Europe/Berlin",
        "resolution": "1h",
    }
    found = twin(site.owner, f"{shop.base}/stats/=cmd.json", **query)
    assert found["lines"][0]["values"] == [1.0] * 25
    assert found["lines"][0]["summary"]["sum"] == 25
    page = site.owner.http.get(f"{site.server.url}{shop.base}/stats/=cmd", params=query, timeout=TIMEOUT_S).text
    assert len(re.findall(r"25 Oct, 02:00 CES?T", page.partition("<tbody>")[2])) == 2
    days = query | {"from": "2026-10-24", "to": "2026-10-27", "resolution": "1d"}
    assert twin(site.owner, f"{shop.base}/stats/=cmd.json", **days)["lines"][0]["values"] == [0.0, 25.0, 0.0]


def test_the_numbers_as_a_file_that_no_spreadsheet_runs(site, shop):
    query = "range=custom&from=2026-10-25T00:00:00Z&to=2026-10-25T04:00:00Z&resolution=1h&compare=1&more=stat.00007"
    answer = site.owner.get(f"{shop.base}/stats/=cmd/chart.csv?{query}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert f'filename="{shop.slug}-' in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["start", "'=cmd", "stat.00007", "'=cmd (before)", "stat.00007 (before)"]
    assert rows[1] == ["2026-10-25T00:00:00Z", "1.0", "", "0.0", ""]
    assert len(rows) == 5


def test_the_chosen_become_one_chart(site, shop):
    ids = [one["id"] for one in twin(site.owner, f"{shop.base}/stats.json", limit=12, q="stat")["stats"]]
    query = "&".join(f"more={one}" for one in ids)
    leads = site.owner.get(f"{shop.base}/stats/chart?range=7d&{query}").headers["location"]
    assert leads == f"{shop.base}/stats/{ids[0]}?range=7d&" + "&".join(f"more={one}" for one in ids[1:10])
    assert site.owner.get(f"{shop.base}/stats/chart?range=7d").headers["location"] == f"{shop.base}/stats?range=7d"
    assert len(twin(site.owner, leads.replace("?", ".json?"))["lines"]) == 10


def test_notes_are_for_members(site, shop):
    form = {
        "csrf": site.owner.csrf,
        "text": "Released <b>2</b>",
        "kind": "deploy",
        "at": "2026-10-25T02:30",
        "zone": "Europe/Berlin",
    }
    back = f"{shop.base}/stats/=cmd?range=custom&from=2026-10-25&to=2026-10-26&tz=Europe/Berlin"
    answer = site.owner.send("POST", f"{shop.base}/annotations", form | {"back": back})
    assert (answer.status_code, answer.headers["location"]) == (303, back)
    page = site.owner.get(back).text
    assert "Released &lt;b&gt;2&lt;/b&gt;" in page
    note = twin(site.owner, back.replace("?", ".json?"))["annotations"][0]
    assert (note["ts"], note["stat_id"], note["kind"]) == (1_792_888_200_000_000, None, "deploy")

    member = invited(site, shop, "viewer")
    assert twin(member, back.replace("?", ".json?"))["annotations"] == [note]
    shown = member.get(back).text
    assert "Add a note" not in shown
    assert "Remove" not in shown
    for path in ("annotations", f"annotations/{note['id']}/delete"):
        refused = member.send("POST", f"{shop.base}/{path}", form | {"csrf": member.csrf})
        assert refused.status_code == 403, refused.text

    elsewhere = form | {"text": "x", "back": "https://evil.example/"}
    assert site.owner.send("POST", f"{shop.base}/annotations", elsewhere).headers["location"] == "/app/"
    for wrong in (
        {"text": ""},
        {"kind": "party"},
        {"url": "javascript:alert(1)"},
        {"at": "soon"},
        {"zone": "Mars/Base"},
    ):
        assert site.owner.send("POST", f"{shop.base}/annotations", form | wrong).status_code in (400, 422), wrong
    gone = site.owner.send("POST", f"{shop.base}/annotations/{note['id']}/delete", form | {"back": back})
    assert gone.status_code == 303
    assert [one["text"] for one in twin(site.owner, back.replace("?", ".json?"))["annotations"]] == ["x"]


def test_sharing_is_for_those_who_manage(site, shop):
    """The panel's buttons, the lines to copy, and the refusal for everybody else."""
    page = f"{shop.base}/stats/stat.00001"
    stat = shop.api("/stats/stat.00001")
    share = f"{shop.base}/stats/{stat['id']}/share"
    form = {"csrf": site.owner.csrf, "back": page}
    assert "Make it public" in site.owner.get(page).text
    assert "Make an embed key" in site.owner.get(page).text
    for change in ({"public": "on"}, {"embed": "on"}, {"public": "maybe"}, {}):
        answer = site.owner.send("POST", share, form | change)
        assert (answer.status_code, answer.headers["location"]) == (303, page)
    key = shop.api("/stats/stat.00001")["embed_key"]
    shown = unescape(site.owner.get(page).text)
    assert f'<script src="{site.server.url}/javascripts/embed.js"></script>' in shown
    assert f'StatHatEmbed.render({{s1: "{key}", w: 760, h: 235}})' in shown
    assert f"{site.server.url}/stats/{stat['id']}" in shown
    assert site.nobody.get(f"/stats/{stat['id']}").status_code == 200
    member = invited(site, shop, "member")
    assert "Sharing" not in member.get(page).text
    refused = member.send("POST", share, {"csrf": member.csrf, "back": page, "public": "off"})
    assert refused.status_code == 403, refused.text
    for change in ({"public": "off"}, {"embed": "off"}):
        assert site.owner.send("POST", share, form | change).status_code == 303
    assert site.nobody.get(f"/stats/{stat['id']}").status_code == 404
    assert shop.api("/stats/stat.00001")["embed_key"] is None


def invited(site, shop, role):
    page = site.owner.send("POST", f"{shop.base}/members/invitations", {"csrf": site.owner.csrf, "role": role}).text
    link = "/app/invitation/" + page.partition("/app/invitation/")[2].partition("<")[0]
    email = f"{token_hex(4)}@example.test"  # one who belongs to the project already is refused
    site.server.call("account.create", email=email, password=PASSWORD, name=role)
    person = site.person(email)
    assert person.send("POST", link, {"csrf": person.csrf}).status_code == 303
    return person


def test_what_activity_cannot_be_asked(site, shop):
    for query in ("type=point", "cursor=x", "range=2d", "from=now&to=-1h", "tz=Mars", "q=" + "x" * 1_001):
        answer = site.owner.get(f"{shop.base}/activity?{query}", accept="text/html")
        assert answer.status_code in (400, 422), query
        assert answer.headers["content-type"].startswith("text/html")
    assert "no longer stored" in site.owner.get(f"{shop.base}/activity?open=gone").text


def test_a_record_is_opened_beside_the_list_and_links_to_what_is_related(site):
    base, span = f"/app/p/{site.ids['slug']}", site.ids["span"]
    page = site.owner.get(f"{base}/activity?range=90d&open={span}").text
    assert 'id="detail"' in page
    assert span in page
    hrefs = [unescape(one) for one in re.findall(r'href="([^"]+/activity\?[^"]+)"', page.partition('id="detail"')[2])]
    related = [one for one in hrefs if "range=30d" in one]
    assert related
    for link in related:
        assert site.owner.get(link).status_code == 200
    assert twin(site.owner, f"{base}/activity/{span}.json")["record"]["id"] == span


def events(answer):
    """(id, data) of each ``record`` as it comes."""
    place, name = "", ""
    for line in answer.iter_lines(decode_unicode=True):
        field, _, value = line.partition(": ")
        if field == "id":
            place = value
        elif field == "event":
            name = value
        elif field == "data":
            assert name == "record"
            yield place, json.loads(value)


def test_the_feed_goes_on_where_it_broke_off(site):
    client = Client(site.server, "Followed")
    slug = next(one["slug"] for one in site.server.call("project.list") if one["id"] == client.project)
    url = f"{site.server.url}/app/p/{slug}/live"
    with site.owner.http.get(url, stream=True, timeout=TIMEOUT_S) as feed:
        assert feed.headers["content-type"].startswith("text/event-stream")
        lines = feed.iter_lines(decode_unicode=True)
        assert next(lines).startswith("retry: ")
        place = next(lines).removeprefix("id: ")
    assert client.call("POST", "/v1/ingest", json={"stat": "orders", "value": 2, "type": "counter"}).status_code < 300
    body = {"events": [{"type": "event", "name": "signup"}]}
    assert client.call("POST", "/api/v1/events", json=body).status_code < 300
    with site.owner.http.get(url, stream=True, timeout=TIMEOUT_S, headers={"Last-Event-ID": place}) as feed:
        found = {}
        for _, record in events(feed):
            found[record["type"]] = record
            if len(found) == 2:
                break
    assert (found["point"]["name"], found["point"]["text"], found["point"]["dialect"]) == ("orders", "2", "stat")
    assert (found["event"]["name"], found["event"]["dialect"]) == ("signup", "canaryhub")


def signed_out(site, person, client, slug):
    person.sign_out()


def removed(site, person, client, slug):
    account = next(one["id"] for one in site.server.call("account.list") if one["email"] == person.email)
    path = f"/app/p/{slug}/members/{account}/remove"
    assert site.owner.send("POST", path, {"csrf": site.owner.csrf}).status_code == 303


def archived(site, person, client, slug):
    assert site.owner.send("POST", f"/app/p/{slug}/archive", {"csrf": site.owner.csrf}).status_code == 303


@pytest.mark.parametrize("act", [signed_out, removed, archived])
def test_the_feed_ends_with_the_right_to_hear_it(site, act):
    client = Client(site.server, f"Left {act.__name__}")
    slug = next(one["slug"] for one in site.server.call("project.list") if one["id"] == client.project)
    form = {"csrf": site.owner.csrf, "role": "viewer"}
    page = site.owner.send("POST", f"/app/p/{slug}/members/invitations", form).text
    person = site.person(MEMBER)
    person.accept("/app/invitation/" + page.partition("/app/invitation/")[2].partition("<")[0])
    url = f"{site.server.url}/app/p/{slug}/live"
    with requests.get(url, cookies=person.http.cookies.get_dict(), stream=True, timeout=TIMEOUT_S) as feed:
        lines = feed.iter_lines(decode_unicode=True)
        assert next(lines).startswith("retry: ")
        act(site, person, client, slug)
        assert [line for line in lines if line][-2:] == ["event: ended", "data: {}"]
    assert person.get(f"/app/p/{slug}/live").status_code in (401, 404)
