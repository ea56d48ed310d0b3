"""What a large data set would take on several machines, reckoned from what was measured on this one."""

import math

from adtool.core.words import plural
from adtool.doctor.chain import Speed, duration
from adtool.doctor.config import DoctorConfig
from adtool.doctor.machine import GIB, Fact

MIB_PER_GIB = 1024


def facts(speed: Speed, config: DoctorConfig, *, on_gpu: bool) -> list[Fact]:
    """Time, disk and memory of a plan, and what bounds it.

    Images divide among all workers (`maps --shard`); models and classes are made a category each (`train --workers`).

    Args:
        speed: what was measured; with a GPU where there is one here.
        config: images in all, categories, machines and GPUs.
        on_gpu: whether it was measured on a GPU, so that those of the plan count.
    """
    images, categories = config.images or 0, config.categories
    workers = config.gpus if config.gpus and on_gpu else config.machines
    rounds = math.ceil(categories / workers)
    times = {
        "learn": speed.start_s + rounds * speed.learn_s * config.train_images,
        "maps": speed.start_s + images * speed.score_s / workers,
        "discover": speed.start_s + rounds * speed.discover_s * images / categories,
    }
    kinds, machines = plural("category", categories), plural("machine", config.machines)
    each = "GPU" if config.gpus and on_gpu else "machine"
    found = [
        Fact(f"plan: {name}", f"about {duration(seconds)} on {workers} {plural(each, workers)}")
        for name, seconds in times.items()
    ]
    total = sum(times.values())
    longest = max(times, key=lambda name: times[name])
    share = times[longest] / total if total else 0.0
    found.append(Fact("plan: time", f"about {duration(total)} for {images} images of {categories} {kinds}"))
    found.append(Fact("plan: bound", f"{longest}, {share:.0%} of the time: {_why(longest, config, workers, each)}"))
    written = images * speed.image_bytes / GIB
    disk = written + categories * speed.model_bytes / GIB
    rate = written * MIB_PER_GIB / times["maps"] if times["maps"] else 0.0
    text = f"about {disk:.1f} GiB for maps, classes and models, written at up to {rate:.0f} MiB/s"
    found.append(Fact("plan: disk", text))
    found.append(
        Fact("plan: memory", f"about {speed.peak_gib:.1f} GiB a worker, as measured here; report: --memory-gb more")
    )
    if config.gpus and not on_gpu:
        found.append(
            Fact(
                "plan: GPUs",
                f"not reckoned with: there is none here to measure on, so {config.machines} {machines} count",
                "run the same on a machine that has one",
            )
        )
    return found


def _why(longest: str, config: DoctorConfig, workers: int, each: str) -> str:
    """What would make the longest part shorter."""
    if longest == "maps":
        return "the network; more workers, a smaller --image-size or --quality fast"
    if workers >= config.categories:
        return f"a category is done by one {each}; more of them don't help, fewer images a category do"
    return f"a category at a time on each {each}; more of them help up to {config.categories}"
