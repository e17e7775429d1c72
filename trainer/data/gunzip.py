"""Decompresses gzip files in pieces, all members included, and reports damage."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from trainer.data.file_kinds import GZIP

PIECE_BYTES: Final = 1 << 18
MOST_EXPANSION: Final = 1032
"""Maximum number of bytes per compressed byte: deflate copies 258 with 2 bits."""

_READ_BYTES: Final = 1 << 14
_GZIP_FORMAT: Final = 16 + zlib.MAX_WBITS


class GzipError(Exception):
    """A gzip file is damaged; the message continues a sentence that begins with its name."""


def gunzip(file: BinaryIO) -> Iterator[bytes]:
    """The content of all members in pieces of at most `PIECE_BYTES`, without zeros between and after members.

    The standard library's `gzip` reads the same content, but skips zeros one by one and does not report
    which member is damaged. Raises `GzipError`.
    """
    member = 0
    rest = file.read(_READ_BYTES)
    while rest:
        if member and not (GZIP.startswith(rest) or rest.startswith(GZIP)):
            begins = rest[: len(GZIP)].hex()
            raise GzipError(f"has non-gzip bytes after the end of its gzip data (0x{begins}…)")
        member += 1
        stream = zlib.decompressobj(wbits=_GZIP_FORMAT)
        while not stream.eof:
            rest = rest or file.read(_READ_BYTES)
            if not rest:
                raise GzipError(f"is truncated: gzip member {member} has no end")
            try:
                piece = stream.decompress(rest, PIECE_BYTES)
            except zlib.error as error:
                raise GzipError(_damage(error, member)) from error
            if piece:
                yield piece
            rest = stream.unconsumed_tail
        rest = _after_zeros(stream.unused_data, file)


def _after_zeros(rest: bytes, file: BinaryIO) -> bytes:
    """The bytes after zeros, which pad a file to the block size of a tape or disk."""
    rest = rest.lstrip(b"\0") or file.read(_READ_BYTES)
    while rest and not rest.lstrip(b"\0"):
        rest = file.read(_READ_BYTES)
    return rest.lstrip(b"\0")


def _damage(error: zlib.error, member: int) -> str:
    reason = str(error).rpartition(": ")[2]
    if reason in ("incorrect data check", "incorrect length check"):
        return f"is damaged: the content of gzip member {member} does not match its checksum ({reason})"
    return f"is not an intact gzip file: member {member} can't be decompressed ({reason})"
