"""Pictures by URL, through the steps: the same results as from a folder, and notes that name the URL."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files, urls
from adtool.core.config import parse
from adtool.core.errors import MissingInputError, UsageError
from adtool.core.remote import inputs, mirrors
from adtool.core.shards.jobs import Job, of_shards
from adtool.core.steps import step_run
from adtool.detectors import patchcore
from adtool.inspect.config import InspectConfig
from adtool.maps import step as maps
from adtool.maps.config import MapsConfig
from adtool.prep.datasets import folder
from adtool.report import step as report
from adtool.report.config import ReportConfig
from adtool.run import config_file


@pytest.fixture(autouse=True)
def here(workspace):
    return workspace


@pytest.fixture
def stored(memory, tiny_data):
    """A small data set at memory://pictures/parts, and the same at data/parts."""
    local = tiny_data.make(Path("data/parts"))
    for path in sorted(local.rglob("*.png")):
        memory.put(path.relative_to(local).as_posix(), path.read_bytes())
    return local


def test_maps_of_a_url_are_those_of_the_folder_and_name_it(stored, memory, tiny_data, instead_of_weights):
    one = MapsConfig(**tiny_data.quick, data=stored, out=Path("maps"))
    other = MapsConfig(**tiny_data.quick, data=memory.path, out=Path("others"), models=Path("other_models"))
    maps.run(one)
    maps.run(inputs.fetched(other))
    for path in Path("maps/parts").rglob("*"):
        if path.is_file() and path.name != "_step.json":
            assert (Path("others/parts") / path.relative_to("maps/parts")).read_bytes() == path.read_bytes()
    assert json.loads(Path("others/_step.json").read_text())["data"] == memory.url
    assert maps.run(inputs.fetched(other)).skipped == ["parts"]
    memory.system.store.clear()  # later steps don't ask again
    found = report.run(ReportConfig(folders=(Path("others"),)))
    assert found.done == ["others/parts"] and found.document["data"] == memory.url


def test_a_note_does_not_make_anyone_fetch(tmp_path):
    files.write_json(Path("maps/_step.json"), {"command": "maps", "data": "memory://pictures/parts"})
    with pytest.raises(
        MissingInputError, match="maps was made from memory://pictures/parts, which is not fetched here"
    ):
        step_run.noted_data(Path("maps"), None)


def test_prep_and_inspect_take_urls(stored, memory, fetches):
    given = folder.Config(normal=Path(f"{memory.url}/train/good"), test=Path(f"{memory.url}/test"), name="new")
    assert folder.run(inputs.fetched(given)).done == ["new"]
    assert len(list(Path("data/new/train").rglob("*.png"))) == 6
    new = inputs.fetched(InspectConfig(new=Path(f"{memory.url}/test/hole/000.png"))).new
    assert new.read_bytes() == (stored / "test/hole/000.png").read_bytes()


def test_results_are_not_written_to_a_url(memory):
    with pytest.raises(UsageError, match=r"--out s3://bucket/maps: .*results are written to file systems"):
        inputs.fetched(MapsConfig(out=Path("s3://bucket/maps")))


def test_a_config_without_urls_stays_the_same(stored):
    config = MapsConfig(data=stored)
    assert inputs.fetched(config) is config


def test_a_file_url_is_read_where_it_is(stored):
    found = inputs.fetched(MapsConfig(data=Path(f"file://{stored.resolve()}")))
    assert found.data == stored.resolve()
    assert inputs.named(stored) == str(stored)
    assert not urls.cache().exists()


@pytest.mark.slow
def test_a_run_of_urls_writes_a_file_that_names_them(adtool, memory, tiny_data, instead_of_weights, monkeypatch):
    usual = patchcore.needs
    monkeypatch.setattr(patchcore, "needs", lambda *given: replace(usual(*given), image_size=64))
    rng = np.random.default_rng(0)
    for number in range(9):
        for kind, image in (("good", tiny_data.image(rng)[0]), ("odd", tiny_data.image(rng, "hole")[0])):
            arrays.write_png(Path("x.png"), image)
            memory.put(f"{kind}/{number}.png", Path("x.png").read_bytes())
    words = ["--normal", f"{memory.url}/good", "--test", f"{memory.url}/odd", "--classes", 2]
    ran = adtool("run", *words)
    assert ran.code == 0, ran.err
    tables = config_file.read(Path("adtool.toml"))
    assert (tables["run"]["normal"], tables["run"]["test"]) == (f"{memory.url}/good", f"{memory.url}/odd")
    assert json.loads(Path("report/metrics.json").read_text())["data"] == "data/odd"
    again = adtool("run", "--config", "adtool.toml")
    assert again.code == 0, again.err


def test_workers_get_the_url_and_take_what_is_here_without_asking(memory, monkeypatch):
    memory.put("test/0.png", b"a")
    config = inputs.fetched(MapsConfig(data=memory.path, detector="musc"))
    job = Job("adtool.maps.step", config, "maps", 1)
    message = json.loads(json.dumps(job.message(of_shards(2)[0])))
    assert message["config"] == {"data": memory.url, "detector": "musc", "shard": "1/2", "workers": None}
    asked = parse(MapsConfig, message["config"], where="worker")
    with monkeypatch.context() as patch:
        patch.setattr(mirrors, "mirrored", lambda _: pytest.fail("asked"))
        assert inputs.fetched(asked, anew=False).data == config.data
    monkeypatch.setenv("XDG_CACHE_HOME", "elsewhere")  # as on another machine
    found = inputs.fetched(asked, anew=False).data
    assert found.is_relative_to(Path("elsewhere")) and (found / "test/0.png").read_bytes() == b"a"
