import numpy as np
import pytest
import timm
import torch

from adtool.core.errors import BadDataError
from adtool.discover.free.features import Item
from adtool.discover.ncd import tokens, trunk
from adtool.discover.ncd.tokens import ViewPlan


@pytest.fixture(scope="module")
def frozen():
    torch.manual_seed(0)
    model = timm.create_model("test_vit", pretrained=False, num_classes=0)
    return trunk.from_model("tiny", model, "0", engine="torch", device="cpu")


def item(key, share):
    """A picture whose upper part is inside the mask."""
    rng = np.random.default_rng(len(key))
    image = rng.integers(0, 255, (64, 64, 3)).astype(np.uint8)
    mask = np.zeros((64, 64), np.float32)
    mask[: round(64 * share)] = 1
    return Item(key, lambda: (image, mask))


ITEMS = [item("none", 0), item("half", 0.5), item("whole", 1)]


def plan(*numbers, side=64, batch_size=2):
    return ViewPlan(side, numbers, 0, batch_size)


def test_what_lies_outside_the_mask_is_not_kept(frozen, tmp_path):
    found = tokens.collect(ITEMS, frozen, tmp_path, plan(0))
    _, kept = found.batch([0, 1, 2], [0, 0, 0])
    assert kept.sum(dim=1).tolist() == [1, 1 + 8, 1 + 16]  # the class token, and 16 px patches: 4 x 4


def test_views_are_numbered_and_padded(frozen, tmp_path):
    found = tokens.collect(ITEMS, frozen, tmp_path, plan(0, 1, 2))
    assert len(found) == 3
    batch, kept = found.batch(np.array([2, 0]), np.array([1, 2]))
    assert batch.shape == (2, 17, 64)
    assert not batch[1][~kept[1]].any()
    assert not torch.equal(*(found.batch([2], [view])[0] for view in (1, 2)))


def test_an_item_has_the_same_views_whatever_the_others_are(frozen, tmp_path):
    all_of_them = tokens.collect(ITEMS, frozen, tmp_path / "all", plan(1, batch_size=3))
    alone = tokens.collect(ITEMS[2:], frozen, tmp_path / "alone", plan(1))
    assert torch.allclose(all_of_them.batch([2], [0])[0], alone.batch([0], [0])[0], atol=1e-2)  # half precision


def test_more_than_memory_is_read_from_disk_and_is_the_same(frozen, tmp_path, monkeypatch):
    kept = tokens.collect(ITEMS, frozen, tmp_path, plan(0, 1))
    monkeypatch.setattr(tokens, "IN_MEMORY_BYTES", 0)
    read = tokens.collect(ITEMS, frozen, tmp_path, plan(0, 1))
    assert read._kept is None
    assert torch.equal(kept.batch([1, 2], [1, 0])[0], read.batch([1, 2], [1, 0])[0])


def test_only_what_is_missing_is_run(frozen, tmp_path, monkeypatch):
    tokens.collect(ITEMS[:2], frozen, tmp_path, plan(0))
    seen = []
    stream = type(frozen).stream

    def noting(self, batches):
        for key, rows in stream(self, batches):
            seen.extend(job[0].key for job in key)
            yield key, rows

    monkeypatch.setattr(type(frozen), "stream", noting)
    tokens.collect(ITEMS, frozen, tmp_path, plan(0))
    assert seen == ["whole"]


def test_a_damaged_file_of_views_is_named(frozen, tmp_path):
    tokens.collect(ITEMS, frozen, tmp_path, plan(0, 1))
    damaged = tmp_path / "whole.npy"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with pytest.raises(BadDataError, match=r"whole\.npy is damaged"):
        tokens.collect(ITEMS, frozen, tmp_path, plan(0, 1))
