"""A compiled layer is compared with quadrature of its φ before it is used.

The kernel of each pair, by whichever rule it is computed, is compared with iterated quadrature of φ, which shares no formula
with a closed form or a series. A closed form is compared at every pair, also where its terms cancel and it is not used;
otherwise a wrong one whose terms cancel nearly everywhere would pass.
"""

import hashlib
from dataclasses import dataclass
from itertools import product

import numpy as np

from .errors import NdksymError, NotDerivableError
from . import quadrature, tails
from .layer import Pairs, evaluate, unfold
from .panels import ActivationPanels
from .preactivations import LayerRules, Preactivations
from .quadrature import GaussianPair
from .types import Array, Indices, Mask, NumericLayer

__all__ = ["PAIRS", "Proof", "prove"]

PAIRS = 40
"""Pairs of preactivations at which a layer is compared; fewer if quadrature needs many nodes."""
NODES = 5e6
"""Quadrature nodes that the comparison may use, about 0.3 s."""
FEWEST = 8
"""Pairs that are always compared."""
TOLERANCE = 1e-11
"""Allowed error of K relative to PQ, and of K_dot relative to the same of φ′."""
NARROW = 1e-6
"""Allowed relative error of PQ − K of nearly parallel inputs."""
LOOSE = 1e-6
"""Allowed error of a closed form relative to the sum of its absolute terms; rounding errors are always smaller."""
_RANGE = (1e-120, 1e120)
"""Range of √E φ(u)² in which kernels are float64 numbers with all their digits."""
_DEEP = 6.0
"""Cost of a pair in the tails, relative to another pair."""
_CORRELATIONS = (0.0, 1e-7, -1e-7, 0.5, -0.5, 0.97, -0.97, 1 - 1e-6, -1 + 1e-6, 1 - 1e-10, -1.0, 0.2, -0.8)
_FACTORS = (1.0, 0.4, 2.5, 0.9, 8.0)


@dataclass(frozen=True)
class Proof:
    """The comparison of one compiled layer with quadrature: the largest error in units of the allowed one, and where.

    `pairs` is 0 if quadrature cannot resolve φ; `reason` then says why.
    """

    pairs: int
    worst: float
    where: str
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether every error is within what is allowed."""
        return self.worst <= 1

    def __str__(self) -> str:
        if not self.pairs:
            return f"not compared with quadrature: {self.reason}"
        if self.passed:
            return f"within {self.worst * TOLERANCE:.1e} of quadrature at {self.pairs} pairs"
        return f"differs from quadrature by {self.worst * TOLERANCE:.1e} at {self.where}"


@np.errstate(all="ignore")  # wrong code may take a root of a negative number
def prove(layer: NumericLayer) -> Proof:
    """Compare a compiled layer with quadrature of its φ, at points drawn by a seed from its name and at adversarial ones."""
    rules = LayerRules(layer)
    try:
        panels = rules.panels
    except NotDerivableError as error:
        return Proof(0, 0.0, "", str(error))
    p, q, rho = _points(layer, panels)
    sides = Preactivations(rules, p * p), Preactivations(rules, q * q)
    true_rows = [[side.tail(n) for n in range(len(p))] for side in sides]  # by quadrature, not by the code
    P, Q = (np.array([row[0] for row in rows]) for rows in true_rows)
    within = (np.minimum(P, Q) > _RANGE[0]) & (np.maximum(P, Q) < _RANGE[1])  # outside, numbers m·2^e are used
    deep = np.array([first[2] or second[2] for first, second in zip(*true_rows, strict=True)])
    chosen = _affordable(panels, p, q, deep, within)
    if not len(chosen):
        return Proof(0, 0.0, "", "its kernel is beyond float64 at every norm that was tried")
    rho = rho[chosen]
    s, k = np.sqrt(0.5 * (1 - rho)), np.sqrt(0.5 * (1 + rho))
    first, second = sides
    pairs = Pairs(chosen, chosen, p[chosen] * q[chosen] * (k - s) * (k + s), s, k)
    try:
        values, terms = evaluate(first, second, pairs, last=False), _terms(layer, p, q, pairs)
    except NdksymError as error:
        return Proof(len(chosen), float("inf"), f"every pair, which raises: {error}")
    worst, where, compared = 0.0, "", 0
    tangent = layer.smoothness >= 1
    for m, n in enumerate(chosen):
        (A, A_dot), (B, B_dot) = ((row[n][0] ** 2, row[n][1] ** 2) for row in true_rows)
        PQ, PQ_dot = np.sqrt(A) * np.sqrt(B), np.sqrt(A_dot) * np.sqrt(B_dot)
        if not (0 < PQ < np.inf):
            continue
        double = tails.double if deep[n] else quadrature.double
        pair = GaussianPair(float(p[n]), float(q[n]), float(s[m]), float(k[m]), A**0.5, B**0.5)
        true = double(layer, panels, pair)
        compared += 1
        ratios = {
            "E φ(u)²": abs(first.K[n] - A) / (TOLERANCE * A),
            "E φ(v)²": abs(second.K[n] - B) / (TOLERANCE * B),
            "K": abs(values.K[m] - true.K) / (TOLERANCE * PQ),
            "PQ − K": abs(values.PQ_minus_K[m] - true.PQ_minus_K) / (NARROW * true.PQ_minus_K + 1e-13 * PQ),
            "PQ + K": abs(values.PQ_plus_K[m] - true.PQ_plus_K) / (NARROW * true.PQ_plus_K + 1e-13 * PQ),
        }
        if tangent and 0 < PQ_dot < np.inf:
            ratios["K_dot"] = abs(values.K_dot[m] - true.K_dot) / (TOLERANCE * PQ_dot)
            ratios["E φ'(u)²"] = abs(first.K_dot[n] - A_dot) / (TOLERANCE * A_dot)
        right_of = {"K": (true.K, PQ), "PQ_minus_K": (true.PQ_minus_K, PQ), "defect": (A + B - 2 * true.K, A + B)}
        if tangent:
            right_of["K_dot"] = true.K_dot, PQ_dot
        for name in (name for name in terms if name in right_of):
            (computed, size), (right, scale) = terms[name], right_of[name]
            if np.isfinite(size[m]) and np.isfinite(right):
                allowed = LOOSE * size[m] + TOLERANCE * scale
                ratios[f"the closed form of {name}"] = abs(computed[m] - right) / allowed
        for name, ratio in ratios.items():
            if not ratio <= worst:  # a ratio that is not a number is the worst
                worst = float(ratio) if np.isfinite(ratio) else float("inf")
                where = f"{name}, √a = {p[n]:.6g}, √b = {q[n]:.6g}, ρ = {rho[m]:.10g}"
    return Proof(compared, worst, where)


def _terms(layer: NumericLayer, p: Array, q: Array, pairs: Pairs) -> dict[str, tuple[Array, Array]]:
    """The closed forms of all pairs, whether well conditioned or not, each with the sum of its absolute terms."""
    if not layer.closed:
        return {}
    s, k, K_sign, K_dot_sign, flip = unfold(layer, pairs, pairs.c < 0)
    values = layer.pair(p[pairs.i], q[pairs.j], np.where(flip, -pairs.c, pairs.c), s, k)
    terms = {"K": (K_sign * values[0], values[1]), "K_dot": (K_dot_sign * values[2], values[3])}
    return terms | ({layer.extra: (values[4], values[5])} if layer.extra and not flip.any() else {})


def _affordable(panels: ActivationPanels, p: Array, q: Array, deep: Mask, within: Mask) -> Indices:
    """The cheapest pairs `within` range that use at most NODES together, but at least FEWEST, in their order."""
    inside = [[np.sum(np.abs(panels.edges) < quadrature.Z * norm) + 10.0 for norm in norms] for norms in (p, q)]
    cost = quadrature.NODES**2 * (np.array(inside[0]) + inside[1]) * inside[1] * np.where(deep, _DEEP, 1.0)
    order = np.argsort(cost, kind="stable")
    order = order[within[order]]
    return np.sort(order[: max(FEWEST, int(np.sum(np.cumsum(cost[order]) <= NODES)))])


def _largest(layer: NumericLayer, panels: ActivationPanels) -> float:
    """The largest norm at which quadrature resolves φ, however fast φ grows."""
    largest = 0.5 * min(panels.reach / quadrature.Z, float(np.sqrt(layer.reach)))
    while True:
        try:
            tails.single(layer, panels, largest)
        except NotDerivableError:
            largest *= 0.5
        else:
            return largest


def _points(layer: NumericLayer, panels: ActivationPanels) -> tuple[Array, Array, Array]:
    """Norms and correlations: first each pair of breaks, then points drawn by the name, with small and large norms."""
    rng = np.random.default_rng(list(hashlib.sha256(layer.name.encode()).digest()[:16]))
    marks = sorted({abs(point) for point in layer.breaks if point}) or [1.0]
    pairs = list(product(marks, marks))
    rng.shuffle(pairs)
    factors = list(product(_FACTORS, _FACTORS))
    rng.shuffle(factors)
    points = [
        (m * factors[n % len(factors)][0], m2 * factors[n % len(factors)][1], _CORRELATIONS[n % len(_CORRELATIONS)])
        for n, (m, m2) in enumerate((pairs * PAIRS)[: PAIRS // 2])
    ]
    while len(points) < PAIRS:
        scale = marks[int(rng.integers(len(marks)))]
        norms = scale * 10.0 ** rng.uniform(-1, 1.5, 2) if len(points) % 4 else 10.0 ** rng.uniform(-4, 4, 2)
        points.append((*norms, float(np.cos(np.pi * rng.uniform()))))
    largest = _largest(layer, panels)
    p, q, rho = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    return np.minimum(p, largest), np.minimum(q, largest), rho
