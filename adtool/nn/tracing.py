"""Whether torch's operators are followed, to become a graph that is exported."""

import torch


def is_followed() -> bool:
    """Whether a tracer follows what is computed now."""
    return torch._C._get_tracing_state() is not None
