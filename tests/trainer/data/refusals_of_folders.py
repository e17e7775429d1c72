"""Folders of data sets that are refused, and the digests of their files."""

import hashlib
from pathlib import Path

import pytest

from tests.trainer.idx_files import Contents
from trainer.data.folder import FILES, DataFolder
from trainer.data.inspection import DataError
from trainer.data.loading import load


def sha256(content: bytes | bytearray) -> str:
    return hashlib.sha256(content).hexdigest()


def combined(contents: Contents) -> str:
    return sha256("".join(sha256(contents[name]) for name in FILES).encode())


def refusal(dataset: str, folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        load(dataset, DataFolder(folder))
    return str(caught.value)
