"""What the parts of the GPU check share: its sizes, its data, running steps, and comparing what they wrote."""

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from sklearn.metrics import roc_auc_score
from torch import nn

from adtool.core import arrays, files, progress
from adtool.core.dataset import dataset_folder
from adtool.core.dataset.types import Category, Dataset
from adtool.core.layout import MapsFolder
from adtool.maps import step as maps_step
from adtool.maps.config import MapsConfig
from adtool.nn import device as machine_of
from adtool.prep.datasets import synthetic

DATA = Path("data")
PROCESSOR = "cpu"
TINY = "vit_tiny_patch16_224"


class Row(TypedDict):
    """One thing that was measured; `ok` is None where nothing is asked."""

    what: str
    value: str
    asked: str
    ok: bool | None


@dataclass(frozen=True)
class Check:
    """Where results go, and what is checked against the processor: `cuda`, or `cpu` for the small form."""

    out: Path
    device: str

    @property
    def small(self) -> bool:
        """Whether it only shows that the check itself works."""
        return self.device == PROCESSOR

    def transformer(self) -> dict[str, object]:
        """DINOv2-S, as arguments of a step; in the small form a tiny transformer with random weights."""
        if not self.small:
            return {"backbone": "dinov2_vits14"}
        return {"backbone": TINY, "weights": random_weights(self, TINY)}

    @property
    def image_size(self) -> int | None:
        """Side of the network's input; by default what suits the backbone."""
        return 64 if self.small else None

    @property
    def few(self) -> tuple[str, ...]:
        """Settings of patchcore's and CFA's memory; its choice, vector by vector, takes as long on a GPU as without."""
        return ("bank_size=200", "drawn=1000") if self.small else ("bank_size=3000", "drawn=30000")


def row(what: str, value: object, asked: str = "", *, ok: bool | None = None) -> Row:
    """A line of the table; numpy's booleans become Python's."""
    return Row(what=what, value=str(value), asked=asked, ok=None if ok is None else bool(ok))


def line(found: Row) -> str:
    """The same for the terminal."""
    asked = f" (asked: {found['asked']})" if found["asked"] else ""
    return f"{'NO  ' if found['ok'] is False else ''}{found['what']}: {found['value']}{asked}"


def machine(check: Check) -> list[Row]:
    """What it runs on; fails if the device is not there."""
    where = machine_of.pick(check.device)
    x = torch.randn(512, 512, device=where)
    error = float((x @ x - (x.cpu() @ x.cpu()).to(where)).abs().max())
    about = machine_of.describe()
    libraries = ", ".join(f"{name} {number or 'missing'}" for name, number in about.versions.items())
    return [
        row("device", about.cuda if where.type == "cuda" else about.cpu),
        row("processor", f"{about.cores} cores, {about.cpu}"),
        row("Python, libraries", f"{platform.python_version()}, {libraries}"),
        row("a product of matrices", f"differs by {error:.1e}", "< 1", ok=error < 1),
    ]


def data(check: Check) -> list[Row]:
    """Generated pictures: two categories, or one tiny one."""
    if check.small:
        config = synthetic.Config(out=DATA, category=("wood",), train=10, test=2, size=96)
    else:
        config = synthetic.Config(out=DATA, category=("gear", "wood"), train=60, test=10)
    made = synthetic.run(config)
    learned = sum(int(str(one["train"])) for one in made.rows)
    return [row("pictures", f"{learned} to learn from, in {len(made.rows)} categories")]


def dataset() -> Dataset:
    """The generated data set."""
    return dataset_folder.read_dataset(DATA)


def categories() -> list[Category]:
    """Its categories."""
    return list(dataset().categories.values())


def maps(  # noqa: PLR0913, what a run of the step takes
    check: Check,
    name: str,
    detector: str,
    *,
    device: str,
    settings: Sequence[str] = (),
    network: Mapping[str, object] | None = None,
    seed: int = 0,
) -> Path:
    """Run `adtool maps` into `<name>/maps`, with its models beside it; `network` is a backbone, with weights or not."""
    out = Path(name) / "maps"
    config = MapsConfig(
        data=DATA,
        out=out,
        models=Path(name) / "models",
        detector=detector,
        settings=tuple(settings),
        image_size=check.image_size,
        engine="auto" if is_reference(name) else "torch",
        device=device,
        seed=seed,
        **(network or {}),
    )
    maps_step.run(config).raise_failures()
    return out


def is_reference(name: str) -> bool:
    """Whether a run is the one that is compared with, which may use the engine that suits a processor."""
    return name.endswith("processor")


@dataclass(frozen=True)
class Maps:
    """Maps of all categories by id, with their image scores, decisions and whether the image is defective."""

    scores: dict[str, NDArray[np.float32]]
    image_scores: dict[str, float]
    decisions: dict[str, str]
    defective: dict[str, bool]

    def auroc(self) -> float:
        """Mean of the categories' image AUROC."""
        found = []
        for name in sorted({one.split("/")[0] for one in self.image_scores}):
            own = [one for one in self.image_scores if one.startswith(f"{name}/")]
            found.append(roc_auc_score([self.defective[i] for i in own], [self.image_scores[i] for i in own]))
        return float(np.mean(found))


def read_maps(folder: Path) -> Maps:
    """What a maps folder holds."""
    found = Maps({}, {}, {}, {})
    for category in categories():
        normal = {one.id: category.is_normal(one) for one in category.test}
        for line in MapsFolder(folder).image_rows(category.name):
            one = f"{category.name}/{line['id']}"
            found.scores[one] = arrays.read_scores(MapsFolder(folder).scores(category.name, line["id"])).scores
            found.image_scores[one] = float(line["image_score"])
            found.decisions[one] = line["decision"]
            found.defective[one] = not normal[line["id"]]
    return found


def apart(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Relative difference of two maps: the norm of the difference over that of the second."""
    return float(np.linalg.norm(a - b) / max(float(np.linalg.norm(b)), 1e-12))


def same_twice(first: Maps, second: Maps) -> Row:
    """Whether the same seed gave the same maps; if not, by how much they differ."""
    equal = sum(np.array_equal(first.scores[one], second.scores[one]) for one in first.scores)
    worst = max(apart(first.scores[one], second.scores[one]) for one in first.scores)
    if equal == len(first.scores):
        return row("the same seed twice", "the same bytes")
    some = f"{equal} of {len(first.scores)} maps equal"
    return row("the same seed twice", f"{some}, the others differ by up to {worst:.1e}")


@dataclass
class Phases:
    """How long each piece of work took that shows a progress bar."""

    spans: dict[str, list[float]] = field(default_factory=dict)  # label: seconds, items

    def show(self, label: str, total: int | None) -> progress.Bar:
        """Open a bar that only measures."""
        phases, started = self, time.monotonic()

        class Bar:
            def advance(self, count: int) -> None:
                span = phases.spans.setdefault(label, [0.0, 0.0])
                span[1] += count

            def close(self) -> None:
                phases.spans.setdefault(label, [0.0, 0.0])[0] += time.monotonic() - started

        return Bar()

    def rates(self) -> dict[str, dict[str, float]]:
        """Seconds, items, and items a second by label."""
        return {
            label: {"seconds": round(s, 2), "items": n, "per_second": round(n / s, 1) if s else 0.0}
            for label, (s, n) in self.spans.items()
        }


_phases = Phases()


@contextmanager
def watched() -> Iterator[Phases]:
    """Within this context, progress is measured."""
    with progress.shown_by(_phases.show):
        yield _phases


def rate(label: str) -> float:
    """Items a second of a piece of work of this part."""
    return _phases.rates().get(label, {}).get("per_second", 0.0)


def gpu_peak() -> float | None:
    """The most memory that torch held on the GPU in this process, in GB."""
    return round(torch.cuda.max_memory_reserved() / 1e9, 2) if torch.cuda.is_available() else None


def synchronised(device: torch.device) -> float:
    """The time once the device has nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def losses(folder: Path) -> tuple[float, float]:
    """The first and the last loss of a training's curves.csv."""
    rows = files.read_csv(folder / "curves.csv")
    return float(rows[0]["loss"]), float(rows[-1]["loss"])


def random_weights(check: Check, name: str) -> Path:
    """A file of random weights, for speed and memory only; adtool itself never makes any.

    The statistics of batch norms are taken from a few random images, so that nothing overflows.
    """
    path = Path(f"random_{name}.safetensors")
    if not path.exists():
        torch.manual_seed(0)
        where = torch.device(check.device)
        model = timm.create_model(name, pretrained=False).to(where).train()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None  # the plain mean over what is seen
        if any(isinstance(module, nn.BatchNorm2d) for module in model.modules()):
            with torch.no_grad():
                side = 64 if check.small else 224
                model(torch.randn(4, 3, side, side, device=where))
        save_file({key: x.detach().cpu().contiguous() for key, x in model.state_dict().items()}, path)
    return path
