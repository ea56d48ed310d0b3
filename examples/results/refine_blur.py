"""Which blur suits the given maps best, on painted defects: `refine_blur.py WORKSPACE [MODELS]`.

What `adtool refine` is compared with in the record is the best of these.
"""

import sys
import tempfile
from pathlib import Path

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.layout import ModelFolder
from adtool.core.steps import step_run
from adtool.detection import store as stored
from adtool.refine import training_set, validation
from adtool.refine.blending import PaintedTruth, small

BLURS = (0.0, 2.0, 4.0, 6.0)
COUNT = 200


def main(workspace: Path, models: str) -> None:
    """Score the same painted images with every blur."""
    data = read_dataset(workspace / step_run.noted_data(workspace / "maps", None))
    for name, category in data.categories.items():
        model = stored.open_model(ModelFolder(workspace / models / "patchcore" / name))
        held_out = training_set.held_out(category, seed=0)
        with tempfile.TemporaryDirectory() as folder:
            painted = list(validation.painted_images(held_out, model.frame.image_size, COUNT, 0, Path(folder)))
            truth = PaintedTruth([mask for _, mask in painted])
            pictures = [one for one, _ in painted]
            for blur in BLURS:
                model.model.settings = model.model.settings.model_copy(update={"blur": blur})
                print(name, f"blur {blur:g}:", truth.figures([small(one.scores) for one in model.score(pictures)]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "models")
