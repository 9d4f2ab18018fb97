"""What a browser must not do, and what it does when a session is over."""

from __future__ import annotations


def test_markup_that_gets_into_a_page_all_the_same_runs_nothing(site, open_tab):
    """The policy's own test: had a template let something through, the browser would still refuse it."""
    tab = open_tab(site.server.url, site.owner)
    tab.go("/app/account")
    tab.page.evaluate(
        """() => {
          const box = document.createElement('div');
          box.innerHTML = '<img src=x onerror="window.__ran=1"><a href="javascript:window.__ran=1" id="trap">x</a>';
          document.querySelector('main').append(box);
          const inline = document.createElement('script');
          inline.textContent = 'window.__ran=1';
          document.head.append(inline);
          const foreign = document.createElement('script');
          foreign.src = 'https://example.org/x.js';
          document.head.append(foreign);
          document.querySelector('#trap').click();
          const form = document.createElement('form');
          form.action = 'https://example.org/';
          document.body.append(form);
          form.submit();
        }"""
    )
    tab.page.wait_for_function(
        "wanted => wanted.every(name => window.__refused.some(line => line.startsWith(`${name}:`)))",
        arg=["script-src-elem", "script-src-attr", "form-action"],
    )
    tab.page.wait_for_timeout(200)
    assert tab.page.evaluate("window.__ran") is None
    assert tab.page.url.endswith("/app/account")


def test_a_page_left_open_leads_to_sign_in_once_its_session_is_over(site, open_tab):
    person = site.person()
    tab = open_tab(site.server.url, person)
    path = f"/app/p/{site.ids['slug']}/members"
    tab.go(path)
    person.sign_out()
    tab.page.get_by_role("button", name="Make a link").click()
    tab.page.wait_for_url("**/app/sign-in*")
    tab.go(path)
    assert tab.page.url.endswith(f"/app/sign-in?next={path}")
    tab.page.get_by_label("E-mail address").fill(person.email)
    tab.page.get_by_label("Password").fill("correct horse battery")
    tab.page.get_by_role("button", name="Sign in").click()
    tab.page.wait_for_url(f"**{path}")


def test_no_other_site_frames_a_page(site, open_tab):
    tab = open_tab(site.server.url, site.owner)
    tab.page.route(
        "**/framing", lambda route: route.fulfill(body=f"<iframe src='{site.server.url}/app/account'></iframe>")
    )
    tab.page.goto("http://framing.test/framing", wait_until="load")
    assert len(tab.page.frames) == 2
    for frame in tab.page.frames:
        frame.wait_for_load_state()
    assert all("Account" not in frame.content() for frame in tab.page.frames)
