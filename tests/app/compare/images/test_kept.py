"""A cache that is bounded by memory."""

import threading
from concurrent.futures import ThreadPoolExecutor

from app.compare.images.kept import Kept


def test_a_content_is_found_by_its_key() -> None:
    kept = Kept[str](100)
    assert kept.get("a") is None
    kept.put("a", "content", 10)
    assert kept.get("a") == "content"
    kept.put("a", "new", 10)
    assert kept.get("a") == "new"


def test_the_least_recently_used_make_room() -> None:
    kept = Kept[str](30)
    for key in "abc":
        kept.put(key, key.upper(), 10)
    kept.get("a")
    kept.put("d", "D", 10)
    assert [kept.get(key) for key in "abcd"] == ["A", None, "C", "D"]
    kept.put("e", "E", 25)
    assert [kept.get(key) for key in "acde"] == [None, None, None, "E"]


def test_a_replaced_content_counts_once() -> None:
    kept = Kept[str](30)
    kept.put("a", "A", 10)
    for _ in range(5):
        kept.put("b", "B", 20)
    assert kept.get("a") == "A"


def test_the_latest_content_stays_even_if_it_is_larger_than_the_cache() -> None:
    kept = Kept[str](30)
    kept.put("a", "A", 10)
    kept.put("large", "L", 40)
    assert (kept.get("a"), kept.get("large")) == (None, "L")
    kept.put("b", "B", 10)
    assert (kept.get("large"), kept.get("b")) == (None, "B")


def test_threads_share_it() -> None:
    kept, together = Kept[int](50), threading.Barrier(4)

    def use(thread: int) -> bool:
        together.wait()
        for number in range(500):
            kept.put(number % 20, number % 20, 10)
        return all(kept.get(key) in (None, key) for key in range(20)) and thread < 4

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(use, range(4)))
