"""The last rung alone: networks of finite width agree with the theory and refute deliberate errors.

Each check has a false-alarm rate of simulation.FALSE_ALARM = 1e-4. With the cases of test_cases.py there are fewer than 60 checks, so
fewer than one seed in 160 would make a right suite fail. The seeds are fixed, so the outcome never changes.
"""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ndksym
from ndksym.codegen import compile as compiling
from ndksym.dynamics import solve, steps
from ndksym.runtime.proof import Proof
from ndksym.simulation import compare
from ndksym.verify import simulation, verify

GELU = ndksym.derive("gelu", depth=2)


def verdict(d=GELU, size=simulation.SMALL):
    (found,) = simulation.simulated(d, size)
    return found.verdict


def test_right_theory_holds():
    (found,) = verify(GELU, rungs="simulation")
    assert (found.rung, found.verdict) == ("simulation", "holds")


def test_a_factor_two_in_the_derivative_kernel_is_caught(monkeypatch):
    (dual,) = set(GELU.duals)
    wrong = dataclasses.replace(dual, K_dot=2 * dual.K_dot, K_dot_diag=2 * dual.K_dot_diag)
    doubled = dataclasses.replace(GELU, duals=(wrong, wrong))
    assert not doubled.compile().layers[0].closed  # the comparison with quadrature catches it before
    compiling._proved.cache_clear()
    monkeypatch.setattr(compiling, "prove", lambda layer: Proof(1, 0.0, ""))
    assert verdict(doubled) == "refuted"
    compiling._proved.cache_clear()


def test_the_wrong_initial_variance_is_caught(monkeypatch):
    monkeypatch.setattr(simulation, "solve", lambda *args, **known: solve(*args, **known | {"init_variance": 1.0}))
    assert verdict() == "refuted"


def test_a_response_that_does_not_decay_is_caught(monkeypatch):
    """NDK without e^{−T|t−s|/σ²}."""
    weights = steps._weights

    def undecayed(of, dynamics, later, earlier):
        lag = np.maximum(later[:, None] - earlier[None, :], 0)
        return weights(of, dynamics, later, earlier) * np.exp(dynamics.process.rate * lag)[..., None]

    monkeypatch.setattr(steps, "_weights", undecayed)
    assert verdict() == "refuted"


def test_what_has_no_gradient_is_skipped():
    assert verdict(ndksym.derive("sign")) == "skipped"


ATOMS = ["erf(x)", "Max(x, 0)", "sin(x)", "exp(-x**2)", "Abs(x)", "x"]
NOT_CLOSED = ["tanh(x)", "x/(1+x**2)"]


@st.composite
def trainings(draw, atoms):
    """An activation, a depth, biases, and physics in units of its own time scale."""
    first, second = draw(st.sampled_from(atoms)), draw(st.sampled_from(atoms))
    depth = draw(st.integers(1, 2))
    return {
        "activation": f"{first} + {draw(st.sampled_from(['1/2', '-1/3', '1']))}*({second})",
        "depth": depth,
        "bias": draw(st.sampled_from([0.0, 0.4])),
        "prior_variance": draw(st.floats(0.6, 1.4)),
        "init_variance": draw(st.floats(0.2, 1.5)),
        "forgetting": draw(st.floats(8, 60)),
        "inputs": draw(st.integers(1, 3)),
        "seed": draw(st.integers(0, 2**20)),
    }


@settings(max_examples=5)
@given(trainings(ATOMS))
def test_drawn_networks_agree_with_theory(training):
    """Any activation, depth, inputs, temperature, variances and biases."""
    check(training, 150, 96)


@pytest.mark.slow
@settings(max_examples=60)
@given(trainings(ATOMS + NOT_CLOSED))
def test_many_drawn_networks_agree_with_theory(training):
    check(training, 400, 200)


def check(training, pairs, width):
    t = dict(training)
    rng = np.random.default_rng(t["seed"])
    X, X_test = rng.normal(size=(t["inputs"], 4)), rng.normal(size=(1, 4))
    d = ndksym.derive(t["activation"], depth=t["depth"], bias=t["bias"] != 0)
    physics = {"prior_variance": t["prior_variance"], "init_variance": t["init_variance"], "bias": t["bias"]}
    kernel = d.compile()
    y = rng.normal(size=t["inputs"])
    step = 0.3 * simulation.stable_step(kernel, X, physics)
    args = {
        "times": step * np.array([1, 4, 12, 30]), "temperature": t["prior_variance"] / (t["forgetting"] * step), "step": step,
    } | physics  # fmt: skip
    if step * args["temperature"] / t["prior_variance"] > 0.5:
        return
    found = ndksym.simulation.width_scan(
        t["activation"], X, y, X_test, depth=t["depth"], widths=[width // 2, width], pairs=pairs, seed=t["seed"], **args
    )
    run = solve(kernel, X, y, X_test, covariance=True, rtol=1e-3, **args)
    compared = compare(found, run)
    assert compared.agrees(simulation.FALSE_ALARM), str(compared)
