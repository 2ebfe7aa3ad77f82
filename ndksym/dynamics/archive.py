"""Arrays of numbers from a .npz file that may be damaged or far larger than it looks: nothing is unpickled, and the size is
read before the data."""

import lzma
import math
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.lib import format as npy

from ndksym.errors import FOREIGN, InputError
from ndksym.runtime.memory import require_memory

__all__ = ["MOST_BYTES", "arrays"]

MOST_BYTES = 4 * 2**30
"""Of one file's arrays as float64."""
DAMAGE = (*FOREIGN, EOFError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""What zipfile, its decompressors and NumPy's header parser raise for bytes that they do not understand."""


def arrays(path: Path, needed: Sequence[str], known: Sequence[str]) -> dict[str, Any]:
    """The arrays of a .npz: those `needed`, and of the `known` ones what is there.

    Errors: InputError for a file that is no such archive, is damaged or encrypted, holds other names or other things than
    numbers, or would unpack to more than MOST_BYTES.
    """
    try:
        with open(path, "rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on headers written by Python 2
            if stream.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX:
                raise InputError(f"{path} holds one array, not an archive; write it with np.savez({path}, X=…, y=…)")
            with zipfile.ZipFile(stream) as archive:
                members = _members(archive, path, needed, known)
                return {name: _read(archive, member, name, path) for name, member in members.items()}
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except DAMAGE as error:
        raise InputError(f"{path} is not a .npz that can be read: {_said(error)}") from error


def _members(
    archive: zipfile.ZipFile, path: Path, needed: Sequence[str], known: Sequence[str]
) -> dict[str, zipfile.ZipInfo]:
    found = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
    missing = [name for name in needed if name not in found]
    strange = sorted(set(found) - set(known))
    if missing or strange:
        what = f"has no {' and no '.join(missing)}" if missing else f"has {strange[0]!r}, which is not known"
        raise InputError(
            f"{path} {what}; it must hold arrays {' and '.join(needed)} and may hold "
            f"{' and '.join(name for name in known if name not in needed)}; it holds {', '.join(found)[:200] or 'nothing'}"
        )
    for name, member in found.items():
        if member.flag_bits & 1:
            raise InputError(f"{path}: {name} is encrypted; write it without a password")
    return found


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, path: Path) -> Any:
    """One array, read only where its header and the size that the archive states agree."""
    wrong = f"{path}: {name} cannot be read; it must be a rectangular array of numbers, not of objects, and undamaged"
    try:
        with archive.open(member) as stream:
            version = npy.read_magic(stream)
            header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = header(stream)
            if dtype.kind not in "biuf":
                raise InputError(f"{path}: {name} must be an array of real numbers, got {dtype}")
            count = math.prod(shape)
            require_memory(8 * count, f"{path}: {name}", "use fewer rows or columns", MOST_BYTES)
            if stream.tell() + dtype.itemsize * count != member.file_size:
                raise InputError(f"{wrong}: its header states {count:,} numbers, and other bytes follow")
        with archive.open(member) as stream:
            return npy.read_array(stream, allow_pickle=False)
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"{wrong}: {_said(error)}") from error


def _said(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__} {error}".split())[:200]
