"""Numbers with their nouns, for messages and pages."""

HISSING = ("s", "x", "ch", "sh")


def counted(number: int, noun: str) -> str:
    """`1 image`, `2 images`, `2 categories`, `2 classes`, `2,000 parts`."""
    return f"{number:,} {plural(noun, number)}"


def plural(noun: str, number: int) -> str:
    """The noun as it stands after a number."""
    if number == 1:
        return noun
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy")):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(HISSING) else f"{noun}s"
