"""Learning tasks by name: what is in them, and what is said of a file or a name that is not understood."""

import hashlib
import io
import json
import sys
from email.message import Message
from urllib.error import HTTPError, URLError

import numpy as np
import pytest

from ndksym.dynamics import tasks
from ndksym.errors import InputError, InputTypeError, MissingExtraError

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(6, 3)), np.array([1.0, -1, 1, -1, 1, -1])


def npz(folder, **arrays):
    np.savez(folder / "task.npz", **arrays)
    return str(folder / "task.npz")


def test_a_file_comes_back_as_it_is(tmp_path):
    path = npz(tmp_path, X=X.astype(np.float32), y=Y.astype(int), X_test=X[:2], y_test=Y[:2])
    task = tasks.load(path)
    assert task.X.dtype == task.y.dtype == np.float64
    assert np.array_equal(task.X, X.astype(np.float32))
    assert np.array_equal(task.y, Y)
    assert np.array_equal(task.X_test, X[:2])
    assert np.array_equal(task.y_test, Y[:2])
    assert task.name == path


def test_a_file_without_a_test_set_is_split_only_when_asked(tmp_path):
    path = npz(tmp_path, X=X, y=np.stack([Y, 2 * Y], axis=1))
    assert tasks.load(path).X_test is None
    task = tasks.load(path, train=4, seed=3)
    assert task.X.shape == (4, 3)
    assert task.y_test.shape == (2, 2)
    together = np.vstack([task.X, task.X_test])
    order = [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in together]
    assert sorted(order) == list(range(6))
    assert np.array_equal(np.concatenate([task.y, task.y_test])[:, 0], Y[order])
    again, other = tasks.load(path, train=4, seed=3), tasks.load(path, train=4, seed=4)
    assert np.array_equal(task.X, again.X)
    assert not np.array_equal(task.X, other.X)
    assert tasks.load(path, train=6).X_test is None


def test_a_file_with_a_test_set_keeps_it(tmp_path):
    task = tasks.load(npz(tmp_path, X=X, y=Y, X_test=X[:1]), train=2)
    assert (len(task.X), len(task.X_test), task.y_test) == (2, 1, None)


FILES = [
    ({"X": X}, "has no y"),
    ({"x": X, "y": Y}, "has no X"),
    ({"X": X, "y": Y, "labels": Y}, "'labels'"),
    ({"X": X, "y": Y[:5]}, r"y must have shape \(6,\)"),
    ({"X": X[:, 0], "y": Y}, "X must have shape"),
    ({"X": X, "y": np.where(Y > 0, np.nan, Y)}, r"y\[0\] is nan"),
    ({"X": np.where(X > 0, np.inf, X), "y": Y}, "X.* is inf"),
    ({"X": X, "y": Y, "X_test": X[:, :2]}, "X_test must have as many columns"),
    ({"X": X, "y": Y, "X_test": X[:2], "y_test": Y[:3]}, r"y_test must have shape \(2,\)"),
    ({"X": X, "y": Y, "X_test": X[:2], "y_test": np.ones((2, 2))}, "as many outputs"),
    ({"X": X, "y": Y, "y_test": Y}, "y_test needs X_test"),
    ({"X": X, "y": np.array(list("abcdef"))}, "y must be an array of real numbers"),
    ({"X": X + 1j, "y": Y}, "X must be an array of real numbers"),
    ({"X": np.array([[1.0], [1.0, 2.0]], dtype=object), "y": Y[:2]}, "X must be an array of real numbers, got object"),
]


@pytest.mark.parametrize(("arrays", "says"), FILES, ids=[says for _, says in FILES])
def test_a_file_that_is_no_task_is_named_with_the_array(arrays, says, tmp_path):
    path = npz(tmp_path, **arrays)
    with pytest.raises((InputError, InputTypeError), match=says) as caught:
        tasks.load(path)
    assert path in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut short", b"\x80\x04K\x01."])
def test_what_is_no_npz_is_refused(content, tmp_path):
    path = tmp_path / "task.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"task\.npz is not a \.npz"):
        tasks.load(str(path))


def test_damage_is_seen(tmp_path):
    path = tmp_path / "task.npz"
    np.savez(path, X=np.zeros((50, 50)), y=np.zeros(50))
    content = bytearray(path.read_bytes())
    content[5000] ^= 255
    path.write_bytes(content)
    with pytest.raises(InputError, match="X cannot be read"):
        tasks.load(str(path))


def test_one_array_is_no_archive(tmp_path):
    np.save(tmp_path / "task.npy", X)
    with pytest.raises(InputError, match="one array"):
        tasks.load(str(tmp_path / "task.npy"))


@pytest.mark.parametrize(
    ("P", "options", "width", "overlap"), [(8, "", 32, 0.9), (20, ",overlap=-0.5", 40, -0.5), (5, ",width=6", 6, 0.9)]
)
def test_the_orthogonal_task(P, options, width, overlap):
    task = tasks.load(f"orthogonal:{P}{options}", seed=2)
    assert task.X.shape == (P, width)
    assert np.abs(task.X @ task.X.T / width - np.eye(P)).max() < 1e-13
    assert set(task.y.tolist()) == {1.0, -1.0}
    assert abs(task.y.sum()) == P % 2
    assert np.abs(task.X_test @ task.X.T / width - overlap * np.eye(P)[:1]).max() < 1e-13
    assert np.sum(task.X_test**2) == pytest.approx(width)
    assert task.y_test == task.y[:1] == 1.0
    assert not np.array_equal(task.y, tasks.load(f"orthogonal:{P}{options}", seed=7).y)


def test_digits_are_two_classes_on_a_sphere():
    task = tasks.load("digits:4,9", train=100, seed=1)
    assert (task.X.shape, task.X_test.shape) == ((100, 64), (261, 64))
    assert set(task.y.tolist()) == set(task.y_test.tolist()) == {1.0, -1.0}
    assert np.abs(np.sum(task.X**2, axis=1) / 64 - 1).max() < 1e-14
    # 181 fours, 180 nines; the first one named is +1
    assert np.sum(task.y > 0) + np.sum(task.y_test > 0) == 181
    assert len(tasks.load("digits:4,9").X) == 288


def test_groups_of_classes():
    task = tasks.load("digits:0+2+4+6+8,1+3+5+7+9", train=600)
    assert (task.X.shape, task.X_test.shape) == ((600, 64), (1197, 64))
    assert np.sum(task.y > 0) + np.sum(task.y_test > 0) == 178 + 177 + 181 + 181 + 174
    pair = tasks.load("digits:4,7+9", train=1)
    assert np.sum(pair.y > 0) + np.sum(pair.y_test > 0) == 181
    assert len(pair.y_test) == 181 + 179 + 180 - 1


TEXTS = [
    ("nothing", "neither a file nor the name of a task"),
    ("missing.npz", "does not exist"),
    (".", "folder"),
    ("orthogonal:", "how many inputs"),
    ("orthogonal:-3", "how many inputs"),
    ("orthogonal:0", "between 1 and"),
    ("orthogonal:1000000000000", "how many inputs"),
    ("orthogonal:8,width=8", "width must be at least 9"),
    ("orthogonal:8,width=x", "width must be an integer"),
    ("orthogonal:8,overlap=1.5", "overlap"),
    ("orthogonal:8,overlap=nan", "overlap"),
    ("orthogonal:8,depth=2", "'depth' is not known"),
    ("digits:0", "two different classes"),
    ("digits:3,3", "two different classes"),
    ("digits:0,1,2", "two different classes"),
    ("digits:0,12", "no class '12'; there are 0, 1, 2"),
    ("digits:0+1,2+1", "class '1' is on both sides"),
    ("digits:0+,1", "no class ''"),
    ("openml::0,1", "names no data set"),
    ("openml:mnist_784", "two different classes"),
    ("openml:mnist_784:0,1,version=one", "version must be an integer"),
]


@pytest.mark.parametrize(("text", "says"), TEXTS, ids=[text for text, _ in TEXTS])
def test_a_name_that_is_not_understood(text, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=says):
        tasks.load(text)


@pytest.mark.parametrize("change", [{"train": 0}, {"train": 400}, {"train": True}, {"seed": -1}])
def test_a_number_that_is_not_allowed(change):
    with pytest.raises((InputError, InputTypeError), match=next(iter(change))):
        tasks.load("digits:0,1", **change)


def test_the_orthogonal_task_has_its_own_size():
    with pytest.raises(InputError, match="leave out train"):
        tasks.load("orthogonal:4", train=2)


@pytest.mark.parametrize("text", ["digits:0,1", "openml:mnist_784:0,1"])
def test_without_scikit_learn_it_says_what_to_install(text, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match=r'pip install "ndksym\[data\]"'):
        tasks.load(text)


ARFF = b"""@RELATION tiny
@ATTRIBUTE pixel1 REAL
@ATTRIBUTE pixel2 REAL
@ATTRIBUTE class {0,1,7}
@DATA
3,4,0
0,2,1
1,1,7
6,8,0
5,0,1
"""


class Answer(io.BytesIO):
    def info(self):
        return Message()


def tiny_openml(request):
    """What openml.org answers about a data set of five images of two pixels."""
    url = request.full_url
    if "/data/list/" in url:
        found = {"data": {"dataset": [{"did": 1, "name": "tiny", "version": 1, "status": "active"}]}}
        if "/tiny/" not in url:
            raise HTTPError(url, 412, "no results", Message(), io.BytesIO(b'{"error": {"message": "none"}}'))
    elif "/data/features/" in url:
        names = [("pixel1", "numeric", "false"), ("pixel2", "numeric", "false"), ("class", "nominal", "true")]
        features = [
            {"index": str(k), "name": name, "data_type": kind, "is_target": target, "is_ignore": "false",
             "is_row_identifier": "false", "number_of_missing_values": "0"}
            for k, (name, kind, target) in enumerate(names)
        ]  # fmt: skip
        found = {"data_features": {"feature": features}}
    elif "/data/qualities/" in url:
        found = {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "5.0"}]}}
    elif "/json/data/" in url:
        found = {"data_set_description": {
            "id": "1", "name": "tiny", "description": "five images",
            "version": "1", "format": "ARFF", "file_id": "9", "status": "active",
            "default_target_attribute": "class", "md5_checksum": hashlib.md5(ARFF).hexdigest(), "url": "https://www.openml.org/data/v1/download/9/tiny.arff",
        }}  # fmt: skip
    else:
        return Answer(ARFF)
    return Answer(json.dumps(found).encode())


def test_openml_needs_the_network_once(tmp_path, monkeypatch):
    from sklearn.datasets import _openml

    monkeypatch.setattr(_openml, "urlopen", tiny_openml)
    task = tasks.load("openml:tiny:1,0", train=3, data_home=tmp_path)
    both = np.vstack([task.X, task.X_test])
    labels = np.concatenate([task.y, task.y_test])
    assert (task.X.shape, task.X_test.shape) == ((3, 2), (1, 2))
    assert sorted(zip(labels.tolist(), np.round(both[:, 0], 12).tolist(), strict=True)) == [
        (-1.0, round(0.6 * 2**0.5, 12)), (-1.0, round(0.6 * 2**0.5, 12)), (1.0, 0.0), (1.0, round(2**0.5, 12)),
    ]  # fmt: skip
    assert list(tmp_path.rglob("*.gz"))

    def unreachable(request):
        raise URLError("no route")

    monkeypatch.setattr(_openml, "urlopen", unreachable)
    assert np.array_equal(tasks.load("openml:tiny:1,0", train=3, data_home=tmp_path).X, task.X)
    with pytest.warns(UserWarning, match="network"), pytest.raises(InputError, match="needs a network once"):
        tasks.load("openml:tiny:1,0", data_home=tmp_path / "elsewhere")


def test_openml_names_are_openmls_to_know(tmp_path, monkeypatch):
    from sklearn.datasets import _openml

    monkeypatch.setattr(_openml, "urlopen", tiny_openml)
    with pytest.raises(InputError, match="no class '9'; there are 0, 1, 7"):
        tasks.load("openml:tiny:0,9", data_home=tmp_path)
    with pytest.raises(InputError, match="no data set huge"):
        tasks.load("openml:huge:0,1", data_home=tmp_path)


def test_an_image_without_light_has_no_direction(monkeypatch):
    monkeypatch.setattr(tasks, "digits", lambda: (np.array([[1.0, 2], [0, 0], [2, 1]]), np.array([0.0, 1.0, 1.0])))
    with pytest.raises(InputError, match=r"sample 1 .* all 0"):
        tasks.load("digits:0,1")
