"""Whether the words for classes are right: `python examples/results/words.py MAPS...`, as `maps`.

In the workspace whose finished maps these are, of a data set with masks. Each kind of defect is taken as a class of
those of its pictures that are NOK by the limit. A word that is said of it by the maps is right if a share of `RIGHT` of
these pictures have it with the true mask in place of the map, those left out whose defect does not stand out there;
where they lie is right if the masks say the same.
"""

import sys
from pathlib import Path

import numpy as np

from adtool.core import arrays
from adtool.core.dataset import dataset_folder
from adtool.core.dataset.types import Sample
from adtool.core.limits import limit_file
from adtool.core.map_source import MapSource, read_source
from adtool.core.steps import notes, step_run
from adtool.discover import looks, whereabouts
from adtool.discover.looks import Look
from adtool.discover.whereabouts import Place

RIGHT = 0.6


def seen(source: MapSource, one: Sample) -> tuple[tuple[Look | None, Place], tuple[Look | None, Place]] | None:
    """What the map says of a picture, and what its mask says; None where it has no mask, or an empty one."""
    image = arrays.read_image(one.image, one.reading)
    if one.mask is None or not (mask := source.category.masks.read(one.mask, one.image)).any():
        return None
    guides = source.scores(one), mask.astype(np.float32)
    by_map, by_mask = ((looks.look_at(image, guide), whereabouts.of_map(guide)) for guide in guides)
    return by_map, by_mask


def judged(kind: str, members: list[Sample], source: MapSource) -> tuple[int, int]:
    """How many words are said of a kind, and how many of them are right; printed with the words."""
    pairs = [pair for one in members if (pair := seen(source, one)) is not None]
    said, true = [by_map for by_map, _ in pairs], [by_mask for _, by_mask in pairs]
    words = {word for word in looks.in_words([look for look, _ in said]).split() if word != "marks"}
    clear = [look.words for look, _ in true if look is not None]
    right = {word for word in words if clear and np.mean([word in one for one in clear]) >= RIGHT}
    where, truly = (whereabouts.in_words([place for _, place in some]) for some in (said, true))
    place = [where] if where and where in looks.together(said) else []
    print(
        f"{kind} ({len(pairs)}): {looks.together(said) or 'nothing'}; wrong: {sorted(words - right)}, by masks {truly}"
    )
    return len(words) + len(place), len(right) + len([one for one in place if one == truly])


def main(folders: list[Path]) -> None:
    """Print the words of all kinds, and how many of them are right."""
    counts = []
    for maps in folders:
        dataset = dataset_folder.read_dataset(step_run.noted_data(maps, None))
        for name in notes.done_categories(maps):
            source = read_source(maps, dataset.category(name))
            limit = limit_file.read(source.folder).value
            pairs = list(zip(source.samples, source.image_scores, strict=True))
            for kind in sorted({one.kind for one in source.samples if not source.category.is_normal(one)}):
                members = [one for one, score in pairs if one.kind == kind and (limit is None or score > limit)]
                counts.append(judged(f"{maps} {name} {kind}", members, source))
    said, right = np.sum(counts, axis=0)
    print(f"{right} of {said} words are right, of {len(counts)} kinds {sum(one > 0 for one, _ in counts)} get some")


if __name__ == "__main__":
    main([Path(one) for one in sys.argv[1:]])
