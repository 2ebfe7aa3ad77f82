"""The panels of an activation: intervals of u on each of which Gauss–Legendre resolves φ and φ' to rounding.

The rule is the same for every activation: cut at the breaks, bisect each interval that a polynomial does not resolve, then
join neighbours that one polynomial does resolve. Constants and straight lines become single panels, however wide.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebval

from .errors import NotDerivableError
from .types import Array

Function = Callable[[Array], Array]
Scaled = tuple[tuple[Function, Array], ...]
"""φ and φ', each with its running maximum."""

DEGREE = 16
"""Polynomial degree that must resolve φ on a panel. Gauss–Legendre with as many nodes then integrates products exactly."""
SINGULAR = 26
"""The same where φ is a root or a logarithm: integrals of φ alone are exact to degree 31, and panels shrink half as fast."""
_MANY = 30
"""If more panels than this lie between two breaks, φ is taken to be singular at one of them."""
TOLERANCE = 3e-15
_MARKS = np.append(4.0 ** np.arange(-2, 41), 10.0 ** np.array([30, 38, 50, 75, 100, 125, 154]))
"""Ends of the panels outside the breaks: powers of 4, then strides on which only a straight or vanishing tail is resolved."""
MOST = 240
"""Most panels on either side of 0."""
SHARE = 1e-14
"""Share of E|φ| and E φ² that may stay unresolved on the last panel beside a break other than 0, as for √|u − 1|."""
_ROUNDED = 4 * float(np.finfo(float).eps)
SPECK = 1e-33
"""Length of the last panel beside a break at 0 if φ is never resolved there, as for √|u|."""

_POINTS = chebpts1(2 * DEGREE)
_TO_COEFFICIENTS = np.cos(np.outer(np.arange(2 * DEGREE), np.arccos(_POINTS))) / DEGREE


@dataclass(frozen=True)
class ActivationPanels:
    """Panels of u, by their ascending `edges`.

    `centres` are the points near which the panels are short, `widths` the lengths of the panels there (0 at a break).
    """

    edges: Array
    centres: Array
    widths: Array

    @property
    def finest(self) -> float:
        """The smallest norm that the panels resolve: beside a singular break at 0 they end at SPECK."""
        speck = float(np.min(np.abs(self.edges[self.edges != 0.0]), initial=np.inf)) < 2 * SPECK
        return SPECK * 1e18 if speck else 0.0

    def __post_init__(self) -> None:
        if not (np.all(np.diff(self.edges) > 0) and np.all(np.isfinite(self.edges))):
            raise AssertionError("panel edges must ascend and be finite")

    @property
    def reach(self) -> float:
        """Largest |u| up to which φ is resolved on both sides of 0."""
        return float(min(-self.edges[0], self.edges[-1]))


@np.errstate(over="ignore", invalid="ignore")
def panels(
    phi: Callable[[Array], Array], dphi: Callable[[Array], Array], breaks: tuple[float, ...]
) -> ActivationPanels:
    """The panels of φ. They end where there would be more than MOST of them, as for an endless oscillation.

    Raises NotDerivableError if not even the neighbourhood of 0 can be resolved.
    """
    cuts = sorted({0.0, *breaks})
    edges: list[list[float]] = [[], []]
    functions = tuple((f, _running_maximum(f)) for f in (phi, dphi))
    for side, sign in enumerate((-1.0, 1.0)):
        starts = sorted({abs(x) for x in cuts if sign * x >= 0})
        geometric = [g for g in _MARKS if g > starts[-1] * (1 + 1e-9)]
        points = [sign * float(x) for x in [*starts, *geometric]]
        out = edges[side]
        for lo, hi in pairwise(points):
            pieces = _bisect(functions, lo, hi, MOST - len(out), breaks)
            if pieces is None or len(pieces) > _MANY:
                pieces = _bisect(functions, lo, hi, MOST - len(out), breaks, SINGULAR) or pieces
            if pieces is None:
                break
            out.extend(pieces)
    if not edges[0] or not edges[1]:
        ends = [x for x in cuts if x < 0] if not edges[0] else [x for x in cuts if x > 0]
        ends = ends or [float(_MARKS[0])]
        raise NotDerivableError(
            f"the numeric rule cannot resolve this activation between 0 and {min(map(abs, ends)):.6g}: φ or φ' varies there on "
            "a scale too fine for float64"
        )
    left, right = (_join(functions, np.array([0.0, *outward]), cuts) for outward in edges)
    joined = np.array([*left[:0:-1], *right])
    return ActivationPanels(joined, *_centres(joined, breaks))


def _running_maximum(f: Function) -> Array:
    """max |f(u)| over |u| ≤ each mark: the scale of errors on a panel that ends there, so that later growth is ignored."""
    inner = np.append(0.0, _MARKS[:-1])
    u = inner[:, None] + 0.5 * (_MARKS - inner)[:, None] * (1 + _POINTS)
    largest = np.maximum(np.abs(f(u) * np.ones_like(u)), np.abs(f(-u) * np.ones_like(u))).max(axis=1)
    out: Array = np.maximum.accumulate(np.nan_to_num(largest, nan=np.inf))
    return out


def _allowed(scale: Array, lo: float, hi: float) -> float:
    far = max(abs(lo), abs(hi)) * (1 - 1e-12)
    return TOLERANCE * float(scale[min(int(np.searchsorted(_MARKS, far)), len(scale) - 1)])


def _resolved(functions: Scaled, lo: float, hi: float, breaks: tuple[float, ...] = (), degree: int = DEGREE) -> bool:
    """Whether a polynomial of this degree resolves φ and φ' on (lo, hi)."""
    near = any(min(abs(lo - x), abs(hi - x)) <= 1.5 * abs(hi - lo) for x in breaks)
    u = 0.5 * (lo + hi) + 0.5 * (hi - lo) * _POINTS
    for f, scale in functions:
        y = np.asarray(f(u), dtype=float) * np.ones_like(u)
        if not np.all(np.isfinite(y)):
            return False
        allowed = _allowed(scale, lo, hi)
        top = allowed / TOLERANCE
        if np.abs(y).max() * TOLERANCE > allowed:  # f grows towards a break: its share of E f² is what counts
            allowed /= min(1.0, float(np.sqrt(abs(hi - lo))))
        if near:  # u is rounded: allowed if that changes no more than SHARE
            lost = _ROUNDED * max(abs(lo), abs(hi)) * float(np.ptp(y))
            if top > 0 and lost * max(1.0, float(np.abs(y).max()) / top) <= SHARE * top:
                allowed = max(allowed, lost / abs(hi - lo))
        if np.abs((_TO_COEFFICIENTS @ y)[degree:]).max() > allowed:
            return False
    return True


def _negligible(functions: Scaled, lo: float, hi: float) -> bool:
    """Whether the integrals over a panel are negligible, resolved or not."""
    u = 0.5 * (lo + hi) + 0.5 * (hi - lo) * _POINTS
    for f, scale in functions:
        y = np.abs(f(u[(u != lo) & (u != hi)]) * 1.0)
        relative = y.max(initial=0.0) * TOLERANCE / _allowed(scale, lo, hi)
        if not abs(hi - lo) * max(relative, relative**2) <= SHARE:
            return False
    return True


def _bisect(
    functions: Scaled, lo: float, hi: float, room: int, breaks: tuple[float, ...], degree: int = DEGREE
) -> list[float] | None:
    """Far ends of the resolved pieces of (lo, hi), from lo on; None if there would be more than `room`."""
    done: list[float] = []
    todo = [(lo, hi)]
    while todo:
        x, y = todo.pop()
        beside = x in breaks or y in breaks
        if (
            _resolved(functions, x, y, breaks, degree)
            or max(abs(x), abs(y)) < SPECK
            or (beside and _negligible(functions, x, y))
        ):
            done.append(y)
        else:
            middle = 0.5 * (x + y)
            if abs(y - x) < (4e-16 if beside else 1e-6) * max(abs(x), abs(y)) or len(done) + len(todo) > room:
                return None
            todo += [(middle, y), (x, middle)]
        if len(done) > room:
            return None
    return done


def _join(functions: Scaled, edges: Array, cuts: list[float]) -> Array:
    """Join panels outward from the origin, so that those near it are joined first, by their own small scale."""
    joined = [edges[0]]
    first = 0
    for i in range(1, len(edges) - 1):
        if edges[i] in cuts or not all(_one(f, edges[first : i + 2], scale) for f, scale in functions):
            joined.append(edges[i])
            first = i
    return np.array([*joined, edges[-1]])


def _one(f: Function, edges: Array, scale: Array) -> bool:
    """Whether one polynomial over all of `edges` reproduces f at the points of every panel between them."""
    lo, hi = edges[0], edges[-1]
    coefficients = (_TO_COEFFICIENTS @ f(0.5 * (lo + hi) + 0.5 * (hi - lo) * _POINTS))[:DEGREE]
    coefficients[0] *= 0.5
    u = (0.5 * (edges[:-1] + edges[1:]))[:, None] + 0.5 * np.diff(edges)[:, None] * _POINTS
    local = np.minimum((2 * u - lo - hi) / (hi - lo), 1.0)
    return bool(np.abs(chebval(local, coefficients) - f(u)).max() <= 4 * _allowed(scale, lo, hi))


def _centres(edges: Array, breaks: tuple[float, ...]) -> tuple[Array, Array]:
    """The breaks, and the middles of panels that are shorter than both neighbours, unless a finer centre is near."""
    width = np.diff(edges)
    inner = np.arange(1, len(width) - 1)
    soft = inner[(width[inner] <= width[inner - 1]) & (width[inner] <= width[inner + 1])]
    centres = [(0.0, x) for x in breaks]
    for i in soft[np.argsort(width[soft], kind="stable")]:
        middle = 0.5 * (edges[i] + edges[i + 1])
        if all(w == width[i] or abs(middle - x) > 10 * width[i] for w, x in centres):
            centres.append((width[i], middle))
    return np.array([x for _, x in centres]), np.array([w for w, _ in centres])
