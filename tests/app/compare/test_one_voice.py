"""Headline, bill, pairs, table, offers and sentences of random comparisons never contradict each other."""

import re
from typing import get_args

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.compare.inference import looks
from app.compare.inference.conclusions import Conclusions, Measured
from app.compare.inference.differences import Sample, Spread
from app.compare.inference.needs import needs
from app.compare.inference.standing import Standing
from app.compare.inference.trend import Slope
from app.compare.verdict import verdict
from app.compare.view import turned
from app.compare.wording import Wording
from app.prose import in_percent, listed
from app.schemas.compare.comparison import ClaimStatus, Pair, Verdict
from tests.app.compare.judged import of_depth

_IMAGES = 400
_OPPOSITE = {"better": "worse", "worse": "better", "equivalent": "equivalent", "undecided": "undecided"}


@st.composite
def comparisons(draw: st.DrawFn) -> Conclusions:
    """Groups of one to six runs with or without predictions, alike or apart, at any look and margin."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 7))
    predicted = draw(st.booleans())
    apart = draw(st.sampled_from([0.0, 0.01, 0.05, 0.2]))
    groups, measured = [], []
    for depth in range(1, count + 1):
        n = draw(st.integers(1, 6))
        skill = chance.normal(0.7, apart)
        hard = chance.random(_IMAGES)
        spread = draw(st.sampled_from([0.0, 0.005, 0.05]))
        correct = np.array([hard < np.clip(skill + chance.normal(0, spread), 0.2, 0.99) for _ in range(n)])
        if draw(st.booleans()):
            correct ^= chance.random(correct.shape) < 0.02
        values = [float(run.mean()) for run in correct]
        groups.append(of_depth(depth, values))
        rise = float(chance.normal(0, draw(st.sampled_from([0.0, 0.001, 0.01]))))
        slope = Slope(rise, Spread(draw(st.sampled_from([0.0, 1e-7])), 9.0), 5.0)
        has_images = predicted or draw(st.booleans())
        measured.append(
            Measured(Sample(values, correct if has_images else None), draw(st.sampled_from([None, slope])))
        )
    look = draw(st.integers(1, 4))
    status: ClaimStatus = draw(st.sampled_from(get_args(ClaimStatus)))
    reason = "" if status == "final" else "some reason"
    margin = draw(st.sampled_from([0.0025, 0.02, 0.1]))
    return Conclusions(groups, measured, Standing(status, look, looks.level(look), reason), margin)


def by_places(found: Verdict) -> dict[tuple[str, str], Pair]:
    both = {pair.ids: pair for pair in found.pairs}
    return both | {(pair.ids[1], pair.ids[0]): turned(pair) for pair in found.pairs}


@settings(max_examples=150, deadline=None)
@given(comparisons())
def test_no_two_parts_of_a_verdict_disagree(concluded: Conclusions) -> None:
    found = verdict(concluded)
    pairs = by_places(found)
    labels = {group.id: group.label for group in concluded.groups}

    # an answer is what its interval shows
    for pair in pairs.values():
        if pair.interval is None:
            assert pair.answer is None
            assert pair.untested
            continue
        low, high = pair.interval
        assert low <= pair.difference <= high
        within = -found.margin < low and high < found.margin
        expected = "better" if low > 0 else "worse" if high < 0 else "equivalent" if within else "undecided"
        assert pair.answer == expected
        assert pair.exceeds_margin == (low > found.margin or high < -found.margin)
        assert _OPPOSITE[pair.answer] == pairs[pair.ids[1], pair.ids[0]].answer

    # the best are those that no pair calls worse
    worse = {pair.ids[1] for pair in pairs.values() if pair.answer == "worse"}
    tested = {group_id for pair in found.pairs if pair.interval for group_id in pair.ids}
    if len(labels) == 1:
        tested = set(labels)
    assert found.best == [group_id for group_id in labels if group_id in tested and group_id not in worse]
    if all(pair.new_images for pair in found.pairs if pair.interval):
        assert set(found.best_of_these_images) <= set(found.best), "fewer are ruled out on new images"

    # the headline names exactly them; if their means are far apart, from the highest to the lowest
    if len(labels) > 1 and any(pair.interval for pair in found.pairs):
        names = listed([labels[group_id] for group_id in found.best])
        best = [group for group in concluded.groups if group.id in found.best]
        falling = sorted(best, key=lambda group: group.mean, reverse=True)
        ranked = listed([f"{labels[group.id]} ({in_percent(group.mean)})" for group in falling])
        headline = found.answer[0].lower()
        if len(found.best) == len(tested):
            assert "no depth is shown to be better" in headline or f"{names} are equivalent" in headline
        else:
            assert re.search(
                r"the best( on new images of the same kind)? (is|are|is among) "
                rf"({re.escape(names)}|{re.escape(ranked)})(?!\w)",
                headline,
            )
        assert ("new images" in headline) == all(pair.new_images for pair in found.pairs if pair.interval)

    # the bill repeats pairs, in words too
    for receipt, sentence in zip(found.bill, found.evidence, strict=True):
        pair = pairs[receipt.ids]
        assert (receipt.difference, receipt.interval, receipt.answer) == (
            pair.difference,
            pair.interval,
            pair.answer,
        )
        if pair.interval:
            assert Wording(found.status, found.margin).bracketed(pair.interval) in sentence
            assert str(pair.answer) in sentence


@settings(max_examples=100, deadline=None)
@given(comparisons())
def test_the_status_and_offers_agree_with_the_pairs(concluded: Conclusions) -> None:
    found = verdict(concluded)
    if found.status != "final":
        assert found.answer[0].lower().startswith(found.status)

    # seeds are offered only where they can decide something
    needed = needs(concluded)
    if not any(len(group.runs) == 1 for group in concluded.groups):
        open_groups = {
            group_id
            for pair in found.pairs
            if pair.answer == "undecided" and set(pair.ids) <= set(found.best)
            for group_id in pair.ids
        }
        assert needed.seeds.keys() <= open_groups


@settings(max_examples=60, deadline=None)
@given(comparisons())
def test_intervals_for_new_images_contain_those_for_these_images(concluded: Conclusions) -> None:
    for pair in concluded.pairs:
        if pair.interval and pair.of_these_images:
            assert pair.interval[0] <= pair.of_these_images[0] <= pair.of_these_images[1] <= pair.interval[1]


@settings(max_examples=60, deadline=None)
@given(comparisons())
def test_a_later_look_never_claims_what_an_earlier_one_does_not(concluded: Conclusions) -> None:
    first = Conclusions(
        concluded.groups, concluded.measured, Standing("final", 1, looks.level(1)), concluded.margin
    )
    second = Conclusions(
        concluded.groups, concluded.measured, Standing("final", 2, looks.level(2)), concluded.margin
    )
    for early, late in zip(first.pairs, second.pairs, strict=True):
        if late.answer in ("better", "worse"):
            assert early.answer == late.answer
