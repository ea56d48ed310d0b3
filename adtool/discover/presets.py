"""What `--preset` sets: settings of the training, options of the command, and where the paper still is another way."""

from collections.abc import Mapping

from adtool.core.config import Presets

BEST, PAPER = "best", "paper"
DINO = "vit_base_patch8_224.dino"
TRAINED = "trained"

PRESETS: Presets = {
    BEST: {},  # the defaults: what works best here
    PAPER: {  # AnomalyNCD's own values (arXiv 2410.14379 and its public code)
        "epochs": 50,
        "exact": True,
        "side": 224,
        "heads": 4,
        "rate": 3e-3,
        "batch": 32,
        "normal": "crops",
        "hidden": 2048,
        "start": "random",
        "test_view": "centre",
        "temperature": 100.0,
    },
}
# Of the command, where they are not given:
OPTIONS: Mapping[str, Mapping[str, object]] = {
    PAPER: {"method": TRAINED, "backbone": DINO, "erosion": 6, "min_run": 4},
}
TEMPERATURE = "temperature"
MTD, MTD_TEMPERATURE = "mtd", 50.0  # what the public code takes for every data set but MVTec AD, MTD alone of those

DIFFERENCES: Mapping[str, str] = {
    "--base": "the paper always learns from labelled crops of AeBAD_S, too; here they are given (`adtool prep aebad "
    "--crop`, then --base), since they are another data set with a licence of its own.",
    "--classes": "the paper is told their number; here it is estimated unless it is given (`oracle` counts the kinds).",
    "maps": "regions are searched in the maps' own numbers; the public code rounds them to 8 bits first, and of MTD "
    "keeps them as JPEG.",
    "crops": "one on half pixels moves by half a pixel, to stay square; an image without a region is padded to a "
    "square and seen whole, where the public code sees its top left part.",
    "views": "what is shrunk is averaged, where the public code interpolates; brightness, contrast and saturation "
    "change in one order, and a crop that is not square is seen to both of its ends.",
    "tokens": "what the frozen blocks give is kept in half precision; the last block learns in full precision.",
    "batches": "one without any labelled crop is learned from, by its other losses; the public code leaves it out.",
    "--seed": "the public code takes 3407; random numbers are drawn otherwise here, so no seed gives the same run.",
}
