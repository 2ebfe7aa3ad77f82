"""The numbers that a report's figures are drawn at."""

from dataclasses import dataclass
from typing import Any

from ndksym.kernels.network import Network

__all__ = ["Physics", "chosen"]


@dataclass(frozen=True)
class Physics:
    """One network and one task for every report: what differs between two of them is the activation.

    The NDK over both times is drawn at `other_init_variance`: where it is σ², it depends on their difference alone.
    """

    temperature: float = 0.005
    prior_variance: float = 1.0
    init_variance: float = 1.0
    other_init_variance: float = 0.5
    bias: float = 0.0
    task: str = "orthogonal:4"
    width: int = 200
    pairs: int = 40
    seed: int = 0

    @property
    def common(self) -> dict[str, Any]:
        """What `solve` and `phases(…).on` take."""
        return {
            "temperature": self.temperature, "prior_variance": self.prior_variance,
            "init_variance": self.init_variance, "bias": self.bias,
        }  # fmt: skip


def chosen(d: Network) -> Physics:
    """β = 0.5 for a network with biases."""
    return Physics(bias=0.5 if d.bias else 0.0)
