"""One question after a coupon was used: asked in the wallet and by API, answered once, read by the shop."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from config.kernel.errors import Invalid
from coupons.enums import ClaimState
from coupons.errors import AlreadyRated, NotUsedYet
from coupons.models import Claim, ClaimRating
from coupons.services.ratings import claim_rate
from tests import factories
from tests.analytics.builders import make_claim_at, make_order
from tests.api.calls import assert_problem, get, new_key, post
from tests.factories import NOW, api_client_for, integrator_client
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def used(shopper: User) -> Claim:
    coupon = factories.make_coupon(title_en="Ten off", title_zh="立减十元")
    return make_claim_at(shopper, coupon, NOW - timedelta(days=2), order=make_order(shopper, NOW - timedelta(days=1)))


def signed_in(shopper: User) -> Client:
    client = Client()
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    return client


def page_of(claim: Claim) -> str:
    return reverse("coupons:rate", args=[claim.public_id])


class TestTheAnswer:
    def test_is_kept(self, used: Claim) -> None:
        claim_rate(claim=used, score=4, comment="Fine", now=NOW)
        rating = ClaimRating.objects.get()

        assert (rating.claim, rating.score, rating.comment, rating.rated_at) == (used, 4, "Fine", NOW)

    def test_counts_once(self, used: Claim) -> None:
        claim_rate(claim=used, score=4, now=NOW)
        with pytest.raises(AlreadyRated):
            claim_rate(claim=used, score=1, now=NOW)
        assert ClaimRating.objects.get().score == 4

    @pytest.mark.parametrize("state", [ClaimState.AVAILABLE, ClaimState.EXPIRED, ClaimState.REVOKED])
    def test_needs_a_use(self, shopper: User, state: ClaimState) -> None:
        claim = make_claim_at(shopper, factories.make_coupon(), NOW, state=state)
        with pytest.raises(NotUsedYet):
            claim_rate(claim=claim, score=5, now=NOW)

    @pytest.mark.parametrize(("score", "comment"), [(0, ""), (6, ""), (-1, ""), (3, "x" * 281)])
    def test_has_limits(self, used: Claim, score: int, comment: str) -> None:
        with pytest.raises(Invalid):
            claim_rate(claim=used, score=score, comment=comment, now=NOW)

    def test_cannot_leave_the_scale_in_the_database(self, used: Claim) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            ClaimRating.objects.create(claim=used, score=6, rated_at=NOW)


@pytest.mark.django_db(transaction=True)
def test_of_two_answers_at_once_one_counts(used: Claim) -> None:
    def rate(score: int) -> str:
        try:
            claim_rate(claim=used, score=score, now=NOW)
        except AlreadyRated:
            return "late"
        finally:
            connection.close()
        return "kept"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(rate, [1, 5])) == ["kept", "late"]
    assert ClaimRating.objects.count() == 1


class TestThePage:
    @pytest.mark.parametrize("language", ["en", "zh-hans"])
    def test_leads_from_the_wallet_to_thanks(self, used: Claim, language: str) -> None:
        client = signed_in(used.shopper)
        headers = {"accept-language": language}
        assert page_of(used) in client.get(reverse("coupons:wallet"), {"tab": "used"}).content.decode()
        assert client.get(page_of(used), headers=headers).status_code == 200
        answer = client.post(page_of(used), {"score": "5", "comment": "<b>"}, headers=headers, follow=True)
        wallet = answer.content.decode()

        assert page_of(used) not in wallet
        assert ClaimRating.objects.get().comment == "<b>"
        again = client.post(page_of(used), {"score": "1"}, headers=headers)
        assert again.status_code == 409
        assert ClaimRating.objects.get().score == 5

    @pytest.mark.parametrize("form", [{}, {"score": "6"}, {"score": "x"}, {"score": "5", "comment": "x" * 281}])
    def test_says_what_is_missing(self, used: Claim, form: dict[str, str]) -> None:
        answer = signed_in(used.shopper).post(page_of(used), form)

        assert answer.status_code == 422
        assert "field-error" in answer.content.decode()
        assert not ClaimRating.objects.exists()

    def test_is_the_shoppers_own(self, used: Claim, outsider: User) -> None:
        client = signed_in(outsider)

        assert client.get(page_of(used)).status_code == 404
        assert client.post(page_of(used), {"score": "1"}).status_code == 404
        assert Client().get(page_of(used)).status_code == 302

    def test_asks_nothing_of_an_unused_claim(self, shopper: User) -> None:
        claim = make_claim_at(shopper, factories.make_coupon(), NOW)
        client = signed_in(shopper)

        assert 'name="score"' not in client.get(page_of(claim)).content.decode()
        assert client.post(page_of(claim), {"score": "5"}).status_code == 409


class TestTheApi:
    def test_takes_an_answer_and_gives_it_back(self, used: Claim) -> None:
        client = api_client_for(used.shopper)
        assert_problem(get(client, f"claims/{used.public_id}/rating"), 404, "not_found")
        answer = post(client, f"claims/{used.public_id}/rating", {"score": 4, "comment": "Fine"})

        assert answer.status_code == 201
        assert get(client, f"claims/{used.public_id}/rating").json() == answer.json()

    def test_replays_a_retry(self, used: Claim) -> None:
        client, key = api_client_for(used.shopper), new_key()
        first = post(client, f"claims/{used.public_id}/rating", {"score": 4}, key=key)
        second = post(client, f"claims/{used.public_id}/rating", {"score": 4}, key=key)

        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert_problem(post(client, f"claims/{used.public_id}/rating", {"score": 4}), 409, "already_rated")

    def test_asks_whose_it_is(self, used: Claim, outsider: User) -> None:
        path = f"claims/{used.public_id}/rating"

        assert_problem(post(api_client_for(outsider), path, {"score": 4}), 404, "not_found")
        backend = integrator_client(["claims:write"])
        assert_problem(post(backend, path, {"score": 4}), 400, "shopper_missing", "shopper")
        assert post(backend, path, {"score": 4, "shopper": str(used.shopper.public_id)}).status_code == 201

    @pytest.mark.parametrize("score", [0, 6, "5", None, 4.5, True])
    def test_takes_whole_stars_only(self, used: Claim, score: object) -> None:
        assert (
            post(api_client_for(used.shopper), f"claims/{used.public_id}/rating", {"score": score}).status_code == 400
        )


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_shop_reads_them(used: Claim, marketer: User, language: str) -> None:
    claim_rate(claim=used, score=4, comment="<i>Fine</i>", now=NOW)
    page = signed_in(marketer).get(
        reverse("admin:coupons_claimrating_changelist"), headers={"accept-language": language}
    )

    assert "★★★★☆" in page.content.decode()
    assert "&lt;i&gt;Fine" in page.content.decode()
