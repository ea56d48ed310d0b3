"""Every detector, refine and discover: the GPU against the processor, and the same seed twice."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from chain import PROCESSOR, Check, Maps, Row, apart, categories, dataset, maps, read_maps, row, same_twice
from sklearn.metrics import adjusted_rand_score

from adtool.core import files, layout
from adtool.core.layout import ClassesFolder, InspectedFolder, ModelFolder
from adtool.core.limits import limit_file
from adtool.detection import store as stored
from adtool.detection.contract import compares, load_plugin, settings_of
from adtool.discover import step as discover_step
from adtool.discover.config import DiscoverConfig
from adtool.inspect import step as inspect_step
from adtool.inspect.config import InspectConfig
from adtool.nn import backbone
from adtool.nn.options import EngineChoice
from adtool.refine import model as filters
from adtool.refine import step as refine_step
from adtool.refine import validation
from adtool.refine.config import RefineConfig
from adtool.refine.feature_store import Extractor
from adtool_runtime.decision import decision

MAP, AUROC = 1e-2, 0.005  # relative difference of a map; difference of the image AUROC
BORDER = 1e-2  # relative distance to the limit within which half precision may decide otherwise
TRAINED_AUROC = 0.05  # of a training that was done again, on the other device


def patchcore(check: Check) -> list[Row]:
    """Patchcore with the embedded backbone."""
    return detector(check, "patchcore", "patchcore", check.few)


def patchcore_dinov2(check: Check) -> list[Row]:
    """Patchcore with DINOv2-S."""
    return detector(check, "patchcore_dinov2", "patchcore", check.few, network=check.transformer())


def cfa(check: Check) -> list[Row]:
    """CFA, trained on the device."""
    return detector(check, "cfa", "cfa", (*check.few, "epochs=1") if check.small else ())


def hvqtrans(check: Check) -> list[Row]:
    """HVQ-Trans, trained on the device."""
    few = ("epochs=1", "codes=16", "width=16", "hidden=16", "depth=1")
    return detector(check, "hvqtrans", "hvqtrans", few if check.small else ())


def musc(check: Check) -> list[Row]:
    """MuSc, which keeps no model: all of it on both."""
    return detector(check, "musc", "musc", ("subset_size=200",))


def detector(
    check: Check, name: str, which: str, settings: Sequence[str], network: Mapping[str, object] | None = None
) -> list[Row]:
    """One detector: twice on the device, once more with its model on the processor, and once all on the processor."""
    first, second = (
        read_maps(maps(check, f"{name}/{n}", which, device=check.device, settings=settings, network=network))
        for n in ("first", "second")
    )
    rows = [same_twice(first, second)]
    about, learns = load_plugin(which).ABOUT, not compares(which)
    if learns:
        rows += compared(first, with_the_same_model(check, f"{name}/first", which, settings, network))
    if not about.trains:  # learned again on the processor, in seconds
        other = maps(check, f"{name}/processor", which, device=PROCESSOR, settings=settings, network=network)
        reference = read_maps(other)
        if not learns:
            rows += compared(first, reference)
        else:
            rows.append(learned_again(check, f"{name}/seed1", which, settings, network, first, reference))
    return rows


def learned_again(  # noqa: PLR0913, what a run takes, and two that there are
    check: Check,
    name: str,
    which: str,
    settings: Sequence[str],
    network: Mapping[str, object] | None,
    device: Maps,
    processor: Maps,
) -> Row:
    """Image AUROC of memories chosen on either: rounding alone changes the choice, as another seed does."""
    other = read_maps(maps(check, name, which, device=check.device, settings=settings, network=network, seed=1))
    spread = max(AUROC, abs(device.auroc() - other.auroc()))
    return row(
        "image AUROC, learned again on the processor, and with seed 1",
        f"{device.auroc():.4f}, {processor.auroc():.4f}, {other.auroc():.4f}",
        "the first two differ by at most 0.005, or less than two seeds do",
        ok=abs(device.auroc() - processor.auroc()) <= spread,
    )


def with_the_same_model(
    check: Check, name: str, which: str, settings: Sequence[str], network: Mapping[str, object] | None = None
) -> Maps:
    """The maps that the model learned on the device gives on the processor, with the decisions of its limit."""
    found, detector = Maps({}, {}, {}, {}), load_plugin(which)
    jointly = stored.learns_jointly(detector, settings_of(which, detector, settings))
    for category in categories():
        learned = layout.ALL_CATEGORIES if jointly else category.name
        folder = ModelFolder(Path(name) / "models" / which / learned)
        opened = stored.open_model(
            folder, EngineChoice((network or {}).get("weights"), device=PROCESSOR), as_learned=False
        )
        limit = limit_file.read(Path(name) / "maps" / category.name).value
        for scored in opened.score(category.test):
            one = f"{category.name}/{scored.sample.id}"
            found.scores[one], found.image_scores[one] = scored.scores, scored.image_score
            found.decisions[one] = decision(scored.image_score, limit)
            found.defective[one] = not category.is_normal(scored.sample)
    return found


def compared(device: Maps, processor: Maps) -> list[Row]:
    """Maps, decisions and image AUROC of the same model on both."""
    worst = max(apart(device.scores[one], processor.scores[one]) for one in device.scores)
    other = [one for one in device.decisions if device.decisions[one] != processor.decisions[one]]
    moved = [abs(device.image_scores[one] / processor.image_scores[one] - 1) for one in other]
    far = [one for one, share in zip(other, moved, strict=True) if share > BORDER]
    return [
        row("maps, largest relative difference", f"{worst:.1e}", f"<= {MAP}", ok=worst <= MAP),
        row(
            "decisions that differ",
            f"{len(other)} of {len(device.decisions)}" + (f", their scores by up to {max(moved):.1e}" if other else ""),
            "0, or scores nearer than 1 % to the limit",
            ok=not far,
        ),
        auroc(device.auroc(), processor.auroc(), "the same model on the processor"),
    ]


def auroc(device: float, processor: float, what: str, allowed: float = AUROC) -> Row:
    """Image AUROC on both."""
    return row(
        f"image AUROC, and {what}",
        f"{device:.4f}, {processor:.4f}",
        f"differ by at most {allowed}",
        ok=abs(device - processor) <= allowed,
    )


def refine(check: Check) -> list[Row]:
    """The filter: trained twice on the device; the first one's maps on the device and on the processor."""
    few = ("steps=3", "painted=8", "judged=4", "width=4", "plane=16", "matches=6", "templates=2", "batch=2")
    settings = few if check.small else ("steps=100", "painted=200", "judged=20")
    for name in ("first", "second"):
        refine_step.run(
            RefineConfig(
                maps=Path("patchcore/first/maps"),
                models=Path(f"refine/{name}/models"),
                out=Path(f"refine/{name}/refined"),
                keep="always",
                device=check.device,
                settings=settings,
                **({"engine": "torch"} if check.small else {}),
            )
        ).raise_failures()
    first, second = (read_maps(Path(f"refine/{name}/refined")) for name in ("first", "second"))
    rows = [same_twice(first, second)]
    made = filters.load(ModelFolder(next(Path("refine/first/models/costfilter").glob("[!.]*/model.json")).parent))
    moved, worst = 0.0, 0.0
    for category in categories():
        found = []
        for device, engine in ((check.device, "torch"), (PROCESSOR, "auto")):
            net = backbone.again(made.source, EngineChoice(engine=engine, device=device))
            eye = Extractor(net, made.image_size, batch_size=8)
            seen = validation.filtered(made, category.name, eye, category.test)
            found.append(np.stack([one.probability(256, 256) for one in seen]))
        moved = max(moved, *(apart(a, b) for a, b in zip(*found, strict=True)))
        worst = max(worst, float(np.abs(found[0] - found[1]).max()))
    text = f"{moved:.1e}; of a single pixel {worst:.1e}"
    rows.append(row("the same filter's maps, largest relative difference", text, f"<= {MAP}", ok=moved <= MAP))
    before = read_maps(Path("patchcore/first/maps"))
    rows.append(row("image AUROC of the given maps, and refined", f"{before.auroc():.4f}, {first.auroc():.4f}"))
    return rows


def discover(check: Check) -> list[Row]:
    """The free method."""
    return grouped(check, "free", (), least=0.9)


def discover_trained(check: Check) -> list[Row]:
    """The trained method; training on another device is another training, so less is asked."""
    few = ("epochs=1", "side=64", "views=2", "heads=1", "hidden=8", "batch=4")
    return grouped(check, "trained", few if check.small else ("epochs=10",), least=0.5)


def grouped(check: Check, method: str, settings: Sequence[str], *, least: float) -> list[Row]:
    """Classes found twice on the device and once on the processor."""
    if check.small and method == "free":
        least = -1.0  # a handful of pictures
    labels = {}
    for name, device in (("first", check.device), ("second", check.device), ("processor", PROCESSOR)):
        out = Path(f"discover_{method}/{name}")
        discover_step.run(
            DiscoverConfig(
                maps=Path("refine/first/refined"),
                out=out,
                method=method,
                classes="3" if check.small else "5",
                settings=settings,
                device=device,
                image_size=check.image_size,
            )
        ).raise_failures()
        labels[name] = {
            f"{category.name}/{one['id']}": one["class"]
            for category in categories()
            for one in ClassesFolder(out / category.name).image_rows()
        }
    ids = list(labels["first"])

    def alike(a: str, b: str) -> float:
        return float(
            np.mean(
                [
                    adjusted_rand_score([labels[a][i] for i in own], [labels[b][i] for i in own])
                    for category in dataset().categories
                    if (own := [i for i in ids if i.startswith(f"{category}/")])
                ]
            )
        )

    twice = sum(labels["first"][i] == labels["second"][i] for i in ids)
    found = alike("first", "processor")
    asked = least if not check.small else -1.0
    return [
        row("the same seed twice", f"{twice} of {len(ids)} images in the same class"),
        row("agreement with the processor (ARI)", f"{found:.3f}", f">= {least}", ok=found >= asked),
    ]


def inspect(check: Check) -> list[Row]:
    """New images with the stored models, the filter included: those of a test split, looked at again."""
    category = categories()[0]
    tables = []
    for device, out in ((check.device, Path("inspect/device")), (PROCESSOR, Path("inspect/processor"))):
        inspect_step.run(
            InspectConfig(
                new=category.path / layout.TEST,
                maps=Path("refine/first/refined"),
                classes=Path("discover_free/first"),
                category=category.name,
                out=out,
                device=device,
                engine="auto" if device == PROCESSOR else "torch",
            )
        )
        tables.append({one["file"]: one for one in files.read_csv(InspectedFolder(out).table)})
    device, processor = tables
    moved = max(abs(float(device[i]["image_score"]) / float(processor[i]["image_score"]) - 1) for i in device)
    decided, named = (sum(device[i][what] != processor[i][what] for i in device) for what in ("decision", "class"))
    return [
        row("image scores, largest relative difference", f"{moved:.1e}", f"<= {MAP}", ok=moved <= MAP),
        row("decisions, classes that differ", f"{decided}, {named} of {len(device)}"),
    ]
