"""Damaged .npz files are refused in one sentence, and large ones before they are unpacked."""

import contextlib
import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ndksym.dynamics import tasks
from ndksym.errors import InputError, InputTypeError, NdksymError

X, Y = np.arange(12.0).reshape(4, 3), np.array([1.0, -1.0, 1.0, -1.0])


def npy(value, **options):
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asarray(value), **options)
    return out.getvalue()


def archive(kind=zipfile.ZIP_DEFLATED, **members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return out.getvalue()


def read(tmp_path, content):
    path = tmp_path / "task.npz"
    path.write_bytes(content)
    return tasks.load(str(path))


def refused(tmp_path, content):
    with pytest.raises(NdksymError) as caught:
        read(tmp_path, content)
    assert isinstance(caught.value, ValueError)
    assert "task.npz" in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


KINDS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.mark.parametrize("kind", KINDS)
def test_whole_archives_are_read_as_numpy_reads_them(tmp_path, kind):
    found = read(
        tmp_path,
        archive(kind, X=npy(np.asfortranarray(X)), y=npy(Y.astype(np.int8)), X_test=npy(X[:1], version=(2, 0))),
    )
    assert np.array_equal(found.X, X)
    assert np.array_equal(found.y, Y)
    assert np.array_equal(found.X_test, X[:1])


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_cut_off_anywhere_is_refused(tmp_path, kind):
    whole = archive(kind, X=npy(X), y=npy(Y))
    for length in range(0, len(whole), 7):
        refused(tmp_path, whole[:length])


@pytest.mark.parametrize("kind", KINDS)
@given(draws=st.data())
def test_flipped_bytes_are_refused_or_harmless(tmp_path_factory, kind, draws):
    whole = bytearray(archive(kind, X=npy(X), y=npy(Y)))
    for _ in range(draws.draw(st.integers(1, 3))):
        whole[draws.draw(st.integers(0, len(whole) - 1))] ^= draws.draw(st.integers(1, 255))
    found = None
    with contextlib.suppress(InputError, InputTypeError):
        found = read(tmp_path_factory.getbasetemp(), bytes(whole))
    assert found is None or (np.array_equal(found.X, X) and np.array_equal(found.y, Y))


def patched(content, offset, value):
    """Both headers of the first member with two bytes set."""
    out = bytearray(content)
    for mark, at in ((b"PK\x03\x04", offset), (b"PK\x01\x02", offset + 2)):
        struct.pack_into("<H", out, out.index(mark) + at, value)
    return bytes(out)


def test_encrypted_strange_and_unknown_archives(tmp_path):
    whole = archive(X=npy(X), y=npy(Y))
    assert "encrypted" in refused(tmp_path, patched(whole, 6, 1))
    refused(tmp_path, patched(whole, 4, 99))  # version needed to extract
    refused(tmp_path, patched(whole, 8, 97))  # method of compression
    assert "no X" in refused(tmp_path, archive(y=npy(Y)))
    assert "'Z'" in refused(tmp_path, archive(X=npy(X), y=npy(Y), Z=npy(Y)))
    assert "not an archive" in refused(tmp_path, npy(X))
    refused(tmp_path, b"")
    refused(tmp_path, b"X,y\n1,2\n")


def header(text, version=b"\x01\x00", size="<H"):
    return b"\x93NUMPY" + version + struct.pack(size, len(text)) + text


@pytest.mark.parametrize(
    "bad",
    [
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (4, 3"),
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (4, 3), }}}"),
        header(b"'''{'descr"),
        header(b"{'descr': 'nonsense', 'fortran_order': False, 'shape': (4, 3)}\n"),
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-4, -3)}\n") + X.tobytes(),
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (4, 3.0)}\n") + X.tobytes(),
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (4, 4)}\n") + X.tobytes(),
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (4, 2)}\n") + X.tobytes(),
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}\n") + X.tobytes(),
        header(b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n") + b"\x80\x04N.",
        header(b"(" * 5000),
        header(b"{" * 3000, b"\x03\x00", "<I"),
        header(b"\xff\xfe\x00", b"\x02\x00", "<I"),
        header(b"", b"\x09\x00"),
        b"\x93NUMPY",
        b"",
        b"plain text",
        npy(np.array(["1", "2"])),
        npy(np.array([1j, 2])),
        npy(np.zeros(4, dtype="datetime64[D]")),
        npy(np.zeros(4, dtype=[("a", "<f8")])),
        npy(np.array([object()], dtype=object), allow_pickle=True),
        npy(np.full((4, 3), np.nan)),
    ],
)
def test_headers_and_types_that_are_no_numbers(tmp_path, bad):
    assert "X" in refused(tmp_path, archive(X=bad, y=npy(Y)))


def test_a_small_file_that_unpacks_to_gigabytes_is_refused_before_it_does(tmp_path):
    zeros = io.BytesIO()
    np.lib.format.write_array_header_1_0(zeros, {"descr": "|i1", "fortran_order": False, "shape": (700_000, 1000)})
    content = archive(X=zeros.getvalue() + bytes(10**6), y=npy(Y))
    assert len(content) < 10**4
    assert "5.22 GiB" in refused(tmp_path, content)


def test_tasks_too_large_are_refused_with_the_number():
    with pytest.raises(InputError, match=r"GiB"):
        tasks.load("orthogonal:9999")
    assert tasks.load("orthogonal:30").X.shape == (30, 60)
