"""Runs and drifts: saved and loaded, pickled, copied and compared, shown in one line and as a table, drawn over one another."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

import ndksym
from ndksym.errors import InputError, InputTypeError
from ndksym.output import draw

X, Y, X_TEST = [[1.0, 0.5], [0.3, -0.7]], [1.0, -1.0], [[0.2, 0.1]]
TIMES = np.geomspace(0.1, 1000.0, 9)
RUN = ndksym.solve("erf", X, Y, X_TEST, times=TIMES, temperature=0.1, init_variance=0.5, covariance=True, rtol=1e-5)
STEPS = ndksym.solve(
    "relu", X, np.transpose([Y, Y]), times=[0, 2], temperature=0.5, method="mpl", strength=2.0, depth=2
)
LOST = ndksym.drift("erf", X, Y, X_TEST, freeze_time=np.inf, times=[0.0, 5.0, 50.0], temperature=0.1)
RESULTS = pytest.mark.parametrize("result", [RUN, STEPS, LOST], ids=["langevin", "mpl", "drift"])


@RESULTS
def test_a_result_reads_back_as_it_was(result, tmp_path):
    result.save(tmp_path / "result.npz", {"note": "kept beside it"})
    found = ndksym.load(tmp_path / "result.npz")
    assert found == result
    assert type(found) is type(result)
    assert found.settings == result.settings
    assert repr(found) == repr(result)
    assert isinstance(getattr(found, "boundary", 0.0), float)


@RESULTS
def test_a_result_is_pickled_copied_and_compared(result):
    for other in (pickle.loads(pickle.dumps(result)), copy.copy(result), copy.deepcopy(result)):
        assert (other == result) is True
        assert (other != result) is False
    assert (result == replace(result, test=result.test + 1e-15)) is False
    assert (result == replace(result, settings={})) is False
    assert (result == 1) is False
    assert (result == None) is False  # noqa: E711 (the comparison itself is tested)
    with pytest.raises(TypeError):
        hash(result)


def test_what_no_result_was_saved_in(tmp_path):
    path = tmp_path / "other.npz"
    with pytest.raises(InputError, match="does not exist"):
        ndksym.load(path)
    np.savez(path, X=[1.0])
    with pytest.raises(InputError, match="has no kind"):
        ndksym.load(path)
    np.savez(path, kind="Sheep")
    with pytest.raises(InputError, match="holds a Sheep; load reads Run, Drift and Simulation"):
        ndksym.load(path)
    np.savez(path, kind="Run", times=[1.0])
    with pytest.raises(InputError, match="has no method"):
        ndksym.load(path)
    np.savez(path, kind=np.array([object()], dtype=object))
    with pytest.raises(InputError, match="numbers or text"):
        ndksym.load(path)
    path.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(InputError, match=r"cannot be read|can be read"):
        ndksym.load(path)


def test_the_settings_are_everything_that_made_it():
    settings = dict(RUN.settings)
    versions = settings.pop("versions")
    assert settings == {
        "network": ["erf"], "depth": 1, "backend": "numpy", "temperature": 0.1, "prior_variance": 1.0, "init_variance": 0.5,
        "bias": 0.0, "method": "langevin", "covariance": True, "reduction": "sum", "rtol": 1e-5,
    }  # fmt: skip
    assert set(versions) == {"ndksym", "numpy", "scipy", "sympy", "python"}
    assert STEPS.settings["strength"] == 2.0
    assert STEPS.settings["network"] == ["relu", "relu"]
    assert LOST.settings["freeze_time"] == np.inf
    again = {
        name: RUN.settings[name]
        for name in ("temperature", "prior_variance", "init_variance", "bias", "method", "rtol")
    }
    assert np.array_equal(ndksym.solve("erf", X, Y, X_TEST, times=TIMES, **again).test, RUN.test)


@RESULTS
def test_it_is_shown_in_one_line_and_as_a_table_with_every_letter_defined(result):
    line = repr(result)
    assert "\n" not in line
    assert len(line) < 120
    table = result._repr_html_()
    for letter, meaning in (
        ("T", "temperature of the Langevin noise"),
        ("σ0²", "variance of a weight at t = 0"),
        ("L", "hidden layers"),
    ):
        assert f"<td>{letter}</td>" in table
        assert meaning in table


def shown(ax):
    FigureCanvasAgg(ax.figure).draw()
    legend = ax.get_legend() or ax.figure.legends[0]
    return [text.get_text() for text in legend.get_texts()]


def test_runs_are_drawn_over_one_another():
    warm = ndksym.solve("erf", X, Y, X_TEST, times=10 * TIMES, temperature=1.0)
    ax = RUN.plot(label="T = 0.1")
    assert len(ax.patches) == 2
    assert warm.plot(ax, label="T = 1", phases=False) is ax
    assert len(ax.patches) == 2
    assert ax.get_xlim() == (TIMES[0], 10 * TIMES[-1])
    curves = [line for line in ax.lines if len(line.get_xdata()) == len(TIMES)]
    assert [to_hex(line.get_color()).upper() for line in curves] == list(draw.COLOURS[:2])
    assert shown(ax) == ["T = 0.1", "NTK plateau", "NNGP equilibrium", "T = 1"]
    assert len(ax.figure.legends) == 1


def test_phases_are_shaded_only_where_all_runs_have_them():
    warm = ndksym.solve("erf", X, Y, X_TEST, times=TIMES, temperature=1.0)
    ax = RUN.plot()
    RUN.plot(ax)
    assert len(ax.patches) == len(ax.texts) == 2
    warm.plot(ax)
    assert len(ax.patches) == len(ax.texts) == 0


def test_label_color_and_phases():
    ax = RUN.plot(label="mine", color="#123456", phases=False, y=Y)
    assert not ax.patches
    assert {to_hex(line.get_color()) for line in ax.lines} == {"#123456"}
    assert shown(ax)[:2] == ["mine: test input", "mine: training set, y·f/|y|²"]
    ax = LOST.plot(label="drift")
    LOST.plot(ax, label="again")
    assert shown(ax) == ["drift", "again"]
    with pytest.raises(InputError, match="color must be a Matplotlib color"):
        RUN.plot(color="no such color")
    with pytest.raises(InputTypeError, match="label must be text"):
        RUN.plot(label=1)


def test_progress_is_a_bar_a_function_or_nothing(capsys):
    known = {"times": [1.0], "method": "gradient"}
    runs = [ndksym.solve("erf", X, Y, **known, progress=progress) for progress in (True, False, None)]
    assert runs[0] == runs[1] == runs[2]
    assert capsys.readouterr().out == ""
    with pytest.raises(InputTypeError, match="progress must be"):
        ndksym.solve("erf", X, Y, **known, progress="yes")
