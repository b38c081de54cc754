"""What people see when something is wrong; these pages must need nothing that may be what is broken."""

from __future__ import annotations

import pytest
from django.template.loader import get_template
from django.test import Client
from django.utils import translation


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "429", "500", "503"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_error_pages_need_no_context_and_no_database(name: str, language: str) -> None:
    with translation.override(language):
        page = get_template(f"{name}.html").render()
    assert f'<html lang="{language}">' in page
    assert 'href="/"' in page


@pytest.mark.django_db
def test_an_unknown_address_has_a_page(client: Client) -> None:
    answer = client.get("/nothing/here")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


@pytest.mark.django_db
def test_an_accident_has_a_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(**_arguments: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("coupons.web.showcase.showcase_coupons", break_down)
    client.raise_request_exception = False
    answer = client.get("/")
    assert answer.status_code == 500
    assert "Something went wrong" in answer.content.decode()
