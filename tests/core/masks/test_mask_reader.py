import numpy as np
import pytest
from PIL import Image, ImageFilter

from adtool.core.errors import BadDataError
from adtool.core.masks import mask_reader
from adtool.core.masks.mask_reader import MaskReader, MaskRule, count_marked, decide, read_mask, read_sheet, told
from adtool_runtime.pictures.decoding import Header

ONE, OTHER = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
ONE[8:22, 10:26], OTHER[28:34, 40:52] = True, True
BOTH = ONE | OTHER


def grey(first, second=0):
    return Image.fromarray((ONE * first + OTHER * second).astype(np.uint8))


def coloured(first, second, background=(0, 0, 0)):
    image = np.empty((40, 60, 3), np.uint8)
    image[:], image[ONE], image[OTHER] = background, first, second
    return Image.fromarray(image)


def palette(colours, first=1, second=2):
    image = Image.fromarray((ONE * first + OTHER * second).astype(np.uint8)).convert("P")
    image.putpalette([value for colour in colours for value in colour])
    return image


def alpha(colour):
    image = np.zeros((40, 60, 4), np.uint8)
    image[..., :3], image[..., 3] = colour, BOTH * 255
    return Image.fromarray(image)


KINDS = {
    "black_and_white.png": grey(255, 255),
    "numbers.png": grey(1, 2),
    "two_greys.png": grey(237, 30),
    "faint.png": grey(255, 60),
    "red_and_green.png": coloured((255, 0, 0), (0, 255, 0)),
    "blue.png": coloured((0, 0, 255), (0, 0, 255)),
    "palette.png": palette([(0, 0, 0), (128, 0, 0), (0, 128, 0)]),
    "palette_on_white.png": palette([(255, 255, 255), (255, 0, 0), (0, 0, 255)]),
    "palette_all_black.png": palette([(0, 0, 0)] * 3),
    "alpha_white.png": alpha((255, 255, 255)),
    "alpha_black.png": alpha((0, 0, 0)),
    "bits.png": Image.fromarray(BOTH),
    "floats.tif": Image.fromarray(BOTH.astype(np.float32)),
    "deep.png": Image.fromarray((BOTH * 65535).astype(np.uint16)),
    "deep_numbers.png": Image.fromarray((ONE * 300 + OTHER * 1).astype(np.uint16)),
}


@pytest.mark.parametrize("name", KINDS)
def test_whatever_was_painted_counts_alone_and_among_masks_of_every_kind(tmp_path, name):
    for each, image in KINDS.items():
        image.save(tmp_path / each)
    assert (read_mask(tmp_path / name) == BOTH).all()
    assert (decide(sorted(tmp_path.iterdir())).marked(read_sheet(tmp_path / name)) == BOTH).all()


@pytest.mark.parametrize(("name", "top"), [("x.jpg", 255), ("x.jpg", 100), ("x.png", 255)])
def test_a_soft_edge_is_cut_at_half_of_what_was_painted(tmp_path, name, top):
    soft = grey(top, top) if name == "x.jpg" else grey(top, top).filter(ImageFilter.GaussianBlur(1.5))
    soft.save(tmp_path / name, **({"quality": 60} if name == "x.jpg" else {}))
    marked = read_mask(tmp_path / name)
    assert (marked != BOTH).sum() <= 0.04 * BOTH.sum()


def test_noise_that_jpeg_left_in_png_is_no_defect_in_a_mask_that_has_none(tmp_path):
    grey(255, 255).save(tmp_path / "a.jpg", quality=50)
    Image.open(tmp_path / "a.jpg").save(tmp_path / "a.png")
    noise = np.random.default_rng(0).integers(0, 4, (40, 60), np.uint8)
    Image.fromarray(noise).save(tmp_path / "none.png")
    decision = decide([tmp_path / "a.png", tmp_path / "none.png"])
    assert decision.marked(read_sheet(tmp_path / "none.png")).sum() == 0
    assert (decision.marked(read_sheet(tmp_path / "a.png")) != BOTH).sum() <= 0.05 * BOTH.sum()


def test_a_rule_decides_where_it_is_named(tmp_path):
    grey(255, 60).save(tmp_path / "a.png")
    sums = {
        rule: MaskRule(rule).marked(read_sheet(tmp_path / "a.png")).sum()
        for rule in mask_reader.RULES
        if rule != "alpha"
    }
    one, both = ONE.sum(), BOTH.sum()
    assert {**sums, "auto": both} == {
        "auto": both, "ge128": one, "gt0": both, "half_max": one, "lt128": ONE.size - one, "index": both,
    }  # fmt: skip
    with pytest.raises(BadDataError, match="transparency"):
        MaskRule("alpha").marked(read_sheet(tmp_path / "a.png"))


def test_one_line_says_what_counts_with_the_pixels(tmp_path):
    grey(237, 30).save(tmp_path / "a.png")
    text = told(decide([tmp_path / "a.png"]), count_marked(MaskRule("gt0"), [tmp_path / "a.png"]))
    assert text.startswith("296 of 2,400 pixels of 1 mask count as defect: 1 by grey, painted with level 30, 237.")


@pytest.mark.parametrize(
    ("mask", "image", "orientation", "turn"),
    [
        (Header((9, 5)), Header((5, 9), 6), "auto", (1, False)),  # of the size of the turned image
        (Header((5, 9)), Header((5, 9), 6), "auto", (6, False)),  # of the stored one only: turned along
        (Header((5, 9)), Header((5, 9), 3), "auto", (1, True)),  # a half turn fits both ways
        (Header((5, 5)), Header((5, 5), 8), "auto", (1, True)),  # and so does a square
        (Header((5, 9)), Header((5, 9), 3), "stored", (3, False)),
        (Header((5, 9)), Header((5, 9), 3), "upright", (1, False)),
        (Header((5, 9), 8), Header((5, 9), 6), "stored", (8, False)),  # its own tag decides
        (Header((5, 9)), Header((5, 9)), "stored", (1, False)),
    ],
)
def test_a_mask_is_turned_by_its_own_tag_or_as_its_size_fits(mask, image, orientation, turn):
    assert MaskReader(MaskRule(), orientation).turn(mask, image) == turn


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_colours_on_white_paper_are_the_defect_not_the_paper(tmp_path, suffix):
    painted = np.full((40, 40, 3), 255, np.uint8)
    painted[8:16, 8:20] = (200, 0, 0)
    painted[20:30, 20:28] = (0, 0, 255)
    Image.fromarray(painted).save(tmp_path / f"a{suffix}", quality=95)
    found = mask_reader.read_mask(tmp_path / f"a{suffix}")
    assert abs(int(found.sum()) - 8 * 12 - 10 * 8) <= (0 if suffix == ".png" else 20)


def test_white_and_a_colour_on_black_are_both_the_defect(tmp_path):
    painted = np.zeros((40, 40, 3), np.uint8)
    painted[8:16, 8:20] = 255
    painted[20:30, 20:28] = (200, 0, 0)
    Image.fromarray(painted).save(tmp_path / "a.png")
    assert mask_reader.read_mask(tmp_path / "a.png").sum() == 8 * 12 + 10 * 8


def test_a_palette_colour_on_white_paper_is_the_defect_whatever_its_number(tmp_path):
    numbers = np.ones((40, 40), np.uint8)
    numbers[8:16, 8:20] = 0
    drawn = Image.frombytes("P", (40, 40), numbers.tobytes())
    drawn.putpalette([200, 0, 0, 255, 255, 255])
    drawn.save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png").sum() == 8 * 12
