"""The categories whose maps are refined, by whichever method, one after the other."""

from collections.abc import Callable, Mapping, Sequence

from adtool.core import map_source
from adtool.core.errors import MissingInputError
from adtool.core.limits import decisions, keeping, limit_file
from adtool.core.map_source import MapSource
from adtool.core.steps import notes
from adtool.core.steps.note_form import NotedResult
from adtool.core.steps.step_run import StepRun
from adtool.refine import refine_category, refined_limit, refiners
from adtool.refine.config import RefineConfig
from adtool.refine.refiners import Refiner

FREE = "free"  # the method that learns nothing


def names(config: RefineConfig) -> list[str]:
    """Categories to refine: those asked for, else all that have finished maps.

    Raises:
        MissingInputError: there are none, or one is not there or not finished.
    """
    found = list(dict.fromkeys(config.category)) or notes.done_categories(config.maps)
    if not found:
        raise MissingInputError(
            f"No finished maps in {config.maps}. Run `adtool maps` first, or write yours with adtool.write_maps."
        )
    for name in found:
        notes.require_done(config.maps / name, f"adtool maps --category {name}")
    return found


def refine_each(
    config: RefineConfig,
    sources: Mapping[str, MapSource],
    work: StepRun,
    todo: Sequence[str],
    prepare: Callable[[str], Refiner],
) -> None:
    """Refine what is to be done, and decide on all categories.

    Args:
        config: of the step.
        sources: the given maps by category.
        work: of the step.
        todo: categories that are not done yet.
        prepare: makes what refines a category.
    """
    for name, source in sources.items():
        folder = config.out / name
        if name not in todo:
            limit = refined_limit.of_done(source, folder, config.asked())
            if not decisions.is_in_force(folder, limit):
                work.lock()
                keeping.bring_in_force(folder, limit)
            work.outcome.rows.append(refine_category.line(name, notes.result_of(folder)))
            continue
        before = keeping.asked_before(folder, is_same=work.is_same(name))
        with work.category(name, keep_going=len(sources) > 1) as out:
            refiners.refine(prepare(name), source, out)
            source.require_unchanged(work.identity(name).inputs["maps"])
            noted = NotedResult.of(out.result)
            is_given = noted.image_scores == limit_file.GIVEN
            limit = refined_limit.of_new(source, folder, config.asked(), before, has_given_scores=is_given)
            decisions.apply(folder, limit)
            work.outcome.rows.append(refine_category.line(name, noted))
            work.outcome.notes.append(f"{name}: {noted.decision}")
            work.outcome.notes += map_source.skipped_note(name, noted.skipped)
