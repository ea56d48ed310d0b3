"""Paths in notes: what a step writes must be found again from wherever the workspace is named."""

from pathlib import Path

import pytest

from adtool.core import files, layout
from adtool.core.steps import step_run, workspace_paths
from adtool.core.steps.note_form import StepNote
from adtool.core.steps.step_run import Identity, StepRun

NEW = StepNote.of({workspace_paths.KEY: workspace_paths.BESIDE})


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "w/demo/data/synthetic").mkdir(parents=True)
    (tmp_path / "w/data/own").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "w")
    return tmp_path


def test_paths_are_noted_relative_to_the_workspace_or_whole(here):
    assert workspace_paths.noted(Path("data/own"), Path("maps")) == "data/own"
    assert workspace_paths.noted(here / "w/data/own", Path("maps")) == "data/own"
    assert workspace_paths.noted(Path("demo/data/synthetic"), Path("demo/maps")) == "data/synthetic"
    assert workspace_paths.noted(Path("data/own"), Path("results/maps")) == "../data/own"
    assert workspace_paths.noted(here / "x", Path("maps")) == (here / "x").as_posix()
    assert workspace_paths.noted(Path("data/own"), here / "maps") == "w/data/own"


@pytest.mark.parametrize("start", [".", "demo", "demo/data", ".."])
def test_a_workspace_in_a_subfolder_works_from_everywhere(here, monkeypatch, start):
    run = StepRun("maps", Path("demo/maps"))
    run.plan({"a": Identity("maps", {}, 0, {})}, {"data": Path("demo/data/synthetic")})
    (here / "w" / start).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(here / "w" / start)
    maps = here / "w/demo/maps"
    assert step_run.noted_data(maps, None).resolve() == here / "w/demo/data/synthetic"


def test_a_moved_workspace_finds_its_own_data(here, monkeypatch):
    run = StepRun("maps", Path("demo/maps"))
    run.plan({"a": Identity("maps", {}, 0, {})}, {"data": Path("demo/data/synthetic")})
    Path("demo").rename(here / "elsewhere")
    monkeypatch.chdir(here / "elsewhere")
    assert step_run.noted_data(Path("maps"), None) == Path("data/synthetic")


def test_a_folder_that_is_a_link_to_another_disk_belongs_to_where_the_link_is(here):
    (here / "disk").mkdir()
    Path("maps").symlink_to(here / "disk")
    assert workspace_paths.noted(Path("data/own"), Path("maps")) == "data/own"
    assert workspace_paths.found("data/own", Path("maps"), NEW) == Path("data/own")


@pytest.mark.parametrize("start", [".", "demo", ".."])
def test_notes_of_older_versions_are_read(here, monkeypatch, start):
    files.write_json(Path("demo/maps") / layout.STEP_FILE, {"command": "maps", "data": "demo/data/synthetic"})
    files.write_json(Path("maps") / layout.STEP_FILE, {"command": "maps", "data": "data/own"})
    files.write_json(Path("far") / layout.STEP_FILE, {"command": "maps", "data": (here / "w/data/own").as_posix()})
    files.write_json(Path("results/maps") / layout.STEP_FILE, {"command": "maps", "data": "data/own"})
    monkeypatch.chdir(here / "w" / start)
    of = {"demo/maps": "demo/data/synthetic", "maps": "data/own", "far": "data/own", "results/maps": "data/own"}
    for folder, data in of.items():
        assert step_run.noted_data(here / "w" / folder, None).resolve() == here / "w" / data


def test_what_is_not_there_any_more_is_named_where_it_was(here):
    assert workspace_paths.found("data/gone", Path("demo/maps"), NEW) == Path("demo/data/gone")
    assert workspace_paths.found("data/gone", Path("maps"), StepNote()) == Path("data/gone")
