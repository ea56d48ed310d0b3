"""The chain through the command line, on a tiny generated data set."""

import csv
import json
from pathlib import Path

import pytest

from adtool.cli import app

SMALL = ["--set", "drawn=1000", "--set", "bank_size=64", "--image-size", "96"]


def adtool(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["adtool", *words])
    return app.run()


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_prep_maps_discover_report(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made = ["--category", "cap", "--category", "wood", "--train", "8", "--test", "2", "--size", "96"]
    assert adtool(monkeypatch, "prep", "synthetic", *made) == 0
    assert adtool(monkeypatch, "maps", *SMALL) == 0
    assert adtool(monkeypatch, "discover", "--classes", "3") == 0
    capsys.readouterr()
    assert adtool(monkeypatch, "report", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["command"] == "report"

    rows = read(Path("maps/cap/images.csv"))
    assert len(rows) == 12
    assert {row["decision"] for row in rows} <= {"OK", "NOK"}
    assert all(Path(f"maps/cap/{row['id']}.tiff").exists() for row in rows)
    classes = {row["class"] for row in read(Path("classes/wood/images.csv"))}
    assert classes <= {"normal", "c1", "c2"}
    metrics = {(row["source"], row["category"], row["metric"]) for row in read(Path("report/metrics.csv"))}
    assert {("maps", "cap", "aupro"), ("maps", "mean", "image_auroc"), ("classes", "wood", "f1")} <= metrics

    before = Path("maps/cap/images.csv").stat().st_mtime_ns
    assert adtool(monkeypatch, "maps", *SMALL) == 0
    assert Path("maps/cap/images.csv").stat().st_mtime_ns == before, "what is done must not be done again"
    assert adtool(monkeypatch, "maps", "--set", "drawn=3000", "--set", "bank_size=64", "--image-size", "96") == 2


@pytest.mark.slow
def test_a_flat_folder_of_unlabelled_images_gets_classes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made = ["--category", "cap", "--train", "8", "--test", "2", "--size", "96"]
    assert adtool(monkeypatch, "prep", "synthetic", *made) == 0
    assert adtool(monkeypatch, "prep", "folder", "--normal", "data/synthetic/train/good",
                  "--test", "data/synthetic/test/chip", "--name", "odd", "--out", "odd") == 0  # fmt: skip
    assert adtool(monkeypatch, "maps", "--data", "odd", *SMALL) == 0
    assert adtool(monkeypatch, "discover", "--classes", "2") == 0
    assert {row["kind"] for row in read(Path("classes/odd/images.csv"))} == {"unknown"}
    capsys.readouterr()
    assert adtool(monkeypatch, "report", "--json") == 0
    assert "unknown" in capsys.readouterr().out
