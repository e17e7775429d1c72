"""Bodies of responses about comparisons image by image."""

from typing import Annotated

from pydantic import BaseModel, Field

from app.schemas.compare.comparison import ClaimStatus


class GroupDigits(BaseModel):
    """The accuracy of a group's runs on each class."""

    id: Annotated[str, Field(description="Id of the group.")]
    label: Annotated[str, Field(description="The group in words, such as `3 layers`.")]
    runs: Annotated[list[int], Field(description="Ids of its runs with predictions.")]
    of: Annotated[int, Field(description="Number of its finished runs, with or without predictions.")]
    seeds: Annotated[int, Field(description="How many different seeds the runs with predictions have.")]
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
    group: Annotated[str, Field(description="Id of its group.")]
    confusion: Annotated[
        list[list[int]], Field(description="Numbers of test images; rows are labels, columns predictions.")
    ]


class ImageStep(BaseModel):
    """The runs of two neighboring groups on the same images, such as two depths.

    An image counts if the share of runs that classify it correctly differs between the groups.
    """

    ids: Annotated[tuple[str, str], Field(description="Ids of both groups.")]
    groups: Annotated[tuple[str, str], Field(description="Labels of both groups.")]
    depths: Annotated[
        tuple[int, int] | None, Field(description="Depths of both groups; null if grouped otherwise.")
    ]
    fixed: Annotated[int, Field(description="Images that the second group classifies correctly more often.")]
    broken: Annotated[int, Field(description="Images that it classifies correctly less often.")]
    difference: Annotated[
        float | None,
        Field(
            description="The difference of mean test accuracy in the verdict, the second group minus the "
            "first; null if predictions of some runs are missing."
        ),
    ]
    sentence: Annotated[str, Field(description="The result in words.")]


class ImageComparison(BaseModel):
    """Response of `GET /compare/images`; without stored predictions it is empty and `warnings` says why."""

    status: Annotated[
        ClaimStatus | None, Field(description="How far the comparison's verdict can be trusted.")
    ] = None
    dataset: Annotated[str | None, Field(description="The data set.")] = None
    images: Annotated[int, Field(description="Number of test images.")] = 0
    groups: Annotated[list[GroupDigits], Field(description="Accuracy per class, per group.")] = []
    runs: Annotated[list[RunDigits], Field(description="Confusion matrices.")] = []
    steps: Annotated[list[ImageStep], Field(description="Each group and its neighbor.")] = []
    missing: Annotated[list[int], Field(description="Finished runs without stored predictions.")] = []
    warnings: Annotated[list[str], Field(description="Warnings, in sentences.")]


class ImageAnswer(BaseModel):
    """How the runs of one group classify an image."""

    runs: Annotated[int, Field(description="How many runs of the group have predictions.")]
    correct: Annotated[int, Field(description="How many of them classify the image correctly.")]
    digit: Annotated[
        int, Field(description="Their most frequent prediction; ties go to the higher confidence.")
    ]
    given: Annotated[int, Field(description="How many of them predict this digit.")]
    confidence: Annotated[float, Field(description="Mean confidence of those that predict it.")]


class StepImage(BaseModel):
    """A test image that two groups classify correctly in different shares of their runs.

    `/datasets/…/test/{index}.png` shows it.
    """

    index: Annotated[int, Field(description="Zero-based index of the image.")]
    label: Annotated[int, Field(description="Its class.")]
    first: Annotated[ImageAnswer, Field(description="Prediction of the first group.")]
    second: Annotated[ImageAnswer, Field(description="Prediction of the second group.")]


class StepImages(BaseModel):
    """Response of `GET /compare/images/step`.

    Images are in descending order of the difference of the shares, then of the confidence of the correct
    predictions.
    """

    dataset: Annotated[str, Field(description="The data set.")]
    ids: Annotated[tuple[str, str], Field(description="Ids of both groups.")]
    fixed: Annotated[
        list[StepImage], Field(description="Images that the second group classifies correctly more often.")
    ]
    broken: Annotated[list[StepImage], Field(description="Images that it classifies correctly less often.")]


class ImagePair(BaseModel):
    """Response of `GET /compare/images/pair`: two runs on the same images."""

    first: Annotated[int, Field(description="Id of the first run.")]
    second: Annotated[int, Field(description="Id of the second run.")]
    gained: Annotated[int, Field(description="Images that only the second classifies correctly.")]
    lost: Annotated[int, Field(description="Images that only the first classifies correctly.")]
    difference: Annotated[float, Field(description="Test accuracy of the second minus the first.")]
    p: Annotated[float, Field(description="p value of McNemar's exact test, two-sided.")]
    sentence: Annotated[str, Field(description="The result in a sentence.")]
