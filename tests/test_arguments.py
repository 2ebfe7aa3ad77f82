"""Every public function with every argument replaced by every nasty value: an error of ours, or an answer."""

import numpy as np
import pytest

import ndksym
from ndksym import data
from ndksym.activation import activation
from ndksym.errors import NdksymError
from tests.nasty import BROKEN, NASTY, SIZES

X, Y, ROWS = [[1.0, 0.5], [0.3, -0.7]], [1.0, -1.0], [[0.2, 0.1]]
PHYSICS = {"temperature": 0.1, "prior_variance": 1.0, "init_variance": 0.5}
FINITE = {"network": "erf", "depth": 1, "width": 4, "networks": 2, "seed": 0, "init_variance": 1.0, "bias": 0.0}
ERF, RELU = ndksym.derive("erf"), ndksym.derive("relu", bias=True)
SIMULATION = ndksym.simulation

FUNCTIONS = {
    "derive": (ndksym.derive, {"activation": "erf", "depth": 1, "bias": False}),
    "activation": (activation, {"obj": "erf"}),
    "compile": (ERF.compile, {"backend": "numpy"}),
    "verify": (ERF.verify, {"rungs": ["laws"]}),
    "nngp": (RELU.compile().nngp, {"X": X, "X2": ROWS, "variance": 1.0, "bias": 0.1}),
    "ntk": (ERF.compile().ntk, {"X": X, "X2": ROWS, "variance": 1.0, "bias": 0.0}),
    "ndk": (ERF.compile().ndk, {"X": X, "X2": ROWS, "t": [1.0, 2.0], "s": 0.5, "bias": 0.0, **PHYSICS}),
    "prior_covariance": (
        RELU.compile().prior_covariance,
        {"X": X, "X2": ROWS, "t": [1.0, 2.0], "s": 0.5, "bias": 0.1, **PHYSICS},
    ),
    "solve": (
        ndksym.solve,
        {"network": ERF.compile(), "X": X, "y": Y, "X_test": ROWS, "times": [1.0], "method": "gradient", "covariance": False,
         "loss": "sum", "rtol": 1e-3, "progress": None, "bias": 0.0, "depth": None, "strength": None, "step": None, **PHYSICS},
    ),
    "solve in steps": (
        ndksym.solve,
        {"network": RELU, "X": X, "y": Y, "times": [0.1], "step": 0.05, "bias": 0.3, "rtol": 1e-3, **PHYSICS},
    ),
    "solve mpl": (
        ndksym.solve,
        {"network": "erf", "X": X, "y": Y, "times": [1, 2], "method": "mpl", "strength": 5.0, "rtol": 1e-3, **PHYSICS},
    ),
    "drift": (
        ndksym.drift,
        {"network": ERF.compile(), "X": X, "y": Y, "X_test": ROWS, "times": [1.0], "freeze_time": np.inf, "signal": False,
         "step": None, "loss": "sum", "rtol": 1e-3, "progress": None, "bias": 0.0, "depth": None, **PHYSICS},
    ),
    "simulate": (
        ndksym.simulate,
        {"network": "erf", "X": X, "y": Y, "X_test": ROWS, "depth": 1, "width": 4, "times": [0.5], "step": 0.5, "pairs": 2,
         "seed": 0, "bias": 0.0, "dynamics": "langevin", "strength": None, "freeze_time": None, "signal": False, "loss": "sum",
         "processes": 1, "progress": None, **PHYSICS},
    ),
    "width_scan": (
        SIMULATION.width_scan,
        {"network": "erf", "X": X, "y": Y, "widths": [2, 4], "degree": 1, "seed": 0, "depth": 1, "bias": 0.0, "progress": None,
         "times": [0.5], "step": 0.5, "pairs": 2, "processes": 1, **PHYSICS},
    ),
    "empirical_ntk": (SIMULATION.empirical_ntk, {"X": X, "X2": ROWS, **FINITE}),
    "empirical_ndk": (
        SIMULATION.empirical_ndk,
        {"X": X, "X2": ROWS, "t": [1.0, 2.0], "s": 0.5, "temperature": 0.1, "step": 0.5, "prior_variance": 1.0,
         "training": (X, Y), "loss": "sum", **FINITE},
    ),
    "lazy_measure": (SIMULATION.lazy_measure, {"x": [1.0, 0.5], "y": 1.0, **FINITE}),
    "parameter_movement": (
        SIMULATION.parameter_movement, {"X": X, "y": Y, "times": [0.0, 1.0], "step": None, "loss": "sum", **FINITE},
    ),
    "phases": (ndksym.phases, {"network": ERF, "order": 1, "depth": None, "bias": 0.0}),
    "phases on data": (
        ndksym.phases(ERF, order=1).on,
        {"X": X, "y": Y, "X_test": ROWS, "times": [1.0, 10.0], "loss": "sum", "bias": 0.0, **PHYSICS},
    ),
    "load": (data.load, {"text": "orthogonal:4", "train": None, "seed": 0}),
    "Task": (data.Task, {"X": X, "y": Y, "X_test": ROWS, "y_test": [1.0], "name": "arrays"}),
}  # fmt: skip
COSTLY = ("simulate", "width_scan", "solve", "solve in steps", "solve mpl", "drift", "phases on data", "verify")
"""Values that may be taken are left out: a call takes up to a second, and other tests make it."""
CASES = [(name, argument) for name, (_, known) in FUNCTIONS.items() for argument in known]
MADE = {"generator": lambda: (i for i in range(2)), "endless": lambda: BROKEN["endless"]}


@pytest.mark.parametrize(("name", "argument"), CASES, ids=[f"{name}-{argument}" for name, argument in CASES])
@pytest.mark.filterwarnings("ignore::ndksym.errors.ToleranceWarning")
def test_nasty_values_are_refused_by_name_or_answered(name, argument):
    function, known = FUNCTIONS[name]
    values = (BROKEN if name in COSTLY else NASTY) | {f"size: {key}": value for key, value in SIZES.items()}
    if name in COSTLY:
        values |= {key: NASTY[key] for key in ("-1", "1e308", "5e-324", "nonsense", "unsigned", "long double")}
    for label, value in values.items():
        if argument == "progress" and callable(value):
            continue
        given = MADE[label]() if label in MADE else value
        refused = None
        try:
            function(**{**known, argument: given})
        except NdksymError as error:
            refused = error
        assert refused is None or isinstance(refused, ValueError | TypeError), (label, refused)
        assert "\n" not in str(refused), (label, refused)
