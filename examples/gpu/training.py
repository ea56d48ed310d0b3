"""Trainings: Dinomaly to its end on both devices, and the presets of the papers' size for a few steps."""

import time
from collections.abc import Sequence
from pathlib import Path

from chain import DATA, PROCESSOR, TINY, Check, Row, losses, maps, random_weights, rate, read_maps, row, same_twice

from adtool.core import files
from adtool.core.layout import ModelFolder
from adtool.discover import step as discover_step
from adtool.discover.config import DiscoverConfig
from adtool.refine import step as refine_step
from adtool.refine.config import RefineConfig
from adtool.train import step as train_step
from adtool.train.config import TrainConfig

TINY_DINOMALY = ("steps=4", "batch=2", "layers=2,3", "decoder_blocks=2")


def dinomaly(check: Check) -> list[Row]:
    """Dinomaly's small preset to its end, twice."""
    from agreement import compared, with_the_same_model

    settings = TINY_DINOMALY if check.small else ()
    first, second = (
        read_maps(
            maps(
                check,
                f"dinomaly/{n}",
                "dinomaly",
                device=check.device,
                settings=settings,
                network=check.transformer(),
            )
        )
        for n in ("first", "second")
    )
    begun, ended = losses(Path("dinomaly/first/models/dinomaly/_all"))
    return [
        same_twice(first, second),
        *compared(first, with_the_same_model(check, "dinomaly/first", "dinomaly", settings, check.transformer())),
        row("loss", f"{begun:.4f} -> {ended:.4f}", "falls", ok=ended < begun or check.small),
        row("steps/s", f"{rate('training steps'):.1f}"),
    ]


def dinomaly_on_the_processor(check: Check) -> list[Row]:
    """The same training on the processor; another order of rounding, so another network."""
    settings = TINY_DINOMALY if check.small else ()
    found = read_maps(
        maps(
            check,
            "dinomaly/processor",
            "dinomaly",
            device=PROCESSOR,
            settings=settings,
            network=check.transformer(),
        )
    )
    device = read_maps(Path("dinomaly/first/maps"))
    return [
        row(
            "image AUROC, trained on the device and on the processor",
            f"{device.auroc():.4f}, {found.auroc():.4f}",
            "differ by at most 0.03",
            ok=abs(device.auroc() - found.auroc()) <= 0.03 or check.small,
        ),
        row("steps/s on the processor", f"{rate('training steps'):.1f}"),
    ]


def paper_dinomaly(check: Check) -> list[Row]:
    """Dinomaly's paper preset."""
    small = (*TINY_DINOMALY, "input_px=64")
    return few_steps(
        check, "dinomaly", "vit_base_patch14_reg4_dinov2", small if check.small else ("preset=paper", "steps=60")
    )


def paper_hvqtrans(check: Check) -> list[Row]:
    """HVQ-Trans's paper preset."""
    small = ("epochs=2", "codes=16", "width=16", "hidden=16", "depth=1", "input_px=64")
    return few_steps(check, "hvqtrans", "tf_efficientnet_b4", small if check.small else ("preset=paper", "epochs=8"))


def paper_cfa(check: Check) -> list[Row]:
    """CFA as in its authors' code."""
    return few_steps(
        check, "cfa", "wide_resnet50_2", ("preset=original", "epochs=2", *(check.few[1:] if check.small else ()))
    )


def few_steps(check: Check, detector: str, network: str, settings: Sequence[str]) -> list[Row]:
    """Train a detector for a few steps; the weights of its backbone are random."""
    if check.small:  # the networks of the papers take too long here
        network = {"cfa": "resnet10t", "hvqtrans": "tf_efficientnet_lite0"}.get(detector, TINY)
    is_random = network != "tf_efficientnet_lite0"
    models = Path(f"paper/{detector}")
    started = time.monotonic()
    train_step.run(
        TrainConfig(
            detector=detector,
            data=DATA,
            models=models,
            backbone=network,
            weights=random_weights(check, network) if is_random else None,
            settings=tuple(settings),
            device=check.device,
            engine="torch",
        )
    ).raise_failures()
    seconds = time.monotonic() - started
    curves = sorted((models / detector).glob("*/curves.csv"))
    begun, ended = losses(curves[0].parent)
    mark = " (random weights)" if is_random else ""
    return [
        row(f"{network}{mark}, {' '.join(settings)}", f"{seconds:.0f} s in all"),
        row("loss", f"{begun:.4f} -> {ended:.4f}", "falls", ok=ended < begun or check.small),
        row("steps/s", speeds(("training steps", "epochs"))),
    ]


def paper_refine(check: Check) -> list[Row]:
    """The filter's preset for AnomalyDINO, on patchcore's maps; the weights of ViT-B/8 are random."""
    network = TINY if check.small else "vit_base_patch8_224.dino"
    few = ("steps=2", "painted=4", "judged=2", "width=4", "plane=16", "matches=6", "templates=2", "batch=2")
    settings = few if check.small else ("preset=paper-anomalydino", "steps=60", "painted=96", "judged=8")
    refine_step.run(
        RefineConfig(
            maps=Path("patchcore/first/maps"),
            models=Path("paper/refine/models"),
            out=Path("paper/refine/refined"),
            backbone=network,
            weights=random_weights(check, network),
            device=check.device,
            settings=settings,
        )
    ).raise_failures()
    folder = next(Path("paper/refine/models/costfilter").glob("[!.]*/curves.csv")).parent
    begun, ended = losses(ModelFolder(folder).path)
    return [
        row("loss", f"{begun:.4f} -> {ended:.4f}", "falls", ok=ended < begun or check.small),
        row("steps/s", f"{rate('train the filter'):.2f}"),
    ]


def paper_discover(check: Check) -> list[Row]:
    """AnomalyNCD with the paper's settings; the weights of ViT-B/8 are random."""
    network = TINY if check.small else "vit_base_patch8_224.dino"
    few = ("epochs=1", "side=64", "heads=1", "hidden=8", "batch=4")
    discover_step.run(
        DiscoverConfig(
            maps=Path("patchcore/first/maps"),
            out=Path("paper/classes"),
            method="trained",
            classes="3" if check.small else "5",
            settings=("preset=paper", *(few if check.small else ("epochs=3",))),
            backbone=network,
            weights=random_weights(check, network),
            category=("wood",),
            device=check.device,
            engine="torch",
            batch_size=32,
        )
    ).raise_failures()
    epochs = files.read_json(Path("paper/classes/wood/curves.json"))["epochs"]
    begun, ended = epochs[0]["total"], epochs[-1]["total"]
    return [
        row(f"{network} (random weights), loss", f"{begun:.3f} -> {ended:.3f}"),
        row("views/s, epochs/s", speeds(("views", "epochs"))),
    ]


def speeds(labels: Sequence[str]) -> str:
    """Items a second of those pieces of work that there were."""
    return ", ".join(f"{label} {value}" for label in labels if (value := rate(label)))
