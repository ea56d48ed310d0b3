"""StableAdamW, and the rate it learns at."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class StableAdamW(torch.optim.Optimizer):
    """AdamW with amsgrad whose step is divided by max(1, RMS of g / sqrt(v)), tensor by tensor.

    The division keeps a tensor still whose gradient is much larger than it used to be (Wortsman et al., Stable and
    low-precision training for large-scale vision-language models, 2023).
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-10,
        weight_decay: float = 1e-4,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # no closure
        """Move every parameter by its gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group)

    def _move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        (beta1, beta2), rate = group["betas"], group["lr"]
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            for name in ("mean", "square", "largest"):
                state[name] = torch.zeros_like(parameter)
        state["step"] += 1
        state["mean"].lerp_(gradient, 1 - beta1)
        state["square"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        torch.maximum(state["largest"], state["square"], out=state["largest"])
        spread = (state["largest"] / (1 - beta2 ** state["step"])).sqrt_().add_(group["eps"])
        surprise = max(1.0, float((gradient / spread).square_().mean().sqrt_()))
        parameter.mul_(1 - rate * group["weight_decay"])
        parameter.addcdiv_(state["mean"], spread, value=-rate / (1 - beta1 ** state["step"]) / surprise)


def rate(step: int, *, steps: int, warm_up: int, peak: float, last: float) -> float:
    """The learning rate at a step, from 0: a straight rise to `peak`, then half a cosine down to `last`."""
    if step < warm_up:
        return peak * (step + 1) / (warm_up + 1)
    share = (step - warm_up) / max(1, steps - warm_up)
    return last + 0.5 * (peak - last) * (1 + math.cos(math.pi * share))
