"""What a comparison says in words."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.compare.groups import Group
from app.compare.inference import looks
from app.compare.inference.conclusions import Conclusions
from app.compare.inference.standing import Standing
from app.compare.verdict import verdict
from app.compare.wording import Wording
from app.prose import DEPTHS
from tests.app.compare.judged import (
    APART,
    CLOSE,
    IMAGES,
    LEARNING_RATES,
    SAME,
    conclusions,
    depths,
    disjoint,
    group,
    judge,
    keyed,
    lr,
    mixing,
    nested,
    of_depth,
)

FINAL_WORDS = Wording("final", 0.0025)
AHEAD = "ahead of 1 layer by more than 0.25 pp"
ONLY_THESE = (
    "This holds for these test images only: predictions are missing, so nothing is known about new images."
)
ON_NEW = "on new images of the same kind"
PROVISIONAL = Standing("provisional", 2, looks.level(2), "1 of 6 planned runs has not ended")
EXPLORATORY = Standing(
    "exploratory", None, looks.FIRST, "these runs were selected after their results were visible"
)


def rising(groups: Sequence[Group], steps: Mapping[int, float]) -> dict[int, list[float]]:
    """Recent test accuracies of each run that rise by its depth's step every epoch, to its final one."""
    return {
        run.id: [(run.test_accuracy or 0.0) - back * steps[group.depth or 0] for back in (3, 2, 1, 0)]
        for group in groups
        for run in group.runs
    }


# The headline


def test_the_verdict_without_results_says_so() -> None:
    found = judge({})
    assert found.sentences == ["There are no results to compare."]
    assert verdict(conclusions([]), nothing="No run finished.").answer == ["No run finished."]
    assert (found.pairs, found.bill, found.best) == ([], [], [])


def test_one_depth_is_reported_and_not_compared() -> None:
    found = judge({3: [0.97, 0.98]})
    assert (found.pairs, found.best) == ([], ["depth=3"])
    sentence = "3 layers reached 97.50 % test accuracy (2 seeds); with only one depth "
    assert found.sentences == [f"{sentence}there is no other to compare it with."]


def test_one_group_that_beats_all_others_is_the_best() -> None:
    found = judge(APART)
    (pair,) = found.pairs
    assert (pair.depths, pair.groups, pair.ids) == (
        (1, 2),
        ("1 layer", "2 layers"),
        ("depth=1", "depth=2"),
    )
    assert pair.difference == pytest.approx(0.051)
    assert (pair.answer, pair.exceeds_margin, pair.improvement) == ("better", True, 1.0)
    assert found.best == ["depth=2"]
    assert found.answer == [
        f"The best is 2 layers, with 97.20 % test accuracy (3 seeds), {AHEAD}.",
        ONLY_THESE,
    ]
    assert found.evidence == ["+ layer 2: +5.10 pp [+4.85, +5.35], better by more than the margin."]


def test_groups_that_no_other_beats_may_each_be_the_best() -> None:
    found = judge(APART | CLOSE)
    assert found.best == ["depth=3", "depth=4"]
    assert found.answer[0] == "The best is among 3 and 4 layers."


@pytest.mark.parametrize(
    ("others", "answer"),
    [
        (
            {1: [0.60, 0.68]},
            (
                "2 layers (91.32 %) and 1 layer (64.00 %). 1 layer can't be ruled out: its 2 seeds vary by "
                "8.00 pp."
            ),
        ),
        (
            {1: [0.4, 0.68, 0.6], 4: [0.5, 0.68, 0.7]},
            (
                "2 layers (91.32 %), 4 layers (62.67 %) and 1 layer (56.00 %). 1 and 4 layers can't be "
                "ruled out: their seeds vary by up to 28.00 pp."
            ),
        ),
        (
            {1: [0.1, 0.9, 0.2], 5: [0.1, 0.7, 0.2], 4: [0.2, 0.9, 0.3]},
            (
                "2 layers (91.32 %), 4 layers (46.67 %), 1 layer (40.00 %) and 5 layers (33.33 %). The 3 "
                "with the lowest means can't be ruled out: their seeds vary by up to 80.00 pp."
            ),
        ),
    ],
)
def test_a_headline_says_why_a_group_with_a_far_lower_mean_may_be_the_best(
    others: dict[int, list[float]], answer: str
) -> None:
    beaten = {2: [0.914, 0.912, 0.9135], 3: [0.899, 0.9, 0.8985]}
    assert judge(others | beaten).answer[0] == f"The best is among {answer}"


def test_the_best_groups_are_called_equivalent_only_if_all_their_pairs_are() -> None:
    found = judge({1: [0.92, 0.9201], **SAME})
    assert found.answer[0] == "The best are 5 and 6 layers, which are equivalent within 0.25 pp."
    wider = judge({1: [0.92, 0.9201], **SAME, 7: [0.9800, 0.9830, 0.9810]})
    assert wider.answer[0] == "The best is among 5, 6 and 7 layers."


def test_all_groups_can_be_equivalent() -> None:
    found = judge(SAME)
    assert found.pairs[0].answer == "equivalent"
    assert found.best == ["depth=5", "depth=6"]
    assert found.answer[0] == "5 and 6 layers are equivalent within 0.25 pp."


def test_equivalence_is_within_the_margin_that_was_asked_for() -> None:
    found = verdict(conclusions(depths(CLOSE), margin=0.01))
    assert found.margin == 0.01
    assert found.answer[0] == "3 and 4 layers are equivalent within 1 pp."
    narrow = verdict(conclusions(depths(SAME), margin=0.0001))
    assert narrow.pairs[0].answer == "undecided"
    assert narrow.answer[0] == "No depth is shown to be better than another."


def test_where_no_group_beats_another_it_is_said() -> None:
    found = judge(CLOSE)
    assert (found.pairs[0].answer, found.best) == ("undecided", ["depth=3", "depth=4"])
    assert found.answer[0] == "No depth is shown to be better than another."


def test_single_seeds_are_called_no_evidence() -> None:
    found = judge({1: [0.92], 2: [0.97]})
    (pair,) = found.pairs
    assert (pair.interval, pair.answer, pair.untested) == (None, None, "both have a single seed")
    (headline,) = found.answer
    assert headline == (
        "2 layers reached the highest mean test accuracy, 97.00 %. "
        "Without intervals, the order may be due to chance."
    )
    assert found.outlook == ["1 and 2 layers have a single seed each, so there is no interval. Add seeds."]
    assert found.evidence == ["+ layer 2: +5.00 pp (both have a single seed)."]


def test_a_single_seed_on_one_side_leaves_that_pair_without_an_answer() -> None:
    found = judge({**APART, 3: [0.96]})
    assert [pair.answer for pair in found.pairs] == ["better", None, None]
    assert [pair.untested for pair in found.pairs] == [None, *["3 layers has a single seed"] * 2]
    assert found.best == ["depth=2"], "nothing is known of 3 layers"
    assert found.answer[0].startswith("The best is 2 layers, ")
    assert found.answer[0].endswith("; 3 layers (96.00 %), with one run, can't be ranked.")
    assert found.outlook == ["3 layers has a single seed, so there is no interval. Add seeds."]


def test_runs_without_any_spread_have_no_interval_without_predictions() -> None:
    found = judge({1: [0.9, 0.9], 2: [0.95, 0.95]})
    assert found.pairs[0].untested == "accuracies are constant over seeds, and predictions are missing"
    assert found.answer[0].endswith("Without intervals, the order may be due to chance.")


def test_groups_that_mix_configurations_are_not_ranked_and_it_is_said_what_to_do() -> None:
    one, other = mixing("1 layer", [0.92, 0.93, 0.94, 0.95]), mixing("2 layers", [0.96, 0.961, 0.962, 0.963])
    found = verdict(conclusions([one, other]))
    (pair,) = found.pairs
    assert (pair.interval, pair.answer) == (None, None)
    assert pair.untested == "the runs of 1 and 2 layers differ in learning rate: split by learning rate"
    assert (found.best, found.best_of_these_images, found.outlook) == ([], [], [])
    why = "The runs of 1 and 2 layers differ in learning rate, so they can't be ranked"
    assert found.answer == [f"{why}: split by learning rate."]


def test_groups_on_other_images_are_neither_better_nor_worse() -> None:
    digits = group({"dataset": "mnist"}, [0.98, 0.981], datasets=["mnist"])
    clothes = group({"dataset": "clothes"}, [0.88, 0.881], datasets=["clothes"])
    found = verdict(conclusions([clothes, digits]))
    assert (found.pairs[0].answer, found.pairs[0].untested) == (None, "the groups used different images")
    assert (found.best, found.outlook) == ([], [])
    assert found.answer == ["These runs used different images (clothes and mnist), so they can't be ranked."]


def test_runs_that_all_guess_are_not_ranked_and_a_single_one_does_not_hinder_it() -> None:
    guesses: list[Group] = [of_depth(depth, [0.1, 0.1, 0.11], guessing=["constant"] * 3) for depth in (1, 2)]
    found = verdict(conclusions(guesses))
    assert found.answer == ["No run is significantly above guessing, so the groups can't be ranked."]
    assert found.best == []
    part = verdict(conclusions([guesses[0], of_depth(2, [0.97, 0.971, 0.972])]))
    assert part.answer[0] == f"The best is 2 layers, with 97.10 % test accuracy (3 seeds), {AHEAD}."


def test_the_settings_that_all_runs_share_come_first() -> None:
    found = verdict(conclusions(depths(APART)), settings="SGD at learning rate 0.05, 20 epochs")
    assert found.answer[0].startswith("With SGD at learning rate 0.05, 20 epochs: the best is 2 layers,")
    alone = verdict(conclusions(depths({1: [0.9]})), settings="Adam")
    assert alone.answer[0].startswith("With Adam: 1 layer reached 90.00 % test accuracy (1 seed);")


def test_other_groups_than_depths_are_named_by_their_labels() -> None:
    found = verdict(conclusions([lr("lr 0.01", [0.92, 0.93]), lr("lr 0.1", [0.93, 0.92])]), LEARNING_RATES)
    assert found.pairs[0].depths is None
    assert found.answer[0] == "No learning rate is shown to be better than another."
    assert found.evidence[0].startswith("lr 0.1 vs. lr 0.01: 0.00 pp [")


# How far it can be trusted


def test_a_provisional_answer_says_what_has_not_ended() -> None:
    found = judge(APART, PROVISIONAL)
    assert (found.status, found.look, found.level) == ("provisional", 2, 0.01)
    assert found.answer[0].startswith("Provisional: so far, the best is 2 layers, ")
    waits = "1 of 6 planned runs has not ended."
    assert found.outlook == [waits.capitalize()]
    named = verdict(conclusions(depths(APART), PROVISIONAL), settings="Adam")
    assert named.answer[0].startswith("Provisional: with Adam: so far, the best is 2 layers, ")


def test_an_exploratory_answer_only_suggests_a_question() -> None:
    found = judge(APART, EXPLORATORY)
    assert (found.status, found.look) == ("exploratory", None)
    assert found.answer[0].startswith("Exploratory: the best is 2 layers, ")
    (why,) = found.outlook
    assert why == (
        "These runs were selected after their results were visible. Treat the result as a hypothesis."
    )


def test_a_later_look_has_wider_intervals() -> None:
    first, later = (judge(APART, standing).pairs[0].interval for standing in (EXPLORATORY, PROVISIONAL))
    assert first
    assert later
    assert later[0] < first[0] < first[1] < later[1]


def test_groups_that_still_improve_may_change_places_with_more_epochs() -> None:
    groups = depths({1: [0.9700, 0.9704, 0.9708], 2: [0.9800, 0.9804, 0.9808]})
    found = verdict(conclusions(groups, recent=rising(groups, {1: 0.005, 2: 0.0})))
    assert found.still_improving
    assert found.pairs[0].trend == "improving"
    assert found.answer[0] == (
        "The best is 2 layers, with 98.04 % test accuracy (3 seeds), ahead of 1 layer by more than 0.25 pp. "
        "1 layer is still improving at this budget: more epochs could change this."
    )
    assert found.evidence[0].endswith("better by more than the margin, still improving.")
    steady = verdict(conclusions(groups, recent=rising(groups, {1: 0.0005, 2: 0.0005})))
    assert not steady.still_improving, "both rise alike, and little"


@pytest.mark.parametrize("kept", [{1: 1, 2: 2}, {1: 4, 2: 2}], ids=["all groups", "one group"])
def test_groups_with_one_or_two_epochs_are_not_said_to_improve(kept: dict[int, int]) -> None:
    groups = depths({1: [0.9700, 0.9704, 0.9708], 2: [0.9800, 0.9804, 0.9808]})
    epochs = {run.id: kept[group.depth or 0] for group in groups for run in group.runs}
    recent = rising(groups, {1: 0.005, 2: 0.0})
    found = verdict(
        conclusions(groups, recent={run_id: curve[-epochs[run_id] :] for run_id, curve in recent.items()})
    )
    assert found.still_improving
    assert found.pairs[0].trend == "unknown"
    assert found.answer[0].endswith(" Too few epochs to estimate a trend: more epochs could change this.")
    assert found.evidence[0].endswith("better by more than the margin, trend unknown.")


def test_a_trend_that_the_headline_does_not_depend_on_is_only_in_the_evidence() -> None:
    groups = depths({1: [0.9000, 0.9004, 0.9008], 2: [0.9100, 0.9104, 0.9108], 3: [0.9900, 0.9904, 0.9908]})
    found = verdict(conclusions(groups, recent=rising(groups, {1: 0.004, 2: 0.0, 3: 0.0})))
    assert [pair.trend == "improving" for pair in found.pairs] == [True, False, False]
    assert not found.still_improving
    assert "still improving" not in found.answer[0]
    assert "still improving" in found.evidence[0]


# New images and these


def test_with_predictions_the_answer_is_for_new_images_and_for_these_alone() -> None:
    groups = depths(APART)
    found = verdict(conclusions(groups, correct=nested(groups)), images=IMAGES)
    assert found.pairs[0].new_images
    assert found.answer == [
        f"The best {ON_NEW} is 2 layers, with 97.20 % test accuracy (3 seeds), {AHEAD}.",
        "On these 10,000 test images alone, counting only variation over seeds: the best is 2 layers.",
    ]


def test_these_images_may_tell_apart_what_new_ones_would_not() -> None:
    groups = depths({2: [0.9700, 0.9702, 0.9704], 3: [0.9730, 0.9732, 0.9734]})
    found = verdict(conclusions(groups, correct=disjoint(groups)), images=IMAGES)
    (pair,) = found.pairs
    assert pair.interval
    assert pair.of_these_images
    assert pair.interval[0] < 0 < pair.of_these_images[0]
    assert (found.best, found.best_of_these_images) == (["depth=2", "depth=3"], ["depth=3"])
    assert found.answer == [
        f"No depth is shown to be better than another {ON_NEW}.",
        "On these 10,000 test images alone, counting only variation over seeds: the best is 3 layers.",
    ]


def test_several_best_on_these_images_are_named() -> None:
    groups = depths(APART | CLOSE)
    found = verdict(conclusions(groups, correct=disjoint(groups)), images=IMAGES)
    assert (
        found.answer[1]
        == "On these 10,000 test images alone, counting only variation over seeds: the best is among 3 and "
        "4 layers."
    )
    both = depths(CLOSE)
    found = verdict(conclusions(both, correct=nested(both)))
    assert found.answer[1] == (
        "On these test images alone, counting only variation over seeds: "
        "no depth is shown to be better than another."
    )


def test_predictions_of_a_single_run_that_are_missing_leave_new_images_open() -> None:
    groups = depths(APART | CLOSE)
    correct = nested(groups)
    del correct[groups[3].runs[0].id]
    found = verdict(conclusions(groups, correct=correct), images=IMAGES)
    assert [pair.new_images for pair in found.pairs] == [True, True, False, True, False, False]
    assert found.answer[0] == "The best is among 3 and 4 layers."
    assert found.answer[1] == (
        "Predictions of some runs are missing, so conclusions about their groups hold for these 10,000 test "
        "images only."
    )


def test_images_that_cannot_resolve_the_margin_are_said_to() -> None:
    groups = depths(SAME)
    found = verdict(conclusions(groups, correct=disjoint(groups)), images=IMAGES)
    assert (found.pairs[0].answer, found.pairs[0].resolvable) == ("undecided", False)
    (open_,) = found.outlook
    assert open_ == (
        "These 10,000 test images can't resolve ±0.25 pp between 5 and 6 layers: more seeds would not help. "
        "A larger margin or more test images would help."
    )
    wide = verdict(conclusions(groups, correct=disjoint(groups), margin=0.01))
    assert (wide.pairs[0].resolvable, wide.outlook) == (True, [])


def test_a_pair_that_is_decided_is_not_said_to_be_beyond_the_images() -> None:
    groups = depths(APART)
    found = verdict(conclusions(groups, correct=disjoint(groups)), images=IMAGES)
    assert (found.pairs[0].answer, found.pairs[0].resolvable) == ("better", False)
    assert found.outlook == []


def test_many_groups_are_said_to_widen_the_intervals() -> None:
    ten, eleven = ({depth: [0.97, 0.98] for depth in range(1, many + 1)} for many in (10, 11))
    assert judge(ten).outlook == []
    (wide,) = judge(eleven).outlook
    assert wide == (
        "The intervals hold jointly for 55 pairs of 11 groups, which makes them wide. "
        "Compare fewer depths for narrower ones."
    )


def test_how_runs_ended_is_part_of_the_answer() -> None:
    diverged, dip = "1 of 7 runs diverged (3 layers).", "Run 7 ends in a dip."
    found = verdict(conclusions(depths(APART), PROVISIONAL), outcomes=[diverged], notes=[dip])
    assert found.answer[-1] == diverged
    assert found.outlook[-1] == dip
    assert found.sentences == [*found.answer, *found.outlook, *found.evidence]


# The bill


def test_what_a_layer_costs_is_said_where_it_is_better() -> None:
    one = of_depth(1, APART[1], parameters=[7_850] * 3, train_seconds=[10.0, 12.0, 90.0])
    two = of_depth(2, APART[2], parameters=[407_050] * 3, train_seconds=[30.0, 31.0, 32.0])
    (receipt,) = verdict(conclusions([one, two])).bill
    assert (receipt.label, receipt.ids) == ("+ layer 2", ("depth=1", "depth=2"))
    assert (receipt.parameters, receipt.seconds) == (399_200, 19.0), "medians, so one slow run is no matter"
    words = FINAL_WORDS.in_words(receipt).replace("\N{NO-BREAK SPACE}", " ")
    assert words == (
        "+ layer 2: +5.10 pp [+4.85, +5.35], better by more than the margin; "
        "costs 399,200 more parameters and about 19 s more training time."
    )
    dear = receipt.model_copy(update={"answer": "undecided", "exceeds_margin": False})
    assert FINAL_WORDS.in_words(dear) == "+ layer 2: +5.10 pp [+4.85, +5.35], undecided."
    cheap = receipt.model_copy(update={"parameters": 0, "seconds": -3.0})
    assert FINAL_WORDS.in_words(cheap).endswith("better by more than the margin.")


def test_a_bill_agrees_with_its_pair() -> None:
    found = judge(APART | CLOSE)
    pairs = {pair.ids: pair for pair in found.pairs}
    assert [receipt.label for receipt in found.bill] == ["+ layer 2", "+ layer 3", "+ layer 4"]
    for receipt in found.bill:
        pair = pairs[receipt.ids]
        assert (receipt.difference, receipt.interval, receipt.answer, receipt.exceeds_margin) == (
            pair.difference,
            pair.interval,
            pair.answer,
            pair.exceeds_margin,
        )


def test_depths_that_are_not_next_to_each_other_are_named_both() -> None:
    (receipt,) = judge({1: [0.92, 0.93], 3: [0.97, 0.98]}).bill
    assert receipt.label == "3 layers vs. 1 layer"


def test_neighbours_of_a_grid_differ_in_one_hyperparameter() -> None:
    groups = [keyed(depth, rate, [0.90, 0.91]) for depth in (1, 2) for rate in (0.1, 0.2)]
    ids = [receipt.ids for receipt in verdict(conclusions(groups)).bill]
    assert ids == [
        ("depth=1,lr=0.1", "depth=2,lr=0.1"),
        ("depth=1,lr=0.2", "depth=2,lr=0.2"),
        ("depth=1,lr=0.1", "depth=1,lr=0.2"),
        ("depth=2,lr=0.1", "depth=2,lr=0.2"),
    ]
    diagonal = [keyed(1, 0.1, [0.90, 0.91]), keyed(2, 0.2, [0.90, 0.91])]
    assert [receipt.ids for receipt in verdict(conclusions(diagonal)).bill] == [
        ("depth=1,lr=0.1", "depth=2,lr=0.2")
    ], "without such neighbours, each group with the next"


def test_runs_of_one_architecture_and_seed_are_compared_pair_by_pair() -> None:
    one = lr("lr 0.05", [0.9700, 0.9760, 0.9820, 0.9790], [0, 1, 2, 3])
    other = lr("lr 0.1", [0.9710, 0.9771, 0.9829, 0.9801], [0, 1, 2, 3])
    found = verdict(conclusions([one, other]), LEARNING_RATES)
    assert (found.pairs[0].paired, found.pairs[0].answer) == (True, "better")
    apart = lr("lr 0.1", other.test_accuracies, [4, 5, 6, 7])
    found = verdict(conclusions([one, apart]), LEARNING_RATES)
    assert (found.pairs[0].paired, found.pairs[0].answer) == (False, "undecided")


def test_pairs_are_matched_by_seed_in_any_order_of_runs() -> None:
    one = lr("lr 0.05", [0.9700, 0.9760, 0.9820], [0, 1, 2])
    shuffled = lr("lr 0.1", [0.9829, 0.9710, 0.9771], [2, 0, 1])
    (pair,) = verdict(conclusions([one, shuffled])).pairs
    ordered = lr("lr 0.1", [0.9710, 0.9771, 0.9829], [0, 1, 2])
    assert pair.interval == verdict(conclusions([one, ordered])).pairs[0].interval


HITS = st.lists(st.lists(st.integers(9000, 9999), min_size=1, max_size=4), min_size=1, max_size=5)


def of_hits(hits: list[list[int]]) -> Conclusions:
    return conclusions(depths({d: [each / IMAGES for each in several] for d, several in enumerate(hits, 1)}))


@given(HITS)
def test_the_answer_is_one_or_two_sentences(hits: list[list[int]]) -> None:
    assert 1 <= len(verdict(of_hits(hits)).answer) <= 2


@given(HITS)
def test_every_statement_agrees_with_the_pairs(hits: list[list[int]]) -> None:
    """Answers follow from intervals, the best groups from answers, and the headline from the best groups."""
    found = verdict(of_hits(hits), DEPTHS)
    beaten = set()
    for pair in found.pairs:
        if pair.interval is None:
            assert (pair.answer, bool(pair.untested)) == (None, True)
            continue
        low, high = pair.interval
        assert low <= pair.difference <= high
        assert (pair.answer == "better", pair.answer == "worse") == (low > 0, high < 0)
        within = -found.margin < low and high < found.margin
        assert (pair.answer == "equivalent") == (within and low <= 0 <= high)
        if pair.answer in ("better", "worse"):
            beaten.add(pair.ids[pair.answer == "worse"])
    compared = {group_id for pair in found.pairs if pair.interval for group_id in pair.ids}
    if len(hits) == 1:
        compared = {"depth=1"}
    known = [f"depth={d}" for d in range(1, len(hits) + 1) if f"depth={d}" in compared]
    assert found.best == [group_id for group_id in known if group_id not in beaten]
    means = {f"depth={d}": sum(each) / len(each) for d, each in enumerate(hits, 1)}
    if known:
        assert max(known, key=lambda group_id: means[group_id]) in found.best
    if len(hits) > 1 and known:
        assert ("best is among" in found.answer[0] or "The best are" in found.answer[0]) == (
            1 < len(found.best) < len(known)
        )
