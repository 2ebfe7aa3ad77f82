"""Normal form of an expression: a rational function of generators. The exact half of `zero_test`.

Each root, exponential or other function becomes a generator; a root has the relation g**q = radicand. Arguments are brought
to normal form first, so that equal arguments share one generator. If the numerator vanishes, the expression is proved to
be 0. Work is counted in products of terms, not in seconds, so that the answer is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import lcm

from sympy import (
    QQ,
    Abs,
    Add,
    Dummy,
    E,
    Expr,
    Function,
    I,
    Integer,
    Mul,
    Pow,
    Rational,
    Symbol,
    exp,
    factorrat,
    log,
    pi,
)
from sympy.polys.matrices import DomainMatrix
from sympy.polys.polyerrors import BasePolynomialError
from sympy.polys.rings import PolyElement

from ndksym.algebra.functions import FUNCTIONS
from ndksym.algebra.rational import (
    FACTORING,
    Budget,
    Quotient,
    TooHardError,
    common_denominator,
    expanded,
    factor_list,
    fractions,
)

__all__ = ["Budget", "NormalForm", "TooHardError"]

_NODE = 30  # cost of a node, in products of two terms
_GENERATORS = 60


_EXPONENTIAL = (exp, *(f.sympy for f in FUNCTIONS.values() if f.exponentials is not None))


def _rewritten(e: Expr, z: Expr) -> Expr | None:
    """The function e of the lowered argument z in terms of exp, asin and erf; None where it already is."""
    function = FUNCTIONS.get(e.func)
    rewrite = None if function is None else function.exponentials or function.normal
    return None if rewrite is None else rewrite(z)


class NormalForm:
    """Generators and the relations among them; `positive` lists expressions that are > 0 on the domain."""

    def __init__(self, positive: Iterable[Expr] = (), budget: Budget | None = None) -> None:
        self.generators: dict[Expr, Symbol] = {}
        self.relations: dict[Symbol, tuple[int, Expr]] = {}  # g -> (q, value of g**q in lower generators)
        self.arguments: dict[Symbol, Expr] = {}  # g = log z -> z
        self.facts = tuple(positive)
        self.memo: dict[Expr, Expr] = {}
        self.exponents: dict[Symbol, Expr] = {}  # g = exp(z/scale) -> z; all z are linearly independent
        self.scale = 1
        self.budget = budget or Budget()

    def is_zero(self, e: Expr) -> bool:
        """True proves that e = 0; False proves nothing."""
        numbers = {q for node in e.atoms(*_EXPONENTIAL) for q in node.atoms(Rational)}
        self.scale = lcm(2, *(int(q.q) for q in numbers if q.q < 1000))
        try:
            return not self.fraction(self.lower(e))[0]
        except BasePolynomialError as error:
            raise TooHardError(str(error)) from error

    # from expressions to generators

    def lower(self, e: Expr) -> Expr:
        """e as a rational function of symbols and generators, not expanded."""
        if e not in self.memo:
            self.budget.spend(_NODE)
            self.memo[e] = self._lower(e)
        return self.memo[e]

    def _lower(self, e: Expr) -> Expr:
        if e.is_Rational or e.is_Symbol:
            return e
        if e is I:
            return self.root(Integer(-1), Rational(1, 2))
        if e is E:
            return self.exponential(Integer(1))
        if e is pi:
            return self.generator(pi)
        if e.is_Add or e.is_Mul:
            return e.func(*map(self.lower, e.args))
        if e.is_Pow:
            base, power = e.as_base_exp() if e.func is not exp else (e.base, e.exp)
            if base is E:
                return self.exponential(self.lower(power))
            if power.is_Integer:
                return self.lower(base) ** power
            if power.is_Rational:
                return self.root(self.lower(base), power)
            if base.is_positive:
                return self.exponential(self.lower(power) * self.lower(log(base)))
            if power.is_integer:
                return self.symbolic_power(self.canonical(self.lower(base)), power)
        if isinstance(e, exp):
            return self.exponential(self.lower(e.args[0]))
        if isinstance(e, Function) and e.args and all(isinstance(arg, Expr) for arg in e.args):
            return self._function(e, [self.lower(arg) for arg in e.args])
        if e.is_Float or (e.is_number and not e.is_finite):
            raise TooHardError(f"{e} is not an exact number")
        return self.generator(e)

    def _function(self, e: Expr, lowered: Sequence[Expr]) -> Expr:
        simpler = _rewritten(e, lowered[0])
        if simpler is not None:
            return self.lower(simpler)
        if isinstance(e, log):
            return self.logarithm(lowered[0])
        if isinstance(e, Abs) and all(g.is_extended_real for g in lowered[0].free_symbols):
            return self.root(lowered[0] ** 2, Rational(1, 2))
        image = e.func(*map(self.canonical, lowered))
        # SymPy may evaluate the function, or extract a sign: asin(-z) = -asin(z)
        return image.xreplace({part: self.generator(part) for part in image.atoms(e.func)})

    def generator(self, e: Expr, positive: bool = False) -> Symbol:
        """The generator for e."""
        if e not in self.generators:
            if len(self.generators) >= _GENERATORS:
                raise TooHardError(f"more than {_GENERATORS} functions and roots")
            positive = positive or e.is_positive
            assumptions = {"positive": True} if positive else {"real": True} if e.is_extended_real else {}
            self.generators[e] = Dummy(f"g{len(self.generators)}", **assumptions)
        return self.generators[e]

    def logarithm(self, z: Expr) -> Expr:
        """log z, as a sum over the factors of z if all are positive."""
        coefficient, factors = self.factors(z)
        if coefficient <= 0 or not all(self.is_positive(factor) for factor, _ in factors):
            return self.generator(log(self.canonical(z)))
        primes = factorrat(coefficient, limit=10_000).items()
        return Add(*(k * self._log(Integer(p)) for p, k in primes), *(k * self._log(f) for f, k in factors))

    def _log(self, z: Expr) -> Symbol:
        g = self.generator(log(z))
        self.arguments[g] = z
        return g

    def root(self, base: Expr, power: Rational) -> Expr:
        """base**power: each positive factor has a root of its own, the other factors share one."""
        q, result, rest = int(power.q), Integer(1), Integer(1)
        coefficient, factors = self.factors(base)
        for prime, k in factorrat(abs(coefficient), limit=10_000).items():
            result *= self._radical(Integer(prime), power * k, True)
        for factor, k in factors:
            if self.is_positive(factor):
                result *= self._radical(factor, power * k, True)
            elif self.is_positive(-factor):
                result *= self._radical(-factor, power * k, True)
                coefficient *= (-1) ** k
            else:
                rest *= factor**k
        rest = rest.expand() if rest.is_polynomial() else rest
        rest = rest if coefficient > 0 else -rest
        return result if rest == 1 else result * self._radical(rest, Rational(power.p, q), False)

    def _radical(self, base: Expr, power: Rational, positive: bool) -> Expr:
        whole = int(power.p // power.q)
        part = power - whole
        if not part:
            return base**whole
        g = self.generator(Pow(base, Rational(1, part.q), evaluate=False), positive)
        self.relations[g] = (int(part.q), base)
        return base**whole * g ** int(part.p)

    def exponential(self, power: Expr) -> Expr:
        """exp(power), as a product of powers of earlier exponentials if the exponents are linearly dependent."""
        result, rest = Integer(1), Integer(0)
        for term in Add.make_args(self.canonical(power).expand()):
            number, name = term.as_coeff_Mul()
            if name in self.arguments:  # exp(q log z) = z**q
                result *= self.root(self.arguments[name], number)
            else:
                rest += term
        rest = self.canonical(rest)
        if rest == 0:
            return result
        weights = self._dependence(rest)
        if weights is None:
            g = self.generator(exp(rest / self.scale, evaluate=False))
            self.exponents[g] = rest
            return result * g**self.scale
        q = lcm(*(int((weight * self.scale).q) for weight in weights.values()))
        value = Mul(*(g ** int(weight * self.scale * q) for g, weight in weights.items()))
        if q == 1:
            return result * value
        g = self.generator(exp(rest, evaluate=False))
        self.relations[g] = (q, value)
        return result * g

    def _dependence(self, power: Expr) -> dict[Symbol, Rational] | None:
        """Rational weights w with power = Σ w·(exponent of g), or None if there are none."""
        if not self.exponents:
            return None
        parts = fractions([*self.exponents.values(), power], self.relations, self.budget)
        common = common_denominator(parts)
        columns = [n * expanded(n.ring, {f: k - den.get(f, 0) for f, k in common.items()}) for n, den in parts]
        rows = sorted(set[tuple[int, ...]]().union(*(column.keys() for column in columns)))
        self.budget.spend(len(rows) * len(columns) ** 2)
        matrix = DomainMatrix(
            [[column.get(row, QQ(0)) for column in columns] for row in rows], (len(rows), len(columns)), QQ
        )
        reduced, pivots = matrix.rref()
        last = len(columns) - 1
        if last in pivots:
            return None
        solution = [row[last] for row in reduced.to_list()]
        weights = {
            g: Rational(int(solution[i].numerator), int(solution[i].denominator)) for i, g in enumerate(self.exponents)
        }
        return {g: weight for g, weight in weights.items() if weight}

    def symbolic_power(self, base: Expr, power: Expr) -> Expr:
        """base**power, with one generator for each term of an integer exponent."""
        result = Integer(1)
        for term, k in power.expand().as_coefficients_dict().items():
            if not (k.is_Integer and term.is_integer):
                return self.generator(base**power)
            result *= base**k if term == 1 else self.generator(Pow(base, term, evaluate=False)) ** k
        return result

    def is_positive(self, e: Expr) -> bool:
        """Whether e > 0 follows from the assumptions or from the expressions in `positive`."""
        if e.is_positive:
            return True
        facts = [self.lower(fact) for fact in self.facts]
        return any((e / fact).cancel().is_positive or (e - fact).expand().is_nonnegative for fact in facts)

    # rational functions

    def canonical(self, e: Expr) -> Expr:
        """The rational function e in lowest terms."""
        numerator, den = self.fraction(e)
        denominator = Integer(1)
        for factor, k in den.items():
            left = k
            while left:
                quotient, remainder = numerator.div(factor)
                if remainder:
                    break
                numerator, left = quotient, left - 1
            denominator *= factor.as_expr() ** left
        return numerator.as_expr() / denominator

    def factors(self, e: Expr) -> tuple[Rational, list[tuple[Expr, int]]]:
        """e as a rational number times powers of factors."""
        numerator, den = self.fraction(e)
        if not numerator:
            return Integer(0), []
        self.budget.spend(FACTORING)
        coefficient, parts = factor_list(numerator)
        exponents: dict[PolyElement, int] = {}
        for factor, k in [*parts, *((factor, -k) for factor, k in den.items())]:
            exponents[factor] = exponents.get(factor, 0) + k
        number = Rational(int(coefficient.numerator), int(coefficient.denominator))
        return number, [(factor.as_expr(), k) for factor, k in exponents.items() if k]

    def fraction(self, e: Expr) -> Quotient:
        """Numerator and factored denominator of a lowered expression, with all relations applied."""
        return fractions([e], self.relations, self.budget)[0]
