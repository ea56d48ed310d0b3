import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from adtool.core.errors import MissingInputError, MissingWeightsError, UsageError
from adtool.doctor import chain, machine, plan, step
from adtool.doctor.chain import ChainRun, Speed
from adtool.doctor.config import DoctorConfig

SPEED = Speed(start_s=10, learn_s=0.5, score_s=0.1, discover_s=0.2, peak_gib=1.5, image_bytes=3e-4 * 2**30)


def states(facts) -> dict[str, machine.Fact]:
    return {fact.what: fact for fact in facts}


def test_time_grows_with_the_images_from_what_was_measured():
    found = states(chain.estimate(SPEED, 1000, 100))
    assert found["time: maps"].state.startswith("about 3 min for 1,000 images (100 normal")  # 10 + 50 + 100 s
    assert found["time: discover"].state.startswith("about 4 min")  # 10 + 200 s
    assert found["time: all"].state == "about 6 min"
    assert found["time: all"].to_do == ""
    assert found["disk: all"].state == "about 0.3 GiB for maps and classes"
    assert "GPU" in states(chain.estimate(SPEED, 100_000, 100))["time: all"].to_do


def test_what_an_image_takes_is_what_more_images_take_longer():
    few, many = ChainRun(16, 5.0, 1.0, 3.0, 2e6), ChainRun(64, 5.0, 1.96, 3.48, 14e6)
    assert chain.per_image(few, many) == pytest.approx((0.02, 0.01, 0.25e6))
    slower = replace(few, score_s=9.0)  # something else was at work then
    assert chain.per_image(slower, many)[0] == pytest.approx(1.96 / 10 / 64)


def test_a_plan_divides_images_among_workers_and_models_a_category_each():
    asked = DoctorConfig(images=1_000_000, categories=100, machines=8, train_images=100)
    found = states(plan.facts(replace(SPEED, model_bytes=2**30), asked, on_gpu=False))
    assert found["plan: learn"].state == "about 11 min on 8 machines"  # 10 s + 13 rounds of 50 s
    assert found["plan: maps"].state == "about 3.5 h on 8 machines"  # 10 s + 125,000 images of 0.1 s
    assert found["plan: discover"].state == "about 7.2 h on 8 machines"  # 10 s + 13 rounds of 10,000 images of 0.2 s
    assert found["plan: time"].state == "about 10.9 h for 1000000 images of 100 categories"
    assert found["plan: bound"].state.startswith("discover, 66% of the time: a category at a time on each machine")
    # 300 GiB of maps in 12,510 s, and 1 GiB a model
    assert found["plan: disk"].state == "about 400.0 GiB for maps, classes and models, written at up to 25 MiB/s"
    assert "plan: GPUs" not in found


def test_gpus_of_a_plan_count_where_one_was_measured():
    asked = DoctorConfig(images=1000, categories=2, machines=2, gpus=4)
    found = states(plan.facts(SPEED, asked, on_gpu=True))
    assert found["plan: maps"].state == "about 35 s on 4 GPUs"  # 10 s + 250 images of 0.1 s
    assert "a category is done by one GPU; more of them don't help" in found["plan: bound"].state
    found = states(plan.facts(SPEED, asked, on_gpu=False))
    assert found["plan: maps"].state == "about 1 min on 2 machines"  # 10 s + 500 images of 0.1 s
    assert "not reckoned with" in found["plan: GPUs"].state


def test_a_plan_is_of_images():
    for wrong in ({"machines": 2}, {"images": 5, "categories": 6}):
        with pytest.raises(ValueError, match=r"--categories"):
            DoctorConfig(**wrong)


def test_a_detector_that_compares_images_takes_longer_and_that_is_said():
    assert chain.compares_images("musc")
    assert not chain.compares_images("patchcore")
    shown = [fact.state for fact in chain.estimate(SPEED, 1000, 100, is_least=True)]
    assert any(state.startswith("at least that") for state in shown)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (59.4, "59 s"), (90, "2 min"), (3599, "60 min"), (9000, "2.5 h")]
)
def test_durations_are_in_units_of_a_person(seconds, text):
    assert chain.duration(seconds) == text


def test_less_memory_than_needed_says_what_to_do(monkeypatch):
    monkeypatch.setattr(chain, "available_gib", lambda: 1.0)
    assert "--batch-size" in states(chain.estimate(SPEED, 10, 10))["memory: all"].to_do
    monkeypatch.setattr(chain, "available_gib", lambda: 2.0)
    assert states(chain.estimate(SPEED, 10, 10))["memory: all"].to_do == ""


def test_a_container_with_less_memory_than_the_machine_counts(monkeypatch, tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    8388608 kB\n")
    (tmp_path / "max").write_text(str(3 * 2**30))
    (tmp_path / "current").write_text(str(2**30))
    monkeypatch.setattr(machine, "MEMORY_INFO", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "CGROUP_MEMORY", ((tmp_path / "max", tmp_path / "current"),))
    assert machine.available_gib() == 2
    (tmp_path / "max").write_text("max\n")
    assert machine.available_gib() == 8


def test_what_is_short_or_missing_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "available_gib", lambda: 0.5)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**29))
    described = machine.device.describe()
    lacking = SimpleNamespace(**{**vars(described), "versions": {**described.versions, "openvino": None, "timm": None}})
    monkeypatch.setattr(machine.device, "describe", lambda: lacking)
    found = states(machine.facts(tmp_path))
    assert "--batch-size" in found["memory"].to_do
    assert "free some space" in found["workspace"].to_do
    assert found["openvino"].to_do == "pip install openvino"
    assert found["timm"].to_do == "pip install timm"
    assert found["backbone dinov2_vits14"].to_do == "adtool weights install dinov2_vits14"
    assert found["backbone efficientnet_lite0"].to_do == ""


def test_the_weights_of_a_chain_are_named_with_the_ways_to_get_them(tmp_path):
    assert chain.need(DoctorConfig()).to_do == ""
    needed = chain.need(DoctorConfig(detector="patchcore", backbone="dinov2_vits14"))
    assert needed.what == "chain: patchcore with dinov2_vits14"
    assert needed.to_do.startswith("adtool weights install dinov2_vits14, or put vit_small_patch14_dinov2.safetensors")
    assert "weights install" not in chain.need(DoctorConfig(backbone="resnet18")).to_do
    (tmp_path / "own.pth").touch()
    assert "own.pth" in chain.need(DoctorConfig(backbone="resnet18", weights=tmp_path / "own.pth")).state
    with pytest.raises(MissingInputError, match="Check --weights"):
        chain.need(DoctorConfig(weights=tmp_path / "none.pth"))


def test_unknown_names_are_wrong_usage():
    with pytest.raises(UsageError, match="patchcor"):
        chain.need(DoctorConfig(detector="patchcor"))
    with pytest.raises(UsageError, match="resnet_18"):
        chain.need(DoctorConfig(backbone="resnet_18"))


def test_a_chain_without_weights_is_not_timed():
    with pytest.raises(MissingWeightsError, match=r"can't be timed. To get them: adtool weights install dinov2"):
        step.run(DoctorConfig(backbone="dinov2_vits14", images=5))


def test_the_command_line_shows_it_all_and_times_nothing_unasked(adtool, workspace, monkeypatch):
    monkeypatch.setattr(chain, "measure", lambda _: pytest.fail("not asked for"))
    rows = json.loads(adtool("doctor", "--json").out)["rows"]
    assert {"what", "state", "to do"} == set(rows[0])
    whats = {row["what"] for row in rows}
    assert {"adtool", "torch", "memory", "CUDA", "workspace", "graph cache", "backbone dinov2_vits14"} <= whats
    assert not any(what.startswith("time") for what in whats)


def test_a_chain_is_timed_as_it_was_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(chain, "_write", lambda *_: None)
    monkeypatch.setattr(chain, "time_chain", lambda _data, _root, _count, given, **_: asked.append(given))
    chain.measure(DoctorConfig(quality="fast", image_size=64))
    assert (asked[0].quality, asked[0].image_size) == ("fast", 64)


@pytest.mark.slow
def test_a_chain_is_timed_and_nothing_is_left(workspace, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    speed = chain.measure(DoctorConfig(image_size=64))
    assert min(speed.learn_s, speed.score_s, speed.discover_s) >= 0
    assert speed.learn_s * chain.TRAIN + speed.score_s + speed.discover_s > 0
    assert 0.1 < speed.peak_gib < 50
    assert not list(workspace.iterdir())
    assert not list(tmp_path.glob("adtool-doctor-*"))
