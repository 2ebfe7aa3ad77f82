"""Matching with each activation's own numbers: python -m tests.bench.matching [ACTIVATION …] [--depths 1,2]

`ndksym.expansions.matching` proves it for any G_jl. Here the G_jl are taken from the NDK itself, by interpolation beside t = s = 0
in hundreds of digits, for two unequal inputs, so that they are matrices that do not commute. The inner side is the large-t part of
the transforms; the outer side is solved for here, power by power, and shares no code with the package's.
"""

import argparse
import time

import mpmath
from sympy import Integer, Rational

import ndksym
from ndksym.activation.catalogue import names
from ndksym.algebra.evaluate import Evaluator
from ndksym.expansions import laplace
from ndksym.expansions.small_time import small_time_kernel
from ndksym.kernels.dual import dual
from ndksym.kernels.ndk import dynamics
from ndksym.kernels.prior import response
from ndksym.symbols import T, k11, k12, k22, s, sigma02, sigma2, t

CORE = ("linear", "erf", "relu", "gelu")
WANTED = 50
_STEP = 60
"""Times are 10^−(2·60): what an interpolation to order n leaves out is that root smaller than its last term."""
_POINT = {sigma2: Rational(6, 5), sigma02: Rational(3, 5)}
_GRAM = ((Rational(1), Rational(2, 5)), (Rational(2, 5), Rational(3, 2)))


def closed_forms():
    """Names with a closed form whose NDK is finite."""
    return [name for name in names() if dual(name).closed_form and not dual(name).diverges]


def corner(d, order):
    """The G_jl with j + 2l ≤ order from values of the NDK: 2 × 2 matrices of mpmath numbers."""
    keys = [(j, ell) for ell in range(order // 2 + 1) for j in range(order - 2 * ell + 1)]
    digits = (order + 2) * _STEP + WANTED
    recursion = dynamics(d.duals, d.bias)
    ndk = response() * recursion.output.theta
    # along w = x δ, τ' = y δ², on a grid on which these powers are told apart
    places = [(Integer(1 + j), Integer(1 + ell)) for j, ell in keys]
    out = {key: mpmath.matrix(2, 2) for key in keys}
    with mpmath.workdps(digits):
        powers = mpmath.matrix(
            [[mpmath.mpf(int(x)) ** j * mpmath.mpf(int(y)) ** ell for j, ell in keys] for x, y in places]
        )
        delta = mpmath.mpf(10) ** -_STEP
        for row in range(2):
            for column in range(2):
                gram = {k11: _GRAM[row][row], k22: _GRAM[column][column], k12: _GRAM[row][column]}
                values = []
                for x, y in places:
                    earlier, lag = y * Rational(1, 10 ** (2 * _STEP)), x**2 * Rational(1, 10 ** (2 * _STEP))
                    network = Evaluator({**_POINT, **gram, T: Integer(1), s: earlier, t: earlier + lag}, digits)
                    for name, value in recursion.definitions:
                        network.define(name, value)
                    values.append(network(ndk))
                found = mpmath.lu_solve(powers, mpmath.matrix(values))
                for (j, ell), value in zip(keys, found, strict=True):
                    out[j, ell][row, column] = value / delta ** (j + 2 * ell)
    return out


def symbolic(d, order):
    """The same G_jl from the package's expressions."""
    out = {}
    for row in range(2):
        for column in range(2):
            gram = {k11: _GRAM[row][row], k22: _GRAM[column][column], k12: _GRAM[row][column]}
            found = small_time_kernel(d.duals, d.bias, order, same=row == column)
            point = Evaluator({**_POINT, **gram}, WANTED + 20)
            for name, value in found.definitions:
                point.define(name, value)
            for key, G in found.coefficients.items():
                out.setdefault(key, mpmath.matrix(2, 2))[row, column] = point(G)
    return out


def outer_series(jets, y, kicks, before, k, last, rooted):
    """ρ_q of r_k = Σ ρ_q τ^q up to q = last, from the outer equation; and what is left at τ^0, which is to vanish."""
    inverse = jets[0, 0] ** -1

    def convolved(found, power):
        """The τ^power of ∫_0^τ G r, Hadamard's finite part, without the term of G_00 at that power."""
        total = mpmath.matrix(2, 1)
        for (j, ell), G in jets.items():
            q = power - 1 - mpmath.mpf(j) / 2 - ell
            if (j, ell) != (0, 0) and q in found:
                # ∫_0^1 (1 − x)^{j/2} x^{l+q} dx, continued in q
                size = mpmath.gammaprod([mpmath.mpf(j) / 2 + 1, ell + q + 1], [mpmath.mpf(j) / 2 + ell + q + 2])
                total += size * (G * found[q])
        return total

    def driving(power):
        """The τ^power of y δ_k0 − r_{k−1} − Σ_m a_km ∂_2^m G(τ, 0)."""
        total = y.copy() if k == 0 and power == 0 else mpmath.matrix(2, 1)
        if power in before:
            total -= before[power]
        for m, kick in kicks.items():
            for (j, ell), G in jets.items():
                if ell <= m and mpmath.mpf(j) / 2 - (m - ell) == power:
                    total -= (
                        mpmath.factorial(m)
                        * (-1) ** (m - ell)
                        * mpmath.binomial(mpmath.mpf(j) / 2, m - ell)
                        * (G * kick)
                    )
        return total

    found, power = {}, mpmath.mpf(-k) - 0.5 if rooted else mpmath.mpf(0)
    while power <= last:
        if power != -1:
            found[power] = (power + 1) * (inverse * (driving(power + 1) - convolved(found, power + 1)))
        power += 0.5 if rooted else 1
    return found, driving(mpmath.mpf(0)) - convolved(found, mpmath.mpf(0))


def agreement(jets, order, spoil=0):
    """Digits to which the overlap terms and conditions agree, the worst of them, and how many there are.

    `spoil` is added to one entry of the outer side's last G_jl, to see that it matters.
    """
    with mpmath.workdps(WANTED + 20):
        rooted = any(mpmath.norm(G) > mpmath.mpf(10) ** -WANTED for (j, _), G in jets.items() if j % 2)
        y = mpmath.matrix([mpmath.mpf(1), mpmath.mpf(-3) / 7])
        inverse = jets[0, 0] ** -1
        action = laplace.CoefficientAction(
            lambda G, v: G * v, lambda v: inverse * v, lambda q: mpmath.mpmathify(q.evalf(WANTED + 20))
        )
        inside = laplace.transforms(jets, y, action, 2 * order, 2 * order)
        theirs = {key: G.copy() for key, G in jets.items()}
        theirs[2 * order, 0][0, 0] += spoil
        gaps, before = [], {}
        for k in range(order):
            last = order - 1 - k
            own, rest = outer_series(theirs, y, laplace.residues(inside, k), before, k, last, rooted)
            gaps.append(rest)
            for term, series in enumerate(inside):
                power = mpmath.mpf(term) / 2 - 1 - k
                exact = laplace.overlap(series, action).get(Rational(term, 2) - 1 - k, mpmath.matrix(2, 1))
                if power <= last:
                    gaps.append(exact - own.get(power, mpmath.matrix(2, 1)))
            before = own
        return _digits(gaps), len(gaps)


def same(jets, others):
    """Digits to which two sets of G_jl agree; an entry that only one has is 0 in the other."""
    with mpmath.workdps(WANTED + 20):
        none = mpmath.matrix(2, 2)
        return _digits([jets.get(key, none) - others.get(key, none) for key in jets.keys() | others.keys()])


def _digits(gaps):
    worst = max([mpmath.mpf(10) ** -(WANTED + 20), *(mpmath.norm(gap) for gap in gaps)])
    return float(-mpmath.log10(worst))


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--depths", default="1,2")
    parser.add_argument("--order", type=int, default=1)
    asked = parser.parse_args()
    print("| φ | depth | order | terms and conditions | digits | G_jl, digits | s |\n|---|---|---|---|---|---|---|")
    missed = 0
    for name in asked.names or closed_forms():
        depths = list(map(int, asked.depths.split(",")))
        for depth in depths + [3] * (name in CORE and 3 not in depths):
            started = time.perf_counter()
            d = ndksym.derive(name, depth=depth)
            jets = corner(d, 2 * asked.order)
            digits, count = agreement(jets, asked.order)
            own = same(jets, symbolic(d, 2 * asked.order))
            missed += min(digits, own) < WANTED
            print(
                f"| {name} | {depth} | {asked.order} | {count} | {digits:.0f} | {own:.0f} | {time.perf_counter() - started:.1f} |",
                flush=True,
            )
    print(f"{missed} short of {WANTED} digits")


if __name__ == "__main__":
    main()
