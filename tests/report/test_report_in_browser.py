"""The report in a real browser, from a file, with the network off."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait
from tests.report import staged_study

from regbench.evaluation.results import Results
from regbench.history.page import render_history
from regbench.report.page import ReportContent, render_report

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="needs Chromium and its driver: apt-get install chromium chromium-driver",
)

HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"
CLASSES = ["ant", "bee", HOSTILE]
ACCURACIES = {"dropout": 0.93, "l1_with_a_rather_long_name": 0.9, "baseline": 0.91, "zca": None}


def a_results(accuracy: float | None) -> Results:
    if accuracy is None:
        return Results.none()
    random = np.random.default_rng(round(1000 * accuracy))
    labels = np.resize(CLASSES, 60).astype(object)
    answers = pd.concat(
        pd.DataFrame(
            {
                "seed": seed,
                "filename": [f"{place}{HOSTILE}" for place in range(60)],
                "split": "test",
                "label": labels,
                "predicted": np.where(
                    random.random(60) < accuracy - 0.3, labels, np.roll(labels, 1)
                ),
                "confidence": random.uniform(0.4, 1, 60).astype(np.float32),
            }
        )
        for seed in (1, 2)
    )
    figures = {"train_accuracy": [0.5, 0.8], "validation_accuracy": [0.4, 0.7]}
    measured = [
        (seed, measure, setting, random.random())
        for seed in (1, 2)
        for measure, settings in (
            ("accuracy_after_pruning", ["0.5", "0.8", "0.9", "0.95"]),
            ("accuracy_under_corruption", ["shot_noise", "blur", "rotate", "scale", "stripe"]),
        )
        for setting in settings
    ]
    return Results(
        pd.DataFrame({"seed": [1, 2], "status": "trained", "test_accuracy": accuracy}),
        pd.concat(pd.DataFrame({"seed": seed, "epoch": [1, 2], **figures}) for seed in (1, 2)),
        answers.reset_index(drop=True),
        pd.DataFrame(measured, columns=["seed", "measure", "setting", "value"]),
    )


def a_report() -> str:
    return render_report(a_content())


def a_content() -> ReportContent:
    compared = pd.DataFrame({"technique": list(ACCURACIES), "test_accuracy": ACCURACIES.values()})
    trained = compared["test_accuracy"].notna()
    compared["status"] = np.where(trained, "trained", "failed")
    compared["trainings"] = np.where(trained, 2, 0)
    compared["failed_trainings"] = 0
    compared["validation_accuracy"] = compared["test_accuracy"]
    compared["train_accuracy"] = np.where(trained, 0.99, np.nan)
    compared["difference"] = [0.02, -0.01, np.nan, np.nan]
    compared["difference_low"] = compared["difference"] - 0.005
    compared["difference_high"] = compared["difference"] + 0.005
    compared["verdict"] = ["better", "undecided", None, None]
    for place in range(10):  # a table far wider than a telephone
        name = ["seconds", "epochs", "weights", "weights_bytes", "test_macro_f1", "win_share"][
            place % 6
        ]
        compared[name] = np.where(trained, 0.5, np.nan)
    return ReportContent(
        comparison=compared,
        results={name: a_results(accuracy) for name, accuracy in ACCURACIES.items()},
        classes=CLASSES,
        images=np.zeros((60, 8, 8, 1), np.uint8),
        split_index=pd.DataFrame(
            {
                "filename": [f"{place}{HOSTILE}" for place in range(60)],
                "label": np.resize(CLASSES, 60).astype(object),
                "split": "test",
            }
        ),
        rejected=pd.DataFrame({"filename": [HOSTILE], "reason": ["broken"]}),
        settings={"images": "/a/very/long/path" * 10, "protocol": {"seeds": [1, 2]}},
        provenance={HOSTILE: HOSTILE},
        notes=[HOSTILE],
        claims=None,
    )


ATTACKS = [
    HOSTILE,
    "<script>document.title='hacked'</script>",
    "</script><script>document.title='hacked'</script>",
    "</title></style></svg></pre><script>document.title='hacked'</script>",
    '" onmouseover="document.title=\'hacked\'" autofocus onfocus="document.title=\'hacked\'" x="',
    "' onerror='document.title=1' x='",
    "]]><script>document.title='hacked'</script>",
    "{{ 7 * 191 }}${7 * 191}",
    "javascript:document.title='hacked'",
]


def a_report_under(attack: str) -> str:
    """A report in which everything that comes from outside is an attack."""
    content = a_content()
    results = {"baseline": a_results(0.91), attack: a_results(0.93)}
    compared = content.comparison[content.comparison["technique"].isin(["baseline", "dropout"])]
    compared = compared.replace({"technique": {"dropout": attack}})
    compared["status_reason"] = compared["reason"] = compared["stale"] = attack
    claim = dict.fromkeys(("technique", "claim", "outcome", "why_not", "verdict"), attack)
    classes = ["ant", "bee", attack]
    for of_one in results.values():
        for column in ("label", "predicted", "filename"):
            replaced = of_one.predictions[column].str.replace(HOSTILE, attack)
            of_one.predictions[column] = replaced
    index = content.split_index.replace({"label": {HOSTILE: attack}})
    index["filename"] = index["filename"].str.replace(HOSTILE, attack)
    return render_report(
        replace(
            content,
            comparison=compared,
            results=results,
            classes=classes,
            split_index=index,
            rejected=pd.DataFrame({"filename": [attack], "reason": [attack]}),
            settings={"images": attack, attack: attack, "protocol": {attack: [attack]}},
            provenance={attack: attack},
            notes=[attack],
            claims=pd.DataFrame([claim | {"published_accuracy": 0.9}]),
        )
    )


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "--headless=new",
        "--no-sandbox",  # a container's root has none
        "--disable-gpu",
        f"--user-data-dir={tmp_path_factory.mktemp('browser')}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    started.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    started.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    yield started
    started.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(a_report(), "utf-8")
    return path.as_uri()


@pytest.fixture
def page(driver: webdriver.Chrome, address: str) -> webdriver.Chrome:
    """The report at the width of a screen, in light colours."""
    show(driver, 1400)
    driver.get_log("browser")
    driver.get_log("performance")
    driver.get(address)
    return driver


def show(driver: webdriver.Chrome, width: int, colours: str = "light", media: str = "") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [
        {"name": "prefers-color-scheme", "value": colours},
        {"name": "prefers-reduced-motion", "value": "reduce"},  # a click waits for no scrolling
    ]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})


def requests(driver: webdriver.Chrome) -> list[str]:
    """The addresses that the page has asked for."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


class TestOpening:
    def test_asks_for_nothing_but_the_file(self, page: webdriver.Chrome, address: str) -> None:
        asked = requests(page)
        assert address in asked
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        assert [url for url in asked if url.startswith("file:")] == [address]

    def test_a_request_would_be_noticed(self, page: webdriver.Chrome, tmp_path: Path) -> None:
        asking = tmp_path / "asking.html"
        asking.write_text("<img src='http://localhost:9/picture.png'>")
        page.get(asking.as_uri())
        assert "http://localhost:9/picture.png" in requests(page)
        assert page.get_log("browser")

    def test_has_nothing_to_complain_of(self, page: webdriver.Chrome) -> None:
        assert page.get_log("browser") == []

    def test_runs_no_label_and_no_file_name(self, page: webdriver.Chrome) -> None:
        assert page.title.startswith("RegBench")
        assert page.find_elements(By.CSS_SELECTOR, "img[src=x]") == []
        text = page.find_element(By.TAG_NAME, "body").text
        assert text.count(HOSTILE) > 5


def test_nothing_from_outside_runs_wherever_it_stands(
    page: webdriver.Chrome, tmp_path: Path
) -> None:
    driver, attack = page, " ".join(ATTACKS)
    own_scripts = len(driver.find_elements(By.TAG_NAME, "script"))
    report = tmp_path / "report.html"
    report.write_text(a_report_under(attack), "utf-8")
    driver.get(report.as_uri())
    webdriver.ActionChains(driver).move_by_offset(1, 1).perform()
    assert driver.title.startswith("RegBench")
    assert len(driver.find_elements(By.TAG_NAME, "script")) == own_scripts
    assert driver.find_elements(By.CSS_SELECTOR, "[onerror], [onmouseover], [onfocus]") == []
    assert driver.find_elements(By.CSS_SELECTOR, "[src^=javascript], [href^=javascript]") == []
    text = str(driver.find_element(By.TAG_NAME, "body").get_attribute("textContent"))
    assert text.replace("\u200b", "").count(attack) > 10
    assert driver.get_log("browser") == []


class TestSorting:
    def header(self, page: webdriver.Chrome, title: str) -> WebElement:
        headers = page.find_elements(By.CSS_SELECTOR, "#techniques ~ div th[aria-sort]")
        return next(header for header in headers if header.text.startswith(title))

    def order(self, page: webdriver.Chrome) -> list[str]:
        rows = page.find_elements(By.CSS_SELECTOR, "#techniques ~ div tbody th")
        return [row.text for row in rows]

    def test_by_click_turns_round_and_keeps_what_is_missing_last(
        self, page: webdriver.Chrome
    ) -> None:
        dropout, l1, baseline, zca = ACCURACIES
        assert self.order(page) == [dropout, l1, baseline, zca]  # as it was given
        header = self.header(page, "test accuracy")
        button = header.find_element(By.TAG_NAME, "button")
        button.click()
        assert self.order(page) == [l1, baseline, dropout, zca]
        assert header.get_attribute("aria-sort") == "ascending"
        button.click()
        assert self.order(page) == [dropout, baseline, l1, zca]
        assert header.get_attribute("aria-sort") == "descending"

    @pytest.mark.parametrize("key", [Keys.ENTER, Keys.SPACE])
    def test_by_keyboard(self, page: webdriver.Chrome, key: str) -> None:
        page.execute_script("document.querySelector('.sortable').parentElement.focus()")
        webdriver.ActionChains(page).send_keys(Keys.TAB, key).perform()
        header = self.header(page, "technique")
        assert header.get_attribute("aria-sort") == "ascending"
        assert self.order(page) == sorted(ACCURACIES)
        others = page.find_elements(By.CSS_SELECTOR, "#techniques ~ div th[aria-sort=none]")
        assert len(others) > 5
        status = page.find_element(By.CSS_SELECTOR, "[role=status]").get_attribute("textContent")
        assert status == "Sorted by technique, ascending."

    def test_columns_one_click_away_are_there_by_keyboard(self, page: webdriver.Chrome) -> None:
        heads = page.find_elements(By.CSS_SELECTOR, "#techniques ~ div thead th")
        few = [head for head in heads if head.is_displayed()]
        assert [head.text.split(",")[0].split("\n")[0].rstrip(" ↕↓↑") for head in few] == [
            *("technique", "verdict", "test accuracy", "difference", "seconds (× baseline)"),
        ]
        box = page.find_element(By.CSS_SELECTOR, ".all-columns")
        page.execute_script("arguments[0].focus()", box)
        webdriver.ActionChains(page).send_keys(Keys.SPACE).perform()
        assert all(head.is_displayed() for head in heads)
        assert box.accessible_name == f"Show {len(heads) - len(few)} more columns"

    def test_by_verdict_puts_the_better_first(self, page: webdriver.Chrome) -> None:
        self.header(page, "verdict").find_element(By.TAG_NAME, "button").click()
        assert self.order(page) == list(ACCURACIES)

    def test_of_recall_is_its_own(self, page: webdriver.Chrome) -> None:
        before = self.order(page)
        recall = page.find_element(By.CSS_SELECTOR, "table:has(#recall-caption)")
        recall.find_elements(By.TAG_NAME, "button")[0].click()
        assert [row.text for row in recall.find_elements(By.CSS_SELECTOR, "tbody th")] == CLASSES[
            ::-1
        ]
        assert self.order(page) == before


class TestLookingInside:
    def choose(self, page: webdriver.Chrome, what: str, text: str) -> None:
        Select(page.find_element(By.ID, f"browse-{what}")).select_by_visible_text(text)

    def captions(self, page: webdriver.Chrome) -> list[str]:
        return [
            figure.text
            for figure in page.find_elements(By.CSS_SELECTOR, "#browse-images figcaption")
        ]

    def test_shows_every_image_beside_the_baseline_and_the_best(
        self, page: webdriver.Chrome
    ) -> None:
        assert len(self.captions(page)) == 48  # the others wait for the button
        page.find_element(By.ID, "browse-more").click()
        assert len(self.captions(page)) == 60
        said = page.find_element(By.ID, "browse-count").text
        assert said == "60 of 60 images. First answer: baseline; second: dropout."

    def test_filters_by_class_and_by_who_is_wrong(self, page: webdriver.Chrome) -> None:
        self.choose(page, "first", "l1_with_a_rather_long_name")
        self.choose(page, "class", "bee")
        self.choose(page, "show", "first wrong, second right")
        answers = {name: a_results(ACCURACIES[name]).predictions for name in ACCURACIES}
        right = {}
        for name in ("l1_with_a_rather_long_name", "dropout"):
            rows = answers[name][answers[name]["label"] == "bee"]
            is_right = (rows["predicted"] == rows["label"]).groupby(rows["filename"]).sum()
            right[name] = set(is_right[is_right == 2].index)
        expected = right["dropout"] - right["l1_with_a_rather_long_name"]
        captions = self.captions(page)
        assert len(captions) == len(expected) > 0
        assert all(caption.startswith("bee") for caption in captions)

    def test_sorts_by_confidence(self, page: webdriver.Chrome) -> None:
        for order, reverse in (("most confident, first", True), ("least confident, first", False)):
            self.choose(page, "order", order)
            shown = [int(re.findall(r"(\d+) %", caption)[0]) for caption in self.captions(page)]
            assert len(shown) == 48
            assert shown == sorted(shown, reverse=reverse)

    def test_draws_what_is_near_the_screen(self, page: webdriver.Chrome) -> None:
        drawn = "return document.querySelectorAll('#browse-images canvas[data-drawn]').length"
        assert page.execute_script(drawn) == 0
        page.execute_script("document.getElementById('browse-images').scrollIntoView()")
        WebDriverWait(page, 10).until(lambda driver: driver.execute_script(drawn) > 0)

    def test_opens_an_image_by_keyboard_with_every_answer(self, page: webdriver.Chrome) -> None:
        page.find_element(By.CSS_SELECTOR, "#browse-images button").send_keys(Keys.ENTER)
        dialog = page.find_element(By.ID, "browse-one")
        assert dialog.is_displayed()
        rows = dialog.find_elements(By.CSS_SELECTOR, "tbody tr")
        assert [row.text.split()[0] for row in rows] == [
            name for name, accuracy in ACCURACIES.items() if accuracy
        ]
        assert "of 2" in rows[0].text
        webdriver.ActionChains(page).send_keys(Keys.ESCAPE).perform()
        assert not dialog.is_displayed()

    def test_shows_where_networks_looked(self, page: webdriver.Chrome, tmp_path: Path) -> None:
        maps = np.full((1, 4, 4), 255, np.uint8)
        grad_cam = {"rows": np.array([7]), "dropout.maps": maps}
        grad_cam |= {"dropout.answers": np.array([1]), "dropout.seed": np.asarray(2)}
        report = tmp_path / "report.html"
        report.write_text(render_report(replace(a_content(), grad_cam=grad_cam)), "utf-8")
        page.get(report.as_uri())
        self.choose(page, "show", "with Grad-CAM")
        assert len(self.captions(page)) == 1
        page.find_element(By.CSS_SELECTOR, "#browse-images button").send_keys(Keys.ENTER)
        heated = "#browse-pictures canvas[data-heat]"
        WebDriverWait(page, 10).until(lambda driver: driver.find_elements(By.CSS_SELECTOR, heated))
        figures = page.find_elements(By.CSS_SELECTOR, "#browse-pictures figcaption")
        assert [figure.text for figure in figures] == [
            "the image",
            "Grad-CAM of dropout, seed 2: bee",
        ]
        colour = page.execute_script(
            f"return [...document.querySelector('{heated}').getContext('2d')"
            ".getImageData(90, 90, 1, 1).data]"
        )
        assert colour[0] > 150  # the image is black, the map red
        assert colour[1] < 50
        assert page.get_log("browser") == []

    def test_is_said_to_need_javascript(self, page: webdriver.Chrome) -> None:
        assert not page.find_element(By.ID, "browse-without").is_displayed()
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        page.refresh()
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        assert page.find_element(By.ID, "browse-without").is_displayed()
        assert not page.find_element(By.ID, "image-browser").is_displayed()


class TestScreens:
    @pytest.mark.parametrize("width", [320, 400, 800, 1400, 2400])
    def test_only_regions_scroll_sideways(self, page: webdriver.Chrome, width: int) -> None:
        show(page, width)
        assert page.execute_script("return document.documentElement.scrollWidth") <= width

    def test_the_table_fits_a_page_of_1200(self, page: webdriver.Chrome) -> None:
        show(page, 1200)
        region = page.find_element(By.CSS_SELECTOR, "[role=region]:has(.wide-table)")
        width = "return [arguments[0].scrollWidth, arguments[0].clientWidth]"
        inside, outside = page.execute_script(width, region)
        assert inside <= outside

    @pytest.mark.parametrize(("width", "height"), [(1400, 900), (400, 860)])
    def test_the_first_screen_has_the_answers(
        self, page: webdriver.Chrome, width: int, height: int
    ) -> None:
        show(page, width)
        bottom = (
            "return document.querySelector('.answers > div:last-child')"
            ".getBoundingClientRect().bottom"
        )
        assert page.execute_script(bottom) <= height
        questions = [dt.text for dt in page.find_elements(By.CSS_SELECTOR, ".answers dt")]
        assert questions == [
            *("Which technique?", "By how much?", "Is it real?", "What does it cost?"),
            "What next?",
        ]

    @pytest.mark.parametrize("width", [400, 840, 841, 1400])
    def test_pictures_have_letters_of_nine_pixels_at_least(
        self, page: webdriver.Chrome, width: int
    ) -> None:
        show(page, width)
        sizes = page.execute_script(
            """return [...document.querySelectorAll("svg text")]
              .filter((text) => text.ownerSVGElement.getBoundingClientRect().width)
              .map((text) => {
                const svg = text.ownerSVGElement;
                const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
                return parseFloat(getComputedStyle(text).fontSize) * scale;
              })"""
        )
        assert len(sizes) > 100
        assert min(sizes) >= 9

    @pytest.mark.parametrize("width", [400, 841, 1400])
    def test_pictures_cut_off_no_letters(self, page: webdriver.Chrome, width: int) -> None:
        show(page, width)
        assert self.cut_off(page) == []

    @staticmethod
    def cut_off(page: webdriver.Chrome) -> list[Any]:
        """The letters of pictures that reach beyond their picture."""
        cut: list[Any] = page.execute_script(
            """return [...document.querySelectorAll("svg text")].filter((text) => {
                const svg = text.ownerSVGElement.getBoundingClientRect();
                const box = text.getBoundingClientRect();
                return svg.width && (box.left < svg.left - 3 || box.right > svg.right + 3
                  || box.top < svg.top - 3 || box.bottom > svg.bottom + 3);
              }).map((text) => text.textContent)"""
        )
        return cut

    @pytest.mark.parametrize("width", [375, 1400])
    def test_a_study_with_looks_fits_too(
        self, driver: webdriver.Chrome, tmp_path: Path, width: int
    ) -> None:
        (tmp_path / "report.html").write_text(render_report(staged_study.content()), "utf-8")
        show(driver, width)
        driver.get((tmp_path / "report.html").as_uri())
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
        assert self.cut_off(driver) == []

    def test_wide_things_scroll_by_keyboard(self, page: webdriver.Chrome) -> None:
        show(page, 400)
        region = page.find_element(By.CSS_SELECTOR, "[role=region]:has(.wide-table)")
        page.execute_script("arguments[0].focus()", region)
        webdriver.ActionChains(page).send_keys(Keys.ARROW_RIGHT).perform()
        page.execute_async_script("setTimeout(arguments[0], 400)")  # the key scrolls smoothly
        assert page.execute_script("return arguments[0].scrollLeft", region) > 0

    def test_dark_screens_get_dark_colours_and_paper_light_ones(
        self, page: webdriver.Chrome
    ) -> None:
        def ground() -> float:
            colour = page.execute_script("return getComputedStyle(document.body).backgroundColor")
            return float(np.mean([int(part) for part in colour[4:-1].split(",")]))

        assert ground() > 200
        show(page, 1400, colours="dark")
        assert ground() < 50
        show(page, 1400, colours="dark", media="print")
        assert ground() == 255
        assert not page.find_element(By.TAG_NAME, "nav").is_displayed()


class TestHistory:
    @pytest.fixture
    def history_address(self, tmp_path: Path, a_past_run: Callable[..., pd.DataFrame]) -> str:
        figures = dict.fromkeys([f"a_rather_long_name_{place}" for place in range(5)], 0.9)
        past = [
            a_past_run(day, figures, data=f"d{day // 5}", alarms=HOSTILE * 3)
            for day in range(1, 25)
        ]
        page = render_history(pd.concat(past, ignore_index=True), [HOSTILE * 3], HOSTILE)
        (tmp_path / "history.html").write_text(page, "utf-8")
        (tmp_path / "reports").mkdir()
        (tmp_path / "reports/2026-01-24T020000Z.html").write_text("<title>the report</title>")
        return (tmp_path / "history.html").as_uri()

    def test_opens_offline_on_every_screen(
        self, driver: webdriver.Chrome, history_address: str
    ) -> None:
        driver.get_log("browser")
        driver.get_log("performance")
        for width in (320, 400, 800, 1400, 2400):
            show(driver, width, "dark" if width == 400 else "light")
            driver.get(history_address)
            assert driver.execute_script("return document.documentElement.scrollWidth") <= width
        assert set(requests(driver)) - {"data:,"} == {history_address}
        assert driver.get_log("browser") == []
        assert driver.title == "RegBench: history"
        pictures = driver.find_elements(By.CSS_SELECTOR, ".trends svg")
        assert len(pictures) == 5
        link = driver.find_element(By.CSS_SELECTOR, ".runs tbody a")
        driver.get(link.get_attribute("href"))
        assert driver.title == "the report"
