"""The compare page: results at an epoch, means, the gap, costs, and the inside of the networks."""

import re
from pathlib import Path
from statistics import fmean
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from scipy.special import stdtrit

from app import formats
from app.queue import claims, endings
from app.schemas.compare.comparison import Spread
from app.statistics import spread
from app.storage.database import Database
from app.web import assets
from tests.app.states import RESULTS, add_worker, claimed, measured, queue_run
from tests.browser.compared import ALL, EPOCHS, trained
from tests.browser.drawn import traces, wait
from tests.web_server import WebServer
from trainer.config import TRAIN_IMAGES, TrainConfig, training_flops_per_image

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def opened(six: str, shared: Page) -> Page:
    """The comparison of all six runs, for tests that leave it as it is."""
    shared.goto(six + ALL)
    return shared


def shown(values: Spread) -> str:
    """Figures of several seeds as the table has them."""
    return (
        f"{formats.percent(values.mean)} ± {formats.points(values.std)}\N{NO-BREAK SPACE}pp"
        f"{formats.percent(values.min)} – {formats.percent(values.max)}"
    )


def shows_test_mean(page: Page, place: int, percent: float) -> None:
    """Wait until the chart of layers shows this mean test accuracy at a place, by default a depth."""

    def has_it(found: list[dict[str, Any]]) -> bool:
        means = [
            trace
            for trace in found
            if trace.get("hovertemplate", "").startswith("test")
            and trace["text"][:1][0].startswith("mean of")
        ]
        return any(
            at == place and y == pytest.approx(percent, abs=1e-9)
            for trace in means
            for at, y in zip(trace["x"], trace["y"], strict=True)
        )

    traces(page, "layers", has_it)


def test_a_slider_moves_dots_means_bands_and_the_table_to_an_epoch(six: str, page: Page) -> None:
    page.goto(six + ALL)
    expect(page.locator("#published-key")).to_be_hidden()
    slider = page.get_by_label("At epoch")
    expect(slider).to_have_attribute("aria-valuetext", "final")
    expect(page.locator("#groups")).to_be_visible()
    expect(slider).to_be_enabled()
    slider.focus()
    for _ in range(EPOCHS - 1):
        slider.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", f"epoch 2 of {EPOCHS}")
    epochs = {run: httpx.get(f"{six}/runs/{run}/epochs").json() for run in range(1, 7)}
    for depth in (1, 2, 3):
        pair = [epochs[2 * depth - 1], epochs[2 * depth]]
        test = spread([columns["test_accuracy"][1] for columns in pair])
        train = spread([columns["train_accuracy"][1] for columns in pair])
        shows_test_mean(page, depth, 100 * test.mean)
        seconds = fmean(sum(columns["seconds"][:2]) for columns in pair)
        cells = page.locator("#groups-at-epoch tbody").first.get_by_role("row").nth(depth - 1)
        words = [
            shown(test),
            "2",
            shown(train),
            f"{formats.points(train.mean - test.mean)}\N{NO-BREAK SPACE}pp",
            formats.loss(fmean(columns["test_loss"][1] for columns in pair)),
            formats.whole(TrainConfig(depth=depth).parameters),
            formats.duration(seconds),
            "Pin",
        ]
        expect(cells.get_by_role("cell")).to_have_text(words)
    expect(page.locator("#groups")).to_be_hidden()
    expect(page.get_by_role("columnheader", name="Running train accuracy")).to_be_visible()
    expect(page.locator("#train-key")).to_have_text("running train")
    drawn = traces(page, "layers")
    (dots,) = [trace for trace in drawn if trace["mode"] == "markers"]
    assert dots["text"][-1].endswith("<br>test")
    assert dots["y"][6:] == pytest.approx([100 * epochs[run]["test_accuracy"][1] for run in range(1, 7)])
    (bands,) = [trace for trace in drawn if trace.get("fill")]
    test_band = bands["y"][bands["y"].index(None) + 1 :]
    low, high = spread([epochs[run]["test_accuracy"][1] for run in (1, 2)]).ci95 or (0, 0)
    assert (test_band[-1], test_band[0]) == pytest.approx((100 * low, 100 * high))


def test_the_epoch_is_kept_in_the_url_until_the_last_is_selected(six: str, page: Page) -> None:
    page.goto(six + ALL)
    page.get_by_label("Epoch, as a number").fill("3")
    page.wait_for_url("**&epoch=3")
    page.reload()
    expect(page.get_by_label("At epoch")).to_have_attribute("aria-valuetext", f"epoch 3 of {EPOCHS}")
    expect(page.locator("#groups-at-epoch")).to_contain_text(f"Epoch 3 of {EPOCHS}")
    page.get_by_role("button", name="Back to final").click()
    page.wait_for_url(f"**{ALL}")
    expect(page.locator("#groups")).to_be_visible()
    shows_test_mean(page, 3, 100 * fmean([0.73, 0.731]))


def test_a_run_without_the_epoch_is_counted_and_the_page_stays_at_it(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    trained(database, 0, depth=1)
    queue_run(database, depth=2)
    claimed(database)
    page.goto(f"{quiet.url}/compare?runs=1,2&epoch=2")
    expect(page.locator("#scrubber output")).to_have_text(f"of {EPOCHS}; 1 of 2 runs reached it")
    expect(page.locator("#groups-at-epoch caption")).to_contain_text("1 of 2 runs reached it")
    shows_test_mean(page, 1, 76)
    assert len(traces(page, "curves")) == 1


def test_groups_of_failed_runs_are_not_called_untrained(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    queue_run(database, depth=1)
    claim = claimed(database)
    with database.write() as session:
        claims.record_epoch(session, claim, measured(1))
        endings.fail(session, claim, "it broke", None)
    page.goto(f"{quiet.url}/compare?runs=1&epoch=1")
    expect(page.locator("#scrubber output")).to_contain_text("No run is finished or training")
    assert len(traces(page, "curves")) == 1


def test_a_comparison_of_failed_runs_shows_their_curves_and_no_empty_chart(
    quiet: WebServer, page: Page
) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    for seed in (0, 1):
        queue_run(database, seed=seed, epochs=EPOCHS)
        claim = claimed(database)
        with database.write() as session:
            claims.record_epoch(session, claim, measured(1))
            claims.record_epoch(session, claim, measured(2))
            endings.fail(session, claim, "it broke", None)
    page.goto(f"{quiet.url}/compare?runs=1,2&lines=mean")
    expect(page.locator("#curves-chart .js-line")).to_have_count(2)
    expect(page.locator("[data-chart-note]").first).to_contain_text(
        "No run is finished or training, so there"
    )
    expect(page.locator(".verdict")).to_contain_text("No run finished: 2 runs failed.")
    for chart in ("layers", "frontier", "images"):
        expect(page.locator(f"#{chart}")).to_be_hidden()
        expect(page.locator(f"#sections a[href='#{chart}']")).to_be_hidden()
    expect(page.locator("#sections a[href='#curves']")).to_be_visible()


def test_a_comparison_names_runs_without_results_and_compares_the_others(
    quiet: WebServer, page: Page
) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    good = [trained(database, seed, depth=depth) for depth in (1, 2) for seed in (0, 1)]
    diverged = queue_run(database, depth=3, epochs=EPOCHS)
    claim = claimed(database)
    with database.write() as session:
        claims.record_epoch(session, claim, measured(1))
        endings.fail(session, claim, reason := "the loss became non-finite in epoch 2 (diverged)", None)
    clothes = trained(database, 0, depth=2, dataset="clothes")
    cancelled = queue_run(database, depth=4, epochs=EPOCHS)
    httpx.post(f"{quiet.url}/runs/{cancelled}/cancel").raise_for_status()
    deleted = trained(database, 7, depth=1)
    httpx.delete(f"{quiet.url}/runs/{deleted}").raise_for_status()
    running = queue_run(database, depth=5, epochs=EPOCHS)
    claimed(database)
    waiting = queue_run(database, depth=5, seed=1, epochs=EPOCHS)
    chosen = [*good, diverged, clothes, cancelled, deleted, running, waiting, 999]
    page.goto(f"{quiet.url}/compare?runs={','.join(map(str, chosen))}")
    expect(page.locator(".verdict p").first).to_have_text(re.compile("for mnist, the best is 2 layers, with"))
    counted = "it is in the curves; the table and the verdict include it only in the number of failed runs"
    nowhere = "it is not in the charts, the table or"
    expect(page.locator("#verdict .notice.warning").last.locator("li")).to_have_text(
        [
            f"Runs {deleted}, 999 were not found and are ignored.",
            f"Run {diverged} failed ({reason}); {counted}.",
            f"Run {cancelled} was cancelled before the end of its first epoch; {nowhere} the verdict.",
            f"Run {running} is still training; {nowhere} the verdict yet.",
            f"Run {waiting} is queued; {nowhere} the verdict yet.",
        ]
    )
    expect(page.get_by_label("At epoch")).to_be_enabled()
    assert len(traces(page, "curves")) == len([*good, diverged, clothes])
    shows_test_mean(page, 1, 100 * fmean([0.81, 0.811]))
    expect(page.locator("[data-images-note]")).to_contain_text("used other test images")
    expect(page.locator("#groups tbody").first.get_by_role("row")).to_have_text(
        [
            re.compile("1 layer, mnist"),
            re.compile("2 layers, clothes"),
            re.compile("2 layers, mnist"),
            re.compile(r"3 layers, mnist\s+1 of 1 failed"),
        ]
    )
    page.get_by_role("link", name="Only mnist").click()
    expect(page.locator(".verdict p").first).to_have_text(re.compile("the best is 2 layers"))
    expect(page.locator("#groups tbody").first.get_by_role("row")).to_have_count(3)


def test_a_report_opens_from_a_file_without_any_server(six: str, page: Page, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_bytes(httpx.get(f"{six}/compare/report.html?runs=1,2,3,4,5,6").raise_for_status().content)
    page.goto(report.as_uri())
    for chart in ("layers", "curves", "gap", "frontier"):
        traces(page, chart)
    shows_test_mean(page, 2, 100 * fmean([0.82, 0.821]))
    expect(page.locator(".verdict p").first).to_contain_text("the best is 2 layers")
    page.get_by_label("Epoch, as a number").fill("3")
    expect(page.locator("#groups-at-epoch")).to_contain_text(f"Epoch 3 of {EPOCHS}")
    page.get_by_label("Cost", exact=True).select_option("seconds")
    wait(page, "frontier", lambda drawing: drawing.x.title == "Training time (s)")
    expect(page.get_by_role("link")).to_have_count(0)


def test_other_hyperparameters_take_the_place_of_depth(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    for lr in (0.01, 0.1):
        for seed in (0, 1, 2):
            trained(database, seed, depth=2, lr=lr)
    page.goto(f"{quiet.url}/compare?runs=1,2,3,4,5,6&by=lr&lines=mean")
    expect(page.get_by_role("heading", level=1)).to_have_text("Comparison by learning rate")
    expect(page.locator("#groups tbody").first.get_by_role("rowheader")).to_have_text(["lr 0.01", "lr 0.1"])
    traces(page, "layers")
    axis = wait(page, "layers", bool).x
    assert axis.title == "Learning rate"
    assert [(text, round(place, 1)) for text, place in axis.marks] == [("lr 0.01", 1), ("lr 0.1", 2)]
    assert len(traces(page, "curves")) == 2 * 2
    page.get_by_role("button", name="lr 0.01", exact=True).click()
    page.wait_for_url("**hide=1,2,3")
    wait(page, "curves", lambda drawing: len(drawing.traces) == 2)


def test_an_epoch_in_the_url_is_shown_once_it_is_recorded(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    queue_run(database, depth=1)
    claim = claimed(database)
    with database.write() as session:
        claims.record_epoch(session, claim, measured(1))
    page.goto(f"{quiet.url}/compare?runs=1&epoch=2")
    slider = page.get_by_label("At epoch")
    expect(slider).to_have_attribute("aria-valuetext", "epoch 1 of 1")
    with database.write() as session:
        claims.record_epoch(session, claim, measured(2))
    expect(slider).to_have_attribute("aria-valuetext", "epoch 2 of 2")
    shows_test_mean(page, 1, 70)


def test_students_quantiles_are_those_of_scipy(opened: Page) -> None:
    freedoms = [*range(1, 101), 1000]
    found = opened.evaluate(
        "async ([module, freedoms]) => { const { studentQuantile } = await import(module); "
        "return freedoms.map(studentQuantile); }",
        [assets.url("js/charts/statistics.js"), freedoms],
    )
    assert found == pytest.approx([float(stdtrit(freedom, 0.975)) for freedom in freedoms], rel=1e-12)
    sample = [0.91, 0.92, 0.95]
    answer = opened.evaluate(
        "async ([module, sample]) => (await import(module)).spread(sample)",
        [assets.url("js/charts/statistics.js"), sample],
    )
    expected = spread(sample)
    assert answer["ci95"] == pytest.approx(expected.ci95)
    assert answer["std"] == pytest.approx(expected.std)


def test_curves_become_means_with_bands_over_what_training_cost(six: str, page: Page) -> None:
    page.goto(six + ALL)
    page.get_by_label("Show", exact=True).first.select_option("test_accuracy")
    page.get_by_label("as", exact=True).select_option("mean")
    page.get_by_label("by", exact=True).select_option("flops")
    page.get_by_label("Log x").check()
    page.reload()
    assert wait(page, "curves", lambda drawing: "estimate" in drawing.x.title).x.is_log
    drawn = traces(page, "curves")
    bands = [trace for trace in drawn if trace.get("fill")]
    means = [trace for trace in drawn if not trace.get("fill")]
    assert (len(bands), len(means)) == (3, 3)
    runs = [httpx.get(f"{six}/runs/{run}/epochs").json() for run in (3, 4)]
    assert means[1]["y"] == pytest.approx(
        [100 * fmean(pair) for pair in zip(*(run["test_accuracy"] for run in runs), strict=True)]
    )
    per_epoch = TRAIN_IMAGES * training_flops_per_image(TrainConfig(depth=2).layer_sizes)
    assert means[1]["x"] == [epoch * per_epoch for epoch in range(1, EPOCHS + 1)]


def test_updates_follow_the_images_of_the_data_set(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    trained(database, 0, depth=1, dataset="small", batch_size=1000, images=1500)
    trained(database, 0, depth=2, batch_size=1000)
    page.goto(f"{quiet.url}/compare?runs=1,2&x=updates")
    small, mnist = traces(page, "curves")
    assert (small["x"][0], mnist["x"][0]) == (2, 60)


def test_the_gap_is_running_train_minus_test_accuracy(six: str, opened: Page) -> None:
    drawn = traces(opened, "gap")
    assert len(drawn) == 6 + 3
    columns = httpx.get(f"{six}/runs/1/epochs").json()
    pairs = zip(columns["train_accuracy"], columns["test_accuracy"], strict=True)
    assert drawn[0]["y"] == pytest.approx([100 * (train - test) for train, test in pairs])
    assert drawn[6]["y"] == pytest.approx(
        [fmean(pair) for pair in zip(drawn[0]["y"], drawn[1]["y"], strict=True)]
    )


def test_the_frontier_names_depths_that_no_cheaper_one_beats(six: str, page: Page) -> None:
    page.goto(six + ALL)
    words = page.locator("#frontier-words")
    expect(words).to_contain_text(
        "Pareto front: 1 and 2 layers. Higher cost without higher accuracy: 3 layers."
    )
    page.get_by_label("Cost", exact=True).select_option("seconds")
    page.wait_for_url("**&cost=seconds")
    wait(page, "frontier", lambda drawing: drawing.x.title == "Training time (s)")
    _, runs, means = traces(page, "frontier")
    answers = httpx.get(f"{six}{ALL}").json()["runs"]
    assert runs["x"] == [run["train_seconds"] for run in answers]
    assert means["x"] == pytest.approx([5.25, 10.25, 15.25])


def test_the_cost_of_a_run_that_stopped_early_counts_its_epochs(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    queue_run(database, depth=2, epochs=EPOCHS)
    claim = claimed(database)
    with database.write() as session:
        claims.report_start(session, claim, "cpu", {"train_images": str(TRAIN_IMAGES)}, 0)
        for epoch in (1, 2):
            claims.record_epoch(session, claim, measured(epoch))
        endings.finish(session, claim, RESULTS, "stopped early")
    page.goto(f"{quiet.url}/compare?runs=1&cost=flops")
    _, dots, _ = traces(page, "frontier", lambda found: found[1]["x"])
    assert dots["x"] == [2 * TRAIN_IMAGES * training_flops_per_image(TrainConfig(depth=2).layer_sizes)]


@pytest.mark.parametrize(
    ("points", "front", "words"),
    [
        # the same accuracy for less beats it, the same for as much does not
        (
            [(1, 100.0), (2, 100.0), (2, 100.0)],
            [1],
            "Pareto front: A. Higher cost without higher accuracy: B and C.",
        ),
        (
            [(1, 98.0), (1, 98.0), (2, 99.0)],
            [1, 1, 2],
            "Pareto front: A, B and C.",
        ),
        # equal as shown
        (
            [(1, 97.5), (2, 97.502)],
            [1],
            "Pareto front: A. Higher cost without higher accuracy: B.",
        ),
        (
            [(1, 98.0), (1, 97.0), (2, 98.0)],
            [1],
            "Pareto front: A. Higher cost without higher accuracy: C. Lower accuracy at equal cost: B.",
        ),
    ],
)
def test_groups_with_equal_cost_and_accuracy_are_dominated_together(
    opened: Page, points: list[tuple[int, float]], front: list[int], words: str
) -> None:
    found = opened.evaluate(
        """async ([module, points]) => {
            const { paretoFront, wordsOf } = await import(module);
            return [paretoFront(points).map(({ cost }) => cost), wordsOf(points)];
        }""",
        [
            assets.url("js/charts/frontier.js"),
            [
                {"label": label, "cost": cost, "accuracy": accuracy}
                for label, (cost, accuracy) in zip("ABC", points, strict=False)
            ],
        ],
    )
    assert found[0] == front
    assert found[1].startswith(words.removesuffix("."))


def test_the_inside_of_a_depth_and_of_a_run_is_drawn_by_layer(six: str, page: Page) -> None:
    page.goto(six + ALL)
    words = page.locator("#diagnostics-words")
    expect(words).to_contain_text("the gradient norm of layer 1 is 0.33 times that of layer 3")
    assert len(traces(page, "diagnostics")) == 2 * 3 + 3
    page.get_by_label("of", exact=True).select_option("2 layers, 5 epochs, seed 1")
    page.wait_for_url("**&inside=run-4")
    page.locator("#layer").select_option("dead_relu")
    expect(words).to_contain_text("At epoch 5, the largest share of dead units in a layer is 5.00")
    assert traces(page, "diagnostics")[0]["y"] == pytest.approx([1, 2, 3, 4, 5])
    page.get_by_label("of", exact=True).select_option("all runs of 1 layer")
    expect(words).to_have_text("A network of one layer has no hidden units.")


def test_runs_that_were_not_measured_inside_say_so(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    trained(database, 0, depth=2, measured=False)
    page.goto(f"{quiet.url}/compare?runs=1")
    words = page.locator("#diagnostics-words")
    expect(words).to_contain_text("Run 1 did not record these values.")
    words.get_by_role("button", name="Train again").click()
    page.wait_for_url("**/compare?runs=2")
    expect(page.get_by_role("status").first).to_contain_text("Queued 1 run again")
    assert httpx.get(f"{quiet.url}/runs/2").json()["status"] == "queued"


@pytest.mark.parametrize("format_name", ["svg", "png"])
def test_a_chart_is_downloaded_as_a_picture(opened: Page, format_name: str) -> None:
    traces(opened, "gap")
    with opened.expect_download() as waiting:
        opened.get_by_role("group", name="Download the gap").get_by_text(format_name.upper()).click()
    download = waiting.value
    assert download.suggested_filename == f"gap.{format_name}"
    content = Path(download.path()).read_bytes()
    assert content.startswith(b"\x89PNG" if format_name == "png" else b"<svg")


def test_the_compare_page_with_results_fits_a_phone_in_the_dark(six: str, phone: Page) -> None:
    phone.goto(six + ALL + "&epoch=2&lines=mean&x=flops")
    for chart in ("layers", "curves", "gap", "frontier", "diagnostics"):
        traces(phone, chart)
    assert phone.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_the_title_of_an_axis_stays_clear_of_its_longest_marks(six: str, page: Page) -> None:
    page.goto(f"{six}/compare?runs=1,2&reference=off")
    for name in ("layers", "frontier"):
        chart = page.locator(f"#{name}-chart")
        chart.scroll_into_view_if_needed()
        expect(chart.locator(".ytick text").first).to_be_visible()
        title = chart.locator(".g-ytitle text").bounding_box()
        marks = [mark.bounding_box() for mark in chart.locator(".ytick text").all()]
        assert title
        assert all(mark and title["x"] + title["width"] < mark["x"] for mark in marks), name
