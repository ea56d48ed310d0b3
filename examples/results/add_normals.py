"""Good parts added to a memory, or learned anew: `python examples/results/add_normals.py DATA CATEGORY [ADDED]`.

patchcore with its defaults learns all normal images of the category but ADDED (50); these are added then, as by
`adtool maps --add-normals`, and for comparison all are learned together. Printed are seconds and image AUROC of each.
"""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Category
from adtool.detection import added, store
from adtool.detection.contract import load_plugin
from adtool.detection.scoring import OpenedModel
from adtool.detection.store import ChosenDetector
from adtool.maps.config import MapsConfig

DETECTOR = "patchcore"


def image_auroc(model: OpenedModel, category: Category) -> float:
    """How well image scores tell the defective test images from the others."""
    scored = list(model.score(category.test))
    return float(
        roc_auc_score([not category.is_normal(one.sample) for one in scored], [one.image_score for one in scored])
    )


def learn(chosen: ChosenDetector, category: Category, models: Path, called: str) -> None:
    """Learn a category with what was added to it, and print how long that took and how good it is."""
    started = time.monotonic()
    whole = added.with_added(category, DETECTOR, models)
    model = store.fit_or_load(chosen, whole, models, force=False)
    seconds = time.monotonic() - started
    print(f"{called}: {len(whole.train)} images, {seconds:.1f} s, image AUROC {image_auroc(model, category):.4f}")


def main(data: Path, name: str, count: int) -> None:
    """Add, and learn anew."""
    category = read_dataset(data).category(name)
    chosen = store.prepare(DETECTOR, load_plugin(DETECTOR).Settings(), MapsConfig(data=data))
    away = set(np.random.default_rng(0).choice(len(category.train), count, replace=False).tolist())
    most = replace(category, train=tuple(one for i, one in enumerate(category.train) if i not in away))
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        learn(chosen, most, models, "before")
        added.add(added.folder_of(DETECTOR, name, models), [category.train[i].image for i in sorted(away)])
        learn(chosen, most, models, "added")
        learn(chosen, category, Path(folder) / "anew", "all anew")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 50)
