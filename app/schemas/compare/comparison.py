"""Bodies of responses about comparisons: groups, verdict, offers."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, computed_field

from app.schemas.bodies import TimeRange
from app.schemas.epochs import EpochCurves
from app.schemas.runs import RunOut


class Spread(BaseModel):
    """Statistics over seeds."""

    mean: Annotated[float, Field(description="Arithmetic mean.")]
    std: Annotated[float | None, Field(description="Sample standard deviation (n - 1); null for one value.")]
    min: Annotated[float, Field(description="Lowest value.")]
    max: Annotated[float, Field(description="Highest value.")]
    ci95: Annotated[
        tuple[float, float] | None,
        Field(description="Student's 95 % confidence interval of the mean; null if there is none."),
    ]


class DepthRow(BaseModel):
    """The finished runs of one depth."""

    depth: Annotated[int, Field(description="Number of layers.")]
    n: Annotated[int, Field(description="Number of runs.")]
    parameters: Annotated[int, Field(description="Number of weights and biases.")]
    train_accuracy: Annotated[Spread, Field(description="Final train accuracy.")]
    test_accuracy: Annotated[Spread, Field(description="Final test accuracy.")]
    train_seconds: Annotated[Spread, Field(description="Training time, without evaluation.")]


class _Group(BaseModel):
    """The identity and label of a group of runs."""

    id: Annotated[str, Field(description="Identifier of the group, made from its key: `depth=3,lr=0.1`.")]
    key: Annotated[dict[str, Any], Field(description="Hyperparameters and their values.")]
    label: Annotated[str, Field(description="The group in words, such as `3 layers`.")]


class Members(_Group):
    """All runs of a group, in any state."""

    shade: Annotated[int, Field(description="Its color in charts: 1 (light) to 10 (dark).")]
    dash: Annotated[str, Field(description="Dash style of its lines, as plotly.js names it.")]
    symbol: Annotated[str, Field(description="Marker of its points, as plotly.js names it.")]
    runs: Annotated[list[int], Field(description="Ids of its runs.")]


class GroupRow(_Group):
    """The results of a group's finished runs."""

    runs: Annotated[list[int], Field(description="Ids of its runs, without those that a later run replaces.")]
    n: Annotated[int, Field(description="Number of these runs.")]
    seeds: Annotated[int, Field(description="How many different seeds they have.")]
    mixed: Annotated[
        list[str],
        Field(
            description="Fields in which they differ besides seeds; if any, there are no tests and no ci95."
        ),
    ]
    parameters: Annotated[
        int | None, Field(description="Number of weights and biases; null if the runs differ in it.")
    ]
    train_accuracy: Annotated[Spread, Field(description="Final train accuracy.")]
    test_accuracy: Annotated[Spread, Field(description="Final test accuracy.")]
    guessing: Annotated[int, Field(description="How many runs are not significantly above guessing.")]
    gap: Annotated[Spread, Field(description="Train accuracy minus test accuracy.")]
    test_loss: Annotated[Spread, Field(description="Final test loss.")]
    train_seconds: Annotated[Spread, Field(description="Training time, without evaluation.")]
    train_seconds_median: Annotated[float, Field(description="Median training time.")]
    seconds_to_97: Annotated[
        float | None,
        Field(
            description="Median training time until the first epoch with 97 % test accuracy, of the runs "
            "that reached it."
        ),
    ]
    reached_97: Annotated[int, Field(description="How many runs reached it.")]
    median: Annotated[float, Field(description="Median test accuracy.")]
    diverged: Annotated[int, Field(description="Runs of the group that failed because the loss diverged.")]
    dips: Annotated[
        list[int],
        Field(description="Ids of runs whose final test accuracy is far below that of their recent epochs."),
    ]
    best: Annotated[
        bool | None,
        Field(description="Whether no other group is better; null if the groups can't be ranked."),
    ]


class ReferenceRow(BaseModel):
    """Published figures of one depth; never mixed with measured runs."""

    depth: Annotated[int, Field(description="Number of layers.")]
    train_accuracy: Annotated[float, Field(description="Published train accuracy.")]
    test_accuracy: Annotated[float, Field(description="Published test accuracy.")]
    seconds: Annotated[float, Field(description="Published training time, in seconds.")]


Answer = Literal[
    "better",  # the interval lies above 0
    "worse",  # it lies below 0
    "equivalent",  # it lies within the margin on both sides of 0
    "undecided",
]
"""The second group of a pair compared with the first."""

ClaimStatus = Literal[
    "final",  # every run that the study planned has ended
    "provisional",  # some have not, so the verdict can still change
    "exploratory",  # runs or grouping were chosen after results were visible: hypotheses
]
"""How far the statements of a verdict can be trusted."""

Trend = Literal[
    "steady",  # more epochs would hardly change the answer
    "improving",  # a group still improves, so that more epochs could
    "changing",  # the difference still changes, but no group improves
    "unclear",  # the last epochs are too noisy to tell
    "unknown",  # too few epochs to tell
]
"""Whether more epochs could change an answer."""

Interval = tuple[float, float]


class Contrast(BaseModel):
    """A difference of two groups' mean test accuracies, and what its interval shows."""

    difference: Annotated[float, Field(description="The second group minus the first, as a fraction.")]
    interval: Annotated[
        Interval | None,
        Field(
            description="Simultaneous interval: the probability that any pair's interval misses its true "
            "difference is at most `level`. Null without repeated seeds."
        ),
    ]
    new_images: Annotated[
        bool,
        Field(
            description="Whether the interval holds for new test images of the same kind. If not, because "
            "predictions are missing, it holds for these test images only."
        ),
    ]
    answer: Annotated[Answer | None, Field(description="What the interval shows of the second group.")]
    exceeds_margin: Annotated[bool, Field(description="Whether the whole interval lies beyond the margin.")]
    trend: Annotated[
        Trend, Field(description="Whether more epochs could change the answer, from the last epochs' slopes.")
    ]
    untested: Annotated[str | None, Field(description="Why there is no interval, where there is none.")]
    improvement: Annotated[
        float,
        Field(
            description="Share of pairs of runs, one of each group, in which the second has the higher test "
            "accuracy; ties count half."
        ),
    ]


class Pair(Contrast):
    """Two groups compared: the second minus the first."""

    depths: Annotated[
        tuple[int, int] | None, Field(description="Depths of both groups; null if grouped otherwise.")
    ]
    groups: Annotated[tuple[str, str], Field(description="Labels of both groups.")]
    ids: Annotated[tuple[str, str], Field(description="Ids of both groups.")]
    paired: Annotated[bool, Field(description="Whether runs of one architecture were compared seed by seed.")]
    of_these_images: Annotated[
        Interval | None,
        Field(description="The interval over seeds alone: it holds for these test images only."),
    ]
    resolvable: Annotated[
        bool,
        Field(
            description="Whether enough seeds could resolve a difference as large as the margin on these "
            "test images."
        ),
    ]


class Receipt(Contrast):
    """The gain and cost of a group compared with the one before it, which has for example one layer fewer."""

    label: Annotated[str, Field(description="What is added: `+ layer 2`, or both groups.")]
    ids: Annotated[tuple[str, str], Field(description="Ids of both groups.")]
    parameters: Annotated[int | None, Field(description="Additional weights and biases.")]
    seconds: Annotated[
        float | None, Field(description="Additional training time: the difference of the medians.")
    ]


class Verdict(BaseModel):
    """The conclusion of a comparison, in words and in numbers. Every statement derives from `pairs`."""

    status: Annotated[ClaimStatus, Field(description="How far the statements can be trusted.")]
    look: Annotated[
        int | None,
        Field(description="Number of this look at the study's results, from 1; null if exploratory."),
    ]
    level: Annotated[
        float,
        Field(description="Upper bound on the probability that any interval misses its true difference."),
    ]
    jointly: Annotated[
        int, Field(description="For how many pairs the intervals hold jointly: those that can have one.")
    ]
    margin: Annotated[
        float, Field(description="Differences of test accuracy up to this fraction do not matter.")
    ]
    still_improving: Annotated[
        bool, Field(description="Whether more epochs could change an answer that the headline depends on.")
    ]
    answer: Annotated[
        list[str], Field(description="The headline, its scope, and outcomes such as diverged runs.")
    ]
    outlook: Annotated[list[str], Field(description="Open questions and their reasons.")]
    evidence: Annotated[list[str], Field(description="Gain and cost per layer: a sentence for each receipt.")]
    best: Annotated[
        list[str],
        Field(
            description="Ids of the groups that no other is better than; empty if they can't be ranked. "
            "Groups without an interval, such as those with a single seed, are left out."
        ),
    ]
    best_of_these_images: Annotated[
        list[str], Field(description="The same for these test images only, over seeds alone.")
    ]
    bill: Annotated[
        list[Receipt], Field(description="Gain and cost of each group compared with the one before it.")
    ]
    pairs: Annotated[list[Pair], Field(description="Every two groups compared.")]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sentences(self) -> list[str]:
        """The answer, what is open and the evidence."""
        return [*self.answer, *self.outlook, *self.evidence]


class Confounder(BaseModel):
    """A property, other than the seed and the fields of `by`, in which finished runs differ."""

    name: Annotated[str, Field(description="The field; as a value of `by`, it splits the groups.")]
    values: Annotated[list[Any], Field(description="Its values, ascending.")]
    sentence: Annotated[str, Field(description="The warning.")]


class OfferedSeeds(BaseModel):
    """New seeds for a group."""

    id: Annotated[str, Field(description="Id of the group.")]
    label: Annotated[str, Field(description="The group in words.")]
    seeds: Annotated[int, Field(description="Number of new seeds.")]


class Offer(BaseModel):
    """Runs that would answer an open question of the verdict, beyond those already queued."""

    kind: Annotated[
        Literal["seeds", "epochs", "study"],
        Field(
            description="`seeds`: more seeds for the study. `epochs`: a new study with more epochs. "
            "`study`: a new study with new seeds, which can confirm what an exploration suggests."
        ),
    ]
    groups: Annotated[list[OfferedSeeds], Field(description="The groups that get new runs.")]
    runs: Annotated[int, Field(description="How many runs that queues.")]
    runs_range: Annotated[
        tuple[int, int | None] | None,
        Field(
            description="80 % interval of the number needed, because spreads are estimates; its upper end is "
            "null if a group may need more than 100 seeds. Null if it was not computed."
        ),
    ]
    seconds: Annotated[float, Field(description="Estimated time to train them all, in seconds.")]
    seconds_range: Annotated[TimeRange, Field(description="80 % prediction interval, in seconds.")]
    basis: Annotated[str, Field(description="Basis of the estimate.")]
    url: Annotated[str, Field(description="Where to POST `body`.")]
    body: Annotated[dict[str, Any], Field(description="The request that queues the runs.")]


class Findings(BaseModel):
    """The results of a comparison."""

    runs: Annotated[list[RunOut], Field(description="The compared runs.")]
    by_depth: Annotated[list[DepthRow], Field(description="Results of finished runs, per depth.")]
    by: Annotated[list[str], Field(description="Fields that define the groups.")]
    members: Annotated[
        list[Members], Field(description="All groups with their runs in any state, ascending.")
    ]
    differences: Annotated[
        dict[int, list[str]],
        Field(description="Fields in which each run differs from the others, by run id."),
    ]
    groups: Annotated[list[GroupRow], Field(description="Results of finished runs, per group.")]
    reference: Annotated[list[ReferenceRow], Field(description="Published results, per depth.")]
    verdict: Annotated[Verdict, Field(description="The conclusions.")]
    offer: Annotated[Offer | None, Field(description="Suggested runs; null if nothing is open.")]
    pending: Annotated[int, Field(description="Compared runs that are queued or training.")]
    repeats: Annotated[
        list[int],
        Field(description="Finished runs replaced by a later run with the same configuration and seed."),
    ]
    confounders: Annotated[
        list[Confounder], Field(description="Other differences between the runs; also among the warnings.")
    ]
    warnings: Annotated[list[str], Field(description="Warnings, in sentences.")]


class Comparison(Findings):
    """Response of `GET /compare`: the results, and every epoch of every run."""

    curves: Annotated[dict[int, EpochCurves], Field(description="Every epoch, by run id.")]
