"""Run the parts of the GPU check one after the other, each in a process of its own, and write down what they say.

A part that fails, hangs or takes the process down says so, and the next one goes on. `check.sh` starts this.
"""

import json
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import agreement
import chain
import speed
import training
from chain import Check, Row

from adtool.core import files

# The most important first: what must be equal, then how fast it is, then what is only run for a few steps.
PARTS: dict[str, Callable[[Check], list[Row]]] = {
    "machine": chain.machine,
    "data": chain.data,
    "patchcore": agreement.patchcore,
    "refine": agreement.refine,
    "discover": agreement.discover,
    "inspect": agreement.inspect,
    "dinomaly": training.dinomaly,
    "patchcore_dinov2": agreement.patchcore_dinov2,
    "cfa": agreement.cfa,
    "hvqtrans": agreement.hvqtrans,
    "musc": agreement.musc,
    "discover_trained": agreement.discover_trained,
    "speed_lite0": speed.lite0,
    "speed_dinov2": speed.dinov2,
    "speed_wide_resnet50": speed.wide_resnet50,
    "paper_dinomaly": training.paper_dinomaly,
    "paper_hvqtrans": training.paper_hvqtrans,
    "paper_refine": training.paper_refine,
    "paper_cfa": training.paper_cfa,
    "paper_discover": training.paper_discover,
    "dinomaly_on_the_processor": training.dinomaly_on_the_processor,
}
DONE = "done"
LEAST_S = 15  # no part is begun with less time left


def main() -> int:
    """Do the parts that are not done; 1 if one of all says that something is not as asked, or failed."""
    out, device, most, *wanted = sys.argv[1:]
    check = Check(Path(out), device)
    ends = time.monotonic() + float(most)
    (check.out / "parts").mkdir(exist_ok=True)
    unknown = set(wanted) - set(PARTS)
    if unknown:
        sys.exit(f"There is no part {', '.join(sorted(unknown))}. There are: {', '.join(PARTS)}.")
    for name in wanted or PARTS:
        path = check.out / "parts" / f"{device}-{name}.json"
        noted = files.read_json(path)
        if isinstance(noted, dict) and noted.get("state") == DONE and not wanted:
            continue
        left = ends - time.monotonic()
        if left < LEAST_S:
            print(f"{name}: no time left; the same call goes on here", flush=True)
            break
        print(f"{name} ...", flush=True)
        files.write_json(path, in_a_process(check, name, left))
        write(check)
        for row in files.read_json(path)["rows"]:
            print("   " + chain.line(row), flush=True)
    return write(check)


def in_a_process(check: Check, name: str, left_s: float) -> dict[str, object]:
    """Do one part in a copy of this process, which has loaded torch but never touched the GPU."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(check, name, sender))
    started = time.monotonic()
    process.start()
    sender.close()
    try:
        found = receiver.recv() if receiver.poll(left_s) else {"state": "out of time", "rows": []}
    except EOFError:
        process.join()
        found = {"state": f"ended with {process.exitcode}", "rows": []}
    process.kill()
    process.join()
    return {**found, "seconds": round(time.monotonic() - started, 1)}


def work(check: Check, name: str, sender: multiprocessing.connection.Connection) -> None:
    """One part; what it says, or how it failed, goes to the other end."""
    work = check.out / "work" / check.device
    work.mkdir(parents=True, exist_ok=True)
    os.chdir(work)
    try:
        with chain.watched() as phases:
            rows = PARTS[name](check)
        found = {"state": DONE, "rows": rows, "phases": phases.rates(), "gpu_gb": chain.gpu_peak()}
    except BaseException as error:  # noqa: BLE001, whatever it is, it is told and the next part goes on
        text = "".join(traceback.format_exception(error))
        print(text, flush=True)
        found = {"state": f"failed: {type(error).__name__}: {str(error)[:300]}", "rows": [], "traceback": text[-4000:]}
    sender.send(json.loads(json.dumps(found, default=str)))
    sender.close()
    os._exit(0)  # threads of libraries need not be waited for


def write(check: Check) -> int:
    """Put the parts together: gpu.json, gpu.md; 1 if anything is not as asked."""
    parts = {
        name: files.read_json(path)
        for name in PARTS
        if (path := check.out / "parts" / f"{check.device}-{name}.json").exists()
    }
    files.write_json(check.out / "gpu.json", {"device": check.device, "parts": parts})
    lines = ["| part | s | what | measured | asked | |", "|---|---|---|---|---|---|"]
    bad = 0
    for name, part in parts.items():
        if part["state"] != DONE:
            bad += 1
            lines.append(f"| {name} | {part['seconds']} | {part['state']} | | | **failed** |")
        for number, row in enumerate(part["rows"]):
            verdict = {True: "ok", False: "**no**", None: ""}[row["ok"]]
            bad += row["ok"] is False
            first = (name, part["seconds"]) if number == 0 else ("", "")
            lines.append(f"| {first[0]} | {first[1]} | {row['what']} | {row['value']} | {row['asked']} | {verdict} |")
    files.write_text(check.out / "gpu.md", "\n".join(lines) + "\n")
    done = sum(part["state"] == DONE for part in parts.values())
    seconds = sum(part["seconds"] for part in parts.values())
    told = f"{done} of {len(PARTS)} parts done in {seconds:.0f} s, {bad} not as asked"
    print(f"{told}; {check.out / 'gpu.md'}", flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
