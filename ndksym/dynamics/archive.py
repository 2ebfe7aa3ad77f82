"""Arrays from a .npz file that may be damaged, or far larger than it looks.

Nothing is unpickled, and the size of an array is checked before its data are read.
"""

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

NUMBERS = "biuf"
"""The kinds of dtype that are real numbers."""

MOST_BYTES = 4 * 2**30
"""Largest size of one array as float64."""
_DAMAGE = (*FOREIGN, EOFError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""Errors of zipfile, its decompressors and NumPy's header parser for bytes that they do not understand."""


def arrays(path: Path, needed: Sequence[str], allowed: Sequence[str] | None, kinds: str = NUMBERS) -> dict[str, Any]:
    """The arrays of a .npz file: all that are `needed`, and those of the `allowed` ones that it has (None: whatever it has).

    Raises InputError for a file that is no such archive, is damaged or encrypted, holds arrays of other names or other `kinds`,
    or would unpack to more than MOST_BYTES.
    """
    try:
        with open(path, "rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy warns about headers written by Python 2
            if stream.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX:
                raise InputError(f"{path} holds one array, not an archive; write it with np.savez({path}, X=…, y=…)")
            with zipfile.ZipFile(stream) as archive:
                members = _members(archive, path, needed, allowed)
                return {name: _read(archive, member, f"{path}: {name}", kinds) for name, member in members.items()}
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except _DAMAGE as error:
        raise InputError(f"{path} is not a .npz that can be read: {_text(error)}") from error


def _members(
    archive: zipfile.ZipFile, path: Path, needed: Sequence[str], allowed: Sequence[str] | None
) -> dict[str, zipfile.ZipInfo]:
    members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
    missing = [name for name in needed if name not in members]
    unknown = [] if allowed is None else sorted(set(members) - set(allowed))
    if missing or unknown:
        what = f"has no {' and no '.join(missing)}" if missing else f"has {unknown[0]!r}, which is not known"
        optional = [name for name in allowed or () if name not in needed]
        may = f" and may hold {' and '.join(optional)}" if optional else ""
        raise InputError(
            f"{path} {what}; it must hold arrays {' and '.join(needed)}{may}; it holds "
            f"{', '.join(members)[:200] or 'nothing'}"
        )
    for name, member in members.items():
        if member.flag_bits & 1:
            raise InputError(f"{path}: {name} is encrypted; write it without a password")
    return members


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, kinds: str) -> Any:
    """One array; its data are read only if its header agrees with the size that the archive states."""
    wrong = f"{name} cannot be read; it must be a rectangular array of numbers, not of objects, and undamaged"
    try:
        with archive.open(member) as stream:
            version = npy.read_magic(stream)
            header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = header(stream)
            if dtype.kind not in kinds:
                what = "real numbers" if kinds == NUMBERS else "numbers or text"
                raise InputError(f"{name} must be an array of {what}, got {dtype}")
            count = math.prod(shape)
            require_memory(max(8, dtype.itemsize) * count, name, "use fewer rows or columns", MOST_BYTES)
            if stream.tell() + dtype.itemsize * count != member.file_size:
                raise InputError(f"{wrong}: its header states {count:,} numbers, but the data have another size")
        with archive.open(member) as stream:
            return npy.read_array(stream, allow_pickle=False)
    except InputError:
        raise
    except _DAMAGE as error:
        raise InputError(f"{wrong}: {_text(error)}") from error


def _text(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__} {error}".split())[:200]
