"""POST and GET /claims."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from coupons.enums import ClaimState, CouponState
from coupons.models import Claim, Coupon
from tests.api.calls import assert_problem, get, post
from tests.factories import LONG_AGO, make_claim, make_code, make_coupon, make_shopper
from users.models import User

pytestmark = pytest.mark.django_db


def test_a_shopper_claims_for_themselves(shopper: User, shopper_client: APIClient, coupon: Coupon) -> None:
    response = post(shopper_client, "claims", {"coupon": str(coupon.public_id)})

    assert response.status_code == 201, response.content
    claim = Claim.objects.get()
    assert claim.shopper == shopper
    assert claim.channel == "web"
    body = response.json()
    assert body["id"] == str(claim.public_id)
    assert body["state"] == "available"
    assert body["coupon"]["id"] == str(coupon.public_id)


@pytest.mark.parametrize("by", ["shopper", "shopper_external_id"])
def test_the_shops_backend_claims_for_the_shopper_it_names(shop_client: APIClient, coupon: Coupon, by: str) -> None:
    shopper = make_shopper(external_id="customer-7")
    named = {"shopper": str(shopper.public_id), "shopper_external_id": "customer-7"}[by]

    response = post(shop_client, "claims", {"coupon": str(coupon.public_id), by: named})

    assert response.status_code == 201, response.content
    assert Claim.objects.get().shopper == shopper
    assert Claim.objects.get().channel == "api"
    assert response.json()["shopper_external_id"] == "customer-7"


def test_a_backend_must_name_a_shopper_in_one_way(shop_client: APIClient, coupon: Coupon) -> None:
    both = {"shopper": str(make_shopper().public_id), "shopper_external_id": "customer-7"}

    assert_problem(post(shop_client, "claims", {"coupon": str(coupon.public_id)}), 400, "shopper_missing", "shopper")
    assert_problem(
        post(shop_client, "claims", {"coupon": str(coupon.public_id), **both}), 400, "invalid", "shopper_external_id"
    )


def test_a_code_becomes_a_claim_however_it_is_typed(shopper_client: APIClient) -> None:
    code = make_code(text="ABCD2345")

    response = post(shopper_client, "claims", {"code": " abcd-2345 "})

    assert response.status_code == 201, response.content
    assert Claim.objects.get().coupon == code.coupon


def test_a_wrong_code_and_the_code_of_a_draft_read_the_same(shopper_client: APIClient) -> None:
    make_code(text="DRAFT2345", coupon=make_coupon(state=CouponState.DRAFT, handout="code"))

    answers = [post(shopper_client, "claims", {"code": code}) for code in ("DRAFT2345", "NOTHERE2345", "！？")]

    details = {assert_problem(answer, 404, "code_invalid")["detail"] for answer in answers}
    assert len(details) == 1


@pytest.mark.parametrize("body", [{}, {"coupon": None}, {"code": ""}, {"coupon": "x"}, {"coupon": 5}, [], "x", 7])
def test_a_claim_names_one_coupon_or_one_code(shopper_client: APIClient, body: object) -> None:
    assert post(shopper_client, "claims", body).status_code == 400


@pytest.mark.parametrize(
    ("state", "code", "datum"),
    [
        (CouponState.SCHEDULED, "not_started", "starts_at"),
        (CouponState.PAUSED, "paused", None),
        (CouponState.ENDED, "ended", None),
    ],
)
def test_a_coupon_that_is_not_open_says_why(
    shopper_client: APIClient, state: CouponState, code: str, datum: str | None
) -> None:
    coupon = make_coupon(state=state)

    problem = assert_problem(post(shopper_client, "claims", {"coupon": str(coupon.public_id)}), 409, code)

    if datum:
        assert problem[datum] == coupon.claim_starts_at.isoformat().replace("+00:00", "Z")
    assert not Claim.objects.exists()


def test_sold_out_limit_and_eligibility_are_told_apart(shopper_client: APIClient) -> None:
    sold_out, once, tagged = make_coupon(stock=0), make_coupon(), make_coupon(audience="tagged", audience_tag="vip")
    post(shopper_client, "claims", {"coupon": str(once.public_id)})

    def claim(coupon: Coupon) -> object:
        return post(shopper_client, "claims", {"coupon": str(coupon.public_id)})

    assert_problem(claim(sold_out), 409, "sold_out")
    limit = assert_problem(claim(once), 409, "limit_reached")
    assert (limit["limit"], limit["scope"]) == (1, "shopper")
    assert assert_problem(claim(tagged), 409, "not_eligible")["reason"] == "tag_needed"


def test_claims_are_listed_newest_first_and_by_state(shopper: User, shopper_client: APIClient) -> None:
    older, newer = make_claim(shopper=shopper), make_claim(shopper=shopper)
    over = make_claim(shopper=shopper)
    # Over, though no job has run since.
    Claim.objects.filter(pk=over.pk).update(usable_from=LONG_AGO, expires_at=LONG_AGO + timedelta(days=1))

    def ids(**query: str) -> list[str]:
        return [claim["id"] for claim in get(shopper_client, "claims", **query).json()["results"]]

    assert ids() == [str(claim.public_id) for claim in (over, newer, older)]
    assert ids(state="available") == [str(claim.public_id) for claim in (newer, older)]
    assert ids(state="expired") == [str(over.public_id)]
    assert get(shopper_client, f"claims/{over.public_id}").json()["state"] == "expired"
    assert Claim.objects.get(pk=over.pk).state == ClaimState.AVAILABLE


def test_a_backend_lists_everybodys_claims_or_one_shoppers(shop_client: APIClient) -> None:
    mine, theirs = make_claim(), make_claim()

    everybody = get(shop_client, "claims").json()["results"]
    one = get(shop_client, "claims", shopper=str(mine.shopper.public_id)).json()["results"]

    assert {claim["id"] for claim in everybody} == {str(mine.public_id), str(theirs.public_id)}
    assert [claim["id"] for claim in one] == [str(mine.public_id)]


def test_a_list_of_claims_takes_a_fixed_number_of_queries(shop_client: APIClient) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert get(shop_client, "claims").status_code == 200
        return len(captured)

    make_claim()
    few = queries()
    for _ in range(9):
        make_claim()

    assert queries() == few
    assert few <= 4
