"""A cache bounded by memory."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Content = TypeVar("Content")


class Kept(Generic[Content]):
    """Contents by key: beyond `most_bytes`, the least recently used are evicted. Threads may share it."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._contents: OrderedDict[Hashable, tuple[Content, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Content | None:
        """The content of this key, if it is cached."""
        with self._lock:
            if key not in self._contents:
                return None
            self._contents.move_to_end(key)
            return self._contents[key][0]

    def put(self, key: Hashable, content: Content, size: int) -> None:
        """Cache a content of `size` bytes. The latest content stays even if it is larger than the cache."""
        with self._lock:
            self._bytes += size - self._contents.pop(key, (content, 0))[1]
            self._contents[key] = content, size
            while self._bytes > self._most_bytes and len(self._contents) > 1:
                _, (_, freed) = self._contents.popitem(last=False)
                self._bytes -= freed
