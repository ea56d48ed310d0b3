"""run: everything from two folders of pictures to a report, for a newcomer.

Reads  a folder of good parts and one of pictures to test
Writes report/first/, then what the steps write: data/, models/, maps/, refined/, classes/, report/

It does nothing that the steps can't do: each line it shows is a command that does the same, so that every step can
be repeated with other settings, or replaced.
"""

import logging
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from adtool.core import layout
from adtool.core.config import Settings, parse
from adtool.core.errors import GateError, UsageError
from adtool.core.steps.step_run import Outcome
from adtool.core.warnings_once import warned_once
from adtool.core.words import counted
from adtool.detection import holding_out
from adtool.discover import step as discover_step
from adtool.discover.config import AUTO, DiscoverConfig
from adtool.maps import step as maps
from adtool.nn import device
from adtool.prep.datasets import folder
from adtool.refine import step as refine
from adtool.refine.config import RefineConfig
from adtool.report import step as report
from adtool.report.config import ReportConfig
from adtool.run import config_file, first, pictures, quality, summary, tile_trial, time_needed
from adtool.run.config import RunConfig
from adtool.run.pictures import GivenPictures

FEW = 20  # good parts, below which the limit between OK and NOK rests on a handful

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Stage:
    """One step of the chain.

    Attributes:
        words: the command that does the same.
        about: what it is good for.
        run: does it; takes `force`.
    """

    words: Sequence[str]
    about: str
    run: Callable[..., Outcome]


def run(config: RunConfig, *, force: bool = False) -> Outcome:
    """A first look at ten pictures, then prep -> maps -> [refine] -> discover -> report; what is done is skipped.

    Raises:
        MissingInputError: there are no pictures.
        UsageError: the folders don't go together, or something there was made with other settings and not `force`.
    """
    with warned_once():
        return _run(config, force=force)


def _run(config: RunConfig, *, force: bool) -> Outcome:
    started = time.monotonic()
    classes = {"classes": config.classes, "seed": config.seed}
    discovered = parse(DiscoverConfig, config_file.step(config, "discover", classes), where="adtool run")
    given = pictures.read(config)
    asked, seen = config, None
    config = quality.begun(asked, given, force=force)
    refined = _is_refined(config, given)
    _announce(config, given, _stages(config, given, discovered, refined=refined))
    try:
        if config.quality is None:
            config, seen = quality.choose(config, given, started)
        speed = first.take(config, given, seen, force=force)
    except UsageError as error:
        raise _without_out(error) from None
    _show_first(given)
    time_needed.say(asked, given, speed, refined=refined)
    tiles = tile_trial.advice(config, given)
    if tiles:
        log.info("%s Ctrl-C stops this.", tiles)
    done, gate = Outcome(first.COMMAND, Path()), None
    stages = _stages(config, given, discovered, refined=refined)
    for number, stage in enumerate(stages, start=1):
        log.info("%d/%d %s: %s", number, len(stages), shlex.join(stage.words), stage.about)
        done = _do(stage, force=force)
        gate = _failed_gate(done)
        if stage.words[1] == maps.COMMAND:
            quality.settle(config, given)
    is_written = config_file.write(config, [stage.words for stage in stages], refined=refined)
    outcome = summary.of_run(given, time.monotonic() - started, done)
    outcome.notes += [tiles] if tiles else []
    outcome.notes.append(
        f"{config_file.NAME} holds these settings: adtool run --config {config_file.NAME} does the same."
        if is_written
        else f"{config_file.NAME} was written by somebody else, and stays as it is."
    )
    outcome.document = {**(outcome.document or {}), "quality": config.quality}
    outcome.gate = gate
    return outcome


def _failed_gate(done: Outcome) -> GateError | None:
    """The gate of a report that was not passed: said once all else is; any other failure ends the run."""
    try:
        done.raise_failures()
    except GateError as error:
        return error
    return None


def _is_refined(config: RunConfig, given: GivenPictures) -> bool:
    if config.tiling and not given.normal:
        raise UsageError("--tile is for a detector that learns from good parts, and there are none. Give --normal.")
    if config.refine and not given.normal:
        raise UsageError("--refine learns from good parts, and there are none. Give --normal, or leave --refine out.")
    if config.refine is None:
        return bool(given.normal) and config.minutes is None and device.pick("auto").type == "cuda"
    return config.refine


def _stages(config: RunConfig, given: GivenPictures, discovered: DiscoverConfig, *, refined: bool) -> list[Stage]:
    name, only, seed = given.name, ("--category", given.name), config.seed
    file = partial(config_file.words, config)
    seeded = ("--seed", str(seed)) if seed else ()
    backbone = ("--backbone", config.backbone) if config.backbone else ()
    chosen = ("--quality", config.quality) if config.quality not in (None, quality.DEFAULT) else ()
    classes = ("--classes", config.classes) if config.classes != AUTO else ()
    discovered = discovered.model_copy(update={"data": given.data, "category": (name,)})
    limit = config.asked().as_options()
    tiles = config.tiling.noted() if config.tiling else {}
    own = config.steps.get(maps.COMMAND, {})
    shared = {name: one for name, one in {"seed": seed, **limit}.items() if name not in own}
    mapped = first.of_maps(config).model_copy(update={"data": given.data, **shared})
    cleaned = _parsed(config, RefineConfig, "refine", {"data": given.data, "category": (name,), "seed": seed, **limit})
    found: list[tuple[Sequence[str], str, Callable[..., Outcome]]] = []
    if config.normal is not None:
        read = pictures.of_prep(config)
        there = {"normal": config.normal, "test": config.test, "name": name, "out": given.data}
        prepared = _parsed(config, folder.Config, "prep", {**there, **read})
        pair = ("--normal", str(config.normal), "--test", str(config.test), *_words(read))
        about = "the pictures as a data set"
        found.append((("prep", "folder", *pair, "--name", name, *file("prep")), about, partial(folder.run, prepared)))
    part = {"look_at": config.look_at} if config.look_at and config.normal is None else {}  # else the data set says it
    words = ("maps", "--data", str(given.data), *backbone, *chosen, *seeded, *_words({**tiles, **part, **limit}))
    words = (*words, *file(maps.COMMAND))
    found.append((words, "what looks unusual, and where", partial(maps.run, mapped)))
    if refined:
        found.append(
            (
                ("refine", *only, *seeded, *_words(limit), *file("refine")),
                "the same, made clearer",
                partial(refine.run, cleaned),
            )
        )
    words = ("discover", *only, *classes, *seeded, *file("discover"))
    found.append((words, "which kinds of defect there are", partial(discover_step.run, discovered)))
    found.append(
        (("report", "--html", *only, *file("report")), "all of it on one page", partial(_report, config, given))
    )
    return [Stage(("adtool", *words), about, run) for words, about, run in found]


def _words(asked: Mapping[str, object]) -> list[str]:
    """Settings as they are typed."""
    found = []
    for name, value in asked.items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            found.append(f"--{option}" if value else f"--no-{option}")
            continue
        for one in value if isinstance(value, tuple) else (value,):
            found += [f"--{option}", str(one)]
    return found


def _parsed(config: RunConfig, kind: type[Settings], name: str, values: Mapping[str, object]) -> Settings:
    """The settings of a step: what `run` gives it, and before that what the file says."""
    return parse(kind, config_file.step(config, name, values), where=f"[{name}]")


def _report(config: RunConfig, given: GivenPictures, *, force: bool) -> Outcome:  # made anew each time, forced or not
    """Of the folders that the classes came from: others in this workspace may be of other pictures."""
    chain = dict.fromkeys((Path(layout.MAPS), summary.maps_read(), Path(layout.CLASSES)))
    asked = {"folders": tuple(chain), "data": given.data, "category": (given.name,), "html": True}
    return report.run(_parsed(config, ReportConfig, "report", asked))


def _do(stage: Stage, *, force: bool) -> Outcome:
    """Do a stage; where something else lies in its place, again from the start if `force` says so."""
    try:
        return stage.run(force=False)
    except UsageError as error:
        if force:
            return stage.run(force=True)
        raise _without_out(error) from None


def _without_out(error: UsageError) -> UsageError:
    """The steps advise another --out, which this command does not have."""
    elsewhere = "work in another folder: adtool -C FOLDER run ... with whole paths"
    return UsageError(str(error).replace("choose another --out", elsewhere).replace("Choose another --out", elsewhere))


def _announce(config: RunConfig, given: GivenPictures, stages: Sequence[Stage]) -> None:
    """Say what will be done."""
    good = f"learn from {_pictures(len(given.normal), 'good ')} in {config.normal}, " if config.normal else ""
    log.info("To do: %stest %s in %s.", good, _pictures(len(given.test)), config.test)
    log.info("Steps: %s. Everything is written into %s.", ", ".join(stage.words[1] for stage in stages), Path.cwd())
    if config.normal is None:
        log.warning(
            "Without --normal the pictures are compared with each other. That works where most parts are good, and "
            "parts are ranked, but there is no limit for OK and NOK."
        )
    elif len(given.normal) < holding_out.MIN_TO_HOLD_OUT:
        log.warning(
            "%s: too few to keep any aside, so there will be no limit for OK and NOK. %d good ones are a start.",
            _pictures(len(given.normal)).capitalize(), FEW,
        )  # fmt: skip
    elif len(given.normal) < FEW:
        log.warning("With %d good pictures the limit for OK and NOK is a rough guess; give %d or more.",
                    len(given.normal), FEW)  # fmt: skip
    log.info(
        "First a look at %s: seconds, a minute at most on a machine with nothing else to do.",
        _pictures(min(first.TESTED, len(given.test))),
    )


def _pictures(count: int, kind: str = "") -> str:
    return counted(count, f"{kind}picture")


def _show_first(given: GivenPictures) -> None:
    """Name the files, for a person to open."""
    sheet, single = first.FOLDER / given.name / first.SHEET, first.listed(given.name)
    learned = min(first.LEARNED, len(given.normal))
    so_far = f", from {_pictures(learned, 'good ')} only" if learned else ""
    log.info("Look: %s shows them all, the most unusual first%s. One by one:", sheet, so_far)
    for path in single:
        log.info("    %s", path)
