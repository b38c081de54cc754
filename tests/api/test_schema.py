"""The API describes itself, completely and truly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from coupons.services.granting import batch_grant
from tests.api.calls import API, get, post, put
from tests.factories import make_claim, make_coupon, make_lottery, make_product, make_red_packet
from users.models import User

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return document


def operations(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, item in schema["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_the_schema_is_valid_and_built_without_a_warning(tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))


def test_every_operation_says_who_may_call_it_and_what_can_go_wrong(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        scopes = [scope for way in operation["security"] for scope in way.get("oauth2", [])]
        assert scopes, name
        assert set(scopes) <= set(settings.OAUTH2_PROVIDER["SCOPES"]), name
        assert {"400", "401", "403", "503"} <= set(operation["responses"]), name
        for status, response in operation["responses"].items():
            media = "application/json" if status.startswith("2") else "application/problem+json"
            assert response["content"][media]["examples"], (name, status)


def test_every_write_under_a_key_says_so(schema: dict[str, Any]) -> None:
    with_key = {
        name
        for name, operation in operations(schema)
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
    }

    assert with_key == {
        "POST /api/v1/claims",
        "POST /api/v1/claims/{public_id}/gift",
        "POST /api/v1/claims/{public_id}/rating",
        "POST /api/v1/gifts/accept",
        "POST /api/v1/gifts/{public_id}/cancel",
        "POST /api/v1/orders",
        "PUT /api/v1/orders/{public_id}",
        "POST /api/v1/orders/{public_id}/redeem",
        "POST /api/v1/orders/{public_id}/release",
        "POST /api/v1/orders/{public_id}/refund",
        "POST /api/v1/red-packets/{public_id}/grab",
        "POST /api/v1/lotteries/{public_id}/enter",
    }


def test_every_example_is_what_its_schema_says(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for body in [*bodies, *operation["responses"].values()]:
            for media in body.get("content", {}).values():
                for example in media.get("examples", {}).values():
                    assert_fits(example["value"], media["schema"], schema, name)


@pytest.mark.django_db
def test_every_answer_is_what_the_schema_says(schema: dict[str, Any], shopper: User, shopper_client: APIClient) -> None:
    claim, product, coupon = make_claim(shopper=shopper), make_product(), make_coupon()
    cart = {"lines": [{"sku": product.sku, "quantity": 2}], "claims": [str(claim.public_id)]}
    order, packet = post(shopper_client, "orders", {**cart, "reference": "SO-1"}), make_red_packet()
    waiting = f"coupons/{make_coupon(stock=0).public_id}/waiting"
    lottery = make_lottery()
    queued = make_coupon(is_queued=True, limit_per_shopper=9)
    ticket = post(shopper_client, "claims", {"coupon": str(queued.public_id)}).json().get("ticket", uuid4())
    if settings.REDIS_URL:
        batch_grant(public_id=queued.public_id, consumer="test")
    answers = {
        ("get", "coupons"): get(shopper_client, "coupons"),
        ("get", "coupons/{public_id}"): get(shopper_client, f"coupons/{coupon.public_id}"),
        ("get", "coupons/{public_id}/challenge"): get(shopper_client, f"coupons/{coupon.public_id}/challenge"),
        ("get", "products"): get(shopper_client, "products"),
        ("get", "claims"): get(shopper_client, "claims"),
        ("get", "claims/{public_id}"): get(shopper_client, f"claims/{claim.public_id}"),
        ("post", "claims"): post(shopper_client, "claims", {"coupon": str(coupon.public_id)}),
        ("post", "claims "): post(shopper_client, "claims", {"coupon": str(queued.public_id)}),
        ("get", "claim-tickets/{ticket}"): get(shopper_client, f"claim-tickets/{ticket}"),
        ("post", "quotes"): post(shopper_client, "quotes", {**cart, "claims": None}),
        ("post", "orders"): order,
        ("get", "orders"): get(shopper_client, "orders"),
        ("get", "orders/{public_id}"): get(shopper_client, f"orders/{order.json()['id']}"),
        ("put", "orders/{public_id}"): put(shopper_client, f"orders/{order.json()['id']}", cart),
        ("post", "orders/{public_id}/redeem"): post(shopper_client, f"orders/{order.json()['id']}/redeem"),
        ("post", "claims/{public_id}/rating"): post(shopper_client, f"claims/{claim.public_id}/rating", {"score": 5}),
        ("get", "claims/{public_id}/rating"): get(shopper_client, f"claims/{claim.public_id}/rating"),
        ("post", "orders/{public_id}/refund"): post(shopper_client, f"orders/{order.json()['id']}/refund"),
        ("post", "red-packets/{public_id}/grab"): post(shopper_client, f"red-packets/{packet.public_id}/grab", {}),
        ("get", "red-packets/{public_id}"): get(shopper_client, f"red-packets/{packet.public_id}"),
        ("post", "coupons/{public_id}/waiting"): post(shopper_client, waiting),
        ("get", "coupons/{public_id}/waiting"): get(shopper_client, waiting),
        ("delete", "coupons/{public_id}/waiting"): shopper_client.delete(f"{API}/{waiting}"),
        ("post", "lotteries/{public_id}/enter"): post(shopper_client, f"lotteries/{lottery.public_id}/enter", {}),
        ("get", "lotteries/{public_id}"): get(shopper_client, f"lotteries/{lottery.public_id}"),
        ("get", "claims/{public_id} "): get(shopper_client, "claims/00000000-0000-0000-0000-000000000000"),
    }

    for (method, path), answer in answers.items():
        described = schema["paths"][f"/api/v1/{path.strip()}"][method]["responses"][str(answer.status_code)]["content"]
        assert_fits(answer.json(), described[answer["Content-Type"].split(";")[0]]["schema"], schema, path)


def assert_fits(value: Any, part: dict[str, Any], schema: dict[str, Any], name: str) -> None:
    document = {**in_json_schema(part), "components": in_json_schema(schema["components"])}
    errors = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(document).iter_errors(value)]
    assert not errors, (name, errors[:3])


def in_json_schema(part: Any) -> Any:
    """OpenAPI 3.0 writes `nullable`; JSON Schema writes another type."""
    if isinstance(part, list):
        return [in_json_schema(each) for each in part]
    if not isinstance(part, dict):
        return part
    plain = {key: in_json_schema(each) for key, each in part.items() if key not in ("nullable", "example", "examples")}
    return {"anyOf": [plain, {"type": "null"}]} if part.get("nullable") is True else plain


@pytest.mark.django_db
def test_the_page_and_the_schema_are_served_without_anything_from_elsewhere() -> None:
    page = Client().get("/api/docs")
    script = Client().get("/api/docs?script=")
    document = Client().get("/api/schema")

    assert (page.status_code, script.status_code, document.status_code) == (200, 200, 200)
    assert "http" not in re.sub(
        r"https?://testserver", "", "".join(re.findall(r'(?:src|href)="([^"]*)"', page.content.decode()))
    )
    # No inline script: the content security policy of the page would stop it.
    assert not re.findall(r"<script>\s*\S", page.content.decode())
    assert b"openapi: 3" in document.content


def test_every_code_is_in_the_integrators_guide(schema: dict[str, Any]) -> None:
    guide = Path(settings.BASE_DIR, "docs", "integrator.md").read_text()
    codes = {
        example["value"]["code"]
        for _, operation in operations(schema)
        for response in operation["responses"].values()
        for example in response["content"].get("application/problem+json", {}).get("examples", {}).values()
    }

    assert {code for code in codes if f"`{code}`" not in guide} == set()
