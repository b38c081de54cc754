"""The pages of a coupon that a browser works for: the button, the form for fitting, and the quick claim."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from coupons.models import Claim, Coupon
from tests import factories
from tests.coupons.proofs import easy_proofs, worked, working_coupon
from tests.proofs import solve
from tests.users.codes import MEI, last_digits
from users.models import User

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _easy(settings: Settings) -> None:
    easy_proofs(settings)


@pytest.fixture
def hot(db: None) -> Coupon:
    return working_coupon()


class TestThePages:
    @pytest.fixture
    def signed_in(self, client: Client, shopper: User) -> Client:
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        return client

    def claim(self, signed_in: Client, coupon: Coupon, proof: str, *, key: str = "", **headers: str) -> Any:
        data = {"key": key or str(uuid4()), "proof": proof}
        return signed_in.post(reverse("coupons:claim", args=[coupon.public_id]), data, headers=headers)

    def test_the_button_stands_in_a_form_that_works(self, signed_in: Client, hot: Coupon, coupon: Coupon) -> None:
        shown = signed_in.get(hot.get_absolute_url()).content.decode()
        assert f'data-proof-of="{hot.public_id}" data-proof-early' in shown
        assert "<noscript>" in shown
        assert "data-proof" not in signed_in.get(coupon.get_absolute_url()).content.decode()
        # On the showcase nobody works for what is only looked at.
        showcase = signed_in.get(reverse("coupons:showcase")).content.decode()
        assert f'data-proof-of="{hot.public_id}"' in showcase
        assert "data-proof-early" not in showcase

    def test_a_proof_claims_once(self, signed_in: Client, shopper: User, hot: Coupon) -> None:
        proof = worked(factories.api_client_for(shopper), hot)
        assert self.claim(signed_in, hot, proof, **HTMX).status_code == 200
        refused = self.claim(signed_in, hot, proof, **HTMX)
        assert refused.status_code == 409
        assert "used already" in refused.content.decode()
        assert Claim.objects.count() == 1

    def test_a_double_click_is_one_claim(self, signed_in: Client, shopper: User, hot: Coupon) -> None:
        proof, key = worked(factories.api_client_for(shopper), hot), str(uuid4())
        assert [self.claim(signed_in, hot, proof, key=key, **HTMX).status_code for _click in range(2)] == [200, 200]
        assert Claim.objects.count() == 1

    def test_a_page_without_scripts_says_what_is_missing(self, signed_in: Client, hot: Coupon) -> None:
        self.claim(signed_in, hot, "")
        assert "needs JavaScript" in signed_in.get(hot.get_absolute_url()).content.decode()
        assert not Claim.objects.exists()

    def test_fitting_a_coupon_is_worked_for_too(self, signed_in: Client, shopper: User) -> None:
        coupon = factories.make_coupon(needs_proof_of_work=True)
        factories.make_envelope(coupon=coupon)
        shown = signed_in.get(coupon.get_absolute_url()).content.decode()
        assert f'data-proof-of="{coupon.public_id}" data-proof-early' in shown
        terms = {"amount_off": "500", "minimum_spend": "24000", "days": "14"}
        url = reverse("coupons:claim", args=[coupon.public_id])
        signed_in.post(url, {"key": str(uuid4()), **terms})
        assert not Claim.objects.exists()
        signed_in.post(url, {"key": str(uuid4()), "proof": worked(factories.api_client_for(shopper), coupon), **terms})
        assert Claim.objects.get().amount_off == 500


class TestQuickClaim:
    @pytest.fixture
    def asked(self, client: Client, hot: Coupon) -> str:
        """A stranger who has asked for a code; the page that asks for its digits."""
        client.post(reverse("coupons:quick_claim", args=[hot.public_id]), {"address": MEI})
        return reverse("coupons:quick_claim_code", args=[hot.public_id])

    def challenge(self, response: Any) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(response.context["challenge"])
        return found

    def test_the_digits_are_sent_with_a_proof(self, client: Client, asked: str) -> None:
        page = client.get(asked)
        assert "data-challenge=" in page.content.decode()
        answer = client.post(asked, {"digits": last_digits(), "proof": solve(self.challenge(page))})
        assert answer["Location"] == reverse("coupons:wallet")
        assert Claim.objects.get().shopper.email == MEI

    def test_without_one_the_code_is_not_used_up(self, client: Client, asked: str) -> None:
        refused = client.post(asked, {"digits": last_digits()})
        assert refused.status_code == 403
        assert "needs JavaScript" in refused.content.decode()
        assert not User.objects.exists()
        client.post(asked, {"digits": last_digits(), "proof": solve(self.challenge(refused))})
        assert Claim.objects.count() == 1

    def test_each_guess_at_the_digits_is_worked_for(self, client: Client, asked: str) -> None:
        proof = solve(self.challenge(client.get(asked)))
        wrong = client.post(asked, {"digits": "000000", "proof": proof})
        assert wrong.status_code == 422 or "tries" in wrong.content.decode()
        assert client.post(asked, {"digits": last_digits(), "proof": proof}).status_code == 403
        assert not Claim.objects.exists()

    def test_anothers_proof_does_not_count(self, client: Client, asked: str, hot: Coupon) -> None:
        other = Client()
        other.post(reverse("coupons:quick_claim", args=[hot.public_id]), {"address": "other@example.com"})
        proof = solve(self.challenge(other.get(asked)))
        assert len(mail.outbox) == 2
        assert client.post(asked, {"digits": "123456", "proof": proof}).status_code == 403

    def test_other_coupons_ask_for_nothing(self, client: Client, coupon: Coupon) -> None:
        client.post(reverse("coupons:quick_claim", args=[coupon.public_id]), {"address": MEI})
        asked = reverse("coupons:quick_claim_code", args=[coupon.public_id])
        assert "data-proof" not in client.get(asked).content.decode()
        client.post(asked, {"digits": last_digits()})
        assert Claim.objects.count() == 1
