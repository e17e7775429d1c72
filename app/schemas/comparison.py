"""Bodies of responses about comparisons: groups, verdict, charts, images."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, computed_field

from app.schemas.answers import EpochCurves, RunOut, TimeRange


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

    shade: Annotated[int, Field(description="Its colour in charts: 1 (light) to 10 (dark).")]
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
    guessing: Annotated[int, Field(description="How many runs have a test accuracy not above chance.")]
    gap: Annotated[Spread, Field(description="Train accuracy minus test accuracy.")]
    test_loss: Annotated[Spread, Field(description="Final test loss, in nats.")]
    train_seconds: Annotated[Spread, Field(description="Training time, without evaluation.")]
    seconds_to_97: Annotated[
        Spread | None,
        Field(description="Training time to 97 % test accuracy, of the runs that reached it."),
    ]
    reached_97: Annotated[int, Field(description="Number of runs that reached 97 % test accuracy.")]
    probability_best: Annotated[
        float | None, Field(description="Probability that its true mean test accuracy is the highest.")
    ]


class ReferenceRow(BaseModel):
    """Published figures of one depth; never mixed with measured runs."""

    depth: Annotated[int, Field(description="Number of layers.")]
    train_accuracy: Annotated[float, Field(description="Published train accuracy.")]
    test_accuracy: Annotated[float, Field(description="Published test accuracy.")]
    seconds: Annotated[float, Field(description="Published training time, in seconds.")]


class Pair(BaseModel):
    """Two groups compared: the difference of mean test accuracy, the second minus the first."""

    depths: Annotated[
        tuple[int, int] | None, Field(description="Depths of both groups; null if grouped otherwise.")
    ]
    groups: Annotated[tuple[str, str], Field(description="Labels of both groups.")]
    ids: Annotated[tuple[str, str], Field(description="Ids of both groups.")]
    difference: Annotated[float, Field(description="Mean test accuracy of the second minus the first.")]
    ci95: Annotated[
        tuple[float, float] | None,
        Field(
            description="95 % confidence interval of the difference, not corrected for multiple comparisons."
        ),
    ]
    p: Annotated[
        float | None,
        Field(
            description="p value of Welch's t-test, or of the paired t-test if `paired`; Holm-adjusted over "
            "all pairs."
        ),
    ]
    paired: Annotated[bool, Field(description="Whether runs of one architecture were compared seed by seed.")]
    different: Annotated[
        bool | None,
        Field(
            description="Whether the difference is significant: `p` is below 0.05; null without a test. A "
            "pair without a significant difference is undecided."
        ),
    ]
    untested: Annotated[str | None, Field(description="Why there is no test; null if there is one.")]
    more_seeds: Annotated[
        int | None,
        Field(
            description="Additional seeds per group that would likely show whether an undecided pair differs."
        ),
    ]


class Verdict(BaseModel):
    """The conclusion of a comparison, in words and in numbers."""

    answer: Annotated[list[str], Field(description="The answer, in one or two sentences.")]
    outlook: Annotated[
        list[str], Field(description="Open questions, and the seeds that would likely answer them.")
    ]
    evidence: Annotated[list[str], Field(description="The evidence for the answer.")]
    pairs: Annotated[list[Pair], Field(description="Every two groups and their test.")]
    best: Annotated[
        list[str],
        Field(
            description="Ids of the groups with the highest mean test accuracy, as displayed with two "
            "decimals; several are a tie. Empty if none is the best."
        ),
    ]
    probability_best: Annotated[
        list[float] | None,
        Field(description="Probability of being the best, per group; null if it can't be computed."),
    ]
    more_seeds: Annotated[
        int | None,
        Field(
            description="Additional seeds per group that would likely show whether the nearest undecided "
            "pair differs."
        ),
    ]
    more_seeds_for: Annotated[list[str], Field(description="Labels of the groups that these seeds are for.")]
    more_seeds_ids: Annotated[list[str], Field(description="Ids of these groups.")]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sentences(self) -> list[str]:
        """The answer, the open questions and the evidence."""
        return [*self.answer, *self.outlook, *self.evidence]


class Confounder(BaseModel):
    """A property, other than the seed and the fields of `by`, in which finished runs differ."""

    name: Annotated[str, Field(description="The field; as a value of `by`, it splits the groups.")]
    values: Annotated[list[Any], Field(description="Its values, ascending.")]
    sentence: Annotated[str, Field(description="The warning.")]


class Offer(BaseModel):
    """Seeds that would likely answer an open question of the verdict, beyond those already queued."""

    seeds: Annotated[int, Field(description="New seeds for each configuration of these groups.")]
    groups: Annotated[list[str], Field(description="Labels of the groups that get them.")]
    runs: Annotated[int, Field(description="Number of runs to queue.")]
    seconds: Annotated[float, Field(description="Estimated time to train them all, in seconds.")]
    seconds_range: TimeRange
    basis: Annotated[str, Field(description="Basis of the estimate.")]
    url: Annotated[str, Field(description="URL to POST `body` to; extends the study or creates one.")]
    body: Annotated[dict[str, Any], Field(description="Body of the request.")]


class Findings(BaseModel):
    """The results of a comparison."""

    runs: Annotated[list[RunOut], Field(description="The compared runs.")]
    by_depth: Annotated[list[DepthRow], Field(description="Results of finished runs, per depth.")]
    by: Annotated[list[str], Field(description="Hyperparameters that define the groups.")]
    members: Annotated[
        list[Members], Field(description="All groups with their runs in any state, ascending.")
    ]
    differences: Annotated[
        dict[int, list[str]],
        Field(description="Fields in which each run differs from the others, by run id."),
    ]
    groups: Annotated[list[GroupRow], Field(description="Results of finished runs, per group.")]
    reference: Annotated[list[ReferenceRow], Field(description="Published results, per depth.")]
    verdict: Annotated[Verdict, Field(description="The conclusion.")]
    offer: Annotated[Offer | None, Field(description="Suggested runs; null if no pair is undecided.")]
    pending: Annotated[int, Field(description="Queued or running seeds for undecided pairs.")]
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


class DepthDigits(BaseModel):
    """The accuracy of one depth's runs on each class."""

    depth: Annotated[int, Field(description="Number of layers.")]
    runs: Annotated[list[int], Field(description="Ids of its runs with stored predictions.")]
    per_digit: Annotated[
        list[float | None],
        Field(
            description="Fraction of each class's test images that is classified correctly, mean over runs; "
            "null for a class without test images."
        ),
    ]


class RunDigits(BaseModel):
    """The confusion matrix of one run."""

    id: Annotated[int, Field(description="The run's id.")]
    depth: Annotated[int, Field(description="Number of layers.")]
    confusion: Annotated[
        list[list[int]], Field(description="Numbers of test images; rows are labels, columns predictions.")
    ]


class ImageStep(BaseModel):
    """One depth against the next deeper one, on the same images, by majority over seeds."""

    shallow: Annotated[int, Field(description="The smaller number of layers.")]
    deep: Annotated[int, Field(description="The larger number of layers.")]
    fixed: Annotated[int, Field(description="Images that only the deeper classifies correctly.")]
    broken: Annotated[int, Field(description="Images that only the shallower classifies correctly.")]
    p: Annotated[float, Field(description="p value of McNemar's exact test, two-sided.")]


class ImageComparison(BaseModel):
    """Response of `GET /compare/images`; without stored predictions it is empty and `warnings` says why."""

    dataset: Annotated[str | None, Field(description="The data set.")] = None
    images: Annotated[int, Field(description="Number of test images.")] = 0
    depths: Annotated[list[DepthDigits], Field(description="Accuracy per class, per depth.")] = []
    runs: Annotated[list[RunDigits], Field(description="Confusion matrices.")] = []
    steps: Annotated[list[ImageStep], Field(description="Each depth against the next deeper one.")] = []
    missing: Annotated[list[int], Field(description="Finished runs without stored predictions.")] = []
    warnings: Annotated[list[str], Field(description="Warnings, in sentences.")]


class ImageAnswer(BaseModel):
    """A depth's prediction for an image."""

    digit: Annotated[int, Field(description="The predicted class.")]
    confidence: Annotated[float, Field(description="Mean confidence of the runs that predict it.")]


class StepImage(BaseModel):
    """A test image that one of two depths gets wrong; `/datasets/…/test/{index}.png` shows it."""

    index: Annotated[int, Field(description="Zero-based index of the image.")]
    label: Annotated[int, Field(description="Its class.")]
    shallow: Annotated[ImageAnswer, Field(description="Prediction of the shallower depth.")]
    deep: Annotated[ImageAnswer, Field(description="Prediction of the deeper depth.")]


class StepImages(BaseModel):
    """Response of `GET /compare/images/step`."""

    dataset: Annotated[str, Field(description="The data set.")]
    shallow: Annotated[int, Field(description="The smaller number of layers.")]
    deep: Annotated[int, Field(description="The larger number of layers.")]
    fixed: Annotated[list[StepImage], Field(description="Images that only the deeper classifies correctly.")]
    broken: Annotated[
        list[StepImage], Field(description="Images that only the shallower classifies correctly.")
    ]


class ImagePair(BaseModel):
    """Response of `GET /compare/images/pair`: two runs on the same images."""

    first: Annotated[int, Field(description="Id of the first run.")]
    second: Annotated[int, Field(description="Id of the second run.")]
    gained: Annotated[int, Field(description="Images that only the second classifies correctly.")]
    lost: Annotated[int, Field(description="Images that only the first classifies correctly.")]
    difference: Annotated[float, Field(description="Test accuracy of the second minus the first.")]
    p: Annotated[float, Field(description="p value of McNemar's exact test, two-sided.")]
    sentence: Annotated[str, Field(description="The result in a sentence.")]
