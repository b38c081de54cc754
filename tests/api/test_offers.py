"""POST /offers/{key}/decision: which coupon of a variant group to show to a shopper."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from campaigns.models import Decision, VariantGroup
from config.kernel.lots import border_of
from coupons.enums import AudienceKind
from coupons.models import Coupon
from tests.api.calls import API, assert_problem, get, post
from tests.campaigns.test_variants import make_group
from tests.factories import api_client_for, integrator_client, make_coupon, make_shopper
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def group() -> VariantGroup:
    return make_group(0.4, 0.6, policy=7)


def decide(client: APIClient, key: str, **named: str) -> Any:
    # As it is documented: without an Idempotency-Key.
    return client.post(f"{API}/offers/{key}/decision", named, format="json")


def test_a_shopper_gets_one_of_the_coupons_and_the_decision_is_logged(
    group: VariantGroup, shopper: User, shopper_client: APIClient
) -> None:
    body = decide(shopper_client, "welcome").json()

    decision = Decision.objects.get()
    assert (decision.shopper, decision.group, decision.policy) == (shopper, group, 7)
    assert decision.propensity in {0.4, 0.6}
    assert (body["key"], body["day"]) == ("welcome", decision.day.isoformat())
    assert body["coupon"] == get(shopper_client, f"coupons/{decision.coupon.public_id}").json()
    assert post(shopper_client, "claims", {"coupon": body["coupon"]["id"]}).status_code == 201


def test_asking_again_and_the_link_of_the_page_lead_to_the_same(group: VariantGroup, shopper_client: APIClient) -> None:
    first = decide(shopper_client, "welcome").json()

    assert decide(shopper_client, "welcome").json() == first
    assert first["coupon"]["id"] in shopper_client.get("/offers/welcome/").headers["Location"]
    assert Decision.objects.count() == 1


def test_the_shops_backend_names_the_shopper(group: VariantGroup, shop_client: APIClient, outsider: User) -> None:
    shopper = make_shopper(external_id="customer-7")

    assert_problem(decide(shop_client, "welcome"), 400, "shopper_missing", "shopper")
    assert_problem(
        decide(shop_client, "welcome", shopper_external_id="nobody"), 404, "not_found", "shopper_external_id"
    )
    assert decide(shop_client, "welcome", shopper_external_id="customer-7").status_code == 200
    assert Decision.objects.get().shopper == shopper
    assert_problem(
        decide(api_client_for(outsider), "welcome", shopper=str(shopper.public_id)), 404, "not_found", "shopper"
    )


def test_what_the_shopper_cannot_have_is_not_offered(shopper_client: APIClient) -> None:
    group = make_group(0.5)
    # Everybody but a hair of a shopper is kept out from it.
    held = make_coupon(holdout_salt="salt", holdout_below=border_of(0.9999999))
    group.arms.create(coupon=held, share=0.5)
    group.arms.create(coupon=make_coupon(audience=AudienceKind.ALLOCATED), share=0.5)

    assert decide(shopper_client, "welcome").json()["coupon"]["title"] == group.arms.earliest("pk").coupon.title
    assert Decision.objects.get().propensity == 1


def test_nothing_to_offer_and_no_such_group(group: VariantGroup, shopper_client: APIClient) -> None:
    Coupon.objects.update(status="paused")

    assert_problem(decide(shopper_client, "welcome"), 404, "nothing_to_offer")
    assert_problem(decide(shopper_client, "unknown"), 404, "not_found")
    assert_problem(decide(shopper_client, "no%20slug"), 404, "not_found")
    assert not Decision.objects.exists()


def test_whoever_only_reads_uses_up_no_decision(group: VariantGroup, shopper: User, shopper_client: APIClient) -> None:
    """A prefetcher, a monitor or a key for reading would log as shown what nobody saw."""
    for path in ("offers/welcome", "offers/welcome/decision"):
        assert get(shopper_client, path).status_code in {404, 405}
    reader = integrator_client(["coupons:read", "claims:read"])
    assert_problem(decide(reader, "welcome", shopper=str(shopper.public_id)), 403, "insufficient_scope")
    assert not Decision.objects.exists()

    # Control: what a key for claims is answered.
    writer = integrator_client(["claims:write"])
    assert decide(writer, "welcome", shopper=str(shopper.public_id)).status_code == 200
    assert Decision.objects.count() == 1
