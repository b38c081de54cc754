"""Who reaches what: role × endpoint × owner, scopes, cross-site writes, members that nobody may set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import SESSION_KEY
from rest_framework.test import APIClient

from coupons.models import Claim, Coupon, Lottery, Order, Product
from coupons.services.ratings import claim_rate
from tests.analytics.builders import make_claim_at, make_order
from tests.api.calls import API, assert_problem, get, new_key, post
from tests.campaigns.test_variants import make_group
from tests.factories import (
    ALL_SCOPES,
    NOW,
    api_client_for,
    integrator_client,
    make_claim,
    make_coupon,
    make_lottery,
    make_marketer,
    make_product,
    make_shopper,
)
from users.models import User

pytestmark = pytest.mark.django_db


@dataclass
class Shop:
    """An owner with a claim and an order, and what everybody may look at."""

    owner: User
    coupon: Coupon
    product: Product
    claim: Claim
    order: str
    gift: str
    sold_out: Coupon
    lottery: Lottery
    queued: Coupon
    ticket: str
    used: Claim
    rated: Claim


@pytest.fixture
def shop(shopper: User) -> Shop:
    make_group(None, None)
    product, claim = make_product(), make_claim(shopper=shopper)
    order = post(api_client_for(shopper), "orders", {"reference": "SO-1", "lines": line(product), "claims": []}).json()
    gift = post(api_client_for(shopper), f"claims/{make_claim(shopper=shopper).public_id}/gift", {}).json()
    queued = make_coupon(is_queued=True, limit_per_shopper=50)
    ticket = post(api_client_for(shopper), "claims", {"coupon": str(queued.public_id)}).json()
    return Shop(
        owner=shopper,
        coupon=make_coupon(limit_per_shopper=50),
        product=product,
        claim=claim,
        order=order["id"],
        gift=gift["id"],
        sold_out=make_coupon(stock=0),
        lottery=make_lottery(),
        queued=queued,
        # Without Redis there are no queues, and no tickets.
        ticket=ticket.get("ticket", ""),
        used=make_used_claim(shopper),
        rated=claim_rate(claim=make_used_claim(shopper), score=5, now=NOW).claim,
    )


def make_used_claim(shopper: User) -> Claim:
    return make_claim_at(shopper, make_coupon(), NOW, order=make_order(shopper, NOW))


def line(product: Product) -> list[dict[str, Any]]:
    return [{"sku": product.sku, "quantity": 1}]


def call(client: APIClient, endpoint: str, shop: Shop) -> Any:
    """Calls an endpoint about the owner's things, in a way that succeeds for whoever may."""
    named = {} if SESSION_KEY in client.session else {"shopper": str(shop.owner.public_id)}
    occurrence = {"event_id": new_key(), "kind": "view", "occurred_at": "2026-11-20T00:00:00Z"}
    bodies: dict[str, Any] = {
        "POST claims": {"coupon": str(shop.coupon.public_id), **named},
        "POST claims (queued)": {"coupon": str(shop.queued.public_id), **named},
        "POST claims/{claim}/gift": named,
        "POST claims/{used}/rating": {"score": 5, **named},
        "POST coupons/{sold_out}/waiting": named,
        "POST lotteries/{lottery}/enter": named,
        "POST offers/welcome/decision": named,
        "POST quotes": {"lines": line(shop.product), "claims": [str(shop.claim.public_id)], **named},
        "POST orders": {
            "reference": new_key(),
            "lines": line(shop.product),
            "claims": [str(shop.claim.public_id)],
            **named,
        },
        "PUT orders/{order}": {"lines": line(shop.product), "claims": [str(shop.claim.public_id)]},
        "POST events": {"events": [{**occurrence, "shopper": str(shop.owner.public_id)}]},
        "PUT shoppers/c-1": {"language": "en"},
    }
    method, path, *_which = endpoint.split()
    path = path.format(
        coupon=shop.coupon.public_id,
        claim=shop.claim.public_id,
        order=shop.order,
        gift=shop.gift,
        sold_out=shop.sold_out.public_id,
        lottery=shop.lottery.public_id,
        ticket=shop.ticket,
        used=shop.used.public_id,
        rated=shop.rated.public_id,
    )
    if named and endpoint.endswith(("/waiting", "/challenge")) and not endpoint.startswith("POST"):
        path += f"?shopper={shop.owner.public_id}"
    body = bodies.get(endpoint)
    return client.generic(
        method,
        f"{API}/{path}",
        b"" if body is None else APIClient()._encode_data(body, format="json")[0],
        content_type="application/json",
        HTTP_IDEMPOTENCY_KEY=new_key(),
    )


SCOPE_OF = {
    "GET coupons": "coupons:read",
    "GET coupons/{coupon}": "coupons:read",
    "POST offers/welcome/decision": "claims:write",
    "GET coupons/{coupon}/challenge": "claims:write",
    "GET coupons/{sold_out}/waiting": "claims:read",
    "POST coupons/{sold_out}/waiting": "claims:write",
    "DELETE coupons/{sold_out}/waiting": "claims:write",
    "GET lotteries/{lottery}": "claims:read",
    "POST lotteries/{lottery}/enter": "claims:write",
    "GET products": "coupons:read",
    "GET claims": "claims:read",
    "GET claims/{claim}": "claims:read",
    "POST claims": "claims:write",
    "POST claims (queued)": "claims:write",
    "GET claim-tickets/{ticket}": "claims:read",
    "POST claims/{claim}/gift": "claims:write",
    "GET claims/{rated}/rating": "claims:read",
    "POST claims/{used}/rating": "claims:write",
    "GET gifts": "claims:read",
    "POST gifts/{gift}/cancel": "claims:write",
    "POST quotes": "quotes:write",
    "GET orders": "orders:read",
    "GET orders/{order}": "orders:read",
    "POST orders": "orders:write",
    "PUT orders/{order}": "orders:write",
    "POST orders/{order}/redeem": "orders:write",
    "POST orders/{order}/release": "orders:write",
    "POST orders/{order}/refund": "orders:write",
    "POST events": "events:write",
    "PUT shoppers/c-1": "shoppers:write",
}
INTEGRATORS_ONLY = {"POST events", "PUT shoppers/c-1"}
# About a thing of the owner's that the address or the body names.
OWNED = {
    "GET claims/{claim}",
    "GET claim-tickets/{ticket}",
    "GET orders/{order}",
    "POST claims/{claim}/gift",
    "GET claims/{rated}/rating",
    "POST claims/{used}/rating",
    "POST gifts/{gift}/cancel",
    "POST quotes",
    "POST orders",
    "PUT orders/{order}",
    "POST orders/{order}/redeem",
    "POST orders/{order}/release",
    "POST orders/{order}/refund",
}
# An unpaid order cannot be refunded: whoever is told so was let in.
LET_IN = {200, 201, 202}


def is_let_in(endpoint: str, response: Any) -> bool:
    if endpoint.endswith("refund") and response.status_code == 409:
        return bool(response.json()["code"] == "wrong_order_state")
    return response.status_code in LET_IN


@pytest.mark.reliability(41)
@pytest.mark.parametrize("endpoint", SCOPE_OF)
class TestTheMatrix:
    def test_nobody(self, shop: Shop, endpoint: str) -> None:
        assert_problem(call(APIClient(), endpoint, shop), 401, "not_authenticated")

    def test_the_owner(self, shop: Shop, endpoint: str) -> None:
        response = call(api_client_for(shop.owner), endpoint, shop)

        if endpoint in INTEGRATORS_ONLY:
            assert_problem(response, 403, "integrators_only")
        else:
            assert is_let_in(endpoint, response), response.content

    @pytest.mark.parametrize("make_stranger", [make_shopper, make_marketer])
    def test_an_outsider_whether_shopper_or_staff(self, shop: Shop, endpoint: str, make_stranger: Any) -> None:
        response = call(api_client_for(make_stranger()), endpoint, shop)

        if endpoint in INTEGRATORS_ONLY:
            assert_problem(response, 403, "integrators_only")
        elif endpoint in OWNED:
            assert_problem(response, 404, "not_found")
        else:
            assert response.status_code in LET_IN
            assert str(shop.claim.public_id) not in response.content.decode()
            assert shop.order not in response.content.decode()

    def test_a_key_with_the_scope(self, shop: Shop, endpoint: str) -> None:
        assert is_let_in(endpoint, call(integrator_client([SCOPE_OF[endpoint]]), endpoint, shop))

    def test_a_key_with_every_other_scope(self, shop: Shop, endpoint: str) -> None:
        scope = SCOPE_OF[endpoint]
        response = call(integrator_client(set(ALL_SCOPES) - {scope}), endpoint, shop)

        assert assert_problem(response, 403, "insufficient_scope")["scope"] == scope
        assert f'scope="{scope}"' in response["WWW-Authenticate"]


@pytest.mark.reliability(43)
@pytest.mark.parametrize("path", ["claims/{}", "orders/{}"])
def test_a_foreign_id_and_an_unknown_one_read_the_same(shop: Shop, outsider: User, path: str) -> None:
    client = api_client_for(outsider)
    foreign = shop.claim.public_id if path.startswith("claims") else shop.order

    answers = [get(client, path.format(thing)) for thing in (foreign, uuid4())]

    problems = [assert_problem(answer, 404, "not_found") for answer in answers]
    for problem in problems:
        del problem["request_id"]
    assert problems[0] == problems[1]


@pytest.mark.reliability(43)
def test_a_foreign_shopper_and_an_unknown_one_read_the_same(shop: Shop, outsider: User) -> None:
    client = api_client_for(outsider)

    for path in ("claims", "orders"):
        for shopper in (shop.owner.public_id, uuid4()):
            assert_problem(get(client, path, shopper=str(shopper)), 404, "not_found", "shopper")
        assert get(client, path, shopper=str(outsider.public_id)).status_code == 200


@pytest.mark.reliability(43)
def test_a_draft_and_an_unknown_coupon_read_the_same(shopper_client: APIClient) -> None:
    for coupon in (make_coupon(state="draft").public_id, uuid4()):
        assert_problem(get(shopper_client, f"coupons/{coupon}"), 404, "not_found")
        assert_problem(post(shopper_client, "claims", {"coupon": str(coupon)}), 404, "not_found", "coupon")


@pytest.mark.reliability(42)
def test_a_claim_cannot_be_used_by_another_shopper(shop: Shop, outsider: User) -> None:
    body = {"reference": "SO-2", "lines": line(shop.product), "claims": [str(shop.claim.public_id)]}
    before = Order.objects.count()
    answers = [
        post(api_client_for(outsider), "orders", body),
        post(integrator_client(), "orders", {**body, "shopper": str(outsider.public_id)}),
    ]

    for answer in answers:
        assert_problem(answer, 404, "not_found")
    assert Order.objects.count() == before


@pytest.mark.reliability(44)
@pytest.mark.parametrize(
    ("endpoint", "members"),
    [
        ("claims", ["state", "expires_at", "ordinal", "channel", "id", "shopper_id", "claimed_at"]),
        ("orders", ["state", "payable", "discount", "refunded", "id", "redeemed_at"]),
        ("quotes", ["payable", "discount", "currency"]),
    ],
)
def test_members_that_nobody_may_set_are_refused(shop: Shop, endpoint: str, members: list[str]) -> None:
    bodies = {
        "claims": {"coupon": str(shop.coupon.public_id)},
        "orders": {"reference": "SO-2", "lines": line(shop.product)},
        "quotes": {"lines": line(shop.product)},
    }
    client, before = api_client_for(shop.owner), (Claim.objects.count(), Order.objects.count())

    for member in members:
        answer = post(client, endpoint, {**bodies[endpoint], member: "1"})
        problem = assert_problem(answer, 400, "unknown_field", member)
        assert problem["errors"][0]["code"] == "unknown_field"
    assert (Claim.objects.count(), Order.objects.count()) == before


@pytest.mark.reliability(44)
def test_a_shop_cannot_make_staff_of_a_shopper(shop_client: APIClient) -> None:
    for member in ("is_staff", "is_superuser", "is_active", "password", "username", "external_id", "public_id"):
        answer = shop_client.put(f"{API}/shoppers/c-1", {member: True}, format="json")
        assert_problem(answer, 400, "unknown_field", member)
    assert not User.objects.filter(external_id="c-1").exists()


@pytest.mark.reliability(45)
@pytest.mark.parametrize("endpoint", [each for each in SCOPE_OF if each.startswith("POST") and each != "POST events"])
def test_a_write_from_another_site_is_refused(shop: Shop, endpoint: str) -> None:
    claims, orders = Claim.objects.count(), Order.objects.count()

    assert_problem(call(api_client_for(shop.owner, enforce_csrf_checks=True), endpoint, shop), 403, "csrf_failed")

    assert (Claim.objects.count(), Order.objects.count()) == (claims, orders)


@pytest.mark.reliability(45)
def test_a_write_with_the_pages_token_is_let_in(shop: Shop) -> None:
    client = api_client_for(shop.owner, enforce_csrf_checks=True)
    client.get("/accounts/sign-in")
    token = "a" * 32
    client.cookies["csrftoken"] = token

    answer = post(client, "claims", {"coupon": str(shop.coupon.public_id)}, HTTP_X_CSRFTOKEN=token)

    assert answer.status_code == 201, answer.content


@pytest.mark.reliability(45)
def test_a_token_needs_no_csrf_and_a_wrong_one_never_falls_back_to_the_session(shop: Shop) -> None:
    client = api_client_for(shop.owner, enforce_csrf_checks=True)
    client.credentials(HTTP_AUTHORIZATION="Bearer nonsense")

    answer = get(client, "claims")

    assert_problem(answer, 401, "invalid_token")
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


def test_a_token_in_the_address_is_no_token(shop: Shop) -> None:
    token = integrator_client()._credentials["HTTP_AUTHORIZATION"].removeprefix("Bearer ")

    assert_problem(APIClient().get(f"{API}/coupons?access_token={token}"), 401, "not_authenticated")


def test_a_closed_account_reaches_nothing(shop: Shop) -> None:
    client = api_client_for(shop.owner)
    User.objects.filter(pk=shop.owner.pk).update(is_active=False)

    assert_problem(get(client, "claims"), 401, "not_authenticated")
