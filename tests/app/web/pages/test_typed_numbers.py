"""Numbers as people of many countries type them: read where they are clear, asked back where they are not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats import whole as printed
from app.formats import written
from app.schemas.grid import GridError
from app.web.pages import forms
from app.web.pages.typed_numbers import parse, whole_number
from trainer.config import TrainConfig

NO_BREAK, NARROW, THIN, FIGURE = "\u00a0", "\u202f", "\u2009", "\u2007"


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("batch_size", "1, 24", [1, 24]),
        ("batch_size", "1 ,24", [1, 24]),
        ("batch_size", "1;24", [1, 24]),
        ("batch_size", "1; 024", [1, 24]),
        ("batch_size", f"1,{NO_BREAK}24", [1, 24]),
        ("batch_size", "128,\n256", [128, 256]),
        ("lr", "0.1; 0.2", [0.1, 0.2]),
        ("lr", "0.01,0.05", [0.01, 0.05]),
        ("lr", "1e-3,1e-4", [0.001, 0.0001]),
        ("lr", "1e-3 .5 1", [0.001, 0.5, 1.0]),
        ("lr", "1E-3", [0.001]),
        ("lr", "1e\N{MINUS SIGN}3", [0.001]),
        ("lr", "1.000", [1.0]),  # no learning rate is as large as 1000
        ("lr", "1.125", [1.125]),
        ("lr", "0.050", [0.05]),
        ("depth", "1,3,5", [1, 3, 5]),
        ("depth", "1,3", [1, 3]),
        ("depth", "1 3 5", [1, 3, 5]),
        ("depth", "1,3, 5", [1, 3, 5]),
        ("depth", "3,", [3]),
        ("depth", "1-5", [1, 2, 3, 4, 5]),
        ("depth", "1 \N{EN DASH} 3, 5", [1, 2, 3, 5]),
        ("depth", "1..3;5", [1, 2, 3, 5]),
        ("seed", "0-100:50", [0, 50, 100]),
        ("batch_size", "\uff11\uff10\uff12\uff14", [1024]),
        ("batch_size", "٢\u0665٦", [256]),
        ("lr", "\u0660\u066b\u0660\u0665", [0.05]),
        ("batch_size", "\u200e64\u200b", [64]),
        ("width", "512,1024", [512, 1024]),
        ("device", "cpu; cuda", ["cpu", "cuda"]),
        ("epochs", "10 \N{EN DASH} 30 / 10; 7", [10, 20, 30, 7]),
        ("epochs", "1,10-30/10", [1, 10, 20, 30]),
        ("lr", "0.001 - 0.1 log 3, 0.5", [0.001, 0.01, 0.1, 0.5]),
        ("lr", "0.05 0.1-0.3/0.1", [0.05, 0.1, 0.2, 0.3]),
    ],
)
def test_unambiguous_numbers_are_parsed(name: str, text: str, values: list[object]) -> None:
    assert parse(name, text) == values


@pytest.mark.parametrize(
    ("name", "text", "cures"),
    [
        ("batch_size", "1,024", {"1024", "1, 24"}),
        ("epochs", "1,000", {"1000"}),
        ("batch_size", "1 024", {"1024", "1, 24"}),
        *(("batch_size", f"1{space}024", {"1024", "1, 24"}) for space in (NO_BREAK, NARROW, THIN, FIGURE)),
        ("batch_size", "1\uff0c024", {"1024", "1, 24"}),
        ("seed", "1,234,567", {"1234567", "1, 234, 567"}),
        ("seed", "12,34,567", {"1234567", "12, 34, 567"}),
        ("seed", "0-1,000", {"0-1000", "0-1, 0"}),
        ("width", "128,256,512", {"128, 256, 512"}),
        ("batch_size", "64, 1,024", {"1024", "1, 24"}),
        ("batch_size", "1,024; 2,048", {"1024", "1, 24"}),
        ("batch_size", "1,024,2,048", {"1024, 2048", "1, 24, 2, 48"}),
        ("lr", "1,5", {"1.5", "1, 5"}),
        ("lr", "0,05", {"0.05"}),
        ("lr", "1,5; 2,5", {"1.5", "1, 5"}),
        ("lr", "1,5e-3", {"1.5e-3", "1, 5e-3"}),
        ("lr", "1,024", {"1.024", "1, 24"}),
        ("lr", "1.000,5", {"1.000, 5"}),
        ("lr", "1,024.5", {"1, 24.5"}),
        ("lr", "0,1,0,2", {"0.1, 0.2"}),
        ("weight_decay", "0,0001", {"0.0001", "0, 1"}),
        ("momentum", ",9", {"0.9"}),
        ("epochs", "1.000", {"1000", "1"}),
        ("batch_size", "1.024", {"1024"}),
        ("batch_size", "1.024,00", {"1024"}),
        ("batch_size", "1'024", {"1024"}),
        ("batch_size", "1\N{RIGHT SINGLE QUOTATION MARK}024", {"1024"}),
        ("batch_size", "1_024", {"1024"}),
        ("lr", "1'024,5", {"1024.5"}),
        ("epochs", "1e3", {"1000"}),
        ("epochs", "1E3", {"1000"}),
        ("epochs", "20.0", {"20"}),
        ("lr", "0,001-0,1 log 5", {"0.001-0.1 log 5"}),
        ("lr", "0,01..0,1/0,03", {"0.01..0.1/0.03"}),
        ("epochs", "1,000-5,000/1,000", {"1000-5000/1000"}),
        ("batch_size", "64-1 024 log 5", {"64-1024 log 5"}),
    ],
)
def test_an_ambiguous_number_is_refused_with_its_unambiguous_notations(
    name: str, text: str, cures: set[str]
) -> None:
    with pytest.raises(GridError) as caught:
        parse(name, text)
    message = str(caught.value)
    assert message.startswith("“")
    for cure in cures:
        assert f" {cure}" in message.partition("” ")[2]
        try:
            parse(name, cure)
        except GridError as error:
            assert "values" in str(error)  # noqa: PT017  # only that these are too many
    assert len(message) < 250


@pytest.mark.parametrize(
    "text", ["", " ", " , ", ";", "three", "1,x", "1-", "9" * 5000, "1'02", "--5", "1e999"]
)
def test_invalid_numbers_are_refused(text: str) -> None:
    with pytest.raises(GridError) as caught:
        parse("epochs", text)
    assert len(str(caught.value)) < 200


@given(st.integers(1000, 2**32 - 1))
def test_a_number_copied_from_a_page_is_not_read_as_several_values(number: int) -> None:
    with pytest.raises(GridError, match=f"for one number, write {number};"):
        parse("seed", printed(number))


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5), st.sampled_from([", ", "; ", ";"]))
def test_comma_and_space_or_a_semicolon_always_make_a_list(numbers: list[int], between: str) -> None:
    assert parse("seed", between.join(map(str, numbers))) == numbers


@given(st.data())
def test_numbers_of_a_cloned_form_are_unambiguous(data: st.DataObject) -> None:
    for name, most in (("lr", 100.0), ("momentum", 0.999), ("weight_decay", 1.0), ("dropout", 0.999)):
        value = data.draw(st.floats(0, most, exclude_min=name == "lr"))
        assert parse(name, written(value)) == [value]
    seed = data.draw(st.integers(0, 2**32 - 1))
    assert parse("seed", written(seed)) == [seed]


@given(st.text("0123456789,.;' _-elog/\u00a0\u2009+", max_size=12), st.sampled_from(["seed", "lr", "epochs"]))
def test_any_text_is_parsed_or_refused_with_a_message(text: str, name: str) -> None:
    try:
        values = parse(name, text)
    except GridError as error:
        assert 0 < len(str(error)) < 250  # noqa: PT017
    else:
        assert all(math.isfinite(float(value)) for value in values)


@pytest.mark.parametrize(
    ("text", "number"), [("5", 5), (" 5 ", 5), ("-5", -5), ("\N{MINUS SIGN}5", -5), ("\uff15", 5), ("+5", 5)]
)
def test_one_whole_number_is_read(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize(
    ("name", "text", "cure"),
    [
        ("batch_size", "128,256", "for 2 values, write 128, 256"),
        ("batch_size", "100,200,300", "for 3 values, write 100, 200, 300"),
        ("epochs", "20,200", "for 2 values, write 20, 200"),
        ("epochs", "1,000", "for one number, write 1000"),
        ("lr", "1,000", "for one number, write 1.000"),
        ("dropout", "0,5", "for one number, write 0.5"),
    ],
)
def test_suggestions_are_within_the_bounds_of_the_field(name: str, text: str, cure: str) -> None:
    with pytest.raises(GridError, match=rf"” is ambiguous: {cure}$"):
        parse(name, text)


@pytest.mark.parametrize("text", ["1,000", "1 000", "1.000", "1'000", "1_000", f"1{NARROW}000"])
def test_thousands_separators_in_a_field_for_one_number_are_refused_with_a_suggestion(text: str) -> None:
    with pytest.raises(GridError, match=r"Did you mean 1000\?"):
        whole_number(text)
    with pytest.raises(GridError, match=r"Did you mean -1000\?"):
        whole_number(f"\N{MINUS SIGN}{text}")


@pytest.mark.parametrize("text", ["", "high", "1, 5", "1.5", "9" * 5000, "1-5"])
def test_a_field_for_one_number_says_what_it_expects(text: str) -> None:
    with pytest.raises(GridError, match=r"^expected a whole number, such as 0$"):
        whole_number(text)


@pytest.mark.parametrize(
    "name", [name for name, field in TrainConfig.model_fields.items() if field.annotation in (int, float)]
)
def test_every_number_field_keeps_ambiguous_input(name: str) -> None:
    typed = "1,024"
    form = forms.read({"depth": "3", name: typed})
    assert form.request is None
    assert set(form.errors) == {name}
    assert form.texts[name] == typed
    assert form.errors[name].startswith("“1,024” is ambiguous: for ")
