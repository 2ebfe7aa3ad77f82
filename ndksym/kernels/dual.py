"""The dual kernel of an activation and of its derivative (T4), in closed form where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from sympy import Derivative, Expr, S, Symbol, diff, expand, oo, sstr

from ndksym.activation.activation import Activation, Piece, activation
from ndksym.kernels import gaussian
from ndksym.kernels.gaussian import Atom, Envelope, Expectation, Gate, OutsideClassError, Step
from ndksym.symbols import a, b, c, x

__all__ = ["Dual", "Step", "dual"]


@dataclass(frozen=True)
class Dual:
    """K = E[φ(u)φ(v)] and K_dot = E[φ'(u)φ'(v)] for centred normal (u, v) of covariance ((a, c), (c, b)) (T4).

    Attributes
    ----------
    activation : Activation
        φ.
    K, K_dot : Expr or None
        Exact, in symbols.a, b, c; None without a closed form. If φ jumps, K_dot is ∂K/∂c.
    K_diag, K_dot_diag : Expr or None
        The same at a = b = c, in a alone; K_dot_diag is infinite if φ jumps.
    mean : Expr or None
        E φ(u), in a.
    closed_form : bool
        Whether there is a closed form.
    reason : str
        Why there is none; empty otherwise.
    diverges : bool
        Whether φ jumps.
    condition, reach : str, Expr or None
        The variances for which the kernels are finite, if not for all: as text, and on the diagonal as a < reach.
    steps : tuple of Step
        The derivation.
    record : Expectation or None
        What was done to derive K, from which `steps` are printed.
    """

    activation: Activation
    K: Expr | None = None
    K_dot: Expr | None = None
    K_diag: Expr | None = None
    K_dot_diag: Expr | None = None
    mean: Expr | None = None
    diverges: bool = False
    reason: str = ""
    condition: str = ""
    reach: Expr | None = None
    record: Expectation | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if bool(self.reason) == self.closed_form:
            raise ValueError("a dual kernel has either a closed form or a reason why it has none")

    @property
    def closed_form(self) -> bool:
        """Whether K and K_dot have a closed form."""
        return self.K is not None

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The derivation: atoms, tilt, Stein's lemma, base functions; then K_dot and the diagonal."""
        if self.K is None:
            return ()
        record = self.record
        if record is None:  # after pickling
            atoms = gaussian.atoms_of(self.activation.pieces)
            record = gaussian.derived(atoms, atoms)
        steps = list(gaussian.steps(self.activation.expr, x, record))
        rule = "K_dot = ∂K/∂c, Price's theorem (T4)"
        steps.append(Step(rule, Derivative(Symbol("K"), c), self.K_dot))
        steps.append(Step("coincident inputs b = c = a", Symbol("K"), self.K_diag))
        return tuple(steps)

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"record": None}  # SymPy's polynomials cannot be pickled


def dual(act: object) -> Dual:
    """Derive K, K_dot, both on the diagonal, and the mean E φ(u) by rules alone (T4, T16; arXiv 2309.04522).

    `act` is an Activation or an argument of activation(), whose errors it raises. K_dot is not derived from K but from φ' by
    the same rules, so that Price's theorem ∂K/∂c = K_dot is a check on both.

    >>> dual("Max(0, x)").K
    (c*(pi - acos(c/(sqrt(a)*sqrt(b)))) + sqrt(a*b - c**2))/(2*pi)
    >>> dual("erf(x)").K_diag
    2*asin(2*a/(2*a + 1))/pi
    >>> dual("sin(x)").K
    exp(-a/2 - b/2)*sinh(c)
    >>> dual("tanh(x)").reason
    'tanh(x) is no sum of polynomial × exp(quadratic) × (sin, cos or erf of a linear form)'
    """
    act = activation(act)
    try:
        atoms = gaussian.atoms_of(act.pieces)
        slopes = _derivative(act.pieces)
        masses = _jumps(act)
        reach, condition = _limit(atoms)
        record = gaussian.derived(atoms, atoms)
        return Dual(
            act,
            K=record.value,
            K_dot=gaussian.expectation([*slopes, *masses], [*slopes, *masses]),
            K_diag=gaussian.diagonal(atoms, atoms),
            K_dot_diag=oo if masses else gaussian.diagonal(slopes, slopes),
            mean=gaussian.mean(atoms),
            diverges=bool(masses),
            reach=reach,
            condition=condition,
            record=record,
        )
    except OutsideClassError as reason:
        return Dual(act, diverges=bool(act.discontinuities), reason=str(reason))


def _derivative(pieces: Sequence[Piece]) -> tuple[Atom, ...]:
    return gaussian.atoms_of([Piece(piece.lo, piece.hi, diff(piece.expr, x)) for piece in pieces])


def _jumps(act: Activation) -> list[Atom]:
    """Point masses of φ' where φ is discontinuous."""
    masses = []
    for left, right in pairwise(act.pieces):
        if right.lo in act.discontinuities:
            jump = expand((right.expr - left.expr).subs(x, right.lo))
            masses.append(Atom(jump, 0, Envelope(gate=Gate(right.lo, S.Zero, 1, pinned=True))))
    return masses


def _limit(atoms: Sequence[Atom]) -> tuple[Expr | None, str]:
    """The variances for which the expectations are finite: with growth e^{αu²}, 1 − 2αΣ must be positive definite."""
    alpha = max((atom.envelope.alpha for atom in atoms), default=S.Zero)
    if not alpha > 0:
        return None, ""
    edge = (1 - 2 * alpha * a) * (1 - 2 * alpha * b) - 4 * alpha**2 * c**2
    reach = 1 / (4 * alpha)
    inside = f"{sstr(edge)} > 0 with {sstr(2 * alpha * a)} < 1"
    return reach, f"finite only where {inside}; on the diagonal, for a < {sstr(reach)}"
