"""Every name of the folder contract, and where the folders lie (examples/reference.md, "Folders").

Paths in code come from here; nothing else spells a folder or file name of the contract.
"""

from dataclasses import dataclass
from pathlib import Path

from adtool.core import names, tables
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.overlays_folder import OVERLAYS, OverlaysFolder
from adtool.core.tables import Row, TableForm
from adtool_runtime.decision import NOT_OK as NOT_OK
from adtool_runtime.decision import OK as OK

STEP_FILE = "_step.json"
DATASET_FILE = "dataset.json"
SAMPLES_FILE = "samples.csv"
LIMIT_FILE, NORMALS_FILE, PAINTED_FILE = "limit.json", "normals.csv", "painted.csv"
LOOKS_FILE = "looks.json"
OF_SHARDS = ("_step.*-of-*.json", "*.*-of-*.csv")  # files that are there until all shards of a folder are done
SAMPLES_COLUMNS = ("category", "id", "split", "kind", "image", "mask", "width", "height")
IMAGES_COLUMNS = ("id", "kind", "image_score", "decision")
NORMALS_COLUMNS = ("id", "image_score", "group")  # those of earlier versions have no group
PAINTED_COLUMNS = ("id", "kind", "size", "image_score")

TRAIN, TEST, GROUND_TRUTH = "train", "test", "ground_truth"
SPLITS = (TRAIN, TEST)
NORMAL_KIND = "good"  # as adtool calls it; what other names it has, `kinds.is_normal` knows
UNKNOWN_KIND = "unknown"
COMBINED_KIND = "combined"  # MVTec AD's folder of images with several kinds of defect

NORMAL_CLASS, UNKNOWN_CLASS = "normal", "unknown"

DATA, MAPS, REFINED, CLASSES, MODELS, REPORT = "data", "maps", "refined", "classes", "models", "report"
ALL_CATEGORIES = "_all"
KEPT, ADDED = names.KEPT, names.ADDED


@dataclass(frozen=True)
class MapsFolder:
    """``maps/``; ``refined/`` holds the same files."""

    path: Path

    def scores(self, category: str, sample_id: str) -> Path:
        """Raw anomaly scores, float32 (H, W)."""
        return self.path / names.require_category(category) / f"{names.require_below(sample_id)}.tiff"

    def images(self, category: str, shard: str = "") -> Path:
        """Table of image scores and decisions; that of a shard, `2-of-4`, has no decisions."""
        return self.path / names.require_category(category) / (f"images.{shard}.csv" if shard else "images.csv")

    def reconstructions(self, category: str) -> Path:
        """What another detector rebuilt of images, if it was given with its maps: `<id>.png`."""
        return self.path / names.require_category(category) / "reconstructions"

    def overlays(self, category: str) -> OverlaysFolder:
        """Pictures with their maps and boxes, and the boxes' table."""
        return OverlaysFolder(self.path / names.require_category(category) / OVERLAYS)

    def image_rows(self, category: str, shard: str = "") -> list[dict[str, str]]:
        """Rows of images.csv, or of a shard's.

        Raises:
            MissingInputError: the category has no finished maps here.
            BadDataError: the table is damaged, for instance an image score that is no finite number.
        """
        return _rows(self.images(category, shard), IMAGES_FORM, "adtool maps")

    def limit(self, category: str) -> Path:
        """The limit between OK and NOK, with how it came about."""
        return self.path / names.require_category(category) / LIMIT_FILE

    def normals(self, category: str) -> Path:
        """Image scores of normal images, which the limit is made from."""
        return self.path / names.require_category(category) / NORMALS_FILE

    def painted(self, category: str) -> Path:
        """Image scores of painted defects, by which it is told what a limit finds."""
        return self.path / names.require_category(category) / PAINTED_FILE


@dataclass(frozen=True)
class ModelFolder:
    """``models/<detector>/<category>/``, or ``models/<detector>/_kept/<category>/<hash>/``."""

    path: Path

    @property
    def is_kept(self) -> bool:
        """Whether a newer one has its place."""
        return self.path.parent.parent.name == KEPT

    @property
    def detector(self) -> str:
        """Whose model it is."""
        return (self.path.parent.parent if self.is_kept else self.path).parent.name

    @property
    def category(self) -> str:
        """What it learned: a category, or `_all`."""
        return (self.path.parent if self.is_kept else self.path).name

    @property
    def weights(self) -> Path:
        """Tensors of the model."""
        return self.path / "weights.safetensors"

    @property
    def card(self) -> Path:
        """Settings, backbone and what else is needed to use the weights."""
        return self.path / "model.json"

    @property
    def normals(self) -> Path:
        """Image scores of normal training images, by a model that did not learn from them."""
        return self.path / NORMALS_FILE

    @property
    def painted(self) -> Path:
        """Image scores of defects that were painted on such images."""
        return self.path / PAINTED_FILE

    @property
    def looks(self) -> Path:
        """How bright, how sharp and where the good parts are that it learned from."""
        return self.path / LOOKS_FILE

    def normal_rows(self) -> list[Row]:
        """Rows of normals.csv, none if there is no such table.

        Raises:
            BadDataError: the table is damaged.
        """
        if not self.normals.exists():
            return []
        return tables.read(self.normals, NORMALS_FORM, f"Make the model again: `adtool train {self.detector}`.")


@dataclass(frozen=True)
class ClassesFolder:
    """``classes/<category>/``."""

    path: Path

    def binary(self, sample_id: str) -> Path:
        """Predicted defect pixels, 0/255, image size."""
        return self.path / "binary" / f"{names.require_below(sample_id)}.png"

    def crop(self, sample_id: str, index: int) -> Path:
        """Square cut from the image around one or more regions."""
        return self.path / "crops" / f"{names.require_below(sample_id)}_{index}.png"

    def crop_mask(self, sample_id: str, index: int) -> Path:
        """The same square cut from the binary."""
        return self.path / "crop_masks" / f"{names.require_below(sample_id)}_{index}.png"

    @property
    def crops(self) -> Path:
        """Table of crops: CROPS_COLUMNS."""
        return self.path / "crops.csv"

    @property
    def regions(self) -> Path:
        """Table of regions: REGIONS_COLUMNS."""
        return self.path / "regions.csv"

    @property
    def images(self) -> Path:
        """Table of images: CLASS_IMAGES_COLUMNS."""
        return self.path / "images.csv"

    @property
    def classes(self) -> Path:
        """Table of classes, which a person edits: CLASSES_COLUMNS."""
        return self.path / "classes.csv"

    @property
    def model(self) -> Path:
        """Tensors that assign new images to the classes."""
        return self.path / "model.safetensors"

    @property
    def card(self) -> Path:
        """What is needed to use the tensors."""
        return self.path / "model.json"

    def image_rows(self) -> list[dict[str, str]]:
        """Rows of images.csv.

        Raises:
            MissingInputError: there are no finished classes here.
            BadDataError: the table is damaged.
        """
        return _rows(self.images, CLASS_IMAGES_FORM, "adtool discover")

    def crop_rows(self) -> list[dict[str, str]]:
        """Rows of crops.csv.

        Raises:
            MissingInputError: there are no finished classes here.
            BadDataError: the table is damaged.
        """
        return _rows(self.crops, CROPS_FORM, "adtool discover")

    def class_rows(self) -> list[dict[str, str]]:
        """Rows of classes.csv, one a class, as it was found or as a person edited it.

        Raises:
            MissingInputError: there are no finished classes here.
            BadDataError: the table is damaged.
        """
        rows = [row for row in self.review_rows() if not is_move(row)]
        found = [row["class"] for row in rows]
        twice = next((name for name in found if found.count(name) > 1), None)
        if twice is not None:
            raise BadDataError(f"{self.classes} lists class '{twice}' twice. Remove one of the two rows.")
        return rows

    def review_rows(self) -> list[dict[str, str]]:
        """All rows of classes.csv: the classes, and the single images that a person moved to another class."""
        return _rows(self.classes, CLASSES_FORM, "adtool discover", by_hand=True)


@dataclass(frozen=True)
class InspectedFolder:
    """``inspected/``."""

    path: Path

    @property
    def table(self) -> Path:
        """Table of the new images: INSPECT_COLUMNS."""
        return self.path / "inspect.csv"

    def scores(self, sample_id: str) -> Path:
        """Raw anomaly scores, float32 (H, W)."""
        return self.path / "maps" / f"{names.require_below(sample_id)}.tiff"

    @property
    def overlays(self) -> OverlaysFolder:
        """The images, each beside its map with what was found, and the boxes' table."""
        return OverlaysFolder(self.path / OVERLAYS)


CROPS_COLUMNS = ("id", "crop", "file", "x", "y", "side", "area_px", "score", "class", "confidence")
REGIONS_COLUMNS = ("id", "region", "crop", "x", "y", "w", "h", "area_px", "score")
CLASS_IMAGES_COLUMNS = ("id", "kind", "class", "confidence", "half", "classes")
SEVERAL = " + "  # between the classes of an image that shows several
AS_FOUND = "as_found"  # below a category of classes: its tables before any review
MOVE = "move"  # action of a row of classes.csv that is of one image
SPLIT = "split"  # action of a row: the second half of its class becomes a class of its own
SECOND = "/2"  # behind the name of a class: what its second half is noted as
CLASSES_COLUMNS = ("class", "name", "images", "example_id", "action", "into", "description")
INSPECT_COLUMNS = ("file", "image_score", "decision", "class", "confidence", "reason")
METRICS_COLUMNS = ("source", "category", "metric", "value", "definition")


IMAGES_FORM = TableForm(
    IMAGES_COLUMNS,
    number=("image_score",),
    name=("id",),
    path=("id",),
    choices={"decision": ("", OK, NOT_OK)},
    key=("id",),
)
NORMALS_FORM = TableForm(("id", "image_score"), number=("image_score",), name=("id",), path=("id",), key=("id",))
PAINTED_FORM = TableForm(PAINTED_COLUMNS, number=("size", "image_score"), name=("id",), path=("id",))
CROPS_FORM = TableForm(
    CROPS_COLUMNS,
    number=("score", "confidence"),
    whole=("crop", "x", "y", "side", "area_px"),
    name=("id", "file", "class"),
    path=("id", "file"),
    key=("id", "crop"),
)
CLASS_IMAGES_FORM = TableForm(
    CLASS_IMAGES_COLUMNS[:4],  # not of earlier versions: the others
    number=("confidence",),
    name=("id", "class"),
    path=("id",),
    key=("id",),
)
CLASSES_FORM = TableForm(("class",), name=("class",))  # a person edits it, and may leave out the rest


def is_move(row: Row) -> bool:
    """Whether a row of a review moves one image, `example_id`, from its `class` to that of `into`."""
    return (row.get("action") or "").strip().lower() == MOVE


def _rows(path: Path, form: TableForm, command: str, *, by_hand: bool = False) -> list[Row]:
    if not path.exists():
        raise MissingInputError(f"No table at {path}. Run `{command}` for this category.")
    return tables.read(path, form, f"Run `{command} --force` to write it again.", by_hand=by_hand)
