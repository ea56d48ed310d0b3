"""What decides a result is all of a command's options but those that are left out with a reason.

An option that is added and forgotten can't make an old result pass for a new one: it becomes a part of the identity.
"""

import ast
import importlib
from pathlib import Path

import pytest

from adtool.core import plugins
from adtool.core.config import Config, identity_defaults
from adtool.core.steps.identity import Identity
from adtool.core.steps.note_form import StepNote
from adtool.discover.config import DiscoverConfig, TrainSettings
from adtool.inspect.config import InspectConfig
from adtool.maps.config import MapsConfig
from adtool.refine.config import FilterSettings, RefineConfig
from adtool.train.config import TrainConfig

PACKAGE = Path(__file__).parents[1] / "adtool"
# Commands whose folders have no identity: what they make is made anew each time, or in the folders of others.
MADE_ANEW = {"check", "decide", "demo", "doctor", "merge", "models", "report"}
# Modules that make an identity of arguments, not of options.
OF_ARGUMENTS = {"adtool/core/external_maps.py"}
# What each command notes of its options as they stand. Something is missing here? Then say in the command's
# NOT_IDENTITY why it is no part of the identity, or add it here: folders that were made before fit, with its default.
AS_THEY_STAND = {
    "convert": {"to"},
    "discover": {"classes", "method", "rules", "settings", "base", "features", "backbone", "weights", "layers",
                 "image_size", "erosion", "min_run", "normal"},
    "export": {"format", "precision", "with_refine", "with_classes", "unknown"},
    "inspect": set(),
    "maps": {"max_images", "held_out"},
    "refine": {"keep", "image_score", "method"},
    "run": set(),
    "train": {"held_out"},
    "aebad": {"mask_rule", "mask_orientation"},
    "btad": {"mask_rule", "mask_orientation"},
    "folder": {"mask_rule", "mask_orientation", "pages", "grey"},
    "mpdd": {"mask_rule", "mask_orientation"},
    "mtd": {"mask_rule", "mask_orientation"},
    "synthetic": {"train", "test", "size"},
    "visa": {"mask_rule", "mask_orientation"},
}  # fmt: skip


def configs() -> dict[str, type[Config]]:
    found = {}
    for path in PACKAGE.glob("*/config.py"):
        module = importlib.import_module(f"adtool.{path.parent.name}.config")
        for name, kind in vars(module).items():
            if name.lower() == f"{path.parent.name}config":
                found[path.parent.name] = kind
    data = {name: plugins.load("prep.datasets", name) for name in plugins.names("prep.datasets")}
    return found | {name: one.Config for name, one in data.items() if hasattr(one, "Config") and name != "mvtec"}


CONFIGS = {name: kind for name, kind in configs().items() if name not in {*MADE_ANEW, "core"}}


@pytest.mark.parametrize("name", sorted({*CONFIGS, *AS_THEY_STAND}))
def test_each_option_of_a_command_is_in_its_identity_or_left_out_with_a_reason(name):
    kind = CONFIGS[name]
    assert set(kind.NOT_IDENTITY) <= set(kind.model_fields), "left out, and not there"
    assert all(len(reason.split()) > 1 for reason in kind.NOT_IDENTITY.values())
    assert set(kind.model_fields) - set(kind.NOT_IDENTITY) == AS_THEY_STAND[name]


def test_the_settings_of_trained_methods_are_left_out_with_a_reason_as_well():
    of_mixture = {"weight", "blur_given", "blur_mixed", "top"}
    assert set(FilterSettings.NOT_IDENTITY) == {"layers", "judged", "joint", "stored"} | of_mixture
    assert not TrainSettings.NOT_IDENTITY
    assert set(RefineConfig.NOT_OF_FILTER) == set(RefineConfig(keep="auto").identity())


@pytest.mark.parametrize("kind", [MapsConfig, TrainConfig, RefineConfig, DiscoverConfig, InspectConfig])
def test_an_option_that_is_added_decides_and_what_was_made_before_it_fits_its_default(kind):
    class Later(kind):
        added: int = 1

    needed = {name: "x" for name, one in kind.model_fields.items() if one.is_required()}
    note = StepNote.of({"command": "a", "settings": kind(**needed).identity(), "seed": 0, "inputs": {}})

    def differences(**asked):
        settings = Later(**needed, **asked).identity()
        return Identity("a", settings, 0, {}, identity_defaults(Later)).differences(note)

    assert differences() == []
    assert differences(added=2) == ["added: 1 -> 2"]


@pytest.mark.slow
def test_whoever_makes_an_identity_makes_it_of_its_options():
    makers, lacking = [], []
    for path in sorted(PACKAGE.rglob("*.py")):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        if any(isinstance(one, ast.Name) and one.id == "Identity" for one in calls):
            makers.append(path.relative_to(PACKAGE.parent).as_posix())
            asked = [one for one in calls if isinstance(one, ast.Attribute) and one.attr == "identity"]
            if not any(isinstance(one.value, ast.Name | ast.Attribute) for one in asked):
                lacking.append(makers[-1])
    assert set(lacking) == OF_ARGUMENTS
    assert len(makers) > len(OF_ARGUMENTS)
