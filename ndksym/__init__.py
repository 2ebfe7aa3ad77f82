"""Kernels of infinitely wide networks: derived, compiled and verified; and the networks in training.

    derive(network)             the exact kernels: .nngp, .ntk, .ndk, .steps, .verify(), .compile()
    solve(network, X, y, …)     the predictor in training, in time; load(path) reads a saved run
    drift(network, X, y, …)     the predictor after the readout is frozen
    phases(derivation)          learning at low temperature: two phases and their matching
    simulate(network, X, y, …)  networks of finite width; more in ndksym.simulation
    symbols, errors             the symbols of all formulas, and what the functions raise

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

    __version__: str

# name → module, "" for the module of that name; each is loaded on first use, so that `import ndksym` is cheap
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
    if name == "__version__":
        from importlib.metadata import version

        return version("ndksym")
    if name not in _HOMES:
        raise AttributeError(f"module 'ndksym' has no attribute {name!r}")
    home = _HOMES[name]
    return getattr(import_module(home), name) if home else import_module(f"ndksym.{name}")


def __dir__() -> list[str]:
    return __all__
