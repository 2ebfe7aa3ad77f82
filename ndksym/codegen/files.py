"""The files of a network's generated code: a module per backend with what it needs, and a record of the formulas."""

import json
from collections.abc import Sequence

from ndksym.codegen.backends import backend as find
from ndksym.codegen.backends import text_only
from ndksym.codegen.compile import trusted
from ndksym.codegen.module import facts, module
from ndksym.kernels.network import Network

__all__ = ["expected", "source"]


def expected(name: str, network: Network, backends: Sequence[str]) -> dict[str, str]:
    """File name → text for one case: the given backends, those that are only read, and a record of the formulas."""
    distinct = list(dict.fromkeys(network.duals))
    texts: dict[str, str] = {}
    for language in (*map(find, backends), *text_only()):
        texts |= language.folder(source(name, network, language.name))
    record = {
        "schema": 1,
        "case": name,
        "depth": network.depth,
        "bias": network.bias,
        "layers": [distinct.index(dual) for dual in network.duals],
        "duals": [
            {
                "facts": {key: _plain(value) for key, value in facts(dual).items()},
                "expr": str(dual.activation.expr),
                "K": None if dual.K is None else str(dual.K),
                "K_dot": None if dual.K_dot is None else str(dual.K_dot),
                "reason": dual.reason,
            }
            for dual in distinct
        ],
    }
    texts["derivation.json"] = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    return texts


def source(name: str, network: Network, backend: str) -> str:
    """The module of a network in one language: each distinct activation once, and the index of each layer's activation."""
    distinct = list(dict.fromkeys(network.duals))
    order = [distinct.index(dual) for dual in network.duals]
    layers = ", ".join(map(str, order))
    notes = [f"Network: depth {network.depth}, {'with' if network.bias else 'without'} biases, layers {layers}."]
    sources = distinct if find(backend).open is None else trusted(distinct, backend)
    return module(name, sources, backend, notes, order, network.bias)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, float) and abs(value) == float("inf") else value
