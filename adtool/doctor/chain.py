"""What a chain would need: its weights, and its time and memory, measured on a small generated data set."""

import importlib.util
import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from adtool.core import arrays, layout, plugins
from adtool.core.steps import locks, notes
from adtool.core.words import counted
from adtool.detection.contract import compares
from adtool.discover import step as discover
from adtool.discover.config import DiscoverConfig
from adtool.doctor.config import DoctorConfig
from adtool.doctor.machine import GIB, Fact, available_gib
from adtool.maps import step as maps
from adtool.maps.config import MapsConfig
from adtool.nn import weights
from adtool.prep.datasets import synthetic

CATEGORY, TRAIN, SIDE = "wood", 16, 320  # of the generated pictures; MTD's have 300 to 400 px
FEW, MANY = (12, 1), (48, 4)  # tested ones of two lots, good and of each kind of defect: a quarter of all are odd
LEAST_SHARE = 0.1  # of the second lot's time that is taken for the images', even if the first lot took longer
MINUTE_S, HOUR_S = 60, 3600

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
        image_bytes: of what maps and discover write, per image.
    """

    start_s: float
    learn_s: float
    score_s: float
    discover_s: float
    peak_gib: float
    model_bytes: float = 0.0
    image_bytes: float = 0.0


@dataclass(frozen=True)
class ChainRun:
    """What maps and discover took for so many images.

    Attributes:
        images: test images.
        start_s: loading the network for maps.
        score_s: maps, and learning where there was no model.
        discover_s: finding classes.
        bytes: that both wrote.
    """

    images: int
    start_s: float
    score_s: float
    discover_s: float
    bytes: float


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
    """Run maps and discover on a few generated pictures and then on more, in a folder that is removed again."""
    with locks.scratch("adtool-doctor") as root:
        few, many = root / layout.DATA / "few", root / layout.DATA / "many"
        _write(few, many)
        asked = MapsConfig(
            detector=config.detector,
            quality=config.quality,
            backbone=config.backbone,
            weights=config.weights,
            image_size=config.image_size,
            engine=config.engine,
            device=config.device,
        )
        return time_chain(few, root, TRAIN, asked, more=many)


def _write(few: Path, many: Path) -> None:
    """Write the generated pictures; those of the first are in the second, too."""
    lots = ((few, *FEW), (many, *MANY))
    parts = [(layout.TRAIN, synthetic.NORMAL), (layout.TEST, synthetic.NORMAL)]
    parts += [(layout.TEST, kind) for kind in synthetic.CATEGORIES[CATEGORY].kinds]
    for split, kind in parts:
        counts = [
            TRAIN if split == layout.TRAIN else good if kind == synthetic.NORMAL else odd for _, good, odd in lots
        ]
        for number in range(max(counts)):
            made = synthetic.make(CATEGORY, split, kind, number, size=SIDE, seed=0)
            for (data, *_), count in zip(lots, counts, strict=True):
                if number < count:
                    arrays.write_png(data / CATEGORY / split / kind / f"{made.name}.png", made.image)


def time_chain(data: Path, root: Path, train_images: int, asked: MapsConfig, *, more: Path | None = None) -> Speed:
    """Run maps and discover on a data set of one category.

    Args:
        data: the data set.
        root: the folder that maps/, models/ and classes/ are written to.
        train_images: normal images of the data set.
        asked: how maps are made, but for the folders.
        more: the same with more test images; both are done again, so that what an image takes is told from what a run
            takes for any number of them.
    """
    models = root / layout.MODELS
    chain = asked.model_copy(update={"models": models})
    run = _run(chain, data, root)
    learned = sum(_seconds(folder) for folder in models.glob("*"))
    if more is None:
        # discover loads the network as well, which on a few pictures is most of its time.
        discover_s = max(run.discover_s - run.start_s, run.discover_s / 4)
        found = (max(run.score_s - learned, 0) / run.images, discover_s / run.images, run.bytes / run.images)
    else:
        found = per_image(_run(chain, data, root / "again"), _run(chain, more, root / "more"))
    per_normal = learned / train_images if train_images else 0.0
    return Speed(run.start_s, per_normal, found[0], found[1], peak_gib(), _size(models), found[2])


def _run(chain: MapsConfig, data: Path, root: Path) -> ChainRun:
    """Make maps and classes below a folder."""
    started = time.monotonic()
    chain = chain.model_copy(update={"data": data, "out": root / layout.MAPS})
    (row,) = maps.run(chain).rows
    scored, out = _seconds(chain.out), root / layout.CLASSES
    start = time.monotonic() - started - scored
    discover.run(DiscoverConfig(data=data, maps=chain.out, out=out, engine=chain.engine, device=chain.device))
    return ChainRun(int(str(row["images"])), start, scored, _seconds(out), _size(chain.out) + _size(out))


def per_image(first: ChainRun, second: ChainRun) -> tuple[float, float, float]:
    """What an image takes, by what more images took longer: seconds of maps and of discover, and bytes."""
    more = second.images - first.images
    score = max((second.score_s - first.score_s) / more, second.score_s * LEAST_SHARE / second.images)
    discovery = max((second.discover_s - first.discover_s) / more, second.discover_s * LEAST_SHARE / second.images)
    return score, discovery, (second.bytes - first.bytes) / more


def _size(folder: Path) -> float:
    return float(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))


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
            f"time: {name}",
            f"about {duration(seconds)} for {counted(images, 'image')} ({train_images} normal ones to learn from)",
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
    found.append(Fact("disk: all", f"about {images * speed.image_bytes / GIB:.1f} GiB for maps and classes"))
    return found


def duration(seconds: float) -> str:
    """Seconds in a person's units: `40 s`, `12 min`, `3.5 h`."""
    if seconds < MINUTE_S:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / MINUTE_S:.0f} min" if seconds < HOUR_S else f"{seconds / HOUR_S:.1f} h"
