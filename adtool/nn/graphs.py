"""OpenVINO graphs of networks: converted once, checked against torch, kept in a cache folder."""

import hashlib
import logging
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from adtool.core.steps import locks
from adtool.nn import device as machine
from adtool.nn import weights
from adtool.nn.engines import OpenVinoEngine
from adtool.nn.network_source import NetworkFacts, NetworkSource
from adtool.nn.networks import Network

NETWORK_VERSION = 1  # counts changes of networks.py that make stored graphs wrong
TOLERANCE = 1e-3  # relative error against torch; 1e-7 to 2e-6 was measured
EXAMPLE_STEPS = (4, 4)  # height and width of the traced image, in multiples
CHECKED_STEPS = ((5, 4), (3, 8))  # and of those it is checked at: none of them the traced size
GRAPH = "model.xml"
REJECTED = "rejected"
SCRATCH = ".adtool-graph"
log = logging.getLogger("adtool")


def cache_folder() -> Path:
    """Where converted graphs are kept: $ADTOOL_CACHE, else `ir` in the user's cache folder."""
    given = os.environ.get("ADTOOL_CACHE")
    return Path(given) if given else weights.user_cache() / "ir"


def graph(name: str, source: NetworkSource, weights_id: str) -> Any | None:  # noqa: ANN401, openvino has no types
    """The OpenVINO model of a network, from the cache if it is there; only else the network itself is made.

    Returns:
        None if conversion fails or the result differs from torch by more than `TOLERANCE`; a warning says so.
    """
    folder = cache_folder() / f"{name}-{_key(source.facts, weights_id)}"
    if weights.is_file(folder / REJECTED):
        log.warning("OpenVINO does not compute %s as torch does; torch runs it.", name)
        return None
    if weights.is_file(folder / GRAPH):
        try:
            return _core().read_model(str(folder / GRAPH))
        except RuntimeError as error:
            log.warning("The stored graph of %s is unreadable and is made again (%s).", name, error)
    log.info("Converting %s for OpenVINO, once.", name)
    try:
        made = convert(source.net)
        distance = difference(source.net, made)
    except unconverted() as error:
        log.warning("OpenVINO cannot convert %s; torch runs it. (%s)", name, str(error).partition("\n")[0])
        return None
    if not distance < TOLERANCE:  # also for NaN
        log.warning("OpenVINO's %s differs from torch's by %.2g; torch runs it.", name, distance)
        made = None
    _store(made, folder)
    return made


def convert(net: Network) -> Any:  # noqa: ANN401, openvino has no types
    """The network as an OpenVINO model with dynamic batch, height and width.

    It calls the reader of torch graphs itself: `openvino.convert_model` does the same and also reports the
    conversion to its makers over the network, which we must not do behind a user's back.
    """
    return converted(net, _example(net, EXAMPLE_STEPS))


def unconverted() -> tuple[type[Exception], ...]:
    """What is raised where OpenVINO can't convert a network."""
    from openvino import frontend

    own = (frontend.OpConversionFailure, frontend.OpValidationFailure, frontend.NotImplementedFailure)
    return (RuntimeError, ValueError, TypeError, AttributeError, frontend.GeneralFailure, *own)


def converted(net: nn.Module, example: tuple[Tensor, ...]) -> Any:  # noqa: ANN401, openvino has no types
    """A module as an OpenVINO model, as it treats an example of its inputs; see `convert`."""
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with _quiet_tracing(), torch.no_grad():
        traced = torch.jit.trace(net, example, check_trace=False)  # type: ignore[no-untyped-call]
        decoder = TorchScriptPythonDecoder(traced, example_input=example)
        front = FrontEndManager().load_by_framework("pytorch")
        return front.convert(front.load(decoder))


@torch.no_grad()
def difference(net: Network, made: Any) -> float:  # noqa: ANN401, openvino has no types
    """The largest relative difference of a graph's features from torch's, at sizes it was not traced at."""
    engine = OpenVinoEngine(made)
    worst = 0.0
    for steps in CHECKED_STEPS:
        inputs = _example(net, steps)
        for ours, theirs in zip(engine.run(inputs), net(*inputs), strict=True):
            if ours.shape != theirs.shape:
                return float("inf")
            worst = max(worst, float((ours - theirs).norm() / theirs.norm()))
    return worst


def _example(net: Network, steps: tuple[int, int]) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    sides = (steps[0] * net.multiple, steps[1] * net.multiple)
    return net.inputs(torch.randn(2, 3, *sides, generator=generator))


def made_with() -> list[object]:
    """What decides how a network is made and converted, beside its own settings."""
    return [NETWORK_VERSION, *(machine.version(package) for package in ("openvino", "timm", "torch"))]


def _key(facts: NetworkFacts, weights_id: str) -> str:
    number, *versions = made_with()
    what = (number, weights_id, [layer.name for layer in facts.layers], facts.norm, versions)
    return hashlib.sha256(repr(what).encode()).hexdigest()[:16]


def _store(made: Any | None, folder: Path) -> None:  # noqa: ANN401, openvino has no types
    """Keep a graph, or that it was rejected; the folder appears at once and whole."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locks.scratch(SCRATCH, folder.parent) as part:
            whole = part / folder.name
            whole.mkdir()
            if made is None:
                (whole / REJECTED).touch()
            else:
                _write(made, whole / GRAPH)
            shutil.rmtree(folder, ignore_errors=True)  # an unreadable one
            whole.replace(folder)
    except (OSError, RuntimeError) as error:  # a full or read-only disk costs the cache, not the work
        _say_not_kept(str(folder.parent), str(error))


@cache
def _say_not_kept(where: str, reason: str) -> None:
    """Once for a folder: there are several graphs in a run."""
    log.warning(
        "Converted graphs are not kept in %s; each run makes them again (%s). Set $ADTOOL_CACHE.", where, reason
    )


def _write(made: Any, path: Path) -> None:  # noqa: ANN401, openvino has no types
    import openvino

    openvino.save_model(made, str(path), compress_to_fp16=False)


def _core() -> Any:  # noqa: ANN401, openvino has no types
    import openvino  # late: it is not installed everywhere

    return openvino.Core()


@contextmanager
def _quiet_tracing() -> Iterator[None]:
    """Tracing warns of every shape that becomes a constant; the check against torch decides instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
