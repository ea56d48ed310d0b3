from pathlib import Path
from types import SimpleNamespace

import pytest

from adtool.core.errors import UsageError
from adtool.core.layout import MapsFolder
from adtool.core.steps.note_form import StepNote
from adtool.nn import backbone
from adtool.nn.options import EngineChoice
from adtool.refine import extractor
from adtool.refine.extractor import AskedBackbone
from adtool.refine.map_detectors import MapDetectors

PATCHCORE = {"detector": "patchcore", "backbone": "resnet18", "layers": [8, 16], "image_size": 256}


NOWHERE = Path("nowhere")


@pytest.fixture
def choose(monkeypatch):
    """What sees each category, and what was loaded: `choose([("a", "b")], a=settings, b=settings)`."""
    loaded = []

    def load(name, _, *, layers, replicates):
        loaded.append((name, layers, "replicate")[: 2 + replicates])
        return loaded[-1]

    monkeypatch.setattr(backbone, "load", load)

    def call(groups, *, asked=None, **made_with):
        loaded.clear()
        detectors = MapDetectors(Path("models"), EngineChoice())
        sources = {
            name: SimpleNamespace(
                note=StepNote.of({"settings": settings}), category=SimpleNamespace(name=name), maps=MapsFolder(NOWHERE)
            )
            for name, settings in made_with.items()
        }
        found = extractor.choose(AskedBackbone(**(asked or {})), sources, groups, detectors)
        return {name: (*eye.backbone, eye.image_size) for name, eye in found.items()}, list(loaded)

    return call


def test_each_category_is_seen_as_its_own_maps_were_made(choose):
    other = PATCHCORE | {"backbone": "resnet34", "layers": [4], "image_size": 320}
    found, loaded = choose([("a",), ("b",), ("c",)], a=PATCHCORE, b=other, c=PATCHCORE)
    assert found == {"a": ("resnet18", (8, 16), 256), "b": ("resnet34", (4,), 320), "c": ("resnet18", (8, 16), 256)}
    assert len(loaded) == 2  # the same network for a and c


def test_borders_are_seen_as_the_maps_network_saw_them_and_another_sees_zeros(choose):
    replicated = PATCHCORE | {"padding": "replicate"}
    assert choose([("a",)], a=replicated)[0] == {"a": ("resnet18", (8, 16), "replicate", 256)}
    assert choose([("a",)], asked={"name": "resnet18"}, a=replicated)[0] == {"a": ("resnet18", (8, 16), 256)}
    transformer = replicated | {"backbone": "dinov2_vits14", "layers": [5]}  # sees nothing beyond its borders
    assert choose([("a",)], a=transformer)[0] == {"a": ("dinov2_vits14", (5,), 256)}


@pytest.mark.parametrize(
    "change", [{"backbone": "resnet34"}, {"layers": [4]}, {"image_size": 320}, {"padding": "replicate"}]
)
def test_categories_whose_maps_were_made_differently_share_no_filter(choose, change):
    with pytest.raises(UsageError, match=r"can't see a \(.*\) and b \(.*joint=false"):
        choose([("a", "b")], a=PATCHCORE, b=PATCHCORE | change)


def test_what_is_asked_for_settles_it(choose):
    asked = {"name": "resnet50", "image_size": 224}
    found, loaded = choose([("a", "b")], asked=asked, a=PATCHCORE, b=PATCHCORE | {"layers": [4], "image_size": 320})
    assert found["a"] == found["b"] == ("resnet50", None, 224)
    assert len(loaded) == 1


def test_maps_that_name_no_backbone_are_seen_as_the_others(choose):
    found, _ = choose([("a", "b")], a={}, b=PATCHCORE)
    assert found["a"] == found["b"] == ("resnet18", (8, 16), 256)
