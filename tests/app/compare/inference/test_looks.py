"""How much error probability each look may spend."""

from app.compare.inference import looks


def test_all_looks_together_spend_at_most_5_percent() -> None:
    assert looks.level(1) == 0.03
    assert [looks.level(look) for look in (2, 3, 4)] == [0.01, 0.005, 0.0025]
    assert sum(looks.level(look) for look in range(1, 60)) <= 0.05
