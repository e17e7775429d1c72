"""What people type into the form that launches runs."""

import pytest
from starlette.datastructures import QueryParams

from app.runs.datasets import Catalogue, Usable
from app.schemas.runs import RunOut
from app.web.pages import forms
from trainer.config import WIDEST, TrainConfig
from trainer.data.inspection import Sizes

KNOWN = Catalogue([Usable(name, Sizes(5, 3)) for name in ("mnist", "clothes")])


def test_the_blank_form_has_the_reference_settings_at_three_layers() -> None:
    request = forms.blank().request
    assert request is not None
    assert request.axes == {name: [value] for name, value in TrainConfig(depth=3).model_dump().items()}


def test_a_field_is_generated_for_every_hyperparameter() -> None:
    fields = forms.blank().fields
    assert [field.name for field in fields] == list(TrainConfig.model_fields)
    depth, device = fields[0], next(field for field in fields if field.name == "device")
    assert (depth.title, depth.bounds) == ("Depth", "1 to 10 layers")
    assert device.choices == ("auto", "cpu", "cuda", "mps")
    assert device.folded


def test_lists_and_ranges_span_a_grid() -> None:
    form = forms.read({"depth": "1-5", "seed": "0-2", "lr": "0.01, 0.05", "device": "cpu, cuda"})
    assert form.size == 60
    assert form.depths == [1, 2, 3, 4, 5]


def test_an_empty_field_means_its_default() -> None:
    request = forms.read({"depth": "2", "epochs": "", "priority": ""}).request
    assert request is not None
    assert request.axes["epochs"] == [200]
    assert request.priority == 0


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("depth", "", "A value is needed."),
        ("depth", "0", "0 is too small: expected at least 1."),
        ("depth", "1000", "1000 is too large: expected at most 10."),
        ("epochs", "1000000000", "1000000000 is too large: expected at most 10,000."),
        ("lr", "-0.1", "-0.1 is too small: expected more than 0."),
        ("lr", "NaN", "'NaN' is not a number; expected one like 0.05 or a list 0.01, 0.05."),
        ("batch_size", "70000", "70000 is too large: expected at most 60,000."),
        ("device", "tpu", "“tpu” is not valid: expected 'auto', 'cpu', 'cuda' or 'mps'."),
        ("name", "x" * 101, "Too long: at most 100 characters are allowed."),
        ("name", "a\x00b", "Must not contain the control character U+0000."),
        ("tags", ",".join(map(str, range(21))), "Too many values: at most 20 are allowed."),
        ("priority", "high", "Expected a whole number, such as 0."),
        ("seed", "0-1000", "'0-1000' has more than 1,000 values."),
    ],
)
def test_an_error_is_shown_at_its_field(name: str, text: str, message: str) -> None:
    form = forms.read({"depth": "3", name: text})
    assert form.request is None
    assert form.errors == {name: message}
    assert form.texts[name] == text


def test_all_wrong_fields_are_named_at_once() -> None:
    assert set(forms.read({"depth": "19", "lr": "abc", "priority": "x"}).errors) == {
        "depth",
        "lr",
        "priority",
    }


def test_a_grid_beyond_the_limit_is_refused_as_a_whole() -> None:
    form = forms.read({"depth": "1-5", "seed": "0-999"})
    assert form.errors == {"form": "The grid has 5,000 runs; at most 1,000 are allowed in one study."}


def test_a_clone_repeats_hyperparameters_tags_and_note_but_not_the_name() -> None:
    values = dict.fromkeys(RunOut.model_fields) | TrainConfig(depth=4, lr=0.001).model_dump()
    form = forms.clone(
        RunOut.model_construct(None, **values | {"tags": ["a", "b"], "note": "why", "name": "old"})
    )
    assert form.request is not None
    assert form.request.axes["lr"] == [0.001]
    assert form.request.tags == ["a", "b"]
    assert form.request.note == "why"
    assert form.request.name is None


def test_a_deleted_data_set_remains_a_choice_with_an_error() -> None:
    form = forms.read({"depth": "1", "dataset": "mnist, gone"}, KNOWN)
    field = next(field for field in form.fields if field.name == "dataset")
    assert (list(field.choices), field.chosen) == (["mnist", "clothes", "gone"], ["mnist", "gone"])
    assert field.error.startswith("There is no data set 'gone'; expected one of mnist, clothes.")
    assert form.request is None
    assert form.unfold


def test_line_endings_of_a_note_are_normalised() -> None:
    request = forms.read({"depth": "3", "note": "one\r\ntwo"}).request
    assert request is not None
    assert request.note == "one\ntwo"


def test_the_widest_network_is_drawn_as_wide_as_it_is() -> None:
    networks = forms.read({"depth": "3", "width": str(WIDEST)}).networks
    assert {widths[1] for depth, widths, _ in networks if depth > 1} == {WIDEST}


@pytest.mark.parametrize(
    ("name", "text", "meaning"),
    [
        ("lr", "0.05", ""),
        ("lr", "0.01, 0.05", "2 values: 0.01, 0.05"),
        ("lr", "0.001-0.1 log 5", "5 values: 0.001, 0.00316, 0.01, 0.0316, 0.1"),
        ("seed", "0-99", "100 values: 0, 1, 2, 3, 4, 5, …, 99"),
        ("depth", "1-3, 2", "3 values: 1, 2, 3 (repeated values count once)"),
        ("depth", "9-11", ""),  # out of bounds: the message says so
    ],
)
def test_a_field_says_which_values_a_list_or_range_means(name: str, text: str, meaning: str) -> None:
    fields = forms.read({"depth": "3", name: text}).fields
    assert next(field.meaning for field in fields if field.name == name) == meaning


def test_a_form_as_a_query_string_fills_the_same_form() -> None:
    texts = {"depth": "1-3", "lr": "0.05", "momentum": "0.9", "note": "a & b", "priority": "0", "name": ""}
    query = forms.as_query(texts)
    assert query == "depth=1-3&momentum=0.9&note=a+%26+b&reuse=off"
    assert forms.in_query(QueryParams(query)) == {
        "depth": "1-3",
        "momentum": "0.9",
        "note": "a & b",
        "reuse": "off",
    }
    assert forms.in_query(QueryParams("depth=1,2&depth=4&status=x")) == {"depth": "1, 2, 4"}
