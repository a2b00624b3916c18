"""kedro-viz in a real browser: the boxes of the study alone, in letters that can be read."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

pytest.importorskip("kedro_viz")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
PROJECT = Path(__file__).parents[2]
SECONDS_TO_START = 400  # a busy machine takes minutes to import it all

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="needs Chromium and its driver: apt-get install chromium chromium-driver",
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = next(port for port in range(24141, 29141) if _is_free(port))
    log = tmp_path_factory.mktemp("viz") / "log"
    command = [sys.executable, "-m", "kedro", "viz", "run", "--no-browser", "--port", str(port)]
    with log.open("w") as file:
        started = subprocess.Popen(
            command, cwd=PROJECT, stdout=file, stderr=file, start_new_session=True
        )
    try:
        for _ in range(SECONDS_TO_START):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/main", timeout=60):
                    break
            except OSError:
                assert started.poll() is None, log.read_text()
                time.sleep(1)
        else:
            pytest.fail(log.read_text())
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself: its log says why
            os.killpg(started.pid, signal.SIGTERM)
        started.wait()


def _is_free(port: int) -> bool:
    """Whether nobody listens there. kedro-viz takes no port above 49,151, where the system's own
    choice of a free one often lies."""
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    profile = f"--user-data-dir={tmp_path_factory.mktemp('browser')}"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", profile):
        options.add_argument(argument)
    started = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    size = {"width": 1400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    started.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield started
    started.quit()


def test_the_boxes_of_the_study_are_all_that_is_shown(
    driver: webdriver.Chrome, address: str
) -> None:
    driver.get(f"{address}/?types=nodes")  # as docs/results.md says
    nodes = ".pipeline-node"
    WebDriverWait(driver, 120).until(lambda page: page.find_elements(By.CSS_SELECTOR, nodes))
    names = [
        node.get_attribute("textContent") for node in driver.find_elements(By.CSS_SELECTOR, nodes)
    ]
    assert {"data", "baseline", "dropout", "look_5", "after_5", "reporting"} <= set(names)
    assert len(names) < 30  # with datasets there are five times as many
    driver.find_element(By.CSS_SELECTOR, "[aria-label='Hide menu']").click()

    def scale(page: webdriver.Chrome) -> float:
        return float(
            page.execute_script(
                "const text = document.querySelector('.pipeline-node text');"
                "return text.getBoundingClientRect().height / text.getBBox().height"
            )
        )

    WebDriverWait(driver, 30).until(lambda page: scale(page) > 0.55)
