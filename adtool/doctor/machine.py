"""What this machine has, and what to do where something is missing or short."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adtool.nn import catalog, device, graphs, weights

GIB = 2**30
MEMORY_INFO = Path("/proc/meminfo")
CGROUP_MEMORY = (  # of the container: limit and use; version 2, then version 1
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)
LOW_MEMORY_GIB = 2.0  # the chain's peak on Magnetic Tile Defects was below 2 GiB
LOW_DISK_GIB = 2.0


@dataclass(frozen=True)
class Fact:
    """One line: what was looked at, its state, and what to do (empty if nothing)."""

    what: str
    state: str
    to_do: str = ""

    def as_row(self) -> dict[str, object]:
        """The fact as a line of a table."""
        return {"what": self.what, "state": self.state, "to do": self.to_do}


def facts(workspace: Path) -> list[Fact]:
    """The state of the machine, of this installation and of the workspace."""
    return [*_hardware(), *_packages(), *_folders(workspace), *_backbones()]


def available_gib() -> float | None:
    """Memory that could be taken now, in GiB: the machine's, or what its container leaves if that is less."""
    found = []
    if MEMORY_INFO.exists():
        for line in MEMORY_INFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024 / GIB)
    for limit, used in CGROUP_MEMORY:
        try:
            found.append((int(limit.read_text()) - int(used.read_text())) / GIB)
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return min(found, default=None)


def _hardware() -> Iterator[Fact]:
    machine = device.describe()
    yield Fact("system", machine.system)
    yield Fact("python", machine.python)
    yield Fact("processor", f"{machine.cpu}, {machine.cores} cores")
    free = available_gib()
    total = f"{machine.memory_gib:.1f} GiB" if machine.memory_gib else "unknown"
    is_low = free is not None and free < LOW_MEMORY_GIB
    yield Fact(
        "memory",
        total + (f", {free:.1f} GiB available" if free is not None else ""),
        "close other programs, or take a smaller --batch-size and --image-size" if is_low else "",
    )
    if machine.cuda:
        yield Fact("CUDA", f"{machine.cuda}, {machine.cuda_memory_gib:.1f} GiB")
    else:
        yield Fact("CUDA", "none: OpenVINO runs the networks on the CPU")


def _packages() -> Iterator[Fact]:
    for name, version in {"adtool": device.version("adtool"), **device.describe().versions}.items():
        if version:
            yield Fact(name, version)
        elif name == "openvino":
            yield Fact(name, "not installed: networks run in torch, 2 to 12 times slower", "pip install openvino")
        else:
            yield Fact(name, "not installed", f"pip install {name}")


def _folders(workspace: Path) -> Iterator[Fact]:
    free = shutil.disk_usage(workspace).free / GIB
    short = "free some space, or work elsewhere: adtool -C DIR" if free < LOW_DISK_GIB else ""
    yield Fact("workspace", f"{workspace}, {free:.1f} GiB free", short)
    yield Fact("weights folder", f"{weights.folder()} ($ADTOOL_WEIGHTS), {_size(weights.folder())}")
    cache = graphs.cache_folder()
    yield Fact("graph cache", f"{cache} ($ADTOOL_CACHE), {_size(cache)}; it may be deleted, and is filled again")


def _size(folder: Path) -> str:
    if not folder.is_dir():
        return "empty"
    return f"{sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) / 1e6:.0f} MB"


def _backbones() -> Iterator[Fact]:
    for entry in catalog.entries():
        name = f"backbone {entry.name}"
        yield Fact(name, f"usable ({entry.origin})") if entry.is_usable else Fact(name, "no weights", entry.origin)
