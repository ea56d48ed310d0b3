import sys

import pytest

from adtool.core import plugins
from adtool.core.errors import UsageError


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """Pretends that a package is installed which brings detectors `theirs` and `broken`."""
    (tmp_path / "their_detector.py").write_text('"""A detector of theirs."""\nNAME = "theirs"\n')
    info = tmp_path / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[adtool.detectors]\ntheirs = their_detector\nbroken = their_gone\n"
        "[adtool.prep.datasets]\ntheirs = their_detector\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "their_detector", raising=False)


def test_a_file_is_a_plug_in_unless_its_name_begins_with_an_underscore():
    assert "patchcore" in plugins.names("detectors")
    assert not [name for name in plugins.names("detectors") if name.startswith("_")]
    assert plugins.load("detectors", "patchcore").__name__ == "adtool.detectors.patchcore"


@pytest.mark.parametrize("name", ["patchcor", "_contract", "__init__", "../maps/config", "", "patchcore.py"])
def test_an_unknown_name_is_a_usage_error_that_lists_the_known(name):
    with pytest.raises(UsageError, match=f"There is no '{name}' among the detectors: .*patchcore"):
        plugins.load("detectors", name)


def test_a_close_name_is_suggested():
    with pytest.raises(UsageError, match="Did you mean 'patchcore'"):
        plugins.load("detectors", "patchcor")


def test_a_plug_in_of_another_package_is_found_by_its_entry_point(foreign):
    assert "theirs" in plugins.names("detectors")
    assert plugins.about("prep.datasets", "theirs") == "A detector of theirs (from the package their-package)."
    assert plugins.about("detectors", "broken") == "From the package their-package."
    assert "their_detector" not in sys.modules  # to read a line must not cost what importing it may cost
    assert plugins.load("detectors", "theirs").NAME == "theirs"


def test_one_that_cannot_be_loaded_names_its_package(foreign):
    with pytest.raises(UsageError, match="'broken' of the package their-package can't be loaded"):
        plugins.load("detectors", "broken")


def test_what_a_plug_in_is_is_read_without_importing_it():
    assert plugins.about("prep.datasets", "mtd").startswith("Magnetic Tile Defects")
    assert not plugins.about("report.metrics", "nmi").endswith('"')
