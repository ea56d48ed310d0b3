"""Whether torchrun started this process; without torch, which takes seconds to import."""

import os

STARTED = "TORCHELASTIC_RUN_ID"  # set by torchrun


def is_asked_for() -> bool:
    """Whether it did."""
    return STARTED in os.environ
