"""Numbers with their nouns, and lists that are cut, for messages and pages."""

from collections.abc import Sequence

NAMED = 5  # files in a message
NOT = {"can": "can't", "could": "could not"}
HISSING = ("s", "x", "ch", "sh")


def counted(number: int, noun: str) -> str:
    """`1 image`, `2 images`, `2 categories`, `2 classes`, `2,000 parts`."""
    return f"{number:,} {plural(noun, number)}"


def subject(number: int, noun: str, one: str, several: str) -> str:
    """What begins a sentence, with its verb: `1 image has`, `2 images have`."""
    return f"{counted(number, noun)} {one if number == 1 else several}"


def none_of(number: int, noun: str, which: str, can: str) -> str:
    """`None of the 6 images of a can be read`, `The only image of a can't be read`; `can` begins with a modal verb."""
    if number != 1:
        return f"None of the {counted(number, noun)} {which} {can}"
    modal, rest = can.split(" ", 1)
    return f"The only {noun} {which} {NOT[modal]} {rest}"


def plural(noun: str, number: int) -> str:
    """The noun as it stands after a number."""
    if number == 1:
        return noun
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy")):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(HISSING) else f"{noun}s"


def also(others: Sequence[object]) -> str:
    """What else an error holds for, behind its own sentence; nothing if for nothing else."""
    return f" The same holds for {len(others):,} more: {first_few(others, NAMED)}." if others else ""


def first_few(names: Sequence[object], most: int) -> str:
    """`a, b, c and 2 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more
