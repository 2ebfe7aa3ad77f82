"""Methods are found by themselves, and one call of solve computes each Gram matrix once."""

import json
import os
import subprocess
import sys
import textwrap
from collections import Counter

import numpy as np
import pytest

import ndksym
from ndksym.dynamics import linearised, methods, problem
from ndksym.errors import InputError, InputTypeError
from ndksym.runtime.kernel import Kernel

RNG = np.random.default_rng(2309)
X, X_TEST = RNG.normal(size=(3, 5)), RNG.normal(size=(2, 5))
Y = RNG.normal(size=3)

HALFWAY = '''
"""A constant predictor that has learnt a share of the labels (for a test)."""

import numpy as np

from ndksym.dynamics import checks
from ndksym.dynamics.methods import Option
from ndksym.dynamics.problem import Solution

LABEL = "constant predictor"
TIME_UNIT = "in years"
OPTIONS = (Option("share", "share of the labels that is learnt", checks.sized, required=True),)
THERMAL = False
COVARIANCE = False
MATRICES = 1


def solve(problem, times):
    f = np.broadcast_to(problem.options["share"] * problem.y, (len(times), *problem.y.shape))
    return Solution(f, np.zeros((len(times), len(problem.rows), f.shape[2])), np.zeros(len(times)))
'''


@pytest.fixture
def halfway(tmp_path, monkeypatch):
    """A method in a file beside the others; the folder that it lies in."""
    (tmp_path / "halfway.py").write_text(textwrap.dedent(HALFWAY))
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    yield tmp_path
    sys.modules.pop("ndksym.dynamics.methods.halfway", None)


def test_a_file_beside_the_others_is_a_method_of_solve(halfway):
    assert methods.names() == ("diffusive", "gradient", "halfway", "langevin", "mpl")
    run = ndksym.solve("erf", X, Y, X_TEST, times=[1.0, 2.0], method="halfway", share=0.5)
    assert np.array_equal(run.train, [0.5 * Y, 0.5 * Y])
    assert run.boundary == np.inf
    assert run.settings["share"] == 0.5
    assert run.panel().x_label == "time t (in years)"
    assert '"halfway": A constant predictor' in methods.listing()
    assert "share (halfway): share of the labels" in methods.option_listing()
    with pytest.raises(InputError, match="method must be diffusive, gradient, halfway, langevin or mpl"):
        ndksym.solve("erf", X, Y, times=[1.0], method="other")
    with pytest.raises(InputError, match="method='halfway' needs share, the share of the labels"):
        ndksym.solve("erf", X, Y, times=[1.0], method="halfway")
    with pytest.raises(InputError, match="share belongs to method='halfway', not to 'langevin'"):
        ndksym.solve("erf", X, Y, times=[1.0], temperature=0.1, share=0.5)
    with pytest.raises(InputError, match="method='halfway' gives the mean"):
        ndksym.solve("erf", X, Y, times=[1.0], method="halfway", share=0.5, covariance=True)


def test_a_file_beside_the_others_is_a_method_of_the_command_line(halfway):
    main = f"from ndksym.dynamics import methods; methods.__path__.append({str(halfway)!r}); from ndksym.cli.main import main; main()"

    def run(*args):
        wide = {**os.environ, "COLUMNS": "500"}
        return subprocess.run(
            [sys.executable, "-c", main, *args], capture_output=True, text=True, check=False, env=wide
        )

    help_ = " ".join(run("solve", "--help").stdout.replace("│", " ").split())
    places = [help_.index(f"{name}: ") for name in ("diffusive", "gradient", "halfway", "langevin", "mpl")]
    assert places == sorted(places)
    assert "halfway: A constant predictor" in help_
    done = run("solve", "erf", "--data", "orthogonal:2", "--method", "halfway", "--times", "1,2")
    assert done.returncode == 2
    assert "needs share" in done.stderr
    done = run(
        "solve",
        "erf",
        "--data",
        "orthogonal:2",
        "--method",
        "halfway",
        "--times",
        "1,2",
        "--option",
        "share=0.25",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["physics"]["share"] == 0.25
    assert np.abs(document["run"]["train"]).max() == 0.25
    for wrong in ("share", "share=much", "method=1", "other=1"):
        assert (
            run(
                "solve", "erf", "--data", "orthogonal:2", "--method", "halfway", "--times", "1", "--option", wrong
            ).returncode
            == 2
        )


def test_a_file_that_lacks_something_is_named(halfway):
    (halfway / "halfway.py").write_text('"""Nothing."""\nLABEL = "nothing"\n')
    with pytest.raises(InputTypeError, match=r"'halfway' must define TIME_UNIT, .*solve"):
        methods.find("halfway")


def test_the_documentation_of_solve_lists_methods_and_options():
    for name in methods.names():
        assert f'- "{name}": {methods.summary(name)[:40]}' in ndksym.solve.__doc__
    assert "- strength (mpl): " in ndksym.solve.__doc__
    assert "- step (gradient, langevin): " in ndksym.solve.__doc__


def test_an_unknown_keyword_is_refused():
    with pytest.raises(InputTypeError, match=r"loss is no argument of solve, .*step, strength"):
        ndksym.solve("erf", X, Y, times=[1.0], temperature=0.1, loss="mean")


def test_gradient_flow_needs_no_temperature():
    run, same = (ndksym.solve("erf", X, Y, times=[1.0], method="gradient", **T) for T in ({}, {"temperature": 0.0}))
    assert run == same
    with pytest.raises(InputError, match=r"temperature must be given.*method='gradient'"):
        ndksym.solve("erf", X, Y, times=[1.0])


TRAININGS = [
    {}, {"init_variance": 0.3}, {"covariance": True}, {"step": 0.1}, {"step": 0.1, "init_variance": 0.3, "covariance": True},
    {"method": "mpl", "strength": 2.0, "covariance": True}, {"method": "gradient", "covariance": True},
    {"method": "gradient", "step": 0.1}, {"method": "diffusive"}, {"times": [1.0, 1e5]}, {"rtol": 1e-9},
]  # fmt: skip


@pytest.mark.parametrize("training", TRAININGS, ids=str)
@pytest.mark.parametrize("rows", [None, X_TEST], ids=["training rows", "test rows"])
def test_one_call_computes_each_gram_matrix_posterior_and_plateau_once(training, rows, monkeypatch):
    computed, posteriors, plateaus = Counter(), Counter(), Counter()
    gram, posterior, flow = Kernel.gram, problem.posterior, linearised.flow

    def counted(self, X, X2, prior, *, bias=0.0, part="ntk"):
        second = b"" if X2 is None else np.asarray(X2).tobytes()
        computed[part, np.asarray(X).tobytes(), second, prior, bias] += 1
        return gram(self, X, X2, prior, bias=bias, part=part)

    def counted_posterior(of, temperature):
        posteriors[temperature] += 1
        return posterior(of, temperature)

    def counted_flow(theta, across, y, times, *decay):
        plateaus[times.tobytes()] += 1
        return flow(theta, across, y, times, *decay)

    monkeypatch.setattr(Kernel, "gram", counted)
    monkeypatch.setattr(problem, "posterior", counted_posterior)
    monkeypatch.setattr(linearised, "flow", counted_flow)
    ndksym.solve("erf", X, Y, rows, **{"times": [1.0, 2.0], "temperature": 0.1} | training)
    assert computed
    assert set(computed.values()) == {1}
    assert posteriors == {0.1: 1}
    assert set(plateaus.values()) == {1}


def test_refining_the_table_computes_nothing_else_again(monkeypatch):
    """The NTK at initialisation and the later amplification are those of the first table."""
    from ndksym.dynamics import volterra_setup

    calls = Counter()
    for name in ("requirements", "setup", "_learnt_modes"):
        own = getattr(volterra_setup, name)
        monkeypatch.setattr(volterra_setup, name, lambda *args, name=name, own=own: calls.update([name]) or own(*args))
    refine = volterra_setup.refine_until_converged
    process = ndksym.dynamics.physics.PriorProcess(0.1, 1.0, 0.3)
    kernel = ndksym.derive("erf").compile()
    physics = ndksym.dynamics.physics.Physics(0.1, 1.0, 0.3, 0.0)
    asked = problem.Problem(kernel, X, X_TEST, Y[:, None], physics, 1.0, 1e-6)
    required = volterra_setup.requirements(asked, process, 2.0, 0.0, 0.1)
    errors = iter([1.0, 0.1, 1e-9])
    refine(asked, process, required, lambda start: (start, np.array([next(errors)])))
    assert calls == {"requirements": 1, "setup": 3, "_learnt_modes": 3}


@pytest.mark.parametrize(
    "training", [{}, {"covariance": True}, {"method": "gradient"}, {"method": "diffusive"}], ids=str
)
def test_the_last_time_may_be_infinite(training):
    known = {"temperature": 0.1, "init_variance": 0.3} | training
    run = ndksym.solve("erf", X, Y, X_TEST, times=[0.5, np.inf], **known)
    late = ndksym.solve("erf", X, Y, X_TEST, times=[0.5, 1e12], **known)
    assert np.array_equal(run.test, late.test)
    assert run.panel().times.tolist() == [0.5]
    assert np.array_equal(run.train_cov, late.train_cov) if "covariance" in training else run.train_cov is None


@pytest.mark.parametrize("training", [{"step": 0.1}, {"method": "mpl", "strength": 2.0}], ids=str)
def test_steps_are_finite(training):
    with pytest.raises(InputError, match="times must be at most"):
        ndksym.solve("erf", X, Y, times=[1.0, np.inf], temperature=0.1, **training)
