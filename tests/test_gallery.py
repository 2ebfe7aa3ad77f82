"""The gallery, at sizes of seconds: pictures and numbers, what must be true of them, and what is refused before any work."""

import json
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest

from derivations.gallery import command, drift, early_stopping, finite_width, learning, two_phases
from ndksym import cases, derive, solve
from ndksym.dynamics import tasks
from ndksym.errors import InputError
from ndksym.output.sheet import draw_sheet

SMALL = {
    "two_phases": (
        two_phases.make,
        two_phases.Parameters(depth=1, orthogonal="orthogonal:4", train=20, temperatures=(1e-1, 1e-3), last=2e4, time_count=20,
            rtol=1e-2),
    ),
    "finite_width": (
        finite_width.make,
        finite_width.Parameters(depth=1, widths=(10, 20, 40), pairs=(12, 8, 6), steps=200, time_count=16),
    ),
    "early_stopping": (
        early_stopping.make,
        early_stopping.Parameters(orthogonal="orthogonal:4", orthogonal_temperature=1e-3, train=20, depths=(1,), depth=1,
            time_count=24, rtol=1e-2),
    ),
    "drift": (drift.make, drift.Parameters(train=60)),
    "learning": (learning.make, learning.Parameters(width=60, pairs=8, steps=400, time_count=20, dots=4)),
}  # fmt: skip


@pytest.fixture(scope="module")
def produced(tmp_path_factory):
    """Each figure once: its record, its picture and the document beside it."""
    folder = tmp_path_factory.mktemp("gallery")
    found = {}
    for name, (make, parameters) in SMALL.items():
        kept = []

        def keeping(parameters, progress, make=make, kept=kept):
            kept.append(make(parameters, progress))
            return kept[0]

        path = command.produce(name, parameters, keeping, folder / "new")
        found[name] = kept[0], path, json.loads(path.with_suffix(".json").read_text())
    return found


@pytest.mark.parametrize("name", SMALL)
def test_every_number_drawn_is_in_the_json(name, produced):
    record, path, document = produced[name]
    assert matplotlib.image.imread(path).std() > 0.05
    assert sorted(each.name for each in path.parent.glob(f"*{name}*")) == [f"{name}.json", f"{name}.png"]
    axes = draw_sheet(record).axes
    plots = [plot for row in document["rows"] for plot in row]
    assert len(axes) == len(plots)
    for ax, plot in zip(axes, plots, strict=True):
        points = [each for each in plot["series"] if each["look"] not in ("bars", "outline")]
        stairs = [each for each in plot["series"] if each["look"] in ("bars", "outline")]
        assert [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines] == [
            (s["x"], s["y"]) for s in points
        ]
        patches = [patch for patch in ax.patches if hasattr(patch, "get_data")]
        assert [list(patch.get_data().values) for patch in patches] == [s["y"] for s in stairs]
        assert [list(patch.get_data().edges) for patch in patches] == [s["x"] for s in stairs]
        assert plot["x_label"].endswith(")")
        assert "(" in plot["y_label"]


@pytest.mark.parametrize("name", SMALL)
def test_the_parameters_are_stated(name, produced):
    document = produced[name][2]
    parameters = SMALL[name][1]
    assert document["command"] == f"python -m derivations.gallery.{name} --out FOLDER"
    assert document["parameters"]["seed"] == parameters.seed == 0
    assert set(document["parameters"]) == set(vars(parameters))
    assert {"ndksym", "numpy", "python", "matplotlib"} <= set(document["versions"])
    assert document["caption"]


@pytest.mark.parametrize("name", SMALL)
def test_a_folder_that_cannot_be_written_is_refused_before_any_work(name, tmp_path):
    (tmp_path / "file").write_text("in the way")

    def never(parameters, progress):
        raise AssertionError("work has begun")

    with pytest.raises(InputError, match="file"):
        command.produce(name, SMALL[name][1], never, tmp_path / "file")
    with pytest.raises(InputError, match="no folder"):
        command.produce(name, SMALL[name][1], never, tmp_path / "file" / "deeper")
    (tmp_path / f"{name}.json").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        command.produce(name, SMALL[name][1], never, tmp_path)


def test_interrupted_work_leaves_nothing(tmp_path):
    def stopped(parameters, progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        command.produce("drift", SMALL["drift"][1], stopped, tmp_path)
    assert list(tmp_path.iterdir()) == []


def looks(plot, look, label=None):
    return [each for each in plot.series if each.look == look and (label is None or each.label == label)]


def test_two_phases_go_by_the_plateau_to_equilibrium(produced):
    record = produced["two_phases"][0]
    parameters = SMALL["two_phases"][1]
    for (left, right), spec, train in zip(
        record.rows, (parameters.orthogonal, parameters.digits), (None, parameters.train), strict=True
    ):
        task = tasks.load(spec, train=train)
        kernel = derive(parameters.activation, depth=parameters.depth).compile()
        for place, T in enumerate(parameters.temperatures):
            asked = {"times": [1e-3], "temperature": T, "init_variance": parameters.ratio, "rtol": 1e-3}
            run = solve(kernel, task.X, task.y, task.X_test, **asked)
            plateau, end = (looks(left, look)[place].y[0] for look in ("dashed", "dotted"))
            few = len(task.y_test) == 1
            for value, limit in ((plateau, run.ntk_plateau), (end, run.equilibrium.mean)):
                assert value == pytest.approx(
                    np.mean(limit * task.y_test) if few else np.mean((limit - task.y_test) ** 2), rel=1e-9
                )
            assert looks(left, "line")[place].y[-1] == pytest.approx(end, rel=0.05)
        # coldest: the curve stays at the plateau for a while
        test = looks(left, "line")[-1].y
        assert np.abs(test - plateau).min() < 0.02 * abs(plateau) + 0.002
        assert right.phases[0] <= min(each.x[0] for each in looks(right, "diamonds"))
        # at equilibrium the initial variance is forgotten, the plateau remembers it
        assert np.ptp([each.y[0] for each in looks(right, "dotted")]) < 1e-9
        assert np.ptp([each.y[0] for each in looks(right, "dashed")]) > 1e-5


def test_networks_scatter_about_theory_by_their_errors(produced):
    record, _, document = produced["finite_width"]
    for column in (0, 1):
        for dots in looks(record.rows[1][column], "dots"):
            assert np.all(np.abs(dots.y) < 6 * dots.errors + 3 / int(record.rows[0][column].series[-1].label))
    mean = record.rows[0][0].series[0]
    assert np.allclose(mean.high - mean.low, 2 * np.interp(mean.x, mean.x, record.rows[0][1].series[0].y))
    # the curve is that of theory for the same steps
    dots = looks(record.rows[0][0], "dots", "40")[0]
    at = np.searchsorted(mean.x, dots.x)
    assert dots.y - mean.y[at] == pytest.approx(looks(record.rows[1][0], "dots", "40")[0].y)
    assert [each["width"] for each in document["facts"]["agreement"]] == [10, 20, 40]
    assert document["facts"]["agreement"][-1]["mean"]["chance"] > 1e-4


def test_networks_lie_on_the_curves_from_the_plateaus_to_one_equilibrium(produced):
    record = produced["learning"][0]
    (plot,) = record.rows[0]
    ratios = SMALL["learning"][1].ratios
    lines, dots, plateaus = (looks(plot, look) for look in ("line", "open", "dashed"))
    assert [each.label for each in lines] == [f"{ratio:g}" for ratio in ratios]
    for line, each in zip(lines, dots, strict=True):
        theory = np.interp(each.x, line.x, line.y)
        assert np.all(np.abs(each.y - theory) < 6 * each.errors + 3 / 60 + 0.02)
    assert sorted(each.y[0] for each in plateaus) == [each.y[0] for each in reversed(plateaus)]
    assert len(looks(plot, "dotted")) == 1
    assert all(each["largest_z"] < 6 for each in record.facts["agreement"])


def test_the_best_moment_is_the_least_of_its_curve(produced):
    record = produced["early_stopping"][0]
    seen = 0
    for row in record.rows[:2]:
        for plot in row:
            curves = {each.colour: each for each in looks(plot, "line")}
            for mark in [*looks(plot, "dots"), *looks(plot, "open")]:
                curve = curves[mark.colour]
                assert mark.y[0] == curve.y.min()
                assert mark.x[0] == curve.x[np.argmin(curve.y)]
                assert mark.y[0] < curve.y[-1]
                seen += 1
    assert seen > 0
    for plot in record.rows[3]:
        assert all(np.all((each.y >= 0) & (each.y <= 100)) for each in plot.series)


def test_an_odd_activation_forgets_all_and_relu_keeps_its_mean(produced):
    facts = produced["drift"][2]["facts"]["cases"]
    labels = np.array(facts[0]["predictors"]["labels"])
    for case in facts:
        for signal in ("without_signal", "with_signal"):
            f = np.array(case["predictors"][signal])
            assert case["right"][0][signal] > 0.9
            if case["activation"] == "erf":
                assert np.abs(f[-1]).max() < 1e-6
                assert case["right"][-1][signal] == 0.5
            else:
                # the same mean activation, in proportion to the length of the image, whatever the signal did
                assert np.ptp(np.sign(f[-1])) == 0
                assert np.abs(f[-1]).min() > 1e-3
                assert f[-1] == pytest.approx(np.array(case["predictors"]["without_signal"])[-1], rel=1e-4)
    task = drift.pair_of_digits((0, 1), 60, 0)
    assert np.array_equal(task.y_test, labels)
    end = np.array(facts[0]["predictors"]["without_signal"])[-1]
    assert end / np.linalg.norm(task.X_test, axis=1) == pytest.approx(
        np.full(len(end), end[0] / np.linalg.norm(task.X_test[0]))
    )


def test_histograms_hold_every_image(produced):
    for row in produced["drift"][0].rows:
        for plot in row:
            assert [each.y.sum() for each in plot.series] == pytest.approx([100.0] * 4)


def test_the_gallery_is_no_case():
    assert not {case.id for case in cases.cases()} & {"gallery", *SMALL}


def test_fewer_lags_are_fewer_rows(tmp_path):
    parameters = replace(SMALL["drift"][1], lags=(0.0,), activations=("erf",), pairs=((4, 9),))
    found = drift.make(parameters, lambda fraction: None)
    assert len(found.rows) == 2
    assert len(found.rows[0]) == 1


def test_two_widths_have_a_figure_and_four_are_refused():
    two = finite_width.Parameters(depth=1, task="orthogonal:2", widths=(5, 10), pairs=(3, 2), steps=20, time_count=6)
    found = finite_width.make(two, lambda fraction: None)
    assert [each["width"] for each in found.facts["agreement"]] == [5, 10]
    with pytest.raises(InputError, match="widths must be between 1 and 3"):
        finite_width.make(replace(two, widths=(4, 5, 6, 7), pairs=(2, 2, 2, 2)), lambda fraction: None)
    with pytest.raises(InputError, match="pairs must be one number for each of 2 widths"):
        finite_width.make(replace(two, pairs=(2, 2, 2)), lambda fraction: None)
