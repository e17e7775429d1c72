"""IDX files: which are accepted, and the errors of damaged ones."""

import gzip
import hashlib
import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.data.refusals import (
    IMAGES,
    LABELS,
    MEBIBYTE,
    READERS,
    archive,
    problem,
    stored,
    tape,
    write,
)
from trainer.data.idx import IdxFile
from trainer.data.idx_stream import IdxError


@pytest.mark.parametrize("name", ["some-idx-ubyte.gz", "some-idx-ubyte.GZ", "some-idx-ubyte"])
def test_images_and_labels_are_read_as_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(IMAGES) if path.suffix else IMAGES)
    file = IdxFile.images(path)
    assert file.items.tobytes() == IMAGES[16:]
    assert file.items.shape == (3, 28, 28)
    assert file.digest == hashlib.sha256(IMAGES).hexdigest()
    assert IdxFile.labels(write(tmp_path, LABELS)).items.tolist() == [5, 0, 9]


def test_a_folder_in_a_files_place_is_refused(tmp_path: Path) -> None:
    assert problem(tmp_path) == "can't be read: Is a directory"


def test_a_name_that_is_not_valid_text_is_escaped(tmp_path: Path) -> None:
    with pytest.raises(IdxError) as caught:
        IdxFile.labels(tmp_path / "a\udcff\n\x1b[31mb")
    str(caught.value).encode()
    assert r"a\udcff\n\x1b[31mb can't be read" in str(caught.value)


def damaged(content: bytes, seed: int) -> bytes:
    """The same content with a few bytes changed, removed or repeated."""
    chance, changed = random.Random(seed), bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed) + 1)
        match chance.randrange(3):
            case 0:
                changed[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del changed[place : place + chance.randint(1, 9)]
            case _:
                changed[place:place] = changed[place : place + chance.randint(1, 9)]
    return bytes(changed)


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
def test_any_file_is_read_or_refused_in_little_memory(
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
