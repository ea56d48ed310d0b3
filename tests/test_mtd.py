"""The chain on real images: the record's figures on Magnetic Tile Defects don't slip.

The floors lie a little below the record's figures, since another processor rounds differently.
"""

import csv
from pathlib import Path

import pytest

from adtool.cli import app

MTD = Path(__file__).parents[2] / "shared" / "data" / "mtd_raw"
FLOORS = {("maps", "image_auroc"): 0.92, ("maps", "aupro"): 0.76, ("classes", "f1"): 0.45, ("classes", "nmi"): 0.28}


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(not MTD.exists(), reason="the magnetic tile data are not here")
def test_the_figures_on_magnetic_tiles(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    chain = ["prep mtd --source", "maps", "discover --classes 6", "report"]
    for words in chain:
        extra = [str(MTD)] if words.endswith("--source") else []
        monkeypatch.setattr("sys.argv", ["adtool", *words.split(), *extra])
        assert app.run() == 0, (words, capsys.readouterr().err)
    with (tmp_path / "report" / "metrics.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    reached = {(row["source"], row["metric"]): float(row["value"]) for row in rows if row["category"] == "MTD"}
    assert {key: reached[key] for key, floor in FLOORS.items() if reached[key] < floor} == {}
    data = tmp_path / "data" / "mtd_anomaly_detection"
    counts = [len(list(data.glob(part))) for part in ("train/MT_Free/*", "test/MT_Free/*", "test/*/*")]
    assert counts == [761, 191, 583]
