"""BTAD (beanTech): three industrial products; test images are ok or ko."""

from pathlib import Path

from pydantic import Field

from adtool.core.steps.step_run import Outcome
from adtool.prep import published
from adtool.prep.published import Published, PublishedConfig

BTAD = Published(
    name="btad",
    title="BTAD",
    counts={  # 741 test images in all (Mishra et al., VT-ADL, 2021)
        "01": {"train/ok": 400, "test/ok": 21, "test/ko": 49},
        "02": {"train/ok": 399, "test/ok": 30, "test/ko": 200},
        "03": {"train/ok": 1000, "test/ok": 400, "test/ko": 41},
    },
    normal="ok",
    mask_rule="auto",
    expected="{01,02,03}/{train/ok,test/ok,test/ko,ground_truth/ko}",
    where="https://github.com/pankajmishra000/VT-ADL",
    licence="see its download",
)


class Config(PublishedConfig):
    """Settings of `adtool prep btad`."""

    category: tuple[str, ...] = Field((), description="Product (01, 02, 03); repeat it for several. All if left out.")
    out: Path = Field(Path("data/btad"), description="Folder to write.")


def run(config: Config, *, force: bool = False) -> Outcome:
    """Prepare BTAD: images as they are (.bmp and .png), masks of either type as 0/255 .png; `ok` is called `good`."""
    return published.run(BTAD, config, force=force)
