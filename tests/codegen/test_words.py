"""Every word of generated code, in every language: printed, and right to a few ulp."""

import functools
import re

import mpmath as mp
import numpy as np
import pytest
from sympy import Function, Rational, Symbol, pi, sqrt

from ndksym.codegen import functions as v
from ndksym.codegen.backends import backend as find
from ndksym.codegen.backends import backends, runnable
from ndksym.codegen.backends.base import REQUIRED, literal
from ndksym.codegen.compile import opened
from ndksym.codegen.lower import LoweredTerms
from ndksym.codegen.module import module
from ndksym.codegen.program import program
from ndksym.errors import NotDerivableError
from tests.closed_forms import typed
from tests.generated_code import BACKENDS, ULP, strict
from tests.programs import MEANING

__all__ = ["strict"]


def words_in(backend, exprs):
    """A way to call any expressions of four arguments, compiled."""
    printer = find(backend).printer
    text = module("words", [typed("relu")], backend)
    for n, expr in enumerate(exprs):
        code = program(f"word_{n}", ARGUMENTS, {"y": LoweredTerms((expr,), ())}, sized=False)
        text += "\n\n" + printer.program(printer, code)
    if backend == "numpy":
        text = f"from scipy.special import erf, erfc\nfrom ndksym.runtime.special import *\n{text}"
    return opened(text, backend).run


PRINTERS = [each.printer for each in backends()]
LATEX = find("latex").printer
ARGUMENTS = tuple(Symbol(f"z{n}", real=True) for n in range(4))
Z = np.array(
    [-700.0, -30.0, -3.0, -1.0, -0.3, -1e-3, -1e-9, 1e-300, 1e-9, 1e-3, 0.3, 0.99, 1.0, 1.7, 3.0, 8.0, 30.0, 700.0]
)
PAIRS = np.array([(y, z) for y in Z for z in Z])
NATURAL = {word.__name__: Z for word in v.CORE} | {
    "log": Z[Z > 0], "log1p": Z[Z > -1], "tan": Z[abs(Z) < 1.5], "sinh": Z[abs(Z) < 700], "cosh": Z[abs(Z) < 700],
}  # fmt: skip


def polar(h, g, A=0.0):
    return h, g, A - h * h / 2, A - (h * h + g * g) / 2


def arguments(word):
    """Arrays of arguments in the domain of a word, consistent where it takes a quantity twice."""
    half = np.array([1e-12, 1e-6, 1e-3, 0.1, 0.5, 0.785, 1.0, 1.4, 1.57])
    R = np.array([1e-6, 0.7, 0.99, 1.01, 4.0, 20.0])
    t = np.array([1e-7, 0.2, 0.79, 1.2, 1.57079])
    h, g = (f(t)[:, None] * R for f in (np.sin, np.cos))
    wedges = [polar(i * h, j * g) for i in (-1, 1) for j in (-1, 1)]
    big = np.array([1e-30, 1e-3, 1.0, 30.0, 1e3, 1e16])
    zs = np.array([-3.0, -1e-3, 1e-9, 0.4, 0.6, 2.0, 19.0, 21.0, 1e4])
    return {
        "expdiff": [np.array([-1.0, -2.0, -700.0, 0.5, -3.0]), np.array([-2.0, -1.0, -1.0, -800.0, -3.0 - 2**-30]),
                    np.array([1.0, -1.0, -699.0, 800.5, 2**-30])],
        "experfc": [zs**2 / 4, zs, -3 * zs**2 / 4],
        "experfi": [-(zs**2), zs, 0 * zs],
        "corner": [np.array([1, 1, 800, -2.0]), np.array([1, -1, -1, 2.0]), np.array([1, 1, 1, 1e-9])],
        "edge": [np.concatenate([z.ravel() for z in parts]) for parts in zip(*wedges, strict=True)],
        "arccos_kernel_1": [2 * half, np.cos(half), np.sin(half)],
        "theta_minus_sin": [2 * half, np.sin(half), np.cos(half)],
        "logistic": [np.concatenate([-big[:-1], big])],
        "softplus": [np.concatenate([-big[:-1], big])],
    }[word]  # fmt: skip


@pytest.mark.parametrize("printer", PRINTERS, ids=lambda printer: printer.name)
def test_every_printer_prints_every_word(printer):
    assert {word.__name__ for word in REQUIRED} == set(printer.functions) == set(MEANING)
    for word in REQUIRED:
        text = printer(word(*ARGUMENTS[: word.arity]))
        assert all(name in text.replace("_{", "").replace("}", "") for name in ("z0",)), word


def read(text):
    """What LaTeX says, as a program in Python: the reader that generated formulas are checked by."""
    text = re.sub(r"([a-z])_\{(\d)\}", r"\1\2", text)
    text = text.replace(r"\left|", "absolute(").replace(r"\right|", ")").replace(r"\left", "").replace(r"\right", "")
    text = re.sub(r"\\operatorname\{(\w+)\}", r"\1", text).replace(r"\arctan", "atan").replace(r"\,", "*")
    rules = [
        (r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))"),
        (r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)"),
        (r"e\^\{([^{}]*)\}", r"exp(\1)"),
        (r"\^(?:\{([^{}]*)\}|(\d))", r"**(\1\2)"),
    ]
    while (changed := functools.reduce(lambda t, rule: re.sub(*rule, t), rules, text)) != text:
        text = changed
    text = re.sub(r"\\(?=[a-z])", "", text)
    return re.sub(r"(?<=[\w)]) (?=[\w(])", "*", text)


NOTATION = ("where", "corner", "edge", "arccos_kernel_1", "p_minus_q_cos")
"""Named in LaTeX by a sign of their own, not written out."""


def test_latex_says_what_the_words_mean():
    values = [mp.mpf("0.3"), mp.mpf("0.7"), mp.mpf("0.2"), mp.mpf("1.1")]
    names = MEANING | {"exp": mp.exp, "erfi": mp.erfi, "sqrt": mp.sqrt, "arsinh": mp.asinh, "min": min, "max": max}

    def meaning(expr, args):
        here = names | {f"z{n}": z for n, z in enumerate(args)}
        return eval(read(LATEX(expr)), {"__builtins__": {}}, here)

    for word in REQUIRED:
        name = word.__name__
        if name not in NOTATION:
            args = list(values[: word.arity])
            if name == "theta_minus_sin":  # θ − 2 s k: its arguments belong together
                args = [args[0], mp.sin(args[0] / 2), mp.cos(args[0] / 2)]
            assert abs(meaning(word(*ARGUMENTS[: word.arity]), args) - MEANING[name](*args)) < 1e-14, word
    z0, z1, z2, _ = ARGUMENTS
    for expr in (z0 / (1 + z1), -3 * z0 / (2 * z1), -(z0**3) / sqrt(z1 + z2), z1 * (z0 - z2) / (z2 * (1 + z0) ** 2)):
        want = expr.subs(dict(zip(ARGUMENTS, map(float, values), strict=True)))
        assert abs(meaning(expr, values) - want) < 1e-14, expr


@pytest.mark.parametrize("printer", PRINTERS, ids=lambda printer: printer.name)
def test_what_a_printer_does_not_know_is_an_error(printer):
    for expr in (Function("system")(v.u), v.u**v.p):
        with pytest.raises(NotDerivableError, match=r"no form in|rational exponent"):
            printer(expr)


@pytest.mark.parametrize("printer", [each.printer for each in runnable()], ids=lambda printer: printer.name)
def test_a_square_is_one_product_and_so_rounded_once(printer):
    z0 = ARGUMENTS[0]
    assert printer(z0**2) == "z0 * z0"
    assert printer(z0 ** Rational(5, 2)).startswith("z0 * z0 * ")
    assert printer(z0**3).count("z0") == 1


def test_numbers_are_correctly_rounded():
    assert [float(literal(z)) for z in (Rational(1, 3), 1 / pi, sqrt(2), Rational(10**30 + 1, 7))] == [
        1 / 3, 0.3183098861837907, 2**0.5, (10**30 + 1) / 7,
    ]  # fmt: skip
    with pytest.raises(NotDerivableError, match="out of the range"):
        literal(Rational(10) ** 400)


@pytest.mark.parametrize("backend", BACKENDS)
def test_words_are_right_to_a_few_ulp(backend):
    words = [word for word in REQUIRED if word is not v.p_minus_q_cos]
    run = words_in(backend, [word(*ARGUMENTS[: word.arity]) for word in words])
    for n, word in enumerate(words):
        name = word.__name__
        if word in v.SUPPORT:
            arrays = arguments(name)
        else:
            arrays = [NATURAL[name]] if word.arity == 1 else [PAIRS[:, 0], PAIRS[:, 1], PAIRS[::-1, 0]][: word.arity]
        with np.errstate(over="ignore", under="ignore"):
            got = run(f"word_{n}", 1, *arrays, *arrays[:1] * (4 - len(arrays)))[0]
        with mp.workdps(22 if word is v.edge else 60):
            for value, *args in zip(got, *arrays, strict=True):
                want = MEANING[name](*map(mp.mpf, map(float, args)))
                if 1e-290 < abs(want) < 1e300:
                    slack = abs(args[0]) if word is v.expdiff else args[0] ** 2 + args[1] ** 2 if word is v.edge else 0
                    error = abs(mp.mpf(float(value)) - want) / abs(want)
                    assert error <= (16 + 2 * slack) * ULP, (name, args, value, want)


@pytest.mark.parametrize("backend", BACKENDS)
def test_away_is_right_where_it_vanishes(backend):
    run = words_in(backend, [v.p_minus_q_cos(*ARGUMENTS)])
    p, q, half = (z.ravel() for z in np.meshgrid([1.0, 1e-8, 3.0], [1.0, 1 + 1e-9, 1e-8], [1e-9, 1e-3, 0.7, 0.9, 1.5]))
    s = np.sin(half)
    with mp.workdps(40):
        cosines = [1 - 2 * mp.mpf(z) ** 2 for z in s]
        c = np.array([float(mp.mpf(x) * mp.mpf(y) * z) for x, y, z in zip(p, q, cosines, strict=True)])
        for value, x, y, z in zip(run("word_0", 1, p, q, c, s)[0], p, q, cosines, strict=True):
            want = mp.mpf(x) - mp.mpf(y) * z
            assert abs(mp.mpf(float(value)) - want) <= 8 * ULP * abs(want) + ULP * 2 * abs(y) * abs(1 - z) + ULP * abs(
                y * z
            ) * (z < 0)
