"""Errors of compiled float64 kernels, compared with the change of the exact kernel when the inputs change by half an ulp.

Allowed is a relative error of 1e-13 where half an ulp in X changes the exact kernel by less than that, and ten times that change
elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from ndksym.activation.activation import Activation
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array
from ndksym.verify.oracle import network

BAR = 1e-13
SLACK = 10.0
DIGITS = 50
_LARGEST = 1e300
_SMALLEST = 1e-290


@dataclass(frozen=True)
class Score:
    """Errors of one kernel matrix.

    `diagonal` and `conditioned` are the largest relative errors on the diagonal and, where the entry is well conditioned, off it;
    `ratio` is the largest error divided by the allowed one, at the entry `worst`.
    """

    kernel: str
    diagonal: float
    conditioned: float
    ratio: float
    worst: tuple[int, int]

    @property
    def passed(self) -> bool:
        """Whether all errors are allowed."""
        return self.ratio <= 1.0


def family(scale: float, near: Sequence[int] = tuple(range(2, 17, 2)), seed: int = 2309) -> Array:
    """Test inputs of size ~`scale`: one x, inputs at 1 − ρ = 10⁻ᵏ from it with equal and unequal norms, and opposite, random,
    orthogonal and tiny ones."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=5)
    x *= np.sqrt(5) / np.linalg.norm(x)
    rows = [x]
    for k in near:
        side = rng.normal(size=5)
        side -= (side @ x) * x / (x @ x)
        side *= np.sqrt(2 * 10.0**-k) * np.linalg.norm(x) / np.linalg.norm(side)
        length = (1.0, 1.0 + 10.0 ** -(k / 2), 2.5, 0.3)[len(rows) % 4]
        rows.append(length * (x + side))
    rows += [-x + 1e-3 * rng.normal(size=5), -1.7 * x + 1e-7 * rng.normal(size=5), rng.normal(size=5)]
    orthogonal = rng.normal(size=5)
    rows.append(orthogonal - (orthogonal @ x) * x / (x @ x))
    rows.append(1e-6 * rng.normal(size=5))
    return scale * np.array(rows)


@dataclass(frozen=True)
class Truth:
    """Exact NNGP and NTK, in this order.

    `across`: row 0 of X against the rest; `motion`: their relative change with half an ulp in X; `alone`: each row against itself.
    """

    X: Array
    variance: float
    bias: float
    across: tuple[network.ExactArray, network.ExactArray]
    motion: tuple[Array, Array]
    alone: list[tuple[network.ExactArray, network.ExactArray]]


def truth(
    activations: Sequence[Activation],
    X: Array,
    *,
    variance: float,
    bias: float,
    dual: network.DualFunction | None = None,
    digits: int = DIGITS,
) -> Truth:
    """Exact values for the float64 inputs X, to `digits` digits."""
    physics: dict[str, Any] = {"bias": bias, "variance": variance, "dual": dual, "digits": digits}
    across = network.reference(activations, X[:1], X[1:], **physics)
    motion = network.motion(activations, X[:1], X[1:], **physics)
    return Truth(X, variance, bias, across, motion, [network.reference(activations, x[None], **physics) for x in X])


def score(kernel: Kernel, true: Truth, ntk: bool = True) -> list[Score]:
    """Errors of a compiled kernel in NNGP and, with `ntk`, NTK."""
    scores, args = [], {"variance": true.variance, "bias": true.bias}
    for which, name in enumerate(("nngp", "ntk") if ntk else ("nngp",)):
        compute = getattr(kernel, name)
        across = compute(true.X[:1], true.X[1:], **args)[0]
        entries = zip(across, true.across[which][0], true.motion[which][0], strict=True)
        verdicts = [_judge(float(value), exact, motion) for value, exact, motion in entries]
        diagonal = [
            _judge(compute(x[None], **args)[0, 0], exact[which][0, 0], 0.0)
            for x, exact in zip(true.X, true.alone, strict=True)
        ]
        ratios = [ratio for ratio, _, _ in verdicts + diagonal]
        at = int(np.argmax(ratios))
        well = [error for _, error, conditioned in verdicts if conditioned]
        place = (0, at + 1) if at < len(verdicts) else (at - len(verdicts),) * 2
        scores.append(Score(name, max(e for _, e, _ in diagonal), max(well, default=0.0), max(ratios), place))
    return scores


def _judge(value: float, truth: mpmath.mpf, motion: float) -> tuple[float, float, bool]:
    """Error divided by the allowed error, relative error, and whether the entry is well conditioned; `motion` is relative."""
    size = abs(truth)
    if size > _LARGEST or 0 < size < _SMALLEST:
        return 0.0, 0.0, False
    if not np.isfinite(value):
        return float("inf"), float("inf"), True
    if size == 0:
        return (0.0, 0.0, True) if value == 0 or not np.isfinite(motion) else (float("inf"), float("inf"), True)
    error = float(abs(mpmath.mpf(value) - truth) / size)
    well = motion < BAR
    return error / (BAR if well else SLACK * motion), error, well
