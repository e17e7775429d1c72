"""The shapes of answers about images."""

from app.schemas.compare.images import ImageComparison


def test_without_stored_answers_a_comparison_of_images_is_empty_and_says_why() -> None:
    found = ImageComparison(warnings=["no run has finished"]).model_dump()
    assert found.pop("warnings") == ["no run has finished"]
    assert not any(found.values())
