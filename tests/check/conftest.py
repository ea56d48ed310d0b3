"""A data set without faults, to break in one way at a time."""

from pathlib import Path

import pytest

from adtool.check import step
from adtool.check.config import CheckConfig

DATA = Path("data/parts")


@pytest.fixture
def data(workspace, tiny_data):
    """Twelve training images, three of each kind to test."""
    return tiny_data.make(DATA, train=12, kinds={"good": 3, "hole": 3, "scratch": 3})


@pytest.fixture
def found():
    """What a check finds: code -> (severity, cases)."""

    def call(**settings):
        outcome = step.run(CheckConfig(examples=99, **settings))
        return {one["code"]: (one["severity"], one["examples"]) for one in outcome.document["findings"]}

    return call
