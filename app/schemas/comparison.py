"""Bodies of responses about comparisons: groups, verdict, charts, images."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, computed_field

from app.schemas.answers import EpochCurves, RunOut, TimeRange


class Spread(BaseModel):
    """Statistics over seeds; `std` is the sample's (n - 1), `ci95` Student's interval of the mean."""

    mean: float
    std: float | None
    min: float
    max: float
    ci95: tuple[float, float] | None


class DepthRow(BaseModel):
    """The finished runs of one depth."""

    depth: int
    n: int
    parameters: int
    train_accuracy: Spread
    test_accuracy: Spread
    train_seconds: Spread


class _Group(BaseModel):
    """The identity and label of a group of runs."""

    id: Annotated[str, Field(description="Identifier of the group, made from its key: `depth=3,lr=0.1`.")]
    key: Annotated[dict[str, Any], Field(description="Hyperparameters and their values.")]
    label: str


class Members(_Group):
    """All runs of a group, in any state."""

    shade: Annotated[int, Field(description="Its colour in charts: 1 (light) to 10 (dark).")]
    dash: Annotated[str, Field(description="Dash style of its lines, as plotly.js names it.")]
    symbol: Annotated[str, Field(description="Marker of its points, as plotly.js names it.")]
    runs: list[int]


class GroupRow(_Group):
    """The results of a group's finished runs."""

    runs: Annotated[list[int], Field(description="Without those that a later run repeats.")]
    n: Annotated[int, Field(description="Number of these runs.")]
    seeds: Annotated[int, Field(description="How many different seeds they have.")]
    mixed: Annotated[
        list[str],
        Field(
            description="Fields in which they differ besides seeds; if any, there are no tests and no ci95."
        ),
    ]
    parameters: Annotated[int | None, Field(description="None if the runs' networks differ in size.")]
    train_accuracy: Spread
    test_accuracy: Spread
    guessing: Annotated[int, Field(description="How many runs have a test accuracy not above chance.")]
    gap: Annotated[Spread, Field(description="Train accuracy minus test accuracy.")]
    test_loss: Spread
    train_seconds: Spread
    seconds_to_97: Annotated[
        Spread | None,
        Field(description="Training until the first epoch with 97 % test accuracy, where one had it."),
    ]
    reached_97: int
    probability_best: Annotated[
        float | None, Field(description="Probability that its true mean test accuracy is the highest.")
    ]


class ReferenceRow(BaseModel):
    """Published figures of one depth; never mixed with measured runs."""

    depth: int
    train_accuracy: float
    test_accuracy: float
    seconds: float


class Pair(BaseModel):
    """Two groups compared: the difference of mean test accuracy, the second minus the first."""

    depths: Annotated[tuple[int, int] | None, Field(description="If the comparison is by depth.")]
    groups: Annotated[tuple[str, str], Field(description="Labels of both groups.")]
    ids: Annotated[tuple[str, str], Field(description="Ids of both groups.")]
    difference: float
    ci95: tuple[float, float] | None
    p: Annotated[
        float | None,
        Field(description="Welch's test, or if `paired` a paired one, Holm-adjusted over all pairs."),
    ]
    paired: Annotated[bool, Field(description="Whether runs of one architecture were compared seed by seed.")]
    different: bool | None
    untested: Annotated[str | None, Field(description="Why there is no test, where there is none.")]
    more_seeds: Annotated[
        int | None,
        Field(description="Additional seeds per group that would settle an undecided pair."),
    ]


class Verdict(BaseModel):
    """The conclusion of a comparison, in words and in numbers."""

    answer: Annotated[list[str], Field(description="The answer, in one or two sentences.")]
    outlook: Annotated[list[str], Field(description="Open questions, and what would settle them.")]
    evidence: Annotated[list[str], Field(description="The evidence for the answer.")]
    pairs: list[Pair]
    best: Annotated[
        list[str],
        Field(
            description="Ids of the groups with the highest mean test accuracy as shown, in hundredths of a "
            "percent; several are a tie. Empty where none is the best."
        ),
    ]
    probability_best: list[float] | None
    more_seeds: Annotated[
        int | None,
        Field(description="Seeds that would probably settle the nearest undecided pair of the best group."),
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

    name: Annotated[str, Field(description="What `by` splits the runs by.")]
    values: list[Any]
    sentence: str


class Offer(BaseModel):
    """Seeds that would likely settle an open question of the verdict, beyond those already queued."""

    seeds: Annotated[int, Field(description="New seeds for each configuration of these groups.")]
    groups: Annotated[list[str], Field(description="Labels of the groups that get them.")]
    runs: Annotated[int, Field(description="How many runs that queues.")]
    seconds: Annotated[float, Field(description="Estimated time to train them all, in seconds.")]
    seconds_range: TimeRange
    basis: Annotated[str, Field(description="Basis of the estimate.")]
    url: Annotated[str, Field(description="Where to POST `body`: it extends the study or makes a new one.")]
    body: dict[str, Any]


class Findings(BaseModel):
    """The results of a comparison."""

    runs: list[RunOut]
    by_depth: list[DepthRow]
    by: Annotated[list[str], Field(description="The hyperparameters that the groups and the verdict are by.")]
    members: Annotated[list[Members], Field(description="Every run, in ascending order of the groups.")]
    differences: Annotated[
        dict[int, list[str]], Field(description="In what each run differs from others here, by its id.")
    ]
    groups: Annotated[list[GroupRow], Field(description="What finished runs measured, group by group.")]
    reference: list[ReferenceRow]
    verdict: Verdict
    offer: Annotated[Offer | None, Field(description="What to queue next; null if nothing is open.")]
    pending: Annotated[int, Field(description="Seeds that are queued or training for what is open.")]
    repeats: Annotated[
        list[int],
        Field(description="Finished runs left out of table and verdict: a later one is of their seed."),
    ]
    confounders: Annotated[list[Confounder], Field(description="Also among the warnings, as sentences.")]
    warnings: list[str]


class Comparison(Findings):
    """Response of `GET /compare`: the results, and every epoch of every run."""

    curves: dict[int, EpochCurves]


class DepthDigits(BaseModel):
    """The accuracy of one depth's runs on each digit."""

    depth: int
    runs: list[int]
    per_digit: Annotated[
        list[float | None],
        Field(description="Share of each class's test images that is classified correctly, mean over runs."),
    ]


class RunDigits(BaseModel):
    """The confusion matrix of one run."""

    id: int
    depth: int
    confusion: Annotated[list[list[int]], Field(description="Rows are digits, columns answers.")]


class ImageStep(BaseModel):
    """One depth against the next deeper one, on the same images, by majority over seeds."""

    shallow: int
    deep: int
    fixed: Annotated[int, Field(description="Images that only the deeper classifies correctly.")]
    broken: Annotated[int, Field(description="Images that only the shallower classifies correctly.")]
    p: Annotated[float, Field(description="McNemar's exact test, two-sided.")]


class ImageComparison(BaseModel):
    """Response of `GET /compare/images`; without stored predictions it is empty and `warnings` says why."""

    dataset: str | None = None
    images: int = 0
    depths: list[DepthDigits] = []
    runs: list[RunDigits] = []
    steps: list[ImageStep] = []
    missing: Annotated[list[int], Field(description="Finished runs without stored predictions.")] = []
    warnings: list[str]


class ImageAnswer(BaseModel):
    """A depth's prediction for an image, and the confidence of the runs that predict it."""

    digit: int
    confidence: float


class StepImage(BaseModel):
    """A test image that one of two depths gets wrong; `/datasets/…/test/{index}.png` shows it."""

    index: int
    label: int
    shallow: ImageAnswer
    deep: ImageAnswer


class StepImages(BaseModel):
    """Response of `GET /compare/images/step`."""

    dataset: str
    shallow: int
    deep: int
    fixed: list[StepImage]
    broken: list[StepImage]


class ImagePair(BaseModel):
    """Response of `GET /compare/images/pair`: two runs on the same images."""

    first: int
    second: int
    gained: Annotated[int, Field(description="Images that only the second classifies correctly.")]
    lost: Annotated[int, Field(description="Images that only the first classifies correctly.")]
    difference: float
    p: Annotated[float, Field(description="McNemar's exact test, two-sided.")]
    sentence: str
