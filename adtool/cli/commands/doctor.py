"""Show the state of this machine: versions, devices, memory, folders, usable weights."""

from adtool.cli.options import settings
from adtool.core.config import Config
from adtool.core.step import Outcome


class DoctorConfig(Config):
    """No settings."""


@settings(DoctorConfig)
def command(config: DoctorConfig) -> Outcome:
    """Show the state of this machine, and what to do where something is missing."""
    from pathlib import Path

    from adtool.nn import catalog, device, graphs, weights

    machine = device.describe()
    facts: dict[str, object] = {
        "system": machine.system,
        "python": machine.python,
        "processor": f"{machine.cpu}, {machine.cores} cores",
        "memory": f"{machine.memory_gib:.1f} GiB" if machine.memory_gib else "unknown",
        "CUDA": machine.cuda or "none: OpenVINO runs the networks on the CPU",
        **{name: version or "not installed" for name, version in machine.versions.items()},
        "workspace": Path.cwd().as_posix(),
        "weights folder": f"{weights.folder()} ($ADTOOL_WEIGHTS)",
        "graph cache": f"{graphs.cache_folder()} ($ADTOOL_CACHE)",
    }
    if not device.has_openvino():
        facts["openvino"] = "not installed: networks run in torch, 2 to 12 times slower on a CPU (pip install openvino)"
    for entry in catalog.entries():
        facts[f"backbone {entry.name}"] = "usable" if entry.is_usable else f"no weights: {entry.origin}"
    outcome = Outcome("doctor", Path.cwd())
    outcome.rows = [{"what": name, "state": state} for name, state in facts.items()]
    return outcome
