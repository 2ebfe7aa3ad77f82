"""Derive, compile and verify the kernels of infinitely wide networks: dual kernels, NNGP, NTK and NDK.

>>> import ndksym
>>> d = ndksym.derive("relu", depth=2)
>>> d.ntk.free_symbols == {ndksym.symbols.k11, ndksym.symbols.k12, ndksym.symbols.k22, ndksym.symbols.sigma02}
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndksym import errors as errors
    from ndksym import simulation as simulation
    from ndksym import symbols as symbols
    from ndksym.activation.activation import Activation as Activation
    from ndksym.derivation import Claim as Claim
    from ndksym.derivation import Derivation as Derivation
    from ndksym.derivation import derive as derive
    from ndksym.dynamics import drift as drift
    from ndksym.dynamics import solve as solve
    from ndksym.expansions import phases as phases
    from ndksym.simulation import load as load
    from ndksym.simulation import simulate as simulate

__version__ = "0.1.0"

# attribute → module; loaded on first use, so that `import ndksym` costs nothing
_HOMES = {
    "Activation": "ndksym.activation.activation",
    "Claim": "ndksym.derivation",
    "Derivation": "ndksym.derivation",
    "derive": "ndksym.derivation",
    "drift": "ndksym.dynamics",
    "load": "ndksym.simulation",
    "phases": "ndksym.expansions",
    "simulate": "ndksym.simulation",
    "solve": "ndksym.dynamics",
    "errors": "",
    "simulation": "",
    "symbols": "",
}

__all__ = [
    "Activation",
    "Claim",
    "Derivation",
    "__version__",
    "derive",
    "drift",
    "errors",
    "load",
    "phases",
    "simulate",
    "simulation",
    "solve",
    "symbols",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ndksym' has no attribute {name!r}")
    home = _HOMES[name]
    return getattr(import_module(home), name) if home else import_module(f"ndksym.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
