"""A real Chromium in front of the live server, and a person who complains about whatever the page complains about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Locator, Page, Response, expect
from pytest_django.live_server_helper import LiveServer

# Playwright's synchronous interface keeps an event loop running in the test's thread, where Django refuses to touch
# the database because it takes the thread for asynchronous code. It is not: nothing here awaits.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

WIDTHS = (390, 1280)
LANGUAGES = ("zh-hans", "en")
HEIGHTS = {390: 844, 1280: 900}
LOCALES = {"zh-hans": "zh-CN", "en": "en-GB"}
PATIENCE = 20_000  # milliseconds; a busy machine is slow, not broken
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Visitor:
    """One browser of one person: a page in a language and a width, and all that went wrong in it."""

    page: Page
    home: str
    language: str
    width: int
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        self.page.on("response", self._hear_response)

    def open(self, path: str) -> Page:
        """Opens a path of the shop."""
        self.page.goto(self.home + path)
        return self.page

    def wait_until_ready(self, landmark: Locator) -> None:
        """Waits for the page that shows `landmark`, until its scripts listen to what a person does."""
        expect(landmark).to_be_visible()
        self.page.wait_for_load_state()

    def photograph(self, name: str) -> None:
        """Saves a picture of the page when QUAN_SCREENSHOTS names a folder."""
        folder = os.environ.get("QUAN_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}-{self.language}-{self.width}.png")

    def _hear_console(self, message: ConsoleMessage) -> None:
        # What the Content-Security-Policy stops is an error on the console too.
        if message.type == "error":
            self.complaints.append(f"console: {message.text} ({message.location.get('url')})")

    def _hear_response(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status}: {response.url}")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium. Without one the tests are skipped, except where all of them must run."""
    chromium = shutil.which("chromium")
    if chromium is None:
        reason = "There is no chromium on the path."
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return {**browser_type_launch_args, "executable_path": chromium, "args": ARGUMENTS}


@pytest.fixture
def visit(live_server: LiveServer, new_context: Callable[..., Any]) -> Iterator[Callable[[str, int], Visitor]]:
    """Gives visitors by language and width; the test fails when the page of one complained.

    It asks for the live server first, so that every page is closed before the database is emptied.
    """
    visitors: list[Visitor] = []

    def visitor(language: str, width: int) -> Visitor:
        viewport = {"width": width, "height": HEIGHTS[width]}
        context = new_context(viewport=viewport, locale=LOCALES[language], reduced_motion="reduce")
        context.set_default_timeout(PATIENCE)
        visitors.append(Visitor(context.new_page(), live_server.url, language, width))
        return visitors[-1]

    expect.set_options(timeout=PATIENCE)
    yield visitor
    for each in visitors:
        assert each.complaints == []
