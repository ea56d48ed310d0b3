"""Named settings of the filter: what works here, and the variants that CostFilter-AD released.

Source: the public code of CostFilter-AD (ICML 2025), the settings of its runs on MVTec AD. What adtool does otherwise
than a variant, whatever is set, stands in `DIFFERENCES`, with the reason.
"""

from collections.abc import Mapping

from adtool.core.config import Presets

DINO = "vit_base_patch8_224.dino"
ANOMALYDINO, DINOMALY, HVQ, GLAD = "paper-anomalydino", "paper-dinomaly", "paper-hvqtrans", "paper-glad"
PAPER, SMALL = "paper", "small"

# An epoch is a pass over the 3,629 normal images; steps are those after which the checkpoint was taken.
_ALL: Mapping[str, object] = {
    "width": 48,
    "plane": 64,
    "by_features": True,
    "by_map": True,
    "adaptor": True,
    "joint": "true",
    "clean": 0.5,
    "structural": 0.0,
    "faint": 0.0,
    "schedule": "plateau",
}
_RELEASED: dict[str, Mapping[str, object]] = {
    ANOMALYDINO: {
        **_ALL,
        "layers": "2,5,8,11",
        "templates": 4,
        "tested": 48,
        "matches": 1024,
        "reduced": 8,
        "aligned": False,
        "ssim": 0.2,
        "batch": 8,
        "rate": 1e-3,
        "steps": 12_700,  # 28 epochs
        "painted": 101_600,
        "weight": 1.0,
        "blur_given": 6.0,
        "blur_mixed": 6.0,
        "top": 10,
    },
    DINOMALY: {
        **_ALL,
        "matches": 768,
        "reduced": 4,
        "aligned": True,
        "initial": "same",
        "ssim": 0.1,
        "batch": 12,
        "rate": 1e-4,
        "steps": 5_140,  # 17 epochs
        "painted": 61_680,
        "weight": 0.0526,  # .05 of the filter's, .95 of the given map
        "top": 250,
    },
    HVQ: {
        **_ALL,
        "matches": 196,
        "reduced": 4,
        "aligned": True,
        "guide": "reconstruction",
        "ssim": 0.1,
        "batch": 16,
        "rate": 1e-3,
        "steps": 5_220,  # 23 epochs
        "painted": 83_520,
        "weight": 50.0,  # .02 of the given map beside the filter's
        "top": 250,
    },
    GLAD: {
        **_ALL,
        "layers": "2,5,8,11",
        "templates": 2,
        "matches": 1024,
        "reduced": 8,
        "aligned": True,
        "apart": True,
        "ssim": 0.2,
        "batch": 8,
        "rate": 1e-3,
        "plateau_every": 2000,
        "steps": 2_714,  # the 900th step of the epoch after four
        "painted": 21_712,
        "weight": 0.6667,  # .4 of the filter's, .6 of the given map
        "blur_given": 6.0,
        "top": 250,
    },
}
PRESETS: Presets = {SMALL: {}, PAPER: {}, **_RELEASED}  # `paper`: the one of the maps' detector, see `fitting`

# Options that go with them, unless they are given: what sees the images, and what becomes of the maps.
_TAKEN = {"keep": "always", "image_score": "refined"}
OPTIONS: Mapping[str, Mapping[str, object]] = {
    ANOMALYDINO: {"backbone": DINO, "image_size": 256, **_TAKEN},
    DINOMALY: _TAKEN,
    HVQ: _TAKEN,
    GLAD: {"backbone": DINO, "image_size": 256, **_TAKEN},
}
REBUILDING = {DINOMALY: "dinomaly", HVQ: "hvqtrans"}  # whose detector's reconstructions are the templates

DIFFERENCES: Mapping[str, str] = {
    "painted": "drawn anew in every epoch by the original; here as many once, so that a run can be repeated",
    "tested": "drawn at random for every test image, of files with 8 rotations (AnomalyDINO); here the same for all, "
    "as they are, so that a map does not hang on chance",
    "weight": "of two maps that have other units, as in the original, where it was tuned on the test images",
    "top": "pixels of a map of 256 px, in proportion to the map's size; Dinomaly takes 1 % where that is more",
    "steps": "up to the epoch that was chosen on the test images by the original; no test image chooses here",
    "foreground": "Otsu's, by lists of categories, in the original; adtool has none, since a wrong one hides defects",
    "initial": "HVQ-Trans scales one channel by 70 in training and 40 in tests; here the best match in both",
    "size": "maps are measured at 224 to 392 px there, and at the images' own size by `adtool report`",
    "reconstructions": "of GLAD are made of painted images, two or three of each, in the original; here one of each "
    "image comes with the maps, and a painted image has that of the image it was painted on",
    "rows": "of Dinomaly's volume are the reconstruction's, by a swap of names; here the image's",
}


def fitting(made_with: Mapping[str, object]) -> str:
    """The released variant for maps, by the settings that they were made with; AnomalyDINO's needs no reconstructions.

    Args:
        made_with: the settings of the maps, as their note has them.
    """
    by_detector = {detector: name for name, detector in REBUILDING.items()} | {"glad": GLAD}
    return by_detector.get(str(made_with.get("detector") or ""), ANOMALYDINO)
