"""What a chain would need: its weights, and its time and memory, measured on a small generated data set."""

import importlib.util
import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from adtool.core import layout, plugins
from adtool.core.steps import locks, notes
from adtool.detection.contract import compares
from adtool.discover import step as discover
from adtool.discover.config import DiscoverConfig
from adtool.doctor.config import DoctorConfig
from adtool.doctor.machine import GIB, Fact, available_gib
from adtool.maps import step as maps
from adtool.maps.config import MapsConfig
from adtool.nn import weights
from adtool.prep.datasets import synthetic

CATEGORY, TRAIN, PER_KIND, SIDE = "wood", 16, 3, 320  # of the generated pictures; MTD's have 300 to 400 px
MINUTE_S, HOUR_S = 60, 3600
IMAGES_GIB = 3e-4  # a map on disk, 256 px, float32

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes:
        start_s: loading the network.
        learn_s: learning, per normal image.
        score_s: one map.
        discover_s: finding classes, per image.
        peak_gib: most memory that this process took.
        model_bytes: of the model on the disk.
    """

    start_s: float
    learn_s: float
    score_s: float
    discover_s: float
    peak_gib: float
    model_bytes: float = 0.0


def need(config: DoctorConfig) -> Fact:
    """Whether the weights of the chosen chain are on this machine; the hub is not asked.

    Raises:
        UsageError: there is no such detector or backbone.
        MissingInputError: there is no such weights file.
    """
    chosen = "auto" if config.detector == "auto" else config.detector
    if chosen != "auto":
        plugins.load("detectors", chosen)
    known = weights.canonical(config.backbone)
    what = f"chain: {chosen} with {config.backbone}"
    if config.weights is not None:
        return Fact(what, f"weights from {weights.find(config.backbone, config.weights).path}")
    found = weights.find_local(known)
    if found is not None:
        return Fact(what, f"has its weights ({found.origin})")
    ways = [
        f"put {known}.safetensors into {weights.folder()}",
        "give --weights FILE",
        "let the hub be asked: adtool maps",
    ]
    if known in weights.INSTALLABLE:
        ways.insert(0, f"adtool weights install {weights.INSTALLABLE[known]}")
    return Fact(what, "needs weights that are not on this machine", ", or ".join(ways))


def measure(config: DoctorConfig) -> Speed:
    """Run maps and discover on a few generated pictures, in a folder that is removed again."""
    with locks.scratch("adtool-doctor") as root:
        data = root / layout.DATA / "made"
        synthetic.run(synthetic.Config(out=data, category=(CATEGORY,), train=TRAIN, test=PER_KIND, size=SIDE))
        asked = MapsConfig(
            detector=config.detector,
            backbone=config.backbone,
            weights=config.weights,
            image_size=config.image_size,
            engine=config.engine,
            device=config.device,
        )
        return time_chain(data, root, TRAIN, asked)


def time_chain(data: Path, root: Path, train_images: int, asked: MapsConfig) -> Speed:
    """Run maps and discover on a data set of one category.

    Args:
        data: the data set.
        root: the folder that maps/, models/ and classes/ are written to.
        train_images: normal images of the data set.
        asked: how maps are made, but for the folders.
    """
    started = time.monotonic()
    chain = asked.model_copy(update={"data": data, "out": root / layout.MAPS, "models": root / layout.MODELS})
    (row,) = maps.run(chain).rows
    start = time.monotonic() - started - _seconds(root / layout.MAPS)
    discover.run(
        DiscoverConfig(
            data=data,
            maps=root / layout.MAPS,
            out=root / layout.CLASSES,
            engine=asked.engine,
            device=asked.device,
        )
    )
    images = int(str(row["images"]))
    learned = sum(_seconds(folder) for folder in (root / layout.MODELS).glob("*"))
    scored = max(_seconds(root / layout.MAPS) - learned, 0)
    per_normal = learned / train_images if train_images else 0.0
    discovered = _seconds(root / layout.CLASSES)
    # discover loads the network as well, which on a few pictures is most of its time.
    per_image = max(discovered - start, discovered / 4) / images
    stored = sum(path.stat().st_size for path in (root / layout.MODELS).rglob("*") if path.is_file())
    return Speed(start, per_normal, scored / images, per_image, peak_gib(), float(stored))


def _seconds(folder: Path) -> float:
    """How long a step took for the one category, by its own note."""
    found = [notes.read_note(sub) for sub in folder.glob("*") if sub.is_dir()]
    return float(sum(note.noted.seconds or 0 for note in found))


def peak_gib() -> float:
    """The most memory that this process has taken so far; 0 where it can't be told."""
    if importlib.util.find_spec("resource") is None:  # Windows
        return 0.0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB


def compares_images(detector: str) -> bool:
    """Whether a detector compares the tested images with each other, so that its time grows with their square."""
    return detector != "auto" and compares(detector)


def estimate(speed: Speed, images: int, train_images: int, *, is_least: bool = False) -> list[Fact]:
    """Time, memory and disk for a number of images, from what was measured.

    Args:
        speed: what was measured.
        images: test images.
        train_images: normal images to learn from.
        is_least: the time of maps grows faster than the number of images, which is what is reckoned with.
    """
    steps = {
        "maps": speed.start_s + speed.learn_s * train_images + speed.score_s * images,
        "discover": speed.start_s + speed.discover_s * images,
    }
    found = [
        Fact(
            f"time: {name}", f"about {duration(seconds)} for {images} images ({train_images} normal ones to learn from)"
        )
        for name, seconds in steps.items()
    ]
    if is_least:
        found.append(Fact("time: maps", "at least that: this detector compares the images with each other"))
    total = sum(steps.values())
    found.append(
        Fact(
            "time: all",
            f"about {duration(total)}",
            "a GPU, a smaller --image-size, or first a part with --limit" if total > HOUR_S else "",
        )
    )
    free = available_gib()
    is_short = free is not None and free < speed.peak_gib
    peak = f"about {speed.peak_gib:.1f} GiB" if speed.peak_gib else "not measured on this system"
    found.append(
        Fact(
            "memory: all",
            f"{peak}; images are read a few at a time",
            "take a smaller --batch-size or --image-size" if is_short else "",
        )
    )
    found.append(Fact("disk: all", f"about {images * IMAGES_GIB:.1f} GiB for the maps"))
    return found


def duration(seconds: float) -> str:
    """Seconds in a person's units: `40 s`, `12 min`, `3.5 h`."""
    if seconds < MINUTE_S:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / MINUTE_S:.0f} min" if seconds < HOUR_S else f"{seconds / HOUR_S:.1f} h"
