"""Figures: what is in them, that the numbers beside them are those drawn, and what a run leaves on disk."""

import html
import io
import json
import os
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from ndksym import derive, solve
from ndksym.dynamics import Posterior, Run, curves, tasks
from ndksym.errors import InputError, InputTypeError, MissingExtraError
from ndksym.output import draw, files, records, style

TIMES = np.geomspace(1e-2, 1e4, 13)


def run_of(rows, outputs=None, *, times=TIMES, boundary=40.0, cov=False, method="langevin"):
    """Curves that rise to 1, past their best at t ≈ 100."""
    shape = (rows,) if outputs is None else (rows, outputs)
    rise = (1.2 * times / (1 + times) - 0.02 * np.log10(np.maximum(times, 1)) ** 2).reshape(-1, *[1] * len(shape))
    test = rise * np.linspace(0.8, 1, rows * (outputs or 1)).reshape(shape)
    train = np.broadcast_to(times.reshape(-1, 1) / (1 + times.reshape(-1, 1)), (len(times), 6)).copy()
    if outputs is not None:
        train = np.repeat(train[..., None], outputs, axis=2)
    covs = (0.01 * np.tile(np.eye(6), (len(times), 1, 1)), 0.04 * np.tile(np.eye(rows), (len(times), 1, 1)))
    end = Posterior(np.full(shape, 0.85), np.eye(rows))
    return Run(
        method, times, train, test, np.zeros(len(times)), np.full(shape, 0.7), end, boundary, *(covs if cov else ())
    )


def drawn(panel):
    ax = draw.draw(panel)
    FigureCanvasAgg(ax.figure).draw()
    return ax


def labels(ax):
    return [entry.get_text() for entry in ax.figure.legends[0].get_texts()]


def test_few_test_inputs_are_curves_of_the_predictor():
    run = run_of(2)
    ax = drawn(run.panel(y=np.ones(6), y_test=np.ones(2)))
    assert ax.get_xscale() == "log"
    assert ax.get_yscale() == "linear"
    lines = [line for line in ax.lines if len(line.get_xdata()) == len(TIMES)]
    assert np.array_equal(lines[0].get_ydata(), run.test[:, 0])
    assert np.array_equal(lines[1].get_ydata(), run.test[:, 1])
    assert lines[2].get_ydata() == pytest.approx(run.train[:, 0])
    dashed = sorted(float(line.get_ydata()[0]) for line in ax.lines if line.is_dashed())
    assert dashed == [0.7, 0.7, 0.85, 0.85]
    assert labels(ax)[:3] == ["test input 0", "test input 1", "training set, y·f/|y|²"]
    assert {"NTK plateau", "NNGP equilibrium"} <= set(labels(ax))
    assert "1/learning rate" in ax.get_xlabel()
    assert "label units" in ax.get_ylabel()


def test_many_test_inputs_are_errors():
    run, y_test = run_of(7), np.linspace(-1, 1, 7)
    ax = drawn(run.panel(y=np.ones(6), y_test=y_test))
    assert ax.get_yscale() == "log"
    lines = [line for line in ax.lines if len(line.get_xdata()) == len(TIMES)]
    assert lines[0].get_ydata() == pytest.approx(np.mean((run.test - y_test) ** 2, axis=1))
    assert lines[1].get_ydata() == pytest.approx((run.train[:, 0] - 1) ** 2)
    dashed = [float(line.get_ydata()[0]) for line in ax.lines if line.is_dashed()]
    assert dashed == pytest.approx([np.mean((0.7 - y_test) ** 2), np.mean((0.85 - y_test) ** 2)])
    # the training error ends at 1e-8: it may not squeeze the curve of interest
    assert ax.get_ylim()[0] > 1e-6


def test_several_outputs_and_no_labels():
    assert [c.label for c in run_of(2, 2).panel().curves] == [
        "test input 0, output 0", "test input 0, output 1", "test input 1, output 0", "test input 1, output 1",
    ]  # fmt: skip
    many = run_of(9).panel()
    assert [c.label for c in many.curves] == ["test input 0 (of 9)", "test input 1", "test input 2", "test input 3"]
    assert run_of(3, 2).panel(y_test=np.ones((3, 2))).log_y


def test_the_best_moment_is_marked_where_the_labels_are_known():
    run = run_of(1)
    stop = run.early_stopping([1.0])
    (mark,) = run.panel(y_test=[1.0]).marks
    assert (mark.time, mark.value, mark.label) == (stop.time, run.test[stop.index, 0], "least test error")
    assert run.panel().marks == ()
    (late,) = run_of(1, times=TIMES[:5]).panel(y_test=[1.0]).marks
    assert late.label == "least test error, at the end"
    # where the rows shown are those of training, stopping early on them means nothing
    assert run_of(6).panel(y_test=np.ones(6), rows="training").marks == ()


@pytest.mark.parametrize(
    ("boundary", "names"),
    [(40.0, ["gradient-driven", "diffusive"]), (np.inf, ["gradient-driven"]), (1e-9, ["diffusive"])],
)
def test_phases_are_shaded_and_named(boundary, names):
    ax = drawn(run_of(1, boundary=boundary).panel())
    assert [text.get_text() for text in ax.texts] == names
    assert len(ax.patches) == len(names)
    if len(names) == 2:
        left, right = (patch.get_extents().transformed(ax.transData.inverted()) for patch in ax.patches)
        assert left.x1 == pytest.approx(boundary)
        assert right.x0 == pytest.approx(boundary)


def test_bands_are_one_standard_deviation():
    run = run_of(2, cov=True)
    panel = run.panel()
    assert panel.curves[0].high - run.test[:, 0] == pytest.approx(0.2)
    assert run.test[:, 0] - panel.curves[0].low == pytest.approx(0.2)
    assert len(drawn(panel).collections) == 2
    many = run_of(7, cov=True).panel(y=np.ones(6), y_test=np.ones(7))
    assert many.curves[0].high - many.curves[0].values == pytest.approx(0.04)
    assert many.curves[1].high - many.curves[1].values == pytest.approx(0.01)
    assert "one network" in many.band


def test_times_that_a_log_axis_has_no_place_for():
    run = run_of(1, times=np.array([0.0, 1.0, 10.0]))
    assert run.panel(y_test=[0.0]).times.tolist() == [1.0, 10.0]
    assert run.panel(y_test=[0.0]).marks == ()
    drawn(run_of(1, times=np.array([3.0])).panel())
    with pytest.raises(InputError, match="time > 0"):
        run_of(1, times=np.array([0.0])).panel()


@pytest.mark.parametrize("name", ["y", "y_test"])
def test_labels_that_do_not_fit(name):
    with pytest.raises(InputError, match=f"^{name} must have shape"):
        run_of(2).panel(**{name: np.ones(5)})


def test_it_draws_where_it_is_told_to():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert run_of(2).plot(right, y_test=np.ones(2), title="here") is right
    assert right.get_title() == "here"
    assert right.get_legend() is not None
    assert not left.lines
    own = run_of(2).plot()
    assert own.figure is not figure
    assert len(own.figure.legends) == 1


def test_nothing_is_clipped_or_overlaps_at_either_size():
    for size in (style.COLUMN, style.PAGE):
        figure = Figure(figsize=size, layout="constrained")
        ax = draw.draw(run_of(2, cov=True).panel(y=np.ones(6), y_test=np.ones(2)), figure.subplots(), own=True)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        boxes = [text.get_window_extent(renderer) for text in (ax.xaxis.label, ax.yaxis.label, *ax.texts)]
        boxes.append(figure.legends[0].get_window_extent(renderer))
        for box in boxes:
            assert box.x0 >= 0
            assert box.y0 >= 0
            assert box.x1 <= figure.bbox.x1
            assert box.y1 <= figure.bbox.y1
        assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_curves_differ_in_more_than_hue():
    ax = drawn(run_of(4).panel())
    colours = [to_hex(line.get_color()) for line in ax.lines if not line.is_dashed()]
    assert len(set(colours)) == 4
    dashes = {line._unscaled_dash_pattern for line in ax.lines if line.is_dashed()}
    assert len({str(d) for d in dashes}) == 2


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_the_numbers_are_written_beside_the_figure(ending, tmp_path):
    run = run_of(1, boundary=np.inf)
    panel = run.panel(y_test=[1.0])
    path = tmp_path / f"curves{ending}"
    draw.write(panel, path, title="rise")
    assert path.stat().st_size > 5000
    assert path.stat().st_mode & 0o777 == 0o644
    found = json.loads((tmp_path / "curves.json").read_text())
    assert found["times"] == TIMES.tolist()
    assert found["curves"][0]["values"] == run.test[:, 0].tolist()
    assert found["boundary"] is None
    assert found["marks"][0]["time"] == run.early_stopping([1.0]).time
    before = path.read_bytes()
    assert b"CreationDate" not in before
    draw.write(panel, path, title="rise")
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, "curves.json"])


@pytest.mark.parametrize("name", ["curves.bmp", "curves", "missing/curves.png"])
def test_a_figure_that_cannot_be_written(name, tmp_path):
    with pytest.raises(InputError, match=r"curves|missing"):
        draw.write(run_of(1).panel(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r'pip install "ndksym\[plot\]"'):
        run_of(1).plot()


def test_drift_is_plotted_from_the_freeze_on():
    times = np.array([50.0, 60, 100, 1000])
    decay = np.exp(-(times - 50) / 100)
    ax = draw.draw(curves.drift(times, 50.0, 0.9 * decay[:, None], limit=[0.0]))
    assert ax.lines[0].get_xdata().tolist() == [10.0, 50, 950]
    assert ax.lines[0].get_ydata() == pytest.approx(0.9 * decay[1:])
    assert [line.get_ydata()[0] for line in ax.lines if line.is_dashed()] == [0.0]
    assert labels(ax) == ["test input", "chance"]
    assert not ax.patches
    many = curves.drift(times, 50.0, np.outer(decay, np.ones(9)), limit=np.zeros(9), y_test=np.ones(9))
    assert many.curves[0].values == pytest.approx((1 - decay[1:]) ** 2)
    assert many.levels[0].value == 1.0
    with pytest.raises(InputError, match="test must have shape"):
        curves.drift(times, 50.0, np.ones((3, 1)))


def test_a_run_reads_back_without_pickle(tmp_path):
    task = tasks.load("orthogonal:3")
    run = solve(
        derive("erf").compile(),
        task.X,
        task.y,
        task.X_test,
        times=[0.1, 10.0],
        temperature=0.0,
        method="gradient",
        covariance=True,
    )
    run.save(tmp_path / "run.npz", {"temperature": 0.0, "activations": ["erf"], "unknown": None})
    with np.load(tmp_path / "run.npz", allow_pickle=False) as found:
        for name in ("times", "train", "test", "error", "ntk_plateau", "train_cov", "test_cov"):
            assert np.array_equal(found[name], getattr(run, name))
        assert np.array_equal(found["equilibrium.cov"], run.equilibrium.cov)
        assert np.array_equal(found["equilibrium.mean"], run.equilibrium.mean)
        assert found["method"].item() == "gradient"
        assert np.isinf(found["boundary"])
        assert found["about.temperature"] == 0.0
        assert found["about.activations"].tolist() == ["erf"]
        assert "about.unknown" not in found
    record = json.loads(json.dumps(run.record(), allow_nan=False))
    assert record["test"] == run.test.tolist()
    assert record["boundary"] is None
    assert record["equilibrium"]["mean"] == run.equilibrium.mean.tolist()


@pytest.mark.parametrize(
    ("name", "about"),
    [("run.txt", {}), ("missing/run.npz", {}), ("run.npz", {"x": object()}), ("run.npz", {"x": [[1], [1, 2]]})],
)
def test_a_run_that_cannot_be_saved_leaves_nothing(name, about, tmp_path):
    with pytest.raises((InputError, InputTypeError)):
        run_of(1).save(tmp_path / name, about)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, OSError])
def test_an_interrupted_write_leaves_what_was_there(interruption, tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    path.write_bytes(b"before")

    def half(stream, **_arrays):
        stream.write(b"half of it")
        raise interruption

    monkeypatch.setattr(records.np, "savez_compressed", half)
    with pytest.raises(interruption):
        run_of(1).save(path)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["run.npz"]


def test_text_is_written_whole_and_only_when_it_changes(tmp_path):
    path = tmp_path / "folder" / "text.txt"
    assert files.write_whole(path, "σ\n")
    assert path.read_bytes() == "σ\n".encode()
    assert not files.write_whole(path, "σ\n")
    assert files.write_whole(path, "τ\n")


NAMES = [r"$\cmd{$.npz", "$x$", "$", r"\$", "a_b^{", "a&b<", os.fsdecode(b"\xff\xfe.npz"), "two\nlines\x01", "重み"]
SHOWN = [*NAMES[:6], r"\udcff\udcfe.npz", r"two\nlines\x01", "重み"]


@pytest.mark.parametrize(("name", "shown"), list(zip(NAMES, SHOWN, strict=True)), ids=map(ascii, NAMES))
def test_a_title_may_be_any_file_name(name, shown, tmp_path):
    """It is written as it is; what cannot be printed is escaped."""
    path = tmp_path / "figure.svg"
    draw.write(run_of(1).panel(), path, title=name)
    assert json.loads(path.with_suffix(".json").read_text())["title"] == name
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    found = ElementTree.parse(path, parser).iter(ElementTree.Comment)
    assert shown in [html.unescape(comment.text.strip()) for comment in found]


@pytest.mark.parametrize("ending", [".png", ".pdf"])
def test_all_formats_take_it(ending, tmp_path):
    draw.write(run_of(1).panel(), tmp_path / f"figure{ending}", title=" ".join(NAMES))
    assert (tmp_path / f"figure{ending}").stat().st_size > 1000


def test_a_title_of_ones_own_may_be_a_formula_or_fail_to_be():
    assert draw._is_mathtext(r"$\sigma_0^2$")
    for title in (r"$\sigma_0^2$", r"$\cmd{$", "\udcff"):
        ax = draw.draw(run_of(1).panel(), title=title)
        ax.figure.savefig(io.BytesIO(), format="png")
