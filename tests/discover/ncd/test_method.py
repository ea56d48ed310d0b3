from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from adtool.core import arrays, files
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import ClassesFolder
from adtool.discover import step
from adtool.discover.config import DiscoverConfig
from adtool.discover.ncd import base_set, method, tokens, trunk

FOLDER = ClassesFolder(Path("classes", "parts"))
QUICK = ("epochs=3", "views=2", "side=32", "hidden=16", "heads=2", "batch=8")


@pytest.fixture(scope="module")
def tiny_vit():
    torch.manual_seed(0)
    model = timm.create_model("test_vit", pretrained=False, num_classes=0)
    return trunk.from_model("tiny", model, "0", engine="torch", device="cpu")


@pytest.fixture
def ready(workspace, monkeypatch, tiny_vit):
    monkeypatch.setattr(trunk, "load", lambda *_, **__: tiny_vit)
    return workspace


def discover(*settings, **options):
    return step.run(DiscoverConfig(**{"classes": "3", "method": "trained", "settings": (*QUICK, *settings), **options}))


def classes_by_kind():
    found = {}
    for row in FOLDER.image_rows():
        found.setdefault(row["kind"], []).append(row["class"])
    return found


def make_base(folder, **images):
    for name, count in images.items():
        for k in range(count):
            mask = np.zeros((40, 40), bool)
            mask[10:20, 5 + k : 20 + k] = True
            arrays.write_png(folder / "images" / name / f"{k}.png", np.repeat(mask[..., None] * np.uint8(200), 3, 2))
            arrays.write_mask(folder / "masks" / name / f"{k}.png", mask)
    return folder


@pytest.mark.slow
def test_kinds_become_classes_on_the_stages_of_a_convolutional_network(ready, monkeypatch, tiny_backbone):
    monkeypatch.setattr(trunk, "load", lambda *_, **__: trunk.FrozenStages(tiny_backbone, torch.device("cpu")))
    discover()
    found = classes_by_kind()
    assert {kind: set(names) for kind, names in found.items()} in (
        {"good": {"normal"}, "dot": {"c1"}, "bar": {"c2"}},
        {"good": {"normal"}, "dot": {"c2"}, "bar": {"c1"}},
    )


@pytest.mark.slow
def test_a_training_can_start_from_the_classes_of_the_free_method(ready, monkeypatch):
    seen, plain = [], method.gather
    monkeypatch.setattr(method, "gather", lambda *given: seen.append(given[3]) or plain(*given))
    discover("start=free", classes="auto")
    assert files.read_json(FOLDER.card)["auto"]["count"] == 2
    free = [row["class"] for row in files.read_csv(FOLDER.crops)]
    discover("start=clusters", out=Path("again"))
    assert seen[1] is None
    step.run(DiscoverConfig(method="free", out=Path("free"), image_size=64))
    classes = {row["id"]: row["class"] for row in files.read_csv(Path("free/parts/images.csv"))}
    ids = [row["id"] for row in files.read_csv(FOLDER.crops)]
    numbers = {name: number for number, name in zip(seen[0].tolist(), [classes[one] for one in ids], strict=True)}
    assert numbers["normal"] == 0
    assert [numbers[classes[one]] for one in ids] == seen[0].tolist()
    assert len(set(free)) == len(numbers) == len(set(classes.values()))


@pytest.mark.slow
def test_the_folder_has_what_the_contract_names_and_the_curves(ready):
    discover()
    assert set(classes_by_kind()["good"]) == {"normal"}
    card = files.read_json(FOLDER.card)
    assert (card["method"], card["n_base"], card["features"]) == ("trained", 0, "crops")
    assert len(files.read_json(FOLDER.path / "curves.json")["epochs"]) == 3
    assert not (FOLDER.path / step.SCRATCH).exists()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_classes(ready):
    discover()
    before = files.read_csv(FOLDER.images)
    discover(out=Path("again"))
    assert files.read_csv(Path("again/parts/images.csv")) == before


def test_exact_draws_new_views_every_epoch(ready, monkeypatch):
    drawn = []
    collect = tokens.collect

    def noting(items, frozen, folder, plan):
        drawn.append(plan.numbers)
        return collect(items, frozen, folder, plan)

    monkeypatch.setattr(tokens, "collect", noting)
    discover("exact=true")
    assert drawn == [(0,), (1, 2), (3, 4), (5, 6)]


def test_a_base_set_brings_its_own_classes_whatever_their_names(ready):
    discover(base=make_base(Path("base"), dot=3, rust=3))
    assert files.read_json(FOLDER.card)["n_base"] == 2
    assert {row["class"] for row in FOLDER.image_rows()} <= {"normal", "c1", "c2"}
    curves = files.read_json(FOLDER.path / "curves.json")["epochs"]
    assert curves[0]["ce"] > 0


def test_views_made_before_a_kill_are_not_made_again(ready, monkeypatch, tiny_vit):
    class Killed(BaseException):
        pass

    def kill(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(step.method.fit.loop, "train", kill)
        with pytest.raises(Killed):
            discover()
    monkeypatch.setattr(type(tiny_vit), "stream", lambda self, batches: iter([kill() for _ in batches]))
    assert discover().done == ["parts"]


@pytest.mark.slow
def test_a_number_of_classes_is_found_where_none_is_given(ready):
    discover(classes="auto")
    assert [row["class"] for row in files.read_csv(FOLDER.classes)] == ["normal", "c1", "c2"]
    assert files.read_json(FOLDER.card)["auto"]["count"] == 2


def test_fewer_crops_than_classes_is_said(ready):
    with pytest.raises(BadDataError, match="can't make 90 classes"):
        discover(classes="90")


def keep_one_image(write_maps):
    kept = "test/dot/0"
    for path in Path("data", "parts", "test").rglob("*.png"):
        if path.relative_to(Path("data", "parts")).with_suffix("").as_posix() != kept:
            path.unlink()
    write_maps(Path("data", "parts"), "parts", {kept: arrays.read_scores(Path(f"maps/parts/{kept}.tiff")).scores})


def test_a_single_image_is_normal(ready, write_maps):
    keep_one_image(write_maps)
    discover(classes="auto")
    assert [row["class"] for row in FOLDER.image_rows()] == ["normal"]


def test_images_without_any_region_are_trained_on_without_a_warning(ready, write_maps):
    ids = [path.relative_to(Path("data", "parts")).with_suffix("") for path in Path("data").rglob("*.png")]
    write_maps(Path("data", "parts"), "parts", {key.as_posix(): np.full((24, 24), 0.5, np.float32) for key in ids})
    discover(classes="2")
    assert len(FOLDER.image_rows()) == len(ids)


def test_an_unreadable_image_of_the_base_set_is_named(ready):
    folder = make_base(Path("base"), dot=2)
    (folder / "images/dot/1.png").write_bytes(b"no picture")
    with pytest.raises(BadDataError, match=r"1\.png"):
        discover(base=folder)


def test_a_setting_that_there_is_not_is_refused_before_anything_is_read(ready):
    with pytest.raises(UsageError, match="epoch"):
        discover("epoch=3")


def test_an_image_of_the_base_set_without_mask_is_named(tmp_path):
    folder = make_base(tmp_path, dot=2)
    (folder / "masks/dot/1.png").unlink()
    with pytest.raises(MissingInputError, match=r"1\.png has no mask"):
        base_set.read(folder)


def test_what_a_base_set_leaves_out_is_said(tmp_path, caplog):
    folder = make_base(tmp_path, dot=2)
    arrays.write_mask(folder / "masks/dot/1.png", np.zeros((40, 40), bool))
    arrays.write_mask(folder / "masks/dot/stray.png", np.zeros((40, 40), bool))
    arrays.write_png(folder / "images/loose.png", np.zeros((40, 40, 3), np.uint8))
    (folder / "images/dot/raw.cr2").write_bytes(b"x")
    found = base_set.read(folder)
    assert found.names == ["dot"]
    said = ("1 file not read (1 .cr2)", "1 image not directly in the folder of a class", "all-black", "1 mask without")
    assert [text for text in said if text not in caplog.text] == []


def test_a_folder_without_images_is_no_base_set(tmp_path):
    with pytest.raises(MissingInputError, match="no base set"):
        base_set.read(tmp_path)


def test_masks_without_a_defect_are_no_base_set(tmp_path):
    folder = make_base(tmp_path, dot=1)
    arrays.write_mask(folder / "masks/dot/0.png", np.zeros((40, 40), bool))
    with pytest.raises(BadDataError, match="shows a defect"):
        base_set.read(folder)


def test_an_image_of_the_base_set_is_cut_around_its_mask(tmp_path):
    found = base_set.read(make_base(tmp_path, dot=1, rust=2))
    assert found.names == ["dot", "rust"]
    assert found.labels.tolist() == [0, 1, 1]
    pixels, mask = found.items[0].load()
    assert pixels.shape == (16, 16, 3)  # 1.1 times the longer side of the region, 15 px
    assert mask.sum() == 10 * 15
