"""What the front end's build leaves behind."""

from __future__ import annotations

import re

import pytest

from headrace.web import assets


@pytest.fixture
def built():
    return assets.load()


def test_names_carry_a_hash_and_scripts_find_each_other(built):
    assert {"app.js", "app.css", "mark.svg", "inter-latin.woff2"} <= set(built.names)
    for entry in built.names.values():
        assert re.search(r"-[A-Z0-9]{8}\.\w+$", entry.file)
        assert set(entry.needs) <= set(built.served)


def test_nothing_is_loaded_from_elsewhere(built):
    for name, asset in built.served.items():
        if name.endswith(".css"):
            links = re.findall(r"url\(([^)]*)\)", asset.body.decode())
            assert links
            assert all(re.fullmatch(r'"?\./[\w.-]+"?', link) for link in links), links
            assert {link.strip('"').removeprefix("./") for link in links} <= set(built.served)
        if name.endswith(".js"):
            assert "sourceMappingURL" not in asset.body.decode()


def test_a_page_loads_its_script_once_with_what_it_shares():
    text = str(assets.scripts("/x", "connect"))
    entry = assets.load().names["connect.js"]
    assert text.count(f'src="/x/app/static/{entry.file}"') == 1
    assert all(f'rel="modulepreload" href="/x/app/static/{file}"' in text for file in entry.needs)
    with pytest.raises(KeyError):
        assets.scripts("", "nothing")
