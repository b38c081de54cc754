"""Hostile and mistaken input: refused in a moment, precisely, without a trace."""

from __future__ import annotations

import gzip
import json
import time
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from coupons.models import Claim, Order, Product
from tests.api.calls import API, assert_problem, get, post, post_raw
from tests.factories import make_code, make_shopper

pytestmark = pytest.mark.django_db

# A refusal costs next to nothing, whatever was sent. Counted in seconds of this thread's work, since other tests
# run beside it.
QUICK = 1.0


def quotes_body(unit_price: str, shipping: str = '"0.00"') -> bytes:
    """A cart whose amounts stand in the JSON as they are written here."""
    return (
        f'{{"lines": [{{"sku": "SKU", "quantity": 1, "unit_price": {unit_price}}}], "shipping": {shipping}}}'.encode()
    )


@pytest.mark.reliability(36)
class TestAmounts:
    @pytest.mark.parametrize("amount", ["12", "12.5", "0.1", "1e2", "-1", "true", "[]", "{}", "0"])
    def test_an_amount_that_is_no_string_is_refused(self, shop_client: APIClient, amount: str) -> None:
        for body, parameter in (
            (quotes_body(amount), "lines[0].unit_price"),
            (quotes_body('"1.00"', amount), "shipping"),
        ):
            problem = assert_problem(post_raw(shop_client, "quotes", body), 400, "invalid", parameter)
            assert problem["errors"][0]["code"] == "not_a_string"

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e309", "-1e309", "9" * 30, "1" * 5000])
    def test_a_number_out_of_range_is_no_json(self, shop_client: APIClient, number: str) -> None:
        assert_problem(post_raw(shop_client, "quotes", quotes_body(number)), 400, "malformed_json")

    @pytest.mark.parametrize(
        "amount",
        [
            "",
            " 1",
            "1 ",
            "+1",
            "-1",
            "-0.01",
            "1.",
            ".5",
            "1.001",
            "1e2",
            "1E2",
            "1_000",
            "1,000.00",
            "NaN",
            "Infinity",
            "sNaN",
            "1e309",
            "0x10",
            "１２",
            "١٢",
            "¥5",
            "9" * 16,
            "9" * 30,
            "9" * 100_000,
        ],
    )
    def test_a_text_that_is_no_amount_is_refused(self, shop_client: APIClient, amount: str) -> None:
        body = quotes_body(json.dumps(amount))

        problem = assert_problem(post_raw(shop_client, "quotes", body), 400, "invalid", "lines[0].unit_price")

        assert problem["errors"][0]["code"] == "invalid_amount"

    @pytest.mark.parametrize(
        ("amount", "shown"), [("0", "0.00"), ("12", "12.00"), ("12.5", "12.50"), ("12.34", "12.34")]
    )
    def test_an_amount_is_exact(self, shop_client: APIClient, product: Product, amount: str, shown: str) -> None:
        lines = [{"sku": product.sku, "quantity": 1, "unit_price": amount}]

        assert post(shop_client, "quotes", {"lines": lines}).json()["payable"] == shown


@pytest.mark.reliability(47)
class TestCodes:
    @pytest.mark.parametrize("typed", ["abcd2345", "ABCD-2345", " a b c d 2 3 4 5 ", "ＡＢＣＤ２３４５"])
    def test_a_code_is_read_as_people_type_it(self, shopper_client: APIClient, typed: str) -> None:
        make_code(text="ABCD2345")

        assert post(shopper_client, "claims", {"code": typed}).status_code == 201

    @pytest.mark.parametrize(
        "typed",
        [
            "ABCD2346",
            # A Cyrillic A, a right-to-left override, a zero-width joiner.
            "\u0410BCD2345",
            "\u202eABCD2345",
            "ABCD\u200d2345",
            "' OR 1=1 --",
            "%",
            "券" * 40,
            "-" * 100,
        ],
    )
    def test_a_look_alike_is_a_wrong_code(self, shopper_client: APIClient, typed: str) -> None:
        make_code(text="ABCD2345")

        assert_problem(post(shopper_client, "claims", {"code": typed}), 404, "code_invalid")

    @pytest.mark.parametrize(
        ("typed", "code"), [('"ABCD\\u00002345"', "malformed_json"), ('"\\ud800"', "malformed_json"), ("5", "invalid")]
    )
    def test_what_is_no_text_is_refused(self, shopper_client: APIClient, typed: str, code: str) -> None:
        answer = post_raw(shopper_client, "claims", f'{{"code": {typed}}}'.encode())

        assert_problem(answer, 400, code, "code" if code == "invalid" else None)

    def test_a_code_of_a_megabyte_is_refused_at_once(self, shopper_client: APIClient) -> None:
        began = time.thread_time()

        answer = post(shopper_client, "claims", {"code": "A" * 1_000_000})

        assert_problem(answer, 400, "invalid", "code")
        assert time.thread_time() - began < QUICK


@pytest.mark.reliability(48)
class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"nonsense",
            b"{",
            b"[]",
            b"null",
            b'"text"',
            b"5",
            b'{"lines": {}}',
            b'{"lines": "x"}',
            b'{"lines": [5]}',
            b'{"lines": [null]}',
            b'{"lines": [{"sku": 5, "quantity": 1}]}',
            b'{"lines": [{"sku": "x", "quantity": "1"}]}',
            b'{"lines": [{"sku": "x", "quantity": 1.0}]}',
            b'{"lines": [{"sku": "x", "quantity": true}]}',
            b'{"lines": [{"sku": "x", "quantity": 0}]}',
            b'{"lines": [{"sku": "x", "quantity": 100000}]}',
            b'{"lines": [], "claims": "x"}',
            b'{"lines": [], "claims": [5]}',
            b'{"lines": [], "claims": ["x"]}',
            b'{"lines": [], "claims": [["x"]]}',
            b'{"lines": [], "lines": []}',
            b'{"lines": [{"sku": "x", "sku": "y", "quantity": 1}]}',
            b'{"lines": [], "\\u0000": 1}',
            b'{"lines": [], "shopper": "\xff"}',
            '{"lines": []}'.encode("utf-16"),
            b"\xef\xbb\xbf{}",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"[" * 33 + b"]" * 33,
        ],
        ids=lambda body: repr(body[:40]),
    )
    def test_a_wrong_body_is_refused_at_once(self, shopper_client: APIClient, body: bytes) -> None:
        for path in ("quotes", "orders", "claims"):
            began = time.thread_time()

            answer = post_raw(shopper_client, path, body)

            assert answer.status_code == 400, (path, answer.content)
            assert_problem(answer, 400, answer.json()["code"], answer.json()["parameter"])
            assert time.thread_time() - began < QUICK
        assert (Claim.objects.count(), Order.objects.count()) == (0, 0)

    def test_a_body_that_is_no_object_is_told_so_in_our_words(self, shopper_client: APIClient) -> None:
        for language, sentence in (("en", "A JSON object is expected here."), ("zh-hans", "此处应为 JSON 对象。")):
            answer = post_raw(shopper_client, "claims", b"null", HTTP_ACCEPT_LANGUAGE=language)

            assert assert_problem(answer, 400, "invalid", "")["detail"] == sentence

    def test_a_wrong_member_is_named_by_its_path(self, shopper_client: APIClient, product: Product) -> None:
        lines = [{"sku": product.sku, "quantity": 1}, {"sku": product.sku, "quantity": 0, "colour": "red"}, {}]

        problem = post(shopper_client, "quotes", {"lines": lines, "claims": ["x"]}).json()

        assert [(error["parameter"], error["code"]) for error in problem["errors"]] == [
            ("lines[1].colour", "unknown_field"),
            ("lines[2].sku", "required"),
            ("lines[2].quantity", "required"),
            ("claims[0]", "invalid"),
        ]

    def test_a_body_above_the_limit_is_refused_at_once(self, shopper_client: APIClient) -> None:
        began = time.thread_time()

        answer = post_raw(shopper_client, "quotes", b" " * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1))

        assert assert_problem(answer, 413, "body_too_large")["limit"] == settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        assert time.thread_time() - began < QUICK

    def test_a_compressed_body_is_refused_unread(self, shopper_client: APIClient) -> None:
        bomb = gzip.compress(b" " * 50_000_000)

        answer = post_raw(shopper_client, "quotes", bomb, HTTP_CONTENT_ENCODING="gzip")

        assert_problem(answer, 415, "unsupported_content_encoding")

    @pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x"])
    def test_only_json_is_read(self, shopper_client: APIClient, content_type: str) -> None:
        assert_problem(post_raw(shopper_client, "quotes", b"{}", content_type), 415, "unsupported_media_type")

    def test_a_form_is_refused(self, shopper_client: APIClient) -> None:
        answer = post_raw(shopper_client, "quotes", b"lines=1", "application/x-www-form-urlencoded")

        assert_problem(answer, 415, "unsupported_media_type")

    @pytest.mark.parametrize(
        "query",
        [
            "shopper=x",
            "shopper=%00",
            "state=everything",
            "state=",
            "shopper_external_id=%00",
            "shopper_external_id=%ff",
        ],
    )
    def test_a_wrong_query_is_refused(self, shop_client: APIClient, query: str) -> None:
        answer = shop_client.get(f"{API}/claims?{query}")

        assert answer.status_code in (400, 404), answer.content
        assert_problem(answer, answer.status_code, answer.json()["code"], query.partition("=")[0])

    @pytest.mark.parametrize("words", ["%00", "'", '"', "%25", "\\", "(", "%f0%9f%8e%81", "x" * 201, "%ff"])
    def test_any_words_can_be_searched_for(self, shop_client: APIClient, words: str) -> None:
        for path in ("coupons", "products"):
            assert shop_client.get(f"{API}/{path}?q={words}").status_code in (200, 400)

    @pytest.mark.parametrize(
        "address", ["claims/x", "claims/%00", "orders/1", "shoppers/", "shoppers/%00", "shoppers/a%2Fb"]
    )
    def test_an_address_that_cannot_be_is_not_found(self, shop_client: APIClient, address: str) -> None:
        assert_problem(shop_client.put(f"{API}/{address}", {}, format="json"), 404, "not_found")


def test_a_shopper_may_have_any_printable_external_id(shop_client: APIClient) -> None:
    make_shopper(external_id="顾客-7")

    answer: Any = shop_client.put(f"{API}/shoppers/顾客-7", {"language": "en"}, format="json")

    assert answer.status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("position", ["9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00"])
@pytest.mark.parametrize("path", ["claims", "orders"])
def test_a_cursor_at_no_moment_of_the_calendar_is_refused(shopper_client: APIClient, path: str, position: str) -> None:
    cursor = b64encode(urlencode({"p": position}).encode()).decode()
    assert_problem(get(shopper_client, path, cursor=cursor), 400, "cursor_invalid", "cursor")
