"""Each preset that is called after a paper or its code, against a table typed in by hand: every setting.

The values are those of the papers and their authors' code, as read there; what a paper does not have is as by default.
"""

import dataclasses

import pytest

from adtool.detection.contract import load_plugin, settings_of
from adtool.detectors._cfa.rules import image_weights

ALL = 10_000_000

CFA = {  # of all three, but for what stands below
    "layers": "",
    "grid": "fine",
    "pool": 3,
    "memory": "places",
    "start": "random",
    "scale": 0.0,
    "attracted": 3,
    "repelled": 3,
    "scored": 3,
    "margin": 0.1,
    "nu": 1e-3,
    "radius": 1e-5,
    "gamma_c": 1,
    "gamma_d": 1,
    "epochs": 30,
    "patience": 5,
    "learn_rate": 1e-3,
    "weight_decay": 5e-4,
    "blur": 4.0,
    "image_score": "max",
    "pooled_layers": None,
    "relu": None,
    "trains_radius": None,
    "stop": None,
    "input_px": None,
}
RD = {  # of RD4AD, and of RD++ but for its projections
    "joint": False,
    "layers": "4,8,16",
    "input_px": 256,
    "scale": "none",
    "loss": "images",
    "blocks": "6,4,3",  # a Wide ResNet-50's three, shallow to deep, in the reverse order
    "embedding_blocks": 3,
    "narrow": 0.25,
    "wide": 0.5,
    "projects": False,
    "projection_rate": 1e-3,
    "projection_weight": 0.2,
    "steps": 0,  # by epochs
    "epochs": 200,
    "batch": 16,
    "learn_rate": 5e-3,
    "falls": False,
    "combine": "sum",
    "blur": 4.0,
    "image_score": "max",
}
EFFICIENTAD = {  # of S; M has the larger networks
    "size": "small",
    "share": 1.0,
    "channels": 384,
    "input_px": 256,
    "borders": "unseen",
    "teacher": "distilled",  # on ImageNet there
    "layers": "",
    "compared": "student",
    "teacher_steps": 60_000,
    "teacher_batch": 16,
    "teacher_rate": 1e-4,
    "steps": 70_000,
    "batch": 1,
    "learn_rate": 1e-4,
    "weight_decay": 1e-5,
    "quantile": 0.999,
    "recolour": 0.2,
    "dropout": 0.2,
    "blur": 0.0,
    "image_score": "max",
}
NOT_THE_PAPER_S = {"cache_gb", "bank_size", "drawn", "memory_gb"}  # space, and what other settings leave unused

TABLES = {
    ("cfa", "original"): {**CFA, "rules": "original", "batch": 4},
    ("cfa", "anomalib"): {**CFA, "rules": "anomalib", "batch": 32},
    ("cfa", "anomalib-2023"): {**CFA, "rules": "anomalib-2023", "batch": 4},
    ("patchcore", "paper"): {
        "layers": "8,16",
        "norm": False,
        "padding": "zeros",
        "grid": "fine",
        "pooled": False,
        "pool": 3,
        "scale": "none",
        "input_px": 256,
        "crop_px": 224,
        "keep_aspect": True,
        "shots": 0,
        "rotations": 1,
        "foreground": "all",
        "beside": "",
        "beside_weight": 1.33,  # of a second network, which no paper has
        "mapped": 1024,
        "calm": False,
        "mirrored": True,
        "drawn": ALL,
        "coreset": "approximate",
        "bank_size": ALL,
        "bank_share": 0.01,
        "half": False,
        "projected": 128,
        "blur": 4.0,
        "image_score": "reweighted",
        "neighbours": 9,
        "standard": False,
    },
    ("patchcore", "anomalydino"): {
        "layers": "-1",
        "norm": True,
        "padding": "replicate",  # of convolutional networks alone
        "grid": "fine",
        "pooled": True,  # not with scale=unit
        "pool": 1,
        "scale": "unit",
        "input_px": 448,
        "crop_px": 0,
        "keep_aspect": True,
        "shots": 0,
        "rotations": 8,
        "foreground": "published",
        "beside": "",
        "beside_weight": 1.33,
        "mapped": 0,
        "calm": True,  # not with scale=unit
        "mirrored": False,
        "drawn": ALL,
        "coreset": "random",
        "bank_size": ALL,
        "bank_share": 1.0,
        "half": False,  # what the memory's file holds
        "projected": 32,  # of a greedy coreset alone
        "blur": 4.0,
        "image_score": "patches",
        "neighbours": 9,  # of the re-weighted score alone
        "standard": True,  # not with scale=unit
    },
    ("musc", "published"): {
        "layers": "5,11,17,23",
        "aggregation": "1,3,5",
        "share": 0.3,
        "subset_size": 0,
        "neighbours": "1,2,3",
        "input_px": 518,
        "corners": True,
        "embedding": "projected",
        "image_score": "max",
        "blur": 0.0,
    },
    ("dinomaly", "paper"): {
        "joint": True,
        "layers": "",  # blocks 2 to 9 of 12
        "input_px": 448,
        "crop_px": 392,
        "groups": 2,
        "decoder_blocks": 8,
        "noise": 0.2,
        "steps": 10_000,
        "batch": 16,
        "learn_rate": 2e-3,
        "last_rate": 2e-4,
        "warm_up": 100,
        "easy_until": 1000,
        "weight_decay": 1e-4,
        "blur": 4.0,
    },
    ("efficientad", "paper"): EFFICIENTAD,
    ("efficientad", "paper-m"): {**EFFICIENTAD, "size": "medium"},
    ("rd", "paper"): RD,
    ("rd", "rdpp"): {**RD, "projects": True},
    ("uniad", "paper"): {
        "joint": True,
        "layers": "2,4,8,16",
        "input_px": 224,
        "resize": "corners",
        "scale": "none",
        "width": 256,
        "hidden": 1024,
        "depth": 4,
        "heads": 8,
        "dropout": 0.1,
        "neighbours": 7,
        "jitter": 20.0,
        "jitter_share": 1.0,
        "steps": 0,  # by epochs
        "epochs": 1000,
        "batch": 64,  # eight on each of eight GPUs
        "learn_rate": 1e-4,
        "weight_decay": 1e-4,
        "corners": True,
        "blur": 0.0,
        "image_score": "pooled",
    },
    ("hvqtrans", "paper"): {
        "joint": True,
        "layers": "2,4,8,16",
        "input_px": 224,
        "resize": "corners",
        "scale": "none",
        "width": 256,
        "hidden": 1024,
        "depth": 4,
        "codes": 512,
        "epochs": 1000,
        "batch": 16,
        "learn_rate": 1e-4,
        "weight_decay": 1e-4,
        "category": "given",
        "transport": 80.0,
        "blur": 0.0,
        "image_score": "pooled",
    },
}


@pytest.mark.parametrize(("detector", "preset"), TABLES)
def test_a_preset_has_the_published_values(detector, preset):
    made = settings_of(detector, load_plugin(detector), [f"preset={preset}"]).model_dump()
    table = TABLES[detector, preset]
    left = {name: made[name] for name in made if name not in NOT_THE_PAPER_S or name in table}
    assert left == table


def test_every_preset_of_a_paper_has_a_table():
    own = {"small"}
    there = {(name, preset) for name in dict(TABLES) for preset in load_plugin(name[0]).PRESETS if preset not in own}
    assert {(name[0], preset) for name, preset in there} == set(TABLES)


# What decides a reading of CFA besides its settings: pools all layers, before the ReLU, a trained radius, the slice of
# the hard negatives by J, the images' weights in the memory, the mirrored blur, the input's side, and what stops it.
CFA_RULES = {
    "original": (True, True, True, True, "full", True, 224, "none"),
    "anomalib": (False, False, False, True, "batch", True, 256, "none"),
    "anomalib-2023": (True, False, False, True, "batch", True, 224, "painted"),
}


@pytest.mark.parametrize("name", CFA_RULES)
def test_a_reading_of_cfa_is_that_of_its_code(name):
    detector = load_plugin("cfa")
    made = settings_of("cfa", detector, [f"preset={name}"])
    assert dataclasses.astuple(made.reading) == CFA_RULES[name]
    asked = detector.needs(made, "wide_resnet50_2.tv_in1k")
    assert (asked.layers, asked.image_size, asked.centre_crop) == ((4, 8, 16), CFA_RULES[name][6], 0)
    assert asked.before_relu == (name == "original")


def test_the_weights_of_images_are_those_of_batches_as_the_codes_have_them():
    assert image_weights(5, 4, "full") == [0.25] * 4 + [0.0]
    assert image_weights(5, 4, "batch") == [0.125] * 4 + [0.5]


def test_what_the_network_sees_is_as_published():
    patchcore, dinomaly, musc = (load_plugin(name) for name in ("patchcore", "dinomaly", "musc"))
    asked = patchcore.needs(settings_of("patchcore", patchcore, ["preset=paper"]), "wide_resnet50_2.tv_in1k")
    assert (asked.layers, asked.image_size, asked.centre_crop, asked.replicates) == ((8, 16), 256, 224, False)
    asked = patchcore.needs(settings_of("patchcore", patchcore, ["preset=anomalydino"]), "dinov2_vits14")
    assert (asked.layers, asked.norm, asked.image_size) == ((-1,), True, 448)
    asked = dinomaly.needs(settings_of("dinomaly", dinomaly, ["preset=paper"]), "vit_base_patch14_reg4_dinov2")
    assert (asked.layers, asked.image_size, asked.centre_crop) == ((2, 3, 4, 5, 6, 7, 8, 9), 448, 392)
    asked = musc.needs(settings_of("musc", musc, ["preset=published"]), "vit_large_patch14_clip_336.openai")
    assert (asked.layers, asked.image_size) == ((5, 11, 17, 23, -1), 518)
