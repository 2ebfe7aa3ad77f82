"""The catalogue: names of activations, their formulas as text, and where they come from.

An entry is a formula in `x` and its parameters; all properties of the activation are derived from it (activation.py).
A text may call an entry as `name(u)` or `name(u, parameter, …)`, in any case and with or without underscores.
"""

from dataclasses import dataclass, field

__all__ = ["CATALOGUE", "Formula", "canonical", "names"]


@dataclass(frozen=True)
class Formula:
    """A formula in x, its parameters with their defaults, its source, and other names for it.

    Defaults are texts; "" marks a parameter that must be given.
    """

    text: str
    parameters: dict[str, str] = field(default_factory=dict)
    source: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def required(self) -> int:
        """The number of parameters without a default.

        >>> CATALOGUE["monomial"].required
        1
        """
        return sum(not default for default in self.parameters.values())


_ELU = "Piecewise((x, x > 0), (alpha*(exp(x) - 1), True))"

CATALOGUE: dict[str, Formula] = {
    "linear": Formula("x", aliases=("identity",)),
    "square": Formula("x**2"),
    "cube": Formula("x**3"),
    "quartic": Formula("x**4"),
    "quintic": Formula("x**5"),
    "monomial": Formula("x**n", {"n": ""}),
    "hermite": Formula("He(n, x)", {"n": ""}, "probabilists' Hermite polynomial He_n, DLMF 18.5.13"),
    **{f"he{n}": Formula(f"He({n}, x)", source="DLMF 18.5.13") for n in range(1, 7)},
    "relu": Formula("Max(0, x)**n", {"n": "1"}, "Nair & Hinton 2010; powers: Cho & Saul 2009"),
    "relu2": Formula("Max(0, x)**2", source="So et al. 2021, arXiv 2109.08668", aliases=("squared_relu",)),
    "relu3": Formula("Max(0, x)**3", source="Cho & Saul 2009"),
    "leaky_relu": Formula("Max(0, x) + slope*Min(0, x)", {"slope": "1/100"}, "Maas, Hannun & Ng 2013", ("lrelu",)),
    "abs": Formula("Abs(x)"),
    "step": Formula("Heaviside(x)", aliases=("heaviside",)),
    "sign": Formula("sign(x)", aliases=("sgn",)),
    "erf": Formula("erf(scale*x + shift)", {"scale": "1", "shift": "0"}, "Williams 1997"),
    "probit": Formula("(1 + erf(x/sqrt(2)))/2", source="standard normal CDF", aliases=("normal_cdf",)),
    "gelu": Formula("x*(1 + erf(x/sqrt(2)))/2", source="Hendrycks & Gimpel 2016, arXiv 1606.08415"),
    "elu": Formula(_ELU, {"alpha": "1"}, "Clevert et al. 2015, arXiv 1511.07289"),
    # the constants that all frameworks use, to the 17 digits of a double
    "selu": Formula(
        f"1.0507009873554805*{_ELU.replace('alpha', '1.6732632423543772')}",
        source="Klambauer et al. 2017, arXiv 1706.02515",
    ),
    "celu": Formula(
        "Piecewise((x, x > 0), (alpha*(exp(x/alpha) - 1), True))",
        {"alpha": "1"},
        "Barron 2017, arXiv 1704.07483",
    ),
    "hard_tanh": Formula("Max(-1, Min(1, x))", source="Collobert 2004"),
    "hard_sigmoid": Formula("Max(0, Min(1, x/6 + 1/2))", source="Howard et al. 2019, arXiv 1905.02244"),
    "relu6": Formula("Max(0, Min(6, x))", source="Krizhevsky 2010"),
    "sin": Formula("sin(x)"),
    "cos": Formula("cos(x)"),
    "sin_cos": Formula("sin(x) + cos(x)"),
    "snake": Formula("x + sin(x)**2", source="Ziyin et al. 2020, arXiv 2006.08195"),
    "exp": Formula("exp(x)"),
    "gaussian": Formula("exp(-x**2)"),
    "gabor": Formula("exp(-x**2)*sin(x)"),
    "x_gauss": Formula("x*exp(-x**2)"),
    "tanh": Formula("tanh(x)"),
    "sigmoid": Formula("1/(1 + exp(-x))", aliases=("logistic",)),
    "softplus": Formula("log(1 + exp(x))", source="Dugas et al. 2001"),
    "silu": Formula("x/(1 + exp(-x))", source="Elfwing et al. 2017, arXiv 1702.03118", aliases=("swish",)),
    "mish": Formula("x*tanh(log(1 + exp(x)))", source="Misra 2019, arXiv 1908.08681"),
    "softsign": Formula("x/(1 + Abs(x))", source="Bergstra et al. 2009"),
}


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace(" ", "")


_CANONICAL = {_plain(each): name for name, formula in CATALOGUE.items() for each in (name, *formula.aliases)}


def canonical(name: str) -> str | None:
    """The catalogue's name for a name in any case, with or without underscores, or an alias; None if unknown.

    >>> canonical("LeakyReLU"), canonical("swish"), canonical("hardtanh"), canonical("nothing")
    ('leaky_relu', 'silu', 'hard_tanh', None)
    """
    return _CANONICAL.get(_plain(name))


def names() -> tuple[str, ...]:
    """The names that need no parameters, in the order of the catalogue.

    >>> names()[:3]
    ('linear', 'square', 'cube')
    """
    return tuple(name for name, formula in CATALOGUE.items() if not formula.required)
