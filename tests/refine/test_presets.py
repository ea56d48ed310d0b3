"""The released variants of CostFilter-AD: each against a table that was typed in by hand."""

import pytest

from adtool.refine import presets
from adtool.refine.asked import filter_settings

# anomalydino, dinomaly, hvqtrans, glad
TABLE = {
    "width": (48, 48, 48, 48),
    "matches": (1024, 768, 196, 1024),
    "plane": (64, 64, 64, 64),
    "reduced": (8, 4, 4, 8),
    "templates": (4, 4, 4, 2),  # of the two in the middle the reconstruction is the only one
    "tested": (48, 0, 0, 0),
    "apart": (False, False, False, True),
    "layers": ("2,5,8,11", "", "", "2,5,8,11"),  # counted from 0; empty: those of the detector
    "by_features": (True, True, True, True),
    "by_map": (True, True, True, True),
    "guide": ("image", "image", "reconstruction", "image"),
    "initial": ("best", "same", "best", "best"),
    "aligned": (False, True, True, True),
    "adaptor": (True, True, True, True),
    "joint": ("true", "true", "true", "true"),
    "clean": (0.5, 0.5, 0.5, 0.5),
    "structural": (0, 0, 0, 0),
    "faint": (0, 0, 0, 0),
    "ssim": (0.2, 0.1, 0.1, 0.2),
    "batch": (8, 12, 16, 8),
    "rate": (1e-3, 1e-4, 1e-3, 1e-3),
    "schedule": ("plateau", "plateau", "plateau", "plateau"),
    "plateau_every": (0, 0, 0, 2000),
    "top": (10, 250, 250, 250),
    "blur_given": (6, 0, 0, 6),
    "blur_mixed": (6, 0, 0, 0),
}
EPOCHS = (28, 17, 23, 4)  # whole ones; GLAD's checkpoint is of the 900th step of the next
SHARES = (0.5, 0.05, None, 0.4)  # of the filter's map; HVQ-Trans adds .02 of the given one to the whole of it
IMAGES = 3629  # normal ones of MVTec AD
NAMES = ("paper-anomalydino", "paper-dinomaly", "paper-hvqtrans", "paper-glad")
CHOSEN = {"stored", "judged", "painted", "steps", "weight"}  # of adtool alone, or below


@pytest.mark.parametrize("column", range(4))
def test_a_released_variant_is_the_paper_in_every_setting(column):
    settings = filter_settings([], NAMES[column]).model_dump()
    assert {name: settings[name] for name in TABLE} == {name: row[column] for name, row in TABLE.items()}
    assert set(settings) == set(TABLE) | CHOSEN, "a new setting belongs into the table"
    steps = EPOCHS[column] * (IMAGES / settings["batch"]) + (900 if NAMES[column] == "paper-glad" else 0)
    assert settings["steps"] == pytest.approx(steps, rel=2e-3)
    assert settings["painted"] == settings["steps"] * settings["batch"]
    share = SHARES[column]
    weight = 1 / 0.02 if share is None else share / (1 - share)
    assert settings["weight"] == pytest.approx(weight, rel=1e-3)


def test_each_says_what_sees_the_images_and_what_becomes_of_the_maps():
    taken = {"keep": "always", "image_score": "refined"}
    dino = {"backbone": "vit_base_patch8_224.dino", "image_size": 256}
    assert [dict(presets.OPTIONS[name]) for name in NAMES] == [dino | taken, taken, taken, dino | taken]


@pytest.mark.parametrize(
    ("detector", "variant"),
    [
        ("patchcore", "paper-anomalydino"),
        ("dinomaly", "paper-dinomaly"),
        ("hvqtrans", "paper-hvqtrans"),
        ("glad", "paper-glad"),
        ("", "paper-anomalydino"),
    ],
)
def test_paper_is_the_variant_of_the_maps_detector(detector, variant):
    assert presets.fitting({"detector": detector}) == variant
