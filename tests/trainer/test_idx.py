"""IDX files: what is accepted, and what a damaged one is told."""

import codecs
import gzip
import hashlib
import io
import random
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.idx_files import images, labels
from trainer import gunzip, idx_stream
from trainer.idx import IdxFile
from trainer.idx_stream import IdxError

IMAGES = images(3)
LABELS = labels([5, 0, 9])
READERS: dict[str, Callable[[Path], IdxFile]] = {"images": IdxFile.images, "labels": IdxFile.labels}
MEBIBYTE = 1 << 20


def write(folder: Path, content: bytes) -> Path:
    path = folder / "some-idx-ubyte.gz"
    path.write_bytes(gzip.compress(content))
    return path


def stored(folder: Path, content: bytes, name: str = "some-idx-ubyte.gz") -> Path:
    """A file of exactly these bytes."""
    path = folder / name
    path.write_bytes(content)
    return path


def refusal(path: Path, kind: str = "labels") -> IdxError:
    with pytest.raises(IdxError) as caught:
        READERS[kind](path)
    assert str(caught.value).startswith(f"{path} ")
    assert caught.value.remedy.endswith((".", "git lfs pull", "git annex get"))
    return caught.value


def problem(path: Path, kind: str = "labels") -> str:
    """What is wrong with a file."""
    return str(refusal(path, kind)).removeprefix(f"{path} ")


@pytest.mark.parametrize("name", ["some-idx-ubyte.gz", "some-idx-ubyte.GZ", "some-idx-ubyte"])
def test_images_and_labels_are_read_as_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(IMAGES) if path.suffix else IMAGES)
    file = IdxFile.images(path)
    assert file.items.tobytes() == IMAGES[16:]
    assert file.items.shape == (3, 28, 28)
    assert file.digest == hashlib.sha256(IMAGES).hexdigest()
    assert IdxFile.labels(write(tmp_path, LABELS)).items.tolist() == [5, 0, 9]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "holds nothing: its gzip data is empty"),
        (IMAGES[:3], "is cut short: 3 bytes, less than its header of 16"),
        (IMAGES[:15], "is cut short: 15 bytes, less than its header of 16"),
        (
            LABELS + bytes(8),
            (
                "begins with the magic number 0x00000801 (unsigned bytes in 1 dimension), not 0x00000803 "
                "(unsigned bytes in 3 dimensions: images)"
            ),
        ),
        (images(3, columns=27), "holds images of 28x27 pixels, not of 28x28"),
        (images(3, rows=32, columns=32), "holds images of 32x32 pixels, not of 28x28"),
        (
            struct.pack(">4I", 0x803, 4, 28, 28) + IMAGES[16:],
            "holds 2,352 bytes after its header, not the 3,136 of the 4 images that this states",
        ),
        (
            struct.pack(">4I", 0x803, 2**32 - 1, 28, 28) + IMAGES[16:],
            "states that it holds 4,294,967,295 images; at most 10,000,000 are read",
        ),
        (IMAGES[:-1], "holds 2,351 bytes after its header, not the 2,352 of the 3 images that this states"),
        (
            IMAGES + b"\0",
            (
                "holds more bytes after its header than the 2,352 of the 3 images that this states; it is "
                "read no further"
            ),
        ),
        (images(0), "holds no image"),
        (
            struct.pack(">4I", 0xC03, 1, 28, 28) + bytes(4 * 784),
            (
                "begins with the magic number 0x00000c03 (32-bit integers in 3 dimensions, 1x28x28), not "
                "0x00000803 (unsigned bytes in 3 dimensions: images)"
            ),
        ),
        (
            struct.pack(">5I", 0x804, 2, 28, 28, 1) + bytes(2 * 784),
            (
                "begins with the magic number 0x00000804 (unsigned bytes in 4 dimensions, 2x28x28x1), not "
                "0x00000803 (unsigned bytes in 3 dimensions: images)"
            ),
        ),
        (
            struct.pack(">2I", 0x802, 2000) + bytes([9, 0, 0, 3] * 500),
            (
                "begins with the magic number 0x00000802 (unsigned bytes in 2 dimensions), not 0x00000803 "
                "(unsigned bytes in 3 dimensions: images)"
            ),
        ),
        (
            bytes(800),
            (
                "begins with the magic number 0x00000000 (type 0x00, which IDX does not have), not "
                "0x00000803 (unsigned bytes in 3 dimensions: images)"
            ),
        ),
        (
            struct.pack("<4I", 0x803, 3, 28, 28) + IMAGES[16:],
            "begins with the magic number 0x03080000: its integers are little-endian",
        ),
    ],
)
def test_damaged_images_are_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    assert problem(write(tmp_path, content), "images") == expected


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0x09, "signed bytes"),
        (0x0B, "16-bit integers"),
        (0x0C, "32-bit integers"),
        (0x0D, "32-bit floats"),
        (0x0E, "64-bit floats"),
    ],
)
def test_every_type_of_idx_is_named(tmp_path: Path, code: int, words: str) -> None:
    assert f"0x0000{code:02x}01 ({words} in 1 dimension)" in problem(
        write(tmp_path, bytes((0, 0, code, 1)) + LABELS[4:])
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            IMAGES,
            (
                "begins with the magic number 0x00000803 (unsigned bytes in 3 dimensions, 3x28x28), not "
                "0x00000801 (unsigned bytes in 1 dimension: labels)"
            ),
        ),
        (LABELS[:-1], "holds 2 bytes after its header, not the 3 of the 3 labels that this states"),
        (labels([1, 10, 2]), "holds the label 10 (number 2 of 3), not 0 to 9"),
        (labels([255]), "holds the label 255 (number 1 of 1), not 0 to 9"),
        (labels([0] * 600_000 + [26]), "holds the label 26 (number 600,001 of 600,001), not 0 to 9"),
    ],
)
def test_damaged_labels_are_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    assert problem(write(tmp_path, content)) == expected
    assert problem(stored(tmp_path, content, "plain")) == expected


def test_images_in_the_place_of_labels_are_told_so(tmp_path: Path) -> None:
    assert "in each other's place" in refusal(write(tmp_path, IMAGES)).remedy


def members(content: bytes, size: int) -> bytes:
    """A gzip file of several members, as `cat a.gz b.gz` and bgzip write it."""
    return b"".join(gzip.compress(content[at : at + size]) for at in range(0, len(content), size))


@pytest.mark.parametrize(
    "compressed",
    [
        gzip.compress(IMAGES[:7]) + gzip.compress(IMAGES[7:]),
        members(IMAGES, 100) + gzip.compress(b""),  # bgzip ends with an empty member
        gzip.compress(b"") + gzip.compress(IMAGES),
        gzip.compress(IMAGES) + bytes(40_000),  # padded to the block of a tape
        gzip.compress(IMAGES[:100]) + bytes(512) + gzip.compress(IMAGES[100:]),
    ],
    ids=["concatenated", "bgzip", "empty first", "padded", "padded between"],
)
def test_a_gzip_file_of_several_members_is_read_whole(tmp_path: Path, compressed: bytes) -> None:
    assert IdxFile.images(stored(tmp_path, compressed)).digest == hashlib.sha256(IMAGES).hexdigest()


def test_a_second_member_counts_as_content(tmp_path: Path) -> None:
    path = stored(tmp_path, gzip.compress(LABELS) + gzip.compress(b"\1"))
    assert "holds more bytes after its header than the 3 of the 3 labels" in problem(path)


@pytest.mark.parametrize("kept", [1, 9, 15, -1, -4, -8])
def test_a_gzip_file_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    path = write(tmp_path, LABELS)
    path.write_bytes(path.read_bytes()[:kept])
    assert "is cut short" in problem(path)
    path.write_bytes(gzip.compress(LABELS) + path.read_bytes())
    assert problem(path) == "is cut short: gzip member 2 has no end"


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (12, "is not an intact gzip file: member 1 can't be decompressed"),
        (2, "member 1 can't be decompressed (unknown compression method)"),
        (-6, "the content of gzip member 1 does not have the stored checksum (incorrect data check)"),
        (-1, "the content of gzip member 1 does not have the stored checksum (incorrect length check)"),
    ],
)
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, position: int, expected: str) -> None:
    path = write(tmp_path, LABELS)
    compressed = bytearray(path.read_bytes())
    compressed[position] ^= 0xFF
    path.write_bytes(compressed)
    assert expected in problem(path)
    path.write_bytes(gzip.compress(b"") + compressed)
    assert "member 2" in problem(path)


@pytest.mark.parametrize("garbage", [b"x", b"\x1fx", bytes(20_000) + b"some text"])
def test_bytes_after_the_gzip_data_are_refused(tmp_path: Path, garbage: bytes) -> None:
    path = stored(tmp_path, gzip.compress(LABELS) + garbage)
    assert problem(path).startswith("goes on after the end of its gzip data with bytes that are none (0x")


def test_compressed_content_under_a_plain_name_is_told_to_be_renamed_and_the_reverse(tmp_path: Path) -> None:
    error = refusal(stored(tmp_path, LABELS, "labels.gz"))
    assert str(error).endswith("labels.gz is not compressed, though its name says so")
    assert error.remedy == "Rename it to labels."
    error = refusal(stored(tmp_path, gzip.compress(LABELS), "labels"))
    assert str(error).endswith("labels is compressed with gzip, though its name does not end in .gz")
    assert error.remedy == "Rename it to labels.gz, or decompress it."


def archive(name: str) -> bytes:
    """A zip archive of one member."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr(name, b"whatever")
    return content.getvalue()


def tape() -> bytes:
    """A tar archive of one member."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as file:
        file.addfile(tarfile.TarInfo("labels"), io.BytesIO())
    return content.getvalue()


def array() -> bytes:
    """A NumPy file."""
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "expected", "remedy"),
    [
        (
            b"\n<!DOCTYPE html><html><title>Sign in</title>",
            "an HTML page",
            "download failed or needs a login",
        ),
        (b"<HTML><body>404</body></HTML>", "an HTML page", "download failed or needs a login"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><Error/>", "an XML document", "download failed or needs a login"),
        ("<!DOCTYPE html><html>é".encode("utf-16"), "an HTML page", "download failed or needs a login"),
        (codecs.BOM_UTF16_BE + "<html>".encode("utf-16-be"), "an HTML page", "download failed"),
        (("<html>" + "é" * 300).encode("utf-16-le")[:-1], "an HTML page", "download failed"),
        ("\n<head>".encode("utf-16"), "an HTML page", "download failed or needs a login"),
        ("label,pixel0\n".encode("utf-16"), "text that begins with “label,pixel0”", "convert it to IDX"),
        (b'{"message": "Not Found"}', 'text that begins with “{"message": "Not Found"}”', "again"),
        (b"label,pixel0\n5,0\n", "text that begins with “label,pixel0”", "convert it to IDX"),
        (("é" * 300).encode(), "text that begins with “éé", "again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer", "git lfs pull"),
        (b"/annex/objects/SHA256E-s10--0\n", "a git-annex pointer", "git annex get"),
        (archive("train-images-idx3-ubyte"), "a zip archive", "Unpack it"),
        (archive("train_images.npy"), "a NumPy archive (.npz)", "Convert it"),
        (archive("archive/data.pkl"), "a PyTorch file", "Convert it"),
        (tape(), "a tar archive", "Unpack it"),
        (array(), "a NumPy array (.npy)", "Convert it"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "a PNG picture", "one IDX file"),
        (b"\xfd7zXZ\x00" + bytes(30), "compressed with xz", "only gzip is read"),
        (b"\x80\x04\x95" + bytes(30), "a Python pickle", "Convert it"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: bytes, expected: str, remedy: str) -> None:
    for path, said in (
        (stored(tmp_path, content, "plain"), f"is {expected}"),
        (stored(tmp_path, content, "named.gz"), f"is {expected}"),
        (write(tmp_path, content), f"is, once decompressed, {expected}"),
    ):
        error = refusal(path)
        assert said in str(error)
        assert remedy in error.remedy


def test_a_file_of_no_known_kind_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    content = b"\x05\x06\x07\x08" + bytes(30)
    assert problem(stored(tmp_path, content, "plain")) == "is not an IDX file: it begins with 0x05060708"
    assert problem(stored(tmp_path, content)) == "is not a gzip file: it begins with 0x05060708"
    assert problem(write(tmp_path, content)) == "is not an IDX file: it begins with 0x05060708"


def test_an_empty_file_and_one_compressed_twice_are_named(tmp_path: Path) -> None:
    assert problem(stored(tmp_path, b"")) == "is empty"
    assert problem(stored(tmp_path, b"", "plain")) == "is empty"
    assert problem(write(tmp_path, gzip.compress(LABELS))) == "is compressed twice"


def test_a_folder_in_a_files_place_is_refused(tmp_path: Path) -> None:
    assert problem(tmp_path) == "can't be read: Is a directory"


def test_a_name_that_is_no_text_is_written_in_words_that_are(tmp_path: Path) -> None:
    with pytest.raises(IdxError) as caught:
        IdxFile.labels(tmp_path / "a\udcff\n\x1b[31mb")
    str(caught.value).encode()
    assert r"a\udcff\n\x1b[31mb can't be read" in str(caught.value)


def bomb(header: bytes, zeros: int) -> bytes:
    """A gzip file of one member that holds this header and so many MiB of zeros."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    first = stream.compress(header) + stream.flush(zlib.Z_FULL_FLUSH)
    block = stream.compress(bytes(MEBIBYTE)) + stream.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + bytes(7) + first + block * zeros + stream.flush() + bytes(8)


@pytest.mark.parametrize("kind", ["images", "labels"])
def test_a_file_that_holds_a_gibibyte_is_read_as_far_as_its_header_allows(tmp_path: Path, kind: str) -> None:
    header = IMAGES[:16] if kind == "images" else LABELS[:8]
    path = stored(tmp_path, bomb(header, 1024))
    assert path.stat().st_size < 1.1 * MEBIBYTE
    tracemalloc.start()
    try:
        assert "it is read no further" in problem(path, kind)
        assert tracemalloc.get_traced_memory()[1] < 2 * MEBIBYTE
    finally:
        tracemalloc.stop()
    path.write_bytes(gzip.compress(header) + gzip.compress(bytes(MEBIBYTE)) * 1024)
    assert "it is read no further" in problem(path, kind)


def test_no_more_is_decompressed_than_shows_that_there_is_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored(tmp_path, bomb(IMAGES[:16], 1024))
    read: list[int] = []

    def counted(file: BinaryIO) -> Iterator[bytes]:
        for piece in gunzip.gunzip(file):
            read.append(len(piece))
            yield piece

    monkeypatch.setattr(idx_stream, "gunzip", counted)
    refusal(path, "images")
    assert sum(read) <= 2 * gunzip.PIECE_BYTES


def test_a_header_that_states_more_than_the_file_can_hold_is_refused_before_it_is_read(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, struct.pack(">4I", 0x803, 9_000_000, 28, 28) + bytes(100 * 784))
    assert problem(path, "images") == (
        "states that it holds 9,000,000 images, 7,056,000,000 bytes, more than the "
        f"{path.stat().st_size:,} bytes of this gzip file can hold"
    )


def damaged(content: bytes, seed: int) -> bytes:
    """The same content with a few bytes changed, removed or repeated."""
    chance, found = random.Random(seed), bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(found) + 1)
        match chance.randrange(3):
            case 0:
                found[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del found[place : place + chance.randint(1, 9)]
            case _:
                found[place:place] = found[place : place + chance.randint(1, 9)]
    return bytes(found)


SEEDS = st.integers(0, 2**32)
BYTES = st.one_of(
    st.binary(max_size=200),
    st.builds(lambda start, rest: start + rest, st.sampled_from([IMAGES[:16], LABELS[:8]]), st.binary()),
    st.builds(damaged, st.sampled_from([IMAGES, LABELS, archive("a"), tape()]), SEEDS),
)
FILES = st.one_of(
    BYTES,
    BYTES.map(gzip.compress),
    st.builds(lambda first, second: gzip.compress(first) + gzip.compress(second), BYTES, BYTES),
    st.builds(lambda content, seed: damaged(gzip.compress(content), seed), BYTES, SEEDS),
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(content=FILES, name=st.sampled_from(["a", "a.gz"]), kind=st.sampled_from(["images", "labels"]))
def test_whatever_a_file_holds_it_is_read_or_refused_in_little_memory(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str, kind: str
) -> None:
    path = stored(tmp_path_factory.getbasetemp(), content, name)
    tracemalloc.start()
    try:
        file = READERS[kind](path)
    except IdxError as error:
        str(error).encode()
    else:
        plain = gzip.decompress(content) if name.endswith(".gz") else content
        assert file.digest == hashlib.sha256(plain).hexdigest()
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MEBIBYTE
