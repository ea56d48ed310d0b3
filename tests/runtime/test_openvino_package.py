import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TELEMETRY = """
from pathlib import Path

Path(r"{told}").touch()
LOADED = True
"""
CODE = """
from adtool_runtime import openvino_package

ov = openvino_package.imported()
assert ov is openvino_package.imported()
assert ov.Core and ov.opset13 and openvino_package.imported("openvino.frontend.pytorch.ts_decoder")
assert not told.exists(), "the telemetry was loaded"
import openvino_telemetry

assert openvino_telemetry.LOADED, "who asks for it himself gets it"
"""


def test_importing_openvino_tells_nobody(tmp_path):
    told = tmp_path / "told"
    (tmp_path / "openvino_telemetry").mkdir()
    (tmp_path / "openvino_telemetry" / "__init__.py").write_text(TELEMETRY.format(told=told))
    begin = f"import pathlib, sys\nsys.path.insert(0, {str(tmp_path)!r})\ntold = pathlib.Path({str(told)!r})\n"
    subprocess.run([sys.executable, "-c", begin + CODE], check=True, timeout=120)
    assert told.exists(), "so that the test would see it"


def imports(path: Path) -> set[str]:
    """First parts of the names of what a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_nobody_else_imports_it():
    files = [path for place in ("adtool", "examples", "tests") for path in (ROOT / place).rglob("*.py")]
    assert len(files) > 500
    assert not [path for path in files if "openvino" in imports(path)], "import it by adtool_runtime.openvino_package"
