"""The filter works where the features are that it is given: checked by placement, on torch's device without memory."""

from types import SimpleNamespace

import pytest
import torch

from adtool.core.dataset.types import Sample
from adtool.refine import model, validation
from adtool.refine.config import FilterSettings
from adtool.refine.feature_store import Extractor, ImageFeatures
from adtool.refine.model import Filter

META = torch.device("meta")
SETTINGS = FilterSettings(templates=2, matches=3, plane=16, width=4)


def a_filter():
    network = model.network(SETTINGS, (5, 7), 1, seed=0).eval()
    templates = {"parts": [torch.zeros(2, 5, 4, 4).half(), torch.zeros(2, 7, 2, 2).half()]}
    return Filter(network, templates, SETTINGS, ("net", "weights", [8, 16]), 64)


def devices_of(made):
    kept = [*made.network.parameters(), *made.network.buffers(), *(x for one in made.templates.values() for x in one)]
    return {tensor.device.type for tensor in kept}


def test_network_and_templates_move_together():
    made = a_filter()
    assert devices_of(made) == {"cpu"}
    assert devices_of(made.to(META)) == {"meta"}


@pytest.mark.parametrize("images", [1, 3])
def test_images_are_filtered_where_their_features_are(monkeypatch, images):
    used = []

    def watched(self, features, category, own=()):
        used.append(devices_of(self) | {layer.device.type for layer in features})
        return torch.zeros(len(features[0]), 16, 16), torch.zeros(len(features[0]), 1)

    def see(self, samples):
        for one in samples:
            yield ImageFeatures(one, [torch.zeros(5, 4, 4, device=META), torch.zeros(7, 2, 2, device=META)], [])

    monkeypatch.setattr(Filter, "filtered", watched)
    monkeypatch.setattr(Extractor, "see", see)
    eye = Extractor(SimpleNamespace(device=META), 64, batch_size=2)
    samples = [Sample("parts", f"test/good/{i}", "test", "good", f"{i}.png") for i in range(images)]
    assert [one.sample for one in validation.filtered(a_filter(), "parts", eye, samples)] == samples
    assert used == [{"meta"}] * -(-images // 2)
