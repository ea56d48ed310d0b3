"""Whether the tests would notice a change: `python -m tests.mutations COUNT SEED PART...`, as `60 0 refine decide`.

COUNT places are drawn by chance in the code of the parts (folders or files below adtool/). In a copy of the repository
one at a time is changed (a comparison, a sign, `and` for `or`, a number), and the part's tests run, the slow ones as
well if the others notice nothing. What is printed as NOT noticed is to be read: some changes change nothing.
"""

import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
NONE_SO_MARKED = 5  # exit code of pytest
LONGEST = 1800  # seconds that tests may take, then the change is one that they notice
OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One place in one file, and what stands there instead."""

    file: Path  # below the repository
    line: int
    start: int  # offsets in its bytes
    end: int
    old: str
    new: str

    def write(self, root: Path) -> None:
        """Make it in a copy of the repository."""
        text = (ROOT / self.file).read_bytes()
        (root / self.file).write_bytes(text[: self.start] + self.new.encode() + text[self.end :])


def changes(file: Path) -> Iterator[Change]:
    """All that can be made in a file."""
    text = (ROOT / file).read_bytes()
    lines = [0]
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    for node in _nodes(ast.parse(text)):
        other = _changed(node)
        if other is not None:
            start = lines[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
            end = lines[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
            yield Change(file, node.lineno, start, end, text[start:end].decode(), f"({ast.unparse(other)})")  # type: ignore[attr-defined]


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it, but for what stands in messages."""
    if not isinstance(node, ast.JoinedStr):
        yield node
        for one in ast.iter_child_nodes(node):
            yield from _nodes(one)


def _changed(node: ast.AST) -> ast.expr | None:
    other = copy.deepcopy(node)
    if isinstance(other, ast.Compare) and type(other.ops[0]) in OTHER:
        other.ops[0] = OTHER[type(other.ops[0])]()  # type: ignore[assignment]
    elif isinstance(other, (ast.BinOp, ast.BoolOp)) and type(other.op) in OTHER and not _is_text(other):
        other.op = OTHER[type(other.op)]()  # type: ignore[assignment]
    elif isinstance(other, ast.UnaryOp) and isinstance(other.op, ast.Not):
        return other.operand
    elif isinstance(other, ast.Constant) and type(other.value) in (int, float):
        other.value = other.value + 1 if isinstance(other.value, int) else other.value * 1.5 + 0.001
    else:
        return None
    return other  # type: ignore[return-value]


def _is_text(node: ast.AST) -> bool:
    """Whether strings are joined, which is about messages."""
    return any(isinstance(one, (ast.JoinedStr, ast.Constant)) and not _is_number(one) for one in ast.walk(node))


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float))


def is_noticed(change: Change, root: Path) -> bool:
    """Whether the tests of its part fail with it."""
    change.write(root)
    try:
        return not passes(change.file, root)
    finally:
        shutil.copy2(ROOT / change.file, root / change.file)


def passes(file: Path, root: Path) -> bool:
    """Whether the tests of a file's part pass in a copy of the repository."""
    part = Path("tests") / file.relative_to("adtool").parts[0]
    where = part if (root / part).exists() else part.parent
    own = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "adtool/runtime")])}
    for marked in ("not slow", "slow"):
        words = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", marked, str(where)]
        try:
            ran = subprocess.run(words, cwd=root, env=own, capture_output=True, timeout=LONGEST)
        except subprocess.TimeoutExpired:
            return False
        if ran.returncode not in (0, NONE_SO_MARKED):
            return False
    return True


def main(count: int, seed: int, parts: list[str]) -> None:
    """Print each change, and how many were noticed."""
    places = [ROOT / "adtool" / part for part in parts]
    files = [file for one in places for file in (sorted(one.rglob("*.py")) if one.is_dir() else [one])]
    every = [change for file in files for change in changes(file.relative_to(ROOT))]
    drawn = random.Random(seed).sample(every, min(count, len(every)))
    noticed = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "copy"
        shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "build"))
        for part in sorted({one.file.parts[1]: one.file for one in drawn}.values()):
            if not passes(part, root):
                sys.exit(f"The tests of {part.parts[1]} fail as they are.")
        for one in drawn:
            found = is_noticed(one, root)
            noticed += found
            said = "noticed" if found else "NOT noticed"
            print(f"{said}: {one.file}:{one.line}: {one.old} -> {one.new}", flush=True)
    print(f"{noticed} of {len(drawn)} changes were noticed, drawn from {len(every)}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
