"""Coupons that their shoppers fit to taste, within the limits of an envelope."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from coupons.enums import ClaimChannel
from coupons.errors import OutsideLimits, TermsFixed, TermsNeeded
from coupons.fitting import ChosenTerms, factor, least_spend
from coupons.models import Claim, Coupon, Envelope
from coupons.offers import offer_of
from coupons.pricing import AmountOff, MinimumSpend
from coupons.services.claims import claim_create
from tests import factories
from tests.factories import NOW
from tests.invariants import assert_invariants

pytestmark = pytest.mark.django_db

LIMITS = {
    "amount_minimum": 5_00,
    "amount_maximum": 30_00,
    "amount_step": 1_00,
    "days_minimum": 1,
    "days_maximum": 14,
    "factor_shortest": Decimal(4),
    "factor_longest": Decimal(8),
    "spend_maximum": 300_00,
}


@pytest.fixture
def coupon() -> Coupon:
    made = factories.make_coupon(amount_off=30_00)
    Envelope.objects.create(coupon=made, **LIMITS)
    return made


def claim(coupon: Coupon, terms: ChosenTerms | None) -> Claim:
    return claim_create(shopper=factories.make_shopper(), coupon=coupon, channel=ClaimChannel.WEB, now=NOW, terms=terms)


class TestTheCurve:
    def test_rises_in_a_straight_line_from_the_fewest_days_to_the_most(self) -> None:
        envelope = Envelope(**LIMITS)
        assert [factor(envelope, days=days) for days in (1, 14)] == [4, 8]
        middle = Envelope(**{**LIMITS, "days_maximum": 3})
        assert factor(middle, days=2) == 6

    def test_of_one_validity_alone_is_a_point(self) -> None:
        assert factor(Envelope(**{**LIMITS, "days_maximum": 1}), days=1) == 4

    @pytest.mark.parametrize(
        ("amount", "days", "least"),
        [(5_00, 1, 20_00), (10_00, 14, 80_00), (10_00, 2, 44_00), (30_00, 14, 240_00)],
    )
    def test_asks_for_whole_steps_and_never_for_less_than_the_factor(self, amount: int, days: int, least: int) -> None:
        # 10.00 for two days: 4 + 4/13 times, 43.08, is 44.00.
        assert least_spend(Envelope(**LIMITS), amount_off=amount, days=days) == least

    def test_never_asks_for_more_than_the_largest_spend(self) -> None:
        assert least_spend(Envelope(**{**LIMITS, "spend_maximum": 200_00}), amount_off=30_00, days=14) == 200_00


class TestAClaim:
    def test_has_the_chosen_terms(self, coupon: Coupon) -> None:
        made = claim(coupon, ChosenTerms(amount_off=10_00, minimum_spend=80_00, days=14))
        assert (made.amount_off, made.minimum_spend) == (10_00, 80_00)
        assert made.expires_at == NOW + timedelta(days=14)
        assert_invariants(coupon)

    def test_is_priced_by_them(self, coupon: Coupon) -> None:
        offer = offer_of(claim(coupon, ChosenTerms(amount_off=10_00, minimum_spend=80_00, days=14)))
        assert offer.benefit == AmountOff(10_00)
        assert offer.conditions == (MinimumSpend(80_00),)

    def test_never_outlives_its_coupon(self, coupon: Coupon) -> None:
        coupon.usable_until = NOW + timedelta(days=3)
        coupon.save(update_fields=["usable_until"])
        made = claim(coupon, ChosenTerms(amount_off=10_00, minimum_spend=80_00, days=14))
        assert made.expires_at == NOW + timedelta(days=3)

    @pytest.mark.parametrize(
        ("terms", "data"),
        [
            (ChosenTerms(4_00, 80_00, 7), {"parameter": "amount_off", "least_amount": 5_00, "most_amount": 30_00}),
            (ChosenTerms(31_00, 300_00, 7), {"parameter": "amount_off", "least_amount": 5_00, "most_amount": 30_00}),
            (ChosenTerms(5_50, 80_00, 7), {"parameter": "amount_off", "step_amount": 1_00}),
            (ChosenTerms(10_00, 80_00, 0), {"parameter": "days", "least": 1, "most": 14}),
            (ChosenTerms(10_00, 80_00, 10**9), {"parameter": "days", "least": 1, "most": 14}),
            (
                ChosenTerms(10_00, 79_99, 14),
                {"parameter": "minimum_spend", "least_amount": 80_00, "most_amount": 300_00},
            ),
            (
                ChosenTerms(10_00, 300_01, 1),
                {"parameter": "minimum_spend", "least_amount": 40_00, "most_amount": 300_00},
            ),
        ],
    )
    def test_stays_within_the_limits(self, coupon: Coupon, terms: ChosenTerms, data: dict[str, object]) -> None:
        with pytest.raises(OutsideLimits) as refused:
            claim(coupon, terms)
        assert refused.value.data == data
        assert not Claim.objects.exists()
        assert_invariants(coupon)

    def test_needs_terms_where_there_is_an_envelope_and_takes_none_elsewhere(self, coupon: Coupon) -> None:
        with pytest.raises(TermsNeeded):
            claim(coupon, None)
        with pytest.raises(TermsFixed):
            claim(factories.make_coupon(), ChosenTerms(10_00, 80_00, 14))


class TestThePage:
    def test_shows_the_sliders_and_claims_what_they_say(self, coupon: Coupon, client: Client) -> None:
        shopper = factories.make_shopper()
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        page = client.get(coupon.get_absolute_url())
        assert page.context["fit"].start == ChosenTerms(17_00, 100_00, 7)
        key = page.context["ticket"].key
        chosen = {"key": key, "amount_off": "1700", "minimum_spend": "10000", "days": "7"}
        answer = client.post(f"{coupon.get_absolute_url()}claim/", chosen)
        assert answer.status_code == 302
        made = Claim.objects.get()
        assert (made.amount_off, made.minimum_spend) == (17_00, 100_00)

    @pytest.mark.parametrize("days", ["", "x", "²", "-1", "9" * 40])
    def test_refuses_what_is_no_number(self, coupon: Coupon, client: Client, days: str) -> None:
        client.force_login(factories.make_shopper(), backend="users.backends.IdentifierBackend")
        key = client.get(coupon.get_absolute_url()).context["ticket"].key
        chosen = {"key": key, "amount_off": "1700", "minimum_spend": "10000", "days": days}
        answer = client.post(f"{coupon.get_absolute_url()}claim/", chosen, follow=True)
        assert "outside the limits" in answer.content.decode()
        assert not Claim.objects.exists()

    def test_leads_there_from_the_showcase(self, coupon: Coupon, client: Client) -> None:
        assert f"{coupon.get_absolute_url()}#fit" in client.get("/").content.decode()


class TestTheApi:
    def test_claims_with_terms(self, coupon: Coupon) -> None:
        api = factories.api_client_for(factories.make_shopper())
        terms = {"amount_off": "10.00", "minimum_spend": "80.00", "days": 14}
        body = {"coupon": str(coupon.public_id), "terms": terms}
        answer = api.post("/api/v1/claims", body, format="json", HTTP_IDEMPOTENCY_KEY="one")
        assert answer.status_code == 201
        assert answer.json()["terms"] == {"amount_off": "10.00", "minimum_spend": "80.00"}

    def test_names_the_limits(self, coupon: Coupon) -> None:
        api = factories.api_client_for(factories.make_shopper())
        terms = {"amount_off": "10.00", "minimum_spend": "50.00", "days": 14}
        body = {"coupon": str(coupon.public_id), "terms": terms}
        answer = api.post("/api/v1/claims", body, format="json", HTTP_IDEMPOTENCY_KEY="one")
        assert answer.status_code == 400
        assert answer.json()["code"] == "outside_limits"
        assert answer.json()["least_amount"] == "80.00"
