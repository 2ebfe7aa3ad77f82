"""The numbers that the figures of a report are drawn at."""

from dataclasses import dataclass
from typing import TypedDict

from ndksym.kernels.network import Network

__all__ = ["PhysicsArguments", "Setting", "chosen"]


class PhysicsArguments(TypedDict):
    """Keyword arguments that `solve`, `simulate` and `phases(…).on` share."""

    temperature: float
    prior_variance: float
    init_variance: float
    bias: float


@dataclass(frozen=True)
class Setting:
    """Physics, task and ensemble, the same in every report: two reports differ in their networks alone.

    The NDK at two times is drawn at `other_init_variance`, because at σ0² = σ² it depends on t − s alone.
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
    def physics(self) -> PhysicsArguments:
        """The physics as keyword arguments."""
        return {
            "temperature": self.temperature, "prior_variance": self.prior_variance,
            "init_variance": self.init_variance, "bias": self.bias,
        }  # fmt: skip


def chosen(d: Network) -> Setting:
    """The setting of a network: β = 0.5 if it has biases."""
    return Setting(bias=0.5 if d.bias else 0.0)
