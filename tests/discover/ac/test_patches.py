"""How strange patches are, and means weighted by it."""

import math

import pytest
import torch

from adtool.discover.ac.patches import References, on_one_grid

# Two images of two patches, each a number on a line: 0 and 4; 1 and 1.
PATCHES = torch.tensor([[[0.0], [4.0]], [[1.0], [1.0]]])


def references(*, nearest):
    return References(PATCHES, torch.ones(1), ["a", "b"], nearest)


def test_a_patch_is_as_strange_as_it_lies_from_each_other_image_in_the_mean():
    found = references(nearest=False).strangeness(torch.tensor([[2.0], [5.0]]), "new")
    assert found.tolist() == pytest.approx([(2 + 1) / 2, (1 + 4) / 2])


def test_beside_normal_images_the_nearest_patch_of_all_counts():
    found = references(nearest=True).strangeness(torch.tensor([[2.0], [5.0]]), "new")
    assert found.tolist() == pytest.approx([1, 1])


def test_an_image_is_not_compared_with_itself():
    assert references(nearest=True).strangeness(PATCHES[0], "a").tolist() == pytest.approx([1, 3])


def test_a_patch_weighs_more_the_stranger_it_is():
    to = References(PATCHES, torch.full((1,), 2.0), ["a", "b"], nearest=True, spread=2.0)
    # In units of the scale the patches are 0 and 3, 0 and 1 away; weights 1 and e, since the temperature is 1 / 2.
    mean = to.embed(torch.tensor([[0.0], [6.0]]), "new", temperature=0.5)
    assert mean.item() == pytest.approx(3 * math.e / (1 + math.e))


def test_how_finely_images_are_looked_through_changes_nothing(monkeypatch):
    torch.manual_seed(0)
    to = References(torch.rand(5, 4, 3), torch.ones(3), list("abcde"), nearest=False)
    patches = torch.rand(4, 3)
    whole = to.strangeness(patches, "c")
    monkeypatch.setattr("adtool.discover.ac.patches.AT_ONCE", 1)
    assert torch.allclose(to.strangeness(patches, "c"), whole)


@pytest.mark.parametrize(("is_fine", "places"), [(True, 16), (False, 4)])
def test_layers_come_to_one_grid(is_fine, places):
    layers = [torch.ones(2, 4, 4), torch.full((3, 2, 2), 5.0)]
    found = on_one_grid(layers, is_fine=is_fine)
    assert found.shape == (places, 5)
    assert found[0].tolist() == pytest.approx([1, 1, 5, 5, 5])
