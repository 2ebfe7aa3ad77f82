"""Rung 5: laws of all kernels, on random activations, depths and inputs; and kernels that break them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ndksym
from ndksym.errors import NdksymError
from ndksym.verify import laws, numeric
from tests.strategies import activations


def obeyed(d, seed):
    kernel = d.compile("numpy")
    for name, law in laws.laws_of(d.activations, d.bias).items():
        deviation, at = laws.worst(kernel, law, d.bias, 1, seed)
        assert deviation <= 1, (name, deviation, at)


@settings(max_examples=10)
@given(activations(jumps=True), st.integers(1, 3), st.booleans(), st.integers(0, 2**16))
def test_random_networks_obey_the_laws(text, depth, bias, seed):
    obeyed(ndksym.derive(text, depth=depth, bias=bias), seed)


@settings(max_examples=6)
@given(st.lists(activations(), min_size=2, max_size=3), st.booleans(), st.integers(0, 2**16))
def test_networks_of_several_activations_obey_the_laws(texts, bias, seed):
    obeyed(ndksym.derive(texts, bias=bias), seed)


@pytest.mark.parametrize("name", ["relu", "relu2", "erf", "gelu", "tanh", "softsign", "sign", "abs", "x_gauss"])
def test_catalogue_networks_obey_the_laws(name):
    obeyed(ndksym.derive(name, depth=1, bias=False), 7)
    obeyed(ndksym.derive(name, depth=2, bias=True), 7)


def broken(layer, **change):
    """A layer whose closed form is wrong by a factor."""

    def pair(p, q, c, s, k):
        K, K_size, K_dot, K_dot_size, _, _ = layer.pair(p, q, c, s, k)
        f, g = change.get("K", 1.0), change.get("K_dot", 1.0)
        return f * K, K_size, g * K_dot, K_dot_size, None, None

    class Broken:
        def __getattr__(self, name):
            return pair if name == "pair" else getattr(layer, name)

    return Broken()


@pytest.mark.parametrize(
    ("change", "caught_by"),
    [
        ({"K": 1.0001}, "fluctuation_dissipation"),
        ({"K_dot": 1.0001}, "fluctuation_dissipation"),
        ({"K": 2.0}, "cauchy_schwarz"),
        ({"K": -1.0}, "positive_semidefinite"),
    ],
)
def test_a_wrong_factor_is_caught(change, caught_by):
    kernel = ndksym.derive("gelu", depth=2).compile("numpy")
    wrong = replace(kernel, layers=(*kernel.layers[:-1], broken(kernel.layers[-1], **change)))
    law = laws.laws_of(ndksym.derive("gelu").activations, False)[caught_by]
    deviation, _ = laws.worst(wrong, law, False, 2, 0)
    assert deviation > 1


@given(activations(jumps=True))
def test_price_and_independence_pin_the_dual_down(text):
    from ndksym.verify.exact import dual_claims

    for claim in dual_claims(ndksym.derive(text).duals[0]):
        verdict = claim.check()
        assert verdict.holds, (claim.name, verdict)


def test_the_draws_hold_duplicates_and_opposites():
    x = laws.draw(np.random.default_rng(0), True)
    assert np.array_equal(x.X[0], x.X[1])
    assert np.array_equal(x.X[0], -x.X[3])
    with pytest.raises(NdksymError):
        ndksym.derive("erf").compile("numpy").nngp(x.X, bias=x.bias)


@pytest.mark.parametrize("text", ["cos(x**2)", "sin(5*x)*tanh(x)"])
def test_kernels_that_are_resolved_for_small_variances_only_obey_the_laws(text):
    d = ndksym.derive(text)
    evidence = numeric.laws(d, 2)
    assert {each.verdict for each in evidence} == {"holds"}
    deep = numeric.laws(ndksym.derive(text, depth=3), 1)
    assert {each.verdict for each in deep} <= {"holds", "skipped"}
