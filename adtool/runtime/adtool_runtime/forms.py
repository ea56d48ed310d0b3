"""The parts of `adtool.json`, which `manifest` reads."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

LARGEST = 1 << 16  # of a side, in pixels
WIDEST = 512  # sigma of a Gaussian, in pixels

Positive = Annotated[float, Field(gt=0)]


class Form(BaseModel):
    """A part of the manifest; what a newer adtool adds to this format is kept, and not looked at."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False, frozen=True)


class TilesForm(Form):
    """How a large picture is cut into tiles, each of which a graph of its own sees; see `tiles.cut`.

    Attributes:
        tile: side of a tile, in pixels of the picture.
        input_px: side of the network's input, which a tile is brought to.
        overlap: of tiles at least, in pixels of that input.
        layers: of features that the graph gives.
        graphs: its file in each format.
    """

    tile: int = Field(ge=1, le=LARGEST)
    input_px: int = Field(ge=1, le=LARGEST)
    overlap: int = Field(ge=0, le=LARGEST)
    layers: int = Field(ge=1)
    graphs: dict[str, str]

    @model_validator(mode="after")
    def _moves_on(self) -> "TilesForm":
        if self.overlap >= self.input_px:
            raise ValueError("tiles overlap wholly")
        return self


class InputForm(Form):
    """How a picture becomes the input of the graph: read, brought to a size by the runtime, and normalised.

    Attributes:
        image_size: side that a picture is brought to, in pixels; see `images.fit`.
        multiple: that both sides are multiples of.
        keep_aspect: whether the ratio of its sides is kept.
        height: that all pictures come to then, since a graph has one size; 0 where they are brought to a square. With
            tiles, that of the picture before it is cut.
        width: the same.
        crop: side of the middle that is seen alone, in pixels; 0 for all.
        mean: of each channel, for pixels in [0, 1].
        std: of each channel.
        reading: of pictures: the grey values of deep ones that become black and white, and whether tags turn them.
        tiles: that the picture is seen in; None where it is seen whole.
    """

    image_size: int = Field(ge=1, le=LARGEST)
    multiple: int = Field(ge=1, le=LARGEST)
    keep_aspect: bool = False
    height: int = Field(0, ge=0, le=LARGEST)
    width: int = Field(0, ge=0, le=LARGEST)
    crop: int = Field(0, ge=0, le=LARGEST)
    mean: list[float] = Field(min_length=3, max_length=3)
    std: list[Positive] = Field(min_length=3, max_length=3)
    reading: dict[str, Any]
    tiles: TilesForm | None = None

    @model_validator(mode="after")
    def _is_cut_from_it(self) -> "InputForm":
        if self.crop > self.image_size:
            raise ValueError("a larger crop than the picture")
        if self.tiles is not None and not (self.height and self.width):
            raise ValueError("tiles of a picture without a size")
        return self


class MapRule(Form):
    """How the graph's grid of scores becomes a map, and the map an image score.

    Attributes:
        blur: sigma of the Gaussian, in pixels of the map.
        mirrored: whether the map goes on mirrored beyond its border.
        image_score: `top1`, mean of the top 1 % of the map; `max`, the highest value of the grid; `patches`, mean of
            the top 1 % of the grid; `highest`, the highest of the map; `pooled`, the highest mean of a square of it.
        square: side of that square, in pixels.
        standard: name of the file with the standard of good parts; empty where there is none.
        words: the rule in words.
    """

    blur: float = Field(0.0, ge=0, le=WIDEST)
    mirrored: bool = False
    image_score: Literal["top1", "max", "patches", "highest", "pooled"] = "top1"
    square: int = Field(16, ge=1)
    standard: str = ""
    words: str = ""


class LimitForm(Form):
    """The limit that parts are judged by, with whatever `adtool decide` knows of it."""

    value: float | None = None


class SpotsForm(Form):
    """How the spot of an anomaly is seen close up: by a graph of its own, turned all around.

    Attributes:
        side: of what it takes, (turns, 3, side, side), in pixels; `mean` and `std` are those of an input.
        layers: of tokens that it gives.
        graphs: its file in each format.
    """

    side: int = Field(ge=1, le=LARGEST)
    mean: list[float] = Field(min_length=3, max_length=3)
    std: list[Positive] = Field(min_length=3, max_length=3)
    layers: int = Field(ge=1)
    graphs: dict[str, str]


class ClassesForm(Form):
    """The classes that were found, as data; the vectors that pictures are compared with stand in a file of their own.

    Attributes:
        names: of the classes, the normal one first, as people call them.
        unknown: distance from the nearest anomaly that was there, above which one is `unknown`; None: none is.
        score_std: of all scores of the category's maps.
        strength: image score at which a picture counts as half anomalous, and how fast that rises.
        item_strength: the same, of what was clustered.
        layers: how many of the network's layers the graph gives for them.
        tensors: name of that file.
        input: how their own network sees the picture; None where the detector's serves.
        spots: how the spots of anomalies are seen; None for classes that were found without.
    """

    names: list[str] = Field(min_length=1)
    unknown: float | None = Field(ge=0)
    score_std: float = Field(ge=0)
    strength: list[float] = Field(min_length=2, max_length=2)
    item_strength: list[float] = Field(min_length=2, max_length=2)
    layers: int = Field(ge=1)
    tensors: str
    input: InputForm | None = None
    spots: SpotsForm | None = None


class RefineForm(Form):
    """How maps are refined, and whether image scores are made anew from them.

    Attributes:
        image_score: `given` where they stay those of the detector's maps.
        zero: the detector's score that counts as 0.
        one: that which counts as 1.
    """

    image_score: Literal["given", "refined"]
    zero: float
    one: float


class FreeForm(RefineForm):
    """Refinement without a filter that was trained; see `refining.free.FreeRule`."""

    method: Literal["free"]
    fill: bool
    contrast: float = Field(ge=0)
    near: float = Field(gt=0, le=WIDEST)
    close: int = Field(ge=0, le=LARGEST)
    follow: int = Field(ge=0, le=LARGEST)
    smooth: float = Field(gt=0)


class FilterForm(RefineForm):
    """Refinement by a filter in the graph; see `refining.mixing`.

    Attributes:
        weight: of its map beside the detector's.
        blur_given: sigma that the latter is blurred with.
        blur_mixed: sigma that the mixed map is blurred with.
        top: pixels of a map of 256 px whose mean is the image score; 0 for the usual share.
        levels: name of the file of scores by whose ranks both are mixed; empty where they are mixed by weight.
        input: how the filter's own network sees the picture; None where the detector's serves.
    """

    method: Literal["trained"]
    weight: float = Field(ge=0)
    blur_given: float = Field(0.0, ge=0, le=WIDEST)
    blur_mixed: float = Field(0.0, ge=0, le=WIDEST)
    top: int = Field(0, ge=0)
    levels: str = ""
    input: InputForm | None = None


class FileForm(Form):
    """A file of the export."""

    sha256: str
    bytes: int


class ColoursForm(Form):
    """The scores that overlays draw as no heat and as full heat: one scale for the category."""

    low: float
    high: float


class CheckedForm(Form):
    """What the export was found to answer, before it was finished."""

    pictures: int
    engines: list[dict[str, Any]]


class Manifest(Form):
    """The whole file.

    Attributes:
        refine: how the detector's maps are refined; None if they are not.
        classes: that pictures are given; None for none.
        beside: how a second network sees the picture, whose distances are mixed into the map; None for one network.
        checked: None until the export was found to give the answers of adtool.
    """

    format: int = Field(ge=1)
    category: str
    detector: str
    precision: str = "f32"
    input: InputForm
    beside: InputForm | None = None
    rule: MapRule
    limit: LimitForm
    refine: FreeForm | FilterForm | None = Field(None, discriminator="method")
    classes: ClassesForm | None = None
    graphs: dict[Annotated[str, Field(pattern="^(openvino|onnx)$")], str] = Field(min_length=1)
    files: dict[str, FileForm]
    colours: ColoursForm | None = None
    lineage: dict[str, Any] = Field(default_factory=dict)
    licences: list[dict[str, Any]] = Field(default_factory=list)
    checked: CheckedForm | None = None
