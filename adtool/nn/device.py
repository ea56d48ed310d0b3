"""What this machine has to compute with, and which part of it is used."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import torch

from adtool.core.errors import UsageError
from adtool_runtime.parallel import core_count

CPU_INFO = Path("/proc/cpuinfo")
PACKAGES = ("torch", "torchvision", "timm", "openvino", "numpy", "opencv-python-headless")


@dataclass(frozen=True)
class Machine:
    """What `adtool doctor` shows; a size is in GiB, and None where it cannot be told."""

    system: str
    python: str
    cpu: str
    cores: int
    memory_gib: float | None
    cuda: str | None
    cuda_memory_gib: float | None
    versions: dict[str, str | None]


def pick(device: str) -> torch.device:
    """The device to compute on; `auto` is CUDA where there is one.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:<n>`.

    Raises:
        UsageError: no such device here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cpu":
        return torch.device("cpu")
    kind, _, index = device.partition(":")
    if kind != "cuda" or not (index == "" or index.isdigit()):
        raise UsageError(f"There is no device `{device}`. Use auto, cpu, cuda or cuda:<number>.")
    if int(index or 0) >= torch.cuda.device_count():
        raise UsageError(f"Device `{device}` is not usable here (torch sees no such GPU). Use --device cpu.")
    return torch.device(device)


def gpus_to_share(device: str) -> list[str]:
    """Names of the GPUs that several processes can share out, as CUDA_VISIBLE_DEVICES has them; none if one is named.

    Args:
        device: as typed.
    """
    if device not in ("auto", "cuda") or not torch.cuda.is_available():
        return []
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return named or [str(number) for number in range(torch.cuda.device_count())]


@contextmanager
def all_bits() -> Iterator[None]:
    """Within this context convolutions on CUDA take all 24 bits; by itself cuDNN rounds what they take to 11."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


@contextmanager
def half_the_cores() -> Iterator[None]:
    """Within this context torch computes on half of the cores, at least one, and leaves the others to the engine.

    Two thread pools that each take every core spin against each other: 29 ms an image instead of 23 on two cores.
    """
    with _threads(max(1, torch.get_num_threads() // 2)):
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """One of torch's threads, for many small steps in which several would only wait for each other."""
    with _threads(1):
        yield


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe() -> Machine:
    """The state of this machine."""
    has_cuda = torch.cuda.is_available()
    cuda = torch.cuda.get_device_properties(0) if has_cuda else None
    return Machine(
        system=platform.platform(),
        python=platform.python_version(),
        cpu=_cpu_name(),
        cores=core_count(),
        memory_gib=_memory_gib(),
        cuda=str(cuda.name) if cuda else None,
        cuda_memory_gib=cuda.total_memory / 2**30 if cuda else None,
        versions={package: version(package) for package in PACKAGES},
    )


def version(package: str) -> str | None:
    """The installed version of a distribution, None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def has_openvino() -> bool:
    """Whether the OpenVINO package is installed; it is not imported."""
    return find_spec("openvino") is not None


def _cpu_name() -> str:
    if CPU_INFO.exists():
        for line in CPU_INFO.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    except (AttributeError, ValueError, OSError):
        return None
