import logging
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import MissingInputError, UsageError
from adtool.core.layout import MapsFolder, ModelFolder
from adtool.core.limits import decisions, evidence, limit_file
from adtool.core.limits.choose import Asked, choose
from adtool.core.limits.limit_file import Limit
from adtool.core.steps import notes
from adtool.detection import image_scores
from adtool.maps.config import MapsConfig
from adtool.maps.step import run
from adtool.nn.network_source import NetworkSource

DATA = Path("data/parts")
MAPS = MapsFolder(Path("maps"))
MODEL = ModelFolder(Path("models/patchcore/parts"))


@pytest.fixture(autouse=True)
def here(workspace):
    return workspace


@pytest.fixture
def data(tiny_data):
    return tiny_data.make(DATA)


@pytest.fixture
def maps(tiny_data, instead_of_weights):
    """`adtool maps` with few patches: `maps(seed=1)`."""

    def call(*, force=False, **settings):
        return run(MapsConfig(**(tiny_data.quick | settings)), force=force)

    return call


def rows(category="parts"):
    return {row["id"]: row for row in MAPS.image_rows(category)}


def times(folder=Path("maps")):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.tiff")}


def stop_after(monkeypatch, count, error=KeyboardInterrupt):
    """The map after `count` maps is not written, as at a kill; gives the way back."""
    real, left = arrays.write_scores, [count]

    def write(*arguments):
        if not left[0]:
            raise error
        left[0] -= 1
        real(*arguments)

    monkeypatch.setattr(arrays, "write_scores", write)
    return lambda: monkeypatch.setattr(arrays, "write_scores", real)


def test_every_test_image_gets_a_map_and_a_row(data, maps):
    maps()
    category = read_dataset(data).category("parts")
    assert set(rows()) == {one.id for one in category.test}
    for one in category.test:
        read = arrays.read_scores(MAPS.scores("parts", one.id))
        assert read.scores.shape == (64, 64)
        assert read.image_score == pytest.approx(float(rows()[one.id]["image_score"]), rel=1e-8)
        assert rows()[one.id]["kind"] == one.kind
    assert notes.read_note(Path("maps/parts")).state == "done"
    assert notes.read_note(Path("maps")).data == "data"


def normal_scores() -> list[float]:
    return [float(row["image_score"]) for row in files.read_csv(MODEL.normals)]


def test_decisions_follow_the_limit_that_the_scores_of_normal_images_give(data, maps):
    outcome = maps()
    limit = limit_file.read(Path("maps/parts"))
    assert limit.value > np.median(normal_scores())
    assert (limit.rule, limit.set_by, limit.made_from.normals) == ("default", "maps", 6)
    assert limit.expected.false_alarms.high > 0.2, "six scores are little knowledge"
    for row in rows().values():
        assert row["decision"] == ("NOK" if float(row["image_score"]) > limit.value else "OK")
    assert all(row["decision"] == "NOK" for row in rows().values() if row["kind"] != "good")
    assert outcome.rows[0]["NOK"] == sum(row["decision"] == "NOK" for row in rows().values())
    assert outcome.rows[0]["limit"] == limit.value
    known = evidence.read(Path("maps/parts"))
    assert (known.normal_scores, known.how) == (normal_scores(), "cross-fitted")
    assert any(f"an image score of {limit.value!r}" in note for note in outcome.notes)


def test_another_limit_decides_again_without_making_maps_again(tiny_data, maps, caplog):
    tiny_data.make(DATA, train=20)
    maps()
    made, before = times(), rows()
    outcome = maps(false_alarms=0.5)
    assert outcome.skipped == ["parts"]
    limit = outcome.rows[0]["limit"]
    assert min(normal_scores()) < limit < max(normal_scores())
    assert limit_file.read(Path("maps/parts")).value == limit
    assert times() == made
    assert {one: row["image_score"] for one, row in rows().items()} == {
        one: row["image_score"] for one, row in before.items()
    }
    for row in rows().values():
        assert row["decision"] == ("NOK" if float(row["image_score"]) > limit else "OK")
    maps(found=0.5)
    found = limit_file.read(Path("maps/parts"))
    assert found.expected.found >= 0.5
    Path("maps/parts/painted.csv").unlink()
    with pytest.raises(MissingInputError, match="painted"):
        maps(found=0.6)
    assert limit_file.read(Path("maps/parts")) == found


def test_every_normal_image_is_learned_and_scored_without_itself(data, maps):
    maps()
    table = files.read_csv(MODEL.normals)
    assert [row["id"] for row in table] == [one.id for one in read_dataset(data).category("parts").train]
    assert all(float(row["image_score"]) > 0 for row in table), "each has its like in the memory, which does not count"
    painted = files.read_csv(MODEL.painted)
    assert {row["id"] for row in painted} <= {row["id"] for row in table}
    assert len(painted) > 10
    assert all(0 < float(row["size"]) < 1 for row in painted)


def test_good_parts_set_the_standard_of_image_scores_and_it_is_stored(data, maps, tiny_data):
    maps()
    card = files.read_json(MODEL.card)
    assert card["image_score_rule"] == f"{arrays.IMAGE_SCORE_RULE}, {image_scores.WORDS}"
    local = {one: arrays.image_score(arrays.read_scores(MAPS.scores("parts", one)).scores) for one in rows()}
    with_standard = {one: float(row["image_score"]) for one, row in rows().items()}
    assert all(with_standard[one] >= local[one] - 1e-6 for one in local)
    assert with_standard != pytest.approx(local)
    maps(settings=(*tiny_data.quick["settings"], "standard=false"), out=Path("plain"))
    plain = {row["id"]: float(row["image_score"]) for row in MapsFolder(Path("plain")).image_rows("parts")}
    assert plain == pytest.approx(local)
    assert files.read_json(MODEL.card)["image_score_rule"] == arrays.IMAGE_SCORE_RULE


def test_what_is_asked_to_be_held_out_is_not_learned_and_nothing_may_be(data, maps, caplog):
    maps(held_out=0.5)
    assert len(files.read_csv(MODEL.normals)) == 3
    maps(held_out=0, out=Path("all"))
    assert not MODEL.normal_rows()
    assert "(--held-out 0), so there is no limit" in caplog.text


def test_a_limit_that_was_asked_for_stays_until_another_is(data, maps, caplog):
    caplog.set_level(logging.INFO, logger="adtool")
    folder = Path("maps/parts")
    maps()
    decisions.apply(folder, choose(evidence.read(folder), Asked(at=12.5), "decide"))
    before = rows()
    assert maps().skipped == ["parts"]
    assert "maps/parts: keeps the limit that was asked for before: 12.5 (--at 12.5, adtool decide)." in caplog.text
    assert rows() == before
    maps(force=True)
    assert limit_file.read(folder).value == 12.5, "the same maps again"
    maps(force=True, seed=1)
    assert limit_file.read(folder).rule == "default"
    assert "does not fit the new maps" in caplog.text
    maps(seed=1, false_alarms=0.4)
    maps(force=True)
    assert (limit_file.read(folder).rule, limit_file.read(folder).asked) == ("false_alarms", 0.4)
    maps(at=3)
    assert limit_file.read(folder).value == 3


def test_decisions_that_a_kill_left_behind_the_limit_are_mended(data, maps):
    maps()
    before = rows()
    limit_file.write(Path("maps/parts"), Limit(value=1e9, rule="at", asked=1e9, set_by="decide"))  # and no further
    maps()
    assert {row["decision"] for row in rows().values()} == {"OK"}
    Path("maps/parts/limit.json").unlink()
    maps()
    assert rows() == before, "one that was removed is chosen again"


def test_held_out_images_are_not_learned(data, maps, monkeypatch):
    from adtool.detectors import patchcore

    learned = []
    real = patchcore.fit
    monkeypatch.setattr(
        patchcore, "fit", lambda normals, chosen: (learned.extend(normals.samples), real(normals, chosen))[1]
    )
    maps(held_out=0.34)
    held_out = {row["id"] for row in files.read_csv(MODEL.normals)}
    assert len(held_out) == 2
    assert not held_out & {one.id for one in learned}
    assert len(learned) == 4


def test_the_same_again_does_nothing(data, maps):
    maps()
    before = times()
    outcome = maps()
    assert (outcome.skipped, outcome.done, times() == before) == (["parts"], [], True)


def test_other_settings_in_a_finished_folder_are_refused_by_name(data, maps):
    maps()
    before = times()
    with pytest.raises(UsageError, match=r"image_size: 64 -> 96.*--force"):
        maps(image_size=96)
    with pytest.raises(UsageError, match="bank_size: 64 -> 32"):
        maps(settings=("drawn=1000", "bank_size=32"))
    with pytest.raises(UsageError, match="seed: 0 -> 1"):
        maps(seed=1)
    assert times() == before


def test_a_quality_is_known_by_what_it_comes_to_and_by_nothing_else(data, maps):
    quick = ("drawn=1000", "bank_size=64")
    fast = ("grid=coarse", "pooled=false", "padding=zeros")
    maps()
    before = times()
    assert maps(quality="good").skipped == ["parts"]
    with pytest.raises(UsageError, match=r"grid: 'fine' -> 'coarse'; padding: .*; pooled: True -> "):
        maps(quality="fast")
    assert maps(quality="fast", settings=(*quick, "grid=fine", "pooled=true", "padding=replicate")).skipped == ["parts"]
    assert times() == before
    maps(quality="fast", out=Path("fast"))
    assert "quality" not in notes.read_note(Path("fast/parts")).document["settings"]
    assert maps(out=Path("fast"), settings=(*quick, *fast)).skipped == ["parts"]


def test_other_images_are_refused_too_and_force_redoes_them(data, maps):
    maps()
    (data / "test/hole/000.png").unlink()
    with pytest.raises(UsageError, match="changed: images"):
        maps()
    maps(force=True)
    assert "test/hole/000" not in rows()
    assert not MAPS.scores("parts", "test/hole/000").exists()


def test_what_says_how_and_not_what_may_change(data, maps):
    maps(batch_size=2)
    assert maps(batch_size=3).skipped == ["parts"]


def test_an_interrupted_run_goes_on_and_keeps_what_was_written(data, maps, monkeypatch):
    heal = stop_after(monkeypatch, 4)
    with pytest.raises(KeyboardInterrupt):
        maps()
    before = times()
    assert len(before) == 4
    assert notes.read_note(Path("maps/parts")).state == "running"
    heal()
    maps()
    after = times()
    assert len(after) == 6
    assert {path: after[path] for path in before} == before
    interrupted = {key: row["image_score"] for key, row in rows().items()}
    maps(out=Path("again"))
    straight = {row["id"]: row["image_score"] for row in MapsFolder(Path("again")).image_rows("parts")}
    assert interrupted == straight, "an interruption changes no result"


def test_a_full_disk_stops_everything_and_keeps_what_was_written(tiny_data, maps, monkeypatch):
    tiny_data.make(Path("data/many"), ["bolt", "nut"])
    heal = stop_after(monkeypatch, 2, OSError(28, "No space left on device"))
    with pytest.raises(OSError, match="No space"):
        maps()
    assert len(times()) == 2
    assert not Path("maps/nut").exists(), "a full disk is not the fault of one category"
    heal()
    assert maps().done == ["bolt", "nut"]


def test_a_stored_model_is_used_again_and_a_different_one_is_replaced(data, maps):
    maps()
    before = MODEL.weights.stat().st_mtime_ns
    maps(out=Path("other"))
    assert MODEL.weights.stat().st_mtime_ns == before
    maps(out=Path("third"), seed=1)
    assert MODEL.weights.stat().st_mtime_ns != before


def test_a_limit_draws_images_by_the_seed(data, maps):
    maps(max_images=3)
    first = set(rows())
    assert len(first) == 3
    maps(max_images=3, out=Path("again"))
    assert {row["id"] for row in MapsFolder(Path("again")).image_rows("parts")} == first
    with pytest.raises(UsageError, match="max_images: 3 -> None"):
        maps()


def test_categories_can_be_chosen_and_do_not_disturb_each_other(tiny_data, maps):
    tiny_data.make(Path("data/many"), ["bolt", "nut", "bolts"])
    assert maps(category=("nut",)).done == ["nut"]
    before = times()
    outcome = maps()
    assert (sorted(outcome.done), outcome.skipped) == (["bolt", "bolts"], ["nut"])
    assert before.items() <= times().items()


def test_a_category_that_is_not_there_is_named(data, maps):
    with pytest.raises(MissingInputError, match=r"no category 'bottle'. It has: parts"):
        maps(category=("bottle",))
    assert not Path("maps").exists()


# Bad input


def test_an_unreadable_image_is_skipped_and_stated(data, maps, caplog):
    (data / "test/hole/000.png").write_bytes(b"")
    with caplog.at_level(logging.WARNING, logger="adtool"):
        outcome = maps()
    said = "parts: 1 of 6 pictures could not be read: test/hole/000"
    assert said in outcome.notes
    assert "test/hole/000" not in rows()
    assert len(rows()) == 5
    assert notes.read_note(Path("maps/parts")).result.skipped == ["test/hole/000"]
    assert [record.getMessage() for record in caplog.records if "the file is empty" in record.getMessage()]
    assert said in maps().notes, "as well where it is done already"


def test_an_unreadable_normal_image_is_skipped_and_stated(data, maps, caplog):
    (data / "train/good/000.png").write_bytes(b"x")
    with caplog.at_level(logging.WARNING, logger="adtool"):
        maps()
    assert len(rows()) == 6
    assert any("skipped 1 unreadable image" in record.getMessage() for record in caplog.records)


def test_if_no_image_can_be_read_it_is_an_error(data, maps):
    for path in data.glob("test/*/*.png"):
        path.write_bytes(b"x")
    with pytest.raises(MissingInputError, match="None of the 6 test images of parts could be read"):
        maps()
    assert notes.read_note(Path("maps/parts")).state == "failed"


def test_without_normal_images_the_detector_cannot_learn(tiny_data, maps, monkeypatch):
    from adtool.nn import backbone

    tiny_data.make(DATA, train=0)
    monkeypatch.setattr(backbone, "load", lambda *_, **__: pytest.fail("data are looked at before weights"))
    with pytest.raises(MissingInputError, match=r"no normal images to learn from \(train/<normal kind>/\)"):
        maps(detector="patchcore")
    assert not Path("maps").exists()


def test_nor_from_a_flat_folder(tiny_data, maps):
    rng = np.random.default_rng(0)
    arrays.write_png(Path("odd/a.png"), tiny_data.image(rng)[0])
    with pytest.raises(MissingInputError, match="no normal images to learn from"):
        maps(data=Path("odd"), detector="patchcore")


def test_one_category_without_normal_images_does_not_stop_the_others(tiny_data, maps):
    tiny_data.make(Path("data/many"), ["bolt"], train=0)
    tiny_data.make(Path("data/many"), ["nut"])
    outcome = maps()
    assert outcome.done == ["nut"]
    assert "no normal images" in str(outcome.failed["bolt"])


def test_no_test_images_are_an_error_before_anything_is_learned(tiny_data, maps):
    tiny_data.make(DATA, kinds={})
    with pytest.raises(MissingInputError, match="no test images"):
        maps()
    assert not Path("models").exists()


def test_one_image_to_learn_and_one_to_test_are_enough_for_a_map_without_a_decision(tiny_data, maps, caplog):
    tiny_data.make(DATA, train=1, kinds={"hole": 1})
    with caplog.at_level(logging.WARNING, logger="adtool"):
        outcome = maps()
    assert rows()["test/hole/000"]["decision"] == ""
    assert outcome.rows[0]["limit"] == "none"
    assert limit_file.read(Path("maps/parts")).value is None
    assert any("no limit" in record.getMessage() for record in caplog.records)
    with pytest.raises(MissingInputError, match=r"--false-alarms 0\.1 can't be had: there are no scores of normal"):
        maps(false_alarms=0.1)
    maps(at=0)
    assert rows()["test/hole/000"]["decision"] == "NOK"


def test_unlabelled_test_images_are_mapped_like_others(tiny_data, maps):
    tiny_data.make(DATA, kinds={"unknown": 3})
    maps()
    assert {row["kind"] for row in rows().values()} == {"unknown"}


def test_labels_and_masks_change_no_map(data, maps, tmp_path):
    maps()
    for path in (data / "ground_truth").rglob("*.png"):
        path.unlink()
    assert maps().skipped == ["parts"]


def test_names_with_spaces_dots_and_umlauts(tiny_data, maps):
    tiny_data.make(DATA, kinds={"good": 1, "poke hole": 1})
    (DATA / "test/poke hole/000.png").rename(DATA / "test/poke hole/größe a.b.png")
    maps()
    assert MAPS.scores("parts", "test/poke hole/größe a.b").name == "größe a.b.tiff"
    assert MAPS.scores("parts", "test/poke hole/größe a.b").exists()
    assert "test/poke hole/größe a.b" in rows()


def test_a_damaged_model_says_how_to_make_it_again(data, maps):
    maps()
    MODEL.weights.write_bytes(b"x")
    with pytest.raises(Exception, match=r"weights\.safetensors can't be read .*--force"):
        maps(out=Path("other"))
    maps(out=Path("other"), force=True)
    assert notes.is_done(Path("other/parts"))


def test_a_detector_that_is_not_there_is_a_usage_error_before_any_data_is_looked_for(maps):
    with pytest.raises(UsageError, match="There is no 'patchcor' among the detectors"):
        maps(detector="patchcor")
    with pytest.raises(UsageError, match="there is no setting 'bank'"):
        maps(settings=("bank=5",))


def test_images_of_all_kinds_of_files_are_mapped(tiny_data, maps):
    """16 bits, a palette, transparency and CMYK, beside plain ones."""
    from PIL import Image

    data = tiny_data.make(DATA, kinds={"good": 1})
    pixels = tiny_data.image(np.random.default_rng(3))[0]
    folder = data / "test/good"
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    Image.fromarray(pixels).convert("P").save(folder / "palette.png")
    Image.fromarray(np.dstack([pixels, pixels[..., 0]])).save(folder / "rgba.png")
    Image.fromarray(pixels).convert("CMYK").save(folder / "cmyk.tif")
    Image.fromarray(pixels).save(folder / "plain.BMP")
    maps()
    scores = {key.rsplit("/", 1)[1]: float(row["image_score"]) for key, row in rows().items()}
    assert set(scores) == {"000", "deep", "palette", "rgba", "cmyk", "plain"}
    assert scores["deep"] == scores["rgba"] == scores["plain"]
    assert scores["cmyk"] == pytest.approx(scores["plain"], rel=0.05)


def test_the_embedded_backbone_finds_the_defects(data, tiny_data):
    run(MapsConfig(**tiny_data.quick))
    normal = [float(row["image_score"]) for row in rows().values() if row["kind"] == "good"]
    assert all(float(row["image_score"]) > max(normal) for row in rows().values() if row["kind"] != "good")


def test_what_is_done_makes_no_network(data, tiny_data, monkeypatch):
    config = MapsConfig(**tiny_data.quick)
    assert run(config).done == ["parts"]
    monkeypatch.setattr(NetworkSource, "net", property(lambda _: pytest.fail("the network was made")))
    assert run(config).skipped == ["parts"]


def test_smaller_maps_have_the_scores_and_decisions_of_whole_ones(data, maps, caplog):
    maps()
    whole = {one: arrays.read_scores(MAPS.scores("parts", one)).scores for one in rows()}
    table, limit = Path("maps/parts/images.csv").read_bytes(), Path("maps/parts/limit.json").read_bytes()
    note = notes.read_note(Path("maps/parts")).all_settings
    assert "map_type" not in note  # as ever
    with pytest.raises(UsageError, match="map_type: 'float32' -> 'float16-deflate'"):
        maps(map_type="float16-deflate")
    maps(map_type="float16-deflate", force=True)
    assert Path("maps/parts/images.csv").read_bytes() == table
    assert Path("maps/parts/limit.json").read_bytes() == limit
    for one, scores in whole.items():
        found = arrays.read_scores(MAPS.scores("parts", one)).scores
        assert np.allclose(found, scores, rtol=2.0**-10, atol=1e-4)
        assert MAPS.scores("parts", one).stat().st_size < 0.6 * scores.nbytes + 1000
    assert maps(map_type="float16-deflate").skipped == ["parts"]
