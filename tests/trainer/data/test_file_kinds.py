"""Files of other kinds in the place of an IDX file are named."""

import codecs
import io
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.data.refusals import archive, problem, refusal, stored, tape, write


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
            "download failed or requires a login",
        ),
        (b"<HTML><body>404</body></HTML>", "an HTML page", "download failed or requires a login"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><Error/>", "an XML document", "download failed or requires"),
        ("<!DOCTYPE html><html>é".encode("utf-16"), "an HTML page", "download failed or requires a login"),
        (codecs.BOM_UTF16_BE + "<html>".encode("utf-16-be"), "an HTML page", "download failed"),
        (("<html>" + "é" * 300).encode("utf-16-le")[:-1], "an HTML page", "download failed"),
        ("\n<head>".encode("utf-16"), "an HTML page", "download failed or requires a login"),
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


def test_a_file_of_unknown_kind_is_described_by_its_first_bytes(tmp_path: Path) -> None:
    content = b"\x05\x06\x07\x08" + bytes(30)
    assert problem(stored(tmp_path, content, "plain")) == "is not an IDX file: it begins with 0x05060708"
    assert problem(stored(tmp_path, content)) == "is not a gzip file: it begins with 0x05060708"
    assert problem(write(tmp_path, content)) == "is not an IDX file: it begins with 0x05060708"
