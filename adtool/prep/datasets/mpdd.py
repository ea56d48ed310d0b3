"""MPDD: six kinds of painted metal parts, photographed at varying angles and distances."""

from pathlib import Path

from pydantic import Field

from adtool.core.steps.step_run import Outcome
from adtool.prep import published
from adtool.prep.published import Published, PublishedConfig

MPDD = Published(
    name="mpdd",
    title="MPDD",
    counts={  # 888 training and 458 test images in all (Jezek et al., 2021)
        "bracket_black": {"train/good": 289, "test/good": 32, "test/hole": 12, "test/scratches": 35},
        "bracket_brown": {
            "train/good": 185,
            "test/good": 26,
            "test/bend_and_parts_mismatch": 17,
            "test/parts_mismatch": 34,
        },
        "bracket_white": {"train/good": 110, "test/good": 30, "test/defective_painting": 13, "test/scratches": 17},
        "connector": {"train/good": 128, "test/good": 30, "test/parts_mismatch": 14},
        "metal_plate": {
            "train/good": 54,
            "test/good": 26,
            "test/major_rust": 14,
            "test/scratches": 34,
            "test/total_rust": 23,
        },
        "tubes": {"train/good": 122, "test/good": 32, "test/anomalous": 69},
    },
    normal="good",
    mask_rule="auto",
    expected="<category>/{train/good,test/<kind>,ground_truth/<kind>} of bracket_black, connector, tubes, ...",
    where="https://github.com/stepanje/MPDD",
    licence="see its download",
)


class Config(PublishedConfig):
    """Settings of `adtool prep mpdd`."""

    category: tuple[str, ...] = Field(
        (), description=f"Category ({', '.join(MPDD.counts)}); repeat it for several. All if left out."
    )
    out: Path = Field(Path("data/mpdd"), description="Folder to write.")


def run(config: Config, *, force: bool = False) -> Outcome:
    """Prepare MPDD: images as they are, masks as 0/255 .png."""
    return published.run(MPDD, config, force=force)
