"""Every error is a problem document with code, sentence, parameter and request id."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import override_settings
from rest_framework.test import APIClient

from config.kernel.api.problems import problem_response
from coupons.api.views import catalogue
from tests.api.calls import API, assert_problem, get, post
from tests.factories import integrator_client

pytestmark = [pytest.mark.django_db, pytest.mark.reliability(49)]


@pytest.mark.parametrize(
    "address", ["/api/v1/nothing", "/api/v1/", "/api/v1/coupons/", "/api/nothing", "/api/", "/api/v2/coupons"]
)
@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_an_unknown_address(address: str, method: str) -> None:
    assert_problem(getattr(APIClient(), method)(address), 404, "not_found")


def test_a_method_that_is_not_served(shop_client: APIClient) -> None:
    answer = shop_client.delete(f"{API}/coupons")

    assert_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer["Allow"]


def test_a_representation_that_is_not_served(shop_client: APIClient) -> None:
    answer = shop_client.get(f"{API}/coupons", headers={"accept": "application/xml"})

    assert_problem(answer, 406, "not_acceptable")


def test_a_refusal_of_the_domain_with_its_data(shopper_client: APIClient) -> None:
    assert_problem(
        post(shopper_client, "quotes", {"lines": [{"sku": "x", "quantity": 1}]}), 400, "product_unknown", "lines[0].sku"
    )


@pytest.mark.parametrize(("language", "word"), [("en", "nothing"), ("zh-hans", "")])
def test_sentences_follow_the_callers_language(shop_client: APIClient, language: str, word: str) -> None:
    answer = shop_client.get(f"{API}/claims/x", headers={"accept-language": language})

    assert word in assert_problem(answer, 404, "not_found")["detail"]
    assert answer["Content-Language"] == language


class Boom(Exception):
    pass


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the search for products raise what the test says."""

    def arrange(error: Exception) -> APIClient:
        def search(**_: Any) -> None:
            raise error

        monkeypatch.setattr(catalogue, "product_search", search)
        return integrator_client()

    return arrange


@pytest.mark.parametrize("debug", [False, True])
def test_a_mistake_of_ours_tells_nothing_of_the_inside_and_is_logged(
    raising: Any, debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with override_settings(DEBUG=debug):
        answer = get(raising(Boom("secret inside")), "products")

    assert_problem(answer, 500, "internal_error")
    assert "secret" not in answer.content.decode()
    assert "Boom" in caplog.text


def test_a_database_that_says_not_now(raising: Any) -> None:
    answer = get(raising(OperationalError("server closed the connection")), "products")

    assert_problem(answer, 503, "busy")
    assert answer["Retry-After"] == "1"
    assert "connection" not in answer.content.decode()


def test_a_document_is_json_whatever_the_data() -> None:
    answer = problem_response(Boom("x"), {})

    assert json.dumps(answer.data)
