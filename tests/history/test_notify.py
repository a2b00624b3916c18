"""Notifications: they arrive at a real server, and a URL's secrets are told to nobody."""

import logging
from typing import Any

import pytest

from regbench.errors import SettingsError
from regbench.history.notify import notification_urls, notify


def test_a_message_arrives(webhook: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert notify([webhook.url, webhook.url], "RegBench: an alarm", ["l2 fell", "by 3 %"])
    assert len(webhook.received) == 2
    assert webhook.received[0]["title"] == "RegBench: an alarm"
    assert webhook.received[0]["message"] == "l2 fell\nby 3 %"
    assert "sesame" not in caplog.text


def test_one_that_cannot_be_sent_is_a_warning_without_secrets(
    webhook: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = [f"{webhook.url}broken", "json://user:sesame@127.0.0.1:1/", "nosuch://sesame@host"]
    assert not notify([*wrong, "sesame", webhook.url], "title", ["line"])
    assert len(webhook.received) == 2  # the broken one, and the last nevertheless
    warnings = [r.message for r in caplog.records if r.name == "regbench.history.notify"]
    assert warnings == [
        "notification 1 of 5 (json://) could not be sent",
        "notification 2 of 5 (json://) could not be sent",
        "notification 3 of 5 (nosuch://) could not be sent: Apprise knows no such address",
        "notification 4 of 5 (no URL) could not be sent: Apprise knows no such address",
    ]
    assert "sesame" not in caplog.text


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
    assert notification_urls({}) == []
    assert notification_urls({"notifications": None}) == []
    assert notification_urls({"notifications": "json://a"}) == ["json://a"]
    assert notification_urls({"notifications": ["json://a", "json://b"]}) == [
        "json://a",
        "json://b",
    ]
    for wrong in ({"url": "sesame"}, ["json://a", 5], 5):
        with pytest.raises(SettingsError, match="must be a list of Apprise URLs") as error:
            notification_urls({"notifications": wrong})
        assert "sesame" not in str(error.value)
