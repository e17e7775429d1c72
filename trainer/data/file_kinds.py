"""Identifies files that are not IDX files by their first bytes."""

import codecs
from dataclasses import dataclass
from typing import Final

from trainer.data.folder import shown

START_BYTES: Final = 512
"""Bytes at the start of a file that are enough to identify its kind."""
GZIP: Final = b"\x1f\x8b"

_AGAIN: Final = "Download or copy the file again"
_FAILED: Final = f"The download failed or requires a login. {_AGAIN}, and check its content."
_UNPACK: Final = "Unpack it, and put its IDX files into this folder."
_CONVERT: Final = "Convert it to IDX files of unsigned bytes."
_QUOTED: Final = 40
"""Characters of a text that a message quotes."""
_UTF_16: Final = (
    ((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE), "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
"""First bytes of UTF-16 text: a byte order mark, or the `<` of a page."""
_TAR_MAGIC: Final = 257
_ZIP_NAME: Final = 30
_ZIP_NAME_LENGTH: Final = 26


@dataclass(frozen=True, slots=True)
class FileKind:
    """The kind of a file, with an article, and the remedy."""

    name: str
    remedy: str


_SIGNATURES: Final = (
    (b"version https://git-lfs", "a Git LFS pointer instead of the file", "Run: git lfs pull"),
    (b"PK\x05\x06", "an empty zip archive", f"{_AGAIN}."),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"BZh", "compressed with bzip2", "Decompress it: only gzip is read."),
    (b"\xfd7zXZ\x00", "compressed with xz", "Decompress it: only gzip is read."),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "Decompress it: only gzip is read."),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "Decompress it: only gzip is read."),
    (b"\x1f\x9d", "compressed with compress (.Z)", "Decompress it: only gzip is read."),
    (b"\x93NUMPY", "a NumPy array (.npy)", _CONVERT),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", _CONVERT),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file", _CONVERT),
    (b"PAR1", "a Parquet file", _CONVERT),
    (b"ARROW1", "an Arrow file", _CONVERT),
    (b"SQLite format 3\x00", "a SQLite database", _CONVERT),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture", "Put all images of a split into one IDX file."),
    (b"\xff\xd8\xff", "a JPEG picture", "Put all images of a split into one IDX file."),
    (b"GIF8", "a GIF picture", "Put all images of a split into one IDX file."),
    (b"BM", "a BMP picture", "Put all images of a split into one IDX file."),
    (b"%PDF-", "a PDF document", f"{_AGAIN}."),
    *((bytes((0x80, version, start)), "a Python pickle", _CONVERT)
      for version in range(2, 6) for start in b"\x95]}(ccX"),
)  # fmt: skip


def kind_of(start: bytes) -> FileKind | None:
    """The kind of a file that begins with these bytes; None if it is unknown."""
    for signature, name, remedy in _SIGNATURES:
        if start.startswith(signature):
            return FileKind(name, remedy)
    if start.startswith(b"PK\x03\x04"):
        return _zip(start)
    if start[_TAR_MAGIC:].startswith(b"ustar"):
        return FileKind("a tar archive", _UNPACK)
    return _text(start)


def _zip(start: bytes) -> FileKind:
    """The kind of a zip archive by the name of its first member: NumPy and PyTorch files are zip archives."""
    length = int.from_bytes(start[_ZIP_NAME_LENGTH : _ZIP_NAME_LENGTH + 2], "little")
    first = start[_ZIP_NAME : _ZIP_NAME + length]
    if first.endswith(b".npy"):
        return FileKind("a NumPy archive (.npz)", _CONVERT)
    if first.endswith(b"/data.pkl"):
        return FileKind("a PyTorch file", _CONVERT)
    return FileKind("a zip archive", _UNPACK)


def _text(start: bytes) -> FileKind | None:
    coding = next((name for marks, name in _UTF_16 if start.startswith(marks)), "utf-8-sig")
    try:
        text = start.decode(coding).strip()
    except UnicodeDecodeError as error:
        # a character cut off at the end of `start` is no error
        if error.reason not in ("unexpected end of data", "truncated data"):
            return None
        text = start[: error.start].decode(coding).strip()
    if not text or not all(letter.isprintable() or letter.isspace() for letter in text):
        return None
    lower = text.lower()
    if lower.startswith(("<!doctype html", "<html", "<head", "<body", "<script")) or "<html" in lower:
        return FileKind("an HTML page", _FAILED)
    if lower.startswith("<"):
        return FileKind("an XML document", _FAILED)
    if "/annex/objects/" in lower:
        return FileKind("a git-annex pointer instead of the file", "Run: git annex get")
    quoted = text.splitlines()[0][:_QUOTED]
    return FileKind(f"text that begins with “{shown(quoted)}”", f"{_AGAIN}, or convert it to IDX.")
