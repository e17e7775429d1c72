"""Bodies of responses about one run's predictions."""

from typing import Annotated

from pydantic import BaseModel, Field


class ClassAccuracy(BaseModel):
    """How a run classifies the test images of one class."""

    label: Annotated[int, Field(description="The class.")]
    images: Annotated[int, Field(description="Number of its test images.")]
    correct: Annotated[int, Field(description="How many of them are classified correctly.")]
    accuracy: Annotated[
        float | None, Field(description="Fraction classified correctly; null for a class without images.")
    ]
    predicted: Annotated[int, Field(description="For how many test images this class is predicted.")]
    confused_with: Annotated[
        int | None, Field(description="The most frequent wrong prediction; null without errors.")
    ]


class WrongImage(BaseModel):
    """A test image that a run classifies wrongly. `/datasets/…/test/{index}.png` shows it."""

    index: Annotated[int, Field(description="Zero-based index of the image.")]
    label: Annotated[int, Field(description="Its class.")]
    predicted: Annotated[int, Field(description="The predicted class.")]
    confidence: Annotated[
        float | None,
        Field(description="Softmax probability of the predicted class; null if it was not stored."),
    ]


class RunPredictions(BaseModel):
    """Response of `GET /runs/{id}/predictions`."""

    run_id: Annotated[int, Field(description="The run's id.")]
    dataset: Annotated[str, Field(description="The data set.")]
    images: Annotated[int, Field(description="Number of test images.")]
    correct: Annotated[int, Field(description="How many are classified correctly.")]
    confusion: Annotated[
        list[list[int]], Field(description="Numbers of test images; rows are labels, columns predictions.")
    ]
    classes: Annotated[list[ClassAccuracy], Field(description="Accuracy per class.")]
    has_confidence: Annotated[bool, Field(description="Whether the file stores confidences.")]
    wrong: Annotated[
        list[WrongImage],
        Field(
            description="Wrongly classified images, the most confident first, at most `limit`; in the order "
            "of the test set if there are no confidences."
        ),
    ]
