"""Estimates of the time to go, tables on a narrow terminal, the first word, completion."""

import logging
import os
import subprocess
import sys
import time

import pytest
import typer

from adtool.cli import bars, show
from adtool.core import progress
from adtool.core.errors import GateError


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_no_time_is_told_before_it_means_something(clock):
    bar = bars.Clock(100)
    assert bar.left_s is None
    clock[0] += 60  # the first item waits for the network
    bar.advance(1)
    clock[0] += 1
    bar.advance(9)
    assert bar.left_s is None  # a second says too little
    clock[0] += 1
    bar.advance(10)
    assert bar.left_s == pytest.approx((100 - 20) * 2 / 19)


def test_slow_items_are_not_told_of_before_there_are_three_of_them(clock):
    bar = bars.Clock(10)
    for done in range(1, 5):
        clock[0] += 10
        bar.advance(1)
        assert (bar.left_s is None) == (done < 4)
    assert bar.left_s == pytest.approx(60)


def test_a_narrow_terminal_gets_several_tables_and_no_broken_name(capsys, monkeypatch):
    names = ["image_auroc", "image_f1max_oracle", "pixel_f1max_oracle", "aupro_0.05", "pixel_auroc"]
    rows = [{"source": "maps", "category": "capsule", **dict.fromkeys(names, 0.5)}]
    monkeypatch.setenv("COLUMNS", "64")
    monkeypatch.setattr(show, "Console", lambda **more: bars.Console(**{"force_terminal": True, **more}))
    show.print_table(rows)
    shown = capsys.readouterr().out
    assert all(name in shown for name in names)
    assert shown.count("capsule") > 1


@pytest.mark.parametrize("is_terminal", [False, True])
def test_no_name_becomes_a_picture_wherever_it_stands(capsys, monkeypatch, is_terminal):
    monkeypatch.setattr(show, "Console", lambda **more: bars.Console(**{"force_terminal": is_terminal, **more}))
    with pytest.raises(typer.Exit), show.session(quiet=False, verbose=True):
        logging.getLogger("adtool").info("a:gear:b")
        for _ in progress.track(range(2), "c:gear:d", 2):
            time.sleep(0.1)
        show.print_table([{"e:gear:f": "g:gear:h"}])
        raise GateError("Gate failed: maps:gear:image_auroc")
    printed = capsys.readouterr()
    said = printed.out + printed.err
    assert "\N{GEAR}" not in said
    wanted = ["a:gear:b", "e:gear:f", "g:gear:h", "error: Gate failed: maps:gear:image_auroc"]
    assert all(one in said for one in wanted + (["c:gear:d"] if is_terminal else []))


def test_the_shell_completes_commands_plug_ins_and_options():
    for words, wanted in [("adtool ma", "maps"), ("adtool prep mt", "mtd"), ("adtool maps --image", "--image-size")]:
        asked = {"_ADTOOL_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        called = [sys.executable, "-m", "adtool"]
        found = subprocess.run(called, env={**os.environ, **asked}, capture_output=True, text=True, check=False)
        assert wanted in found.stdout.split(), words
