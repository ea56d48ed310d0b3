"""Errors of steps that are called from Python, which has keywords where the command line has options."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from adtool.core.errors import UsageError

WORDS = {"Add --force": "Give force=True", "another --out": "another `out`"}

Given = ParamSpec("Given")
Found = TypeVar("Found")


def in_python(function: Callable[Given, Found]) -> Callable[Given, Found]:
    """The function, whose errors advise what a caller from Python can give."""

    @wraps(function)
    def call(*given: Given.args, **named: Given.kwargs) -> Found:
        try:
            return function(*given, **named)
        except UsageError as error:
            text = str(error)
            for option, keyword in WORDS.items():
                text = text.replace(option, keyword)
            raise UsageError(text) from None

    return call
