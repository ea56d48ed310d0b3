"""python -m adtool_runtime export/bottle pictures/ --csv out.csv.

Exit codes: 0 done; 1 a part is NOK and --fail-on-nok; 2 wrong usage; 3 the export or the pictures can't be used;
5 some pictures can't be read, the others are judged; 130 interrupted, what was judged is written.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import adtool_runtime
from adtool_runtime import cells, drawing, engines, table
from adtool_runtime.decision import NOT_OK
from adtool_runtime.errors import EXIT_PARTIAL, AdtoolError, MissingInputError
from adtool_runtime.export import Export, load

EXIT_NOK, EXIT_INTERRUPTED = 1, 130
BOXES = "boxes.csv"
# Pictures by their suffix; what else lies in a folder is named in the table, and judged only if it is given itself.
_SUFFIXES = (
    ".png .apng .jpg .jpeg .jpe .jfif .bmp .dib .tif .tiff .webp .gif .jp2 .j2k .j2c .jpc .jpf .jpx "
    ".pgm .ppm .pbm .pnm .pfm .tga .pcx .sgi .ras .qoi .avif"
)
SUFFIXES = frozenset(_SUFFIXES.split())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m adtool_runtime", description="Judge pictures by what `adtool export` wrote."
    )
    parser.add_argument("export", type=Path, help="folder of one category, export/<category>")
    parser.add_argument("pictures", type=Path, nargs="+", help="pictures, or folders of them")
    parser.add_argument("--csv", type=Path, help="table to write; by default it is printed")
    parser.add_argument(
        "--overlays",
        type=Path,
        metavar="DIR",
        help="folder to write each picture into, beside its map and with boxes around what was found, and boxes.csv",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser.add_argument("--engine", default=engines.AUTO, help=f"auto, {' or '.join(engines.MODULES)}")
    parser.add_argument("--threads", type=_positive, help="pictures side by side; by default one for each core")
    parser.add_argument("--fail-on-nok", action="store_true", help="end with exit code 1 if a part is NOK")
    parser.add_argument("--version", action="version", version=f"adtool_runtime {adtool_runtime.__version__}")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give at least 1")
    return number


def _files(given: Sequence[Path]) -> Iterator[tuple[str, Path | str]]:
    """Name of each file in the table, with its path, or why it is none to judge."""
    for one in given:
        if not one.is_dir():
            yield one.as_posix(), one
            continue
        for path in sorted(one.rglob("*")):
            inner = path.relative_to(one)
            if path.is_dir() or any(part.startswith(".") for part in inner.parts):
                continue
            is_picture = path.suffix.lower() in SUFFIXES
            yield path.as_posix(), path if is_picture else "no image by its suffix"


def _judge(
    part: Export, given: Sequence[Path], threads: int | None, overlays: Path | None, rows: list[dict[str, object]]
) -> int:
    """Judge everything into `rows`, and draw it; how many pictures could not be read."""
    every = list(_files(given))
    found = part.inspect_many((path for _, path in every if isinstance(path, Path)), threads)
    unread = 0
    for name, path in every:
        if not isinstance(path, Path):
            rows.append({"file": name, "reason": path})
            continue
        said = next(found)[1]
        unread += isinstance(said, AdtoolError)
        rows.append(table.row(name, said))
        if overlays is not None and not isinstance(said, AdtoolError):
            data = drawing.encode(part.overlay(path, said), drawing.QUALITY, "JPEG")
            table.write_bytes(overlays / f"{_below(path, given)}.jpg", data, "--overlays")
    if not any(isinstance(path, Path) for _, path in every):
        left = f" ({every[0][0]}: {every[0][1]})" if every else ""
        raise MissingInputError(f"There are no pictures in {', '.join(map(str, given))}{left}.")
    if unread == sum(isinstance(path, Path) for _, path in every):
        reason = f" {rows[0]['reason']}" if len(rows) == 1 else ""
        raise MissingInputError(f"None of {', '.join(map(str, given))} could be judged.{reason}")
    return unread


def _below(path: Path, given: Sequence[Path]) -> Path:
    """Where the overlay of a picture lies below the folder of overlays: as the picture below what was given."""
    for number, one in enumerate(given, 1):
        if one.is_dir() and path.is_relative_to(one):
            inner = path.relative_to(one)
            return inner if len(given) == 1 else Path(f"{number}_{one.name}") / inner
    number = next(i for i, one in enumerate(given, 1) if one == path)
    return Path(path.name if len(given) == 1 else f"{number}_{path.name}")


def _show(part: Export, rows: list[dict[str, object]], *, as_json: bool, csv: Path | None) -> None:
    try:
        if csv is not None:
            table.write(csv, rows)
    except MissingInputError as error:  # what was judged is not lost for it
        _show(part, rows, as_json=as_json, csv=None)
        raise error from None
    if as_json:
        document = {"export": part.folder.as_posix(), "limit": part.limit, "engine": part.engine, "pictures": rows}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    elif csv is None:
        sys.stdout.write(cells.line(table.COLUMNS) + "".join(map(table.line, rows)))
    rejected = sum(one.get("decision") == NOT_OK for one in rows)
    sys.stderr.write(f"{len(rows)} {'file' if len(rows) == 1 else 'files'}, {rejected} NOK.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    asked = _parser().parse_args(arguments)
    rows: list[dict[str, object]] = []
    code = 0
    try:
        part = load(asked.export, asked.engine)
        try:
            unread = _judge(part, asked.pictures, asked.threads, asked.overlays, rows)
            if unread:
                code = EXIT_PARTIAL
        except KeyboardInterrupt:
            code = EXIT_INTERRUPTED
        except MissingInputError as error:
            sys.stderr.write(f"error: {error}\n")
            code = error.exit_code
        if rows and asked.overlays is not None:
            table.write_boxes(asked.overlays / BOXES, rows)
        if rows:
            _show(part, rows, as_json=asked.json, csv=asked.csv)
        if code == EXIT_PARTIAL:
            sys.stderr.write(f"error: {unread} of the pictures could not be read; the table says why.\n")
    except AdtoolError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    is_nok = any(one.get("decision") == NOT_OK for one in rows)
    return EXIT_NOK if is_nok and asked.fail_on_nok and not code else code


if __name__ == "__main__":
    sys.exit(main())
