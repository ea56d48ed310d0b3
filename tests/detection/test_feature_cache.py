"""Features kept on the disk, and the state of an interrupted training."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from adtool.core.arrays import UnreadableImageError
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError
from adtool.detection.feature_cache import FeatureCache
from adtool.nn import training_checkpoint as checkpoint


@dataclass
class Eye:
    """Sees in image n the numbers n, n + 1 and a constant; can't read some, and is interrupted at one."""

    blind: set[str] = field(default_factory=set)
    looked: list[str] = field(default_factory=list)
    stops_at: str = ""

    def see(self, samples):
        for one in samples:
            self.looked.append(one.id)
            if one.id == self.stops_at:
                raise KeyboardInterrupt
            if one.id not in self.blind:
                yield one, [torch.tensor([float(one.id), float(one.id) + 1]), torch.full((1, 3), 0.5)]


@pytest.fixture
def samples(tmp_path):
    found = []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        path.write_bytes(bytes([number]))
        found.append(Sample("parts", str(number), "train", "good", path))
    return found


def cache(samples, eye, folder, limit=10**6, key="a"):
    return FeatureCache(samples, eye.see, folder, key=key, limit_bytes=limit, noted_every=2)


def firsts(made, order, size):
    return [batch[0][:, 0].tolist() for batch in made.batches(order, size)]


@pytest.mark.parametrize("limit", [10**6, 0])
def test_features_come_in_any_order_kept_or_not(samples, tmp_path, limit):
    made = cache(samples, Eye({"1"}), tmp_path / "model", limit)
    assert len(made) == 4
    assert [one.id for one in made.samples] == ["0", "2", "3", "4"]
    assert made.shapes == [(2,), (1, 3)]
    assert firsts(made, [3, 0, 0], 2) == [[4, 0], [0]]
    assert [part.shape for part in next(made.batches([1, 2], 2))] == [(2, 2), (2, 1, 3)]


def test_an_image_is_looked_at_once_if_features_are_kept(samples, tmp_path, caplog):
    kept, unkept = Eye(), Eye()
    firsts(cache(samples, kept, tmp_path / "kept"), [0, 1, 0], 2)
    assert kept.looked == list("01234")
    firsts(cache(samples, unkept, tmp_path / "unkept", limit=0), [0, 1, 0], 2)
    assert unkept.looked == list("01234010")
    assert "too much to keep" in caplog.text
    assert not (tmp_path / "unkept").exists()


def test_an_interrupted_look_is_taken_up(samples, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        cache(samples, Eye({"0"}, stops_at="4"), tmp_path / "model")
    eye = Eye({"0"})
    made = cache(samples, eye, tmp_path / "model")
    assert eye.looked == ["3", "4"]  # 1 and 2 were noted
    assert firsts(made, range(4), 4) == [[1, 2, 3, 4]]
    again = Eye()
    cache(samples, again, tmp_path / "model")
    assert not again.looked
    made.forget()
    assert list((tmp_path / "model").iterdir()) == []


def test_features_of_other_images_or_other_eyes_are_not_taken(samples, tmp_path):
    cache(samples, Eye(), tmp_path / "model")
    for chosen, key in ((samples[1:], "a"), (samples, "b")):
        eye = Eye()
        made = cache(chosen, eye, tmp_path / "model", key=key)
        assert eye.looked == [one.id for one in chosen]
        assert firsts(made, [0], 1) == [[float(chosen[0].id)]]


def test_nothing_to_learn_from_is_said(samples, tmp_path):
    with pytest.raises(BadDataError, match="None of the normal training images could be read"):
        cache(samples, Eye(set("01234")), tmp_path / "model")


def test_a_state_is_taken_up_or_named_if_it_is_damaged(tmp_path):
    one, other = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    assert checkpoint.read(tmp_path, {"net": one}, torch.device("cpu")) == (0, [])
    checkpoint.write(tmp_path, {"net": one}, 7, [{"step": 7}])
    assert checkpoint.read(tmp_path, {"net": other}, torch.device("cpu")) == (7, [{"step": 7}])
    assert torch.equal(one.weight, other.weight)
    with pytest.raises(BadDataError, match=r"training\.pt can't be read.*begins anew"):
        checkpoint.read(tmp_path, {"net": torch.nn.Linear(3, 2)}, torch.device("cpu"))
    Path(tmp_path / checkpoint.FILE).write_bytes(b"")
    with pytest.raises(BadDataError, match=r"training\.pt can't be read"):
        checkpoint.read(tmp_path, {"net": one}, torch.device("cpu"))
    checkpoint.forget(tmp_path)
    assert checkpoint.read(tmp_path, {"net": one}, torch.device("cpu")) == (0, [])


def test_an_image_that_breaks_later_stops_the_training_instead_of_shifting_the_others(samples, tmp_path):
    eye = Eye()
    made = cache(samples, eye, tmp_path / "model", limit=0)  # nothing is kept: images are read again
    eye.blind.add("2")
    with pytest.raises(UnreadableImageError, match=r"2\.png can't be read any more"):
        firsts(made, [0, 1, 2, 3, 4], 2)
    eye.blind = {"4"}  # the last one, whose batch was dropped
    with pytest.raises(UnreadableImageError, match=r"4\.png"):
        firsts(made, [0, 1, 2, 3, 4], 2)
    assert firsts(made, [0, 1, 0], 2) == [[0, 1], [0]]


def test_a_part_that_may_lack_in_a_stored_state_begins_anew(tmp_path):
    cpu, one, later = torch.device("cpu"), torch.nn.Linear(2, 2), torch.nn.Linear(1, 1)
    checkpoint.write(tmp_path, {"net": one}, 7, [])
    before = later.weight.detach().clone()
    assert checkpoint.read(tmp_path, {"net": one, "later": later}, cpu, may_lack=("later",)) == (7, [])
    assert later.weight.equal(before)
    with pytest.raises(BadDataError):
        checkpoint.read(tmp_path, {"net": one, "later": later}, cpu)
