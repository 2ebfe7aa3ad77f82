"""Files are whole, of one run, and as their owner wants them: mode, links, devices; what a killed run left goes."""

import errno
import itertools
import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ndksym.errors import FileError, InputError
from ndksym.output import files, scratch

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes, links and devices are those of POSIX")


@pytest.fixture(params=["unnamed", "named"], autouse=True)
def way(request, monkeypatch):
    """Temporary files have no name where there is such a thing; elsewhere they have one."""
    if request.param == "named":
        monkeypatch.setattr(scratch, "unnamed", lambda parent, mode: None)


@pytest.fixture
def umask():
    """To be called with a umask for this test."""
    kept = os.umask(0o022)
    yield os.umask
    os.umask(kept)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@given(mask=st.integers(0, 0o777), known=st.none() | st.integers(0, 0o777), links=st.integers(0, 3))
def test_modes_are_kept_and_links_followed(tmp_path_factory, mask, known, links):
    folder = tmp_path_factory.mktemp("modes")
    path = target = folder / "target"
    if known is not None:
        target.write_text("before")
        target.chmod(known)
    for number in range(links):
        link = folder / f"link{number}"
        link.symlink_to(path.name)
        path = link
    kept = os.umask(mask)
    try:
        files.write_whole(path, "after")
    finally:
        os.umask(kept)
    assert mode(target) == (0o666 & ~mask if known is None else known)
    target.chmod(0o600)
    assert target.read_text() == "after"
    assert sum(each.is_symlink() for each in folder.iterdir()) == links
    assert len(list(folder.iterdir())) == links + 1


def test_a_file_is_private_before_it_is_put_in_place(tmp_path, umask):
    umask(0)
    path = tmp_path / "secret"
    path.write_text("before")
    path.chmod(0o600)
    with files.whole(path) as stream:
        assert stat.S_IMODE(os.fstat(stream.fileno()).st_mode) == 0o600


def test_a_link_that_leads_nowhere_makes_its_target_and_a_loop_is_refused(tmp_path):
    (tmp_path / "link").symlink_to("target")
    files.write_whole(tmp_path / "link", "text")
    assert (tmp_path / "target").read_text() == "text"
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(InputError, match="cannot write"):
        files.check_writable(tmp_path / "a")
    with pytest.raises(FileError, match="cannot write"):
        files.write_whole(tmp_path / "a", "text")
    assert (tmp_path / "a").is_symlink()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_device_is_an_error_and_stays_a_device(tmp_path):
    link = tmp_path / "out.tex"
    link.symlink_to("/dev/full")
    files.check_writable(link)
    with pytest.raises(FileError, match="No space left"):
        files.write_whole(link, "text")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
    assert link.is_symlink()


def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    end = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    files.write_whole(tmp_path / "pipe", "text")
    assert os.read(end, 100) == b"text"
    os.close(end)


def test_names_may_be_as_long_as_the_system_has_them(tmp_path):
    longest = tmp_path / ("ü" * 127 + "x")
    files.check_writable(longest)
    assert files.write_whole(longest, "text")
    for name in ("ü" * 128, "x" * 300, "x" * 5000):
        with pytest.raises(InputError, match="too long"):
            files.check_writable(tmp_path / name)
        with pytest.raises(FileError, match="too long"):
            files.write_whole(tmp_path / name, "text")
    assert list(tmp_path.iterdir()) == [longest]


@pytest.mark.parametrize("folder", ["/sys", "/proc", "/proc/self", "/dev/null"])
def test_where_nobody_can_write_nothing_is_begun(folder):
    with pytest.raises(InputError, match="cannot write"):
        files.check_writable(files.Path(folder, "out.tex"))
    with pytest.raises(FileError, match="cannot write"):
        files.write_whole(files.Path(folder, "out.tex"), "text")


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_what_no_file_can_be_called_is_said(name, tmp_path):
    with pytest.raises(InputError, match="cannot be the name"):
        files.check_writable(tmp_path / name)


def test_what_the_system_refuses_names_the_file_and_leaves_no_folder(tmp_path):
    with pytest.raises(FileError, match=r"new/out\.tex: No space left"), files.whole(tmp_path / "new" / "out.tex"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_goes_and_nothing_else(tmp_path):
    """A child that leaves at once is killed as far as its files are concerned."""
    child = os.fork()
    if child == 0:
        scratch.named(tmp_path, 0o666)
        scratch._new_folder(tmp_path)[1].joinpath("kernel.c").write_text("half")
        os._exit(0)
    os.waitpid(child, 0)
    assert len(list(tmp_path.iterdir())) == 2
    for name in (".hidden", ".text.swp", "ndksym-1"):
        (tmp_path / name).write_text("mine")
    with scratch.folder(tmp_path) as work, files.whole(tmp_path / "other") as stream:
        stream.write(b"in use")
        files.write_whole(tmp_path / "text", "text")
        assert work.is_dir()
    expected = [".hidden", ".text.swp", "ndksym-1", "other", "text"]
    assert sorted(path.name for path in tmp_path.iterdir()) == expected
    handle, _ = scratch.named(tmp_path, 0o666)
    os.close(handle)
    assert not files.write_whole(tmp_path / "text", "text"), "it stands there already"
    assert sorted(path.name for path in tmp_path.iterdir()) == expected


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("fresh", [True, False])
def test_what_belongs_together_is_never_of_two_runs(count, fresh, tmp_path, monkeypatch):
    """Stopped at each step in turn."""
    paths = [tmp_path / f"{n}.txt" for n in range(count)]
    for stop in itertools.count():
        for path in paths:
            path.unlink(missing_ok=True) if fresh else path.write_text("before")
        left = stop

        def step(original):
            def do(self):
                nonlocal left
                if not left:
                    raise KeyboardInterrupt
                left -= 1
                original(self)

            return do

        with monkeypatch.context() as patched:
            for name in ("clear", "place"):
                patched.setattr(files._Draft, name, step(getattr(files._Draft, name)))
            try:
                files.write_all({path: f"after {path.name}" for path in paths})
            except KeyboardInterrupt:
                pass
            else:
                break
        found = {path.name: path.read_text() for path in tmp_path.iterdir()}
        old = {name: text == "before" for name, text in found.items()}
        assert len(set(old.values())) < 2, found
        assert all(text in ("before", f"after {name}") for name, text in found.items())
        if paths[-1].name in found:
            assert len(found) == count, "where the last is, all are"
    assert stop == 2 * count - 1
    assert [path.read_text() for path in paths] == [f"after {path.name}" for path in paths]


def test_names_that_are_no_utf8_are_written_as_escapes(tmp_path):
    name = os.fsdecode(b"a\xff.txt")
    files.write_whole(tmp_path / name, f"of {name}")
    assert (tmp_path / name).read_bytes() == rb"of a\udcff.txt"
