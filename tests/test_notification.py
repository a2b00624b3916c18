"""Notifications: they arrive at a real server, and a URL's secrets are told to nobody."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from regbench.errors import SettingsError
from regbench.notification import notify, urls


class Server(HTTPServer):
    """Keeps what is posted; answers 500 below ``/broken``."""

    received: list[dict[str, Any]]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(json.loads(body))
        self.send_response(500 if self.path.startswith("/broken") else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made:
        made.received = []
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def address(server: Server, path: str = "") -> str:
    return f"json://user:hidden@127.0.0.1:{server.server_port}/{path}"


def test_a_message_arrives(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert notify([address(server), address(server)], "RegBench: an alarm", ["l2 fell", "by 3 %"])
    assert len(server.received) == 2
    assert server.received[0]["title"] == "RegBench: an alarm"
    assert server.received[0]["message"] == "l2 fell\nby 3 %"
    assert "hidden" not in caplog.text


def test_one_that_cannot_be_sent_is_a_warning_without_secrets(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = [address(server, "broken"), "json://user:hidden@127.0.0.1:1/", "nosuch://hidden@host"]
    assert not notify([*wrong, "hidden", address(server)], "title", ["line"])
    assert len(server.received) == 2  # the broken one, and the last nevertheless
    warnings = [r.message for r in caplog.records if r.name == "regbench.notification"]
    assert warnings == [
        "notification 1 of 5 (json://) could not be sent",
        "notification 2 of 5 (json://) could not be sent",
        "notification 3 of 5 (nosuch://) could not be sent: Apprise knows no such address",
        "notification 4 of 5 (no URL) could not be sent: Apprise knows no such address",
    ]
    assert "hidden" not in caplog.text


def test_an_error_of_a_client_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import apprise

    def raises(*_: object, **__: object) -> None:
        raise RuntimeError("with a password")

    monkeypatch.setattr(apprise.Apprise, "notify", raises)
    assert not notify(["json://127.0.0.1:1/"], "title", ["line"])
    assert "notification 1 of 1 (json://) could not be sent: RuntimeError" in caplog.text
    assert "password" not in caplog.text


def test_nobody_to_tell_is_no_fault() -> None:
    assert notify([], "title", ["line"])


def test_addresses_are_read_from_credentials() -> None:
    assert urls({}) == []
    assert urls({"notifications": None}) == []
    assert urls({"notifications": "json://a"}) == ["json://a"]
    assert urls({"notifications": ["json://a", "json://b"]}) == ["json://a", "json://b"]
    for wrong in ({"url": "hidden"}, ["json://a", 5], 5):
        with pytest.raises(SettingsError, match="must be a list of Apprise URLs") as error:
            urls({"notifications": wrong})
        assert "hidden" not in str(error.value)
