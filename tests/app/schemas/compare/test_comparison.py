"""The shapes of answers about comparisons."""

from app.schemas.compare.comparison import Verdict


def test_a_verdicts_sentences_are_its_answer_then_what_is_open_then_the_evidence() -> None:
    verdict = Verdict(
        jointly=1,
        status="final",
        look=1,
        level=0.03,
        margin=0.0025,
        still_improving=False,
        answer=["a", "b"],
        outlook=["c"],
        evidence=["d"],
        best=[],
        best_of_these_images=[],
        bill=[],
        pairs=[],
    )
    assert verdict.sentences == ["a", "b", "c", "d"]
    assert verdict.model_dump()["sentences"] == verdict.sentences
    assert "sentences" in Verdict.model_json_schema(mode="serialization")["required"]
