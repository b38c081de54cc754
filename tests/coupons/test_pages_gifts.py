"""The pages of gifts and of printed codes."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from coupons.models import Claim, Gift
from tests import factories
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def claim(shopper: User) -> Claim:
    return factories.make_claim(shopper=shopper, title_en="Ten off")


@pytest.fixture
def giver(claim: Claim) -> Client:
    return signed_in(claim.shopper)


def signed_in(shopper: User) -> Client:
    client = Client()
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    return client


def make_link(client: Client, claim: Claim, message: str = "For you", key: str = "") -> str:
    form = {"message": message, "key": key or str(uuid4())}
    answer = client.post(reverse("coupons:gift_offer", args=[claim.public_id]), form)
    assert answer.status_code == 200, answer.content.decode()
    found = re.search(r'value="(http[^"]+)"', answer.content.decode())
    assert found is not None
    return found[1]


def look(client: Client, link: str):
    return client.post(reverse("coupons:gift_look"), {"token": link})


def accept(client: Client, link: str, key: str = ""):
    form = {"token": link.rpartition("#gift=")[2], "key": key or str(uuid4())}
    return client.post(reverse("coupons:gift_accept"), form)


def test_from_wallet_to_wallet(giver: Client, claim: Claim, outsider: User) -> None:
    offer_path = reverse("coupons:gift_offer", args=[claim.public_id])
    assert offer_path in giver.get(reverse("coupons:wallet")).content.decode()
    assert "Make the link" in giver.get(offer_path).content.decode()
    link = make_link(giver, claim)
    assert "Being given" in giver.get(reverse("coupons:wallet")).content.decode()

    seen = look(Client(), link).content.decode()
    for words in ("Ten off", "For you", "From Mei", "Sign in to take it"):
        assert words in seen
    friend = signed_in(outsider)
    assert "Put it into my wallet" in look(friend, link).content.decode()
    assert accept(friend, link)["Location"] == reverse("coupons:wallet")
    assert Claim.objects.get(shopper=outsider).source == claim
    assert "Accepted" in giver.get(reverse("coupons:gifts")).content.decode()


@pytest.mark.reliability(57)
def test_the_secret_is_where_no_server_log_sees_it(giver: Client, claim: Claim) -> None:
    address, _sign, secret = make_link(giver, claim).partition("#gift=")
    assert len(secret) >= 22  # 128 bits
    assert address.endswith(reverse("coupons:gift"))
    assert "?" not in address
    assert secret not in giver.get(reverse("coupons:gifts")).content.decode()


def test_a_form_sent_twice_is_one_gift_with_one_link(giver: Client, claim: Claim) -> None:
    key = str(uuid4())
    assert make_link(giver, claim, key=key) == make_link(giver, claim, key=key)
    assert Gift.objects.count() == 1


def test_the_giver_takes_it_back(giver: Client, claim: Claim, outsider: User) -> None:
    link = make_link(giver, claim)
    path = reverse("coupons:gift_cancel", args=[Gift.objects.get().public_id])
    assert path in giver.get(reverse("coupons:gifts")).content.decode()
    assert signed_in(outsider).post(path).status_code == 404
    giver.post(path)
    assert (
        reverse("coupons:gift_offer", args=[claim.public_id]) in giver.get(reverse("coupons:wallet")).content.decode()
    )
    assert "This gift is not open any more." in giver.post(path, follow=True).content.decode()
    assert "This gift is not there any more." in accept(signed_in(outsider), link).content.decode()


def test_the_giver_sees_that_it_is_their_own(giver: Client, claim: Claim) -> None:
    link = make_link(giver, claim)
    assert "This is your own gift." in look(giver, link).content.decode()
    assert "This is your own gift." in accept(giver, link).content.decode()


def test_what_a_stranger_types_is_never_markup(giver: Client, claim: Claim) -> None:
    link = make_link(giver, claim, message="<script>alert(1)</script>\0")
    for page in (look(Client(), link), giver.get(reverse("coupons:gifts"))):
        assert "<script>alert" not in page.content.decode()
    for token in ("", "\0", "<b>", "#gift=", "券" * 500):
        answer = look(Client(REMOTE_ADDR=f"203.0.113.{len(token) % 250}"), token)
        assert answer.status_code == 404
        assert "<b>" not in answer.content.decode()


def test_links_are_guessed_slowly(claim: Claim) -> None:
    answers = [look(Client(), "wrong") for _try in range(6)]
    assert [answer.status_code for answer in answers] == [404] * 5 + [429]
    assert int(answers[-1]["Retry-After"]) > 0


def test_nothing_of_it_is_somebody_elses(claim: Claim, outsider: User) -> None:
    path = reverse("coupons:gift_offer", args=[claim.public_id])
    assert signed_in(outsider).get(path).status_code == 404
    assert Client().get(path)["Location"].startswith(reverse("users:sign_in"))
    assert accept(Client(), "x")["Location"] == f"{reverse('users:sign_in')}?next={reverse('coupons:gift')}"


def test_what_may_not_be_given_has_no_button(shopper: User, giver: Client, claim: Claim) -> None:
    kept = factories.make_claim(shopper=shopper, is_giftable=False)
    path = reverse("coupons:gift_offer", args=[kept.public_id])
    assert path not in giver.get(reverse("coupons:wallet")).content.decode()
    assert "cannot be given away now" in giver.get(path).content.decode()
    answer = giver.post(path, {"message": "", "key": str(uuid4())})
    assert answer.status_code == 409
    assert "This coupon cannot be given away." in answer.content.decode()


@pytest.mark.reliability(57)
def test_a_printed_code_opens_a_page_that_knows_nothing_of_it(client: Client, giver: Client) -> None:
    stranger = client.get(reverse("coupons:code")).content.decode()
    assert f"{reverse('users:sign_in')}?next={reverse('coupons:code')}" in stranger
    assert f'action="{reverse("coupons:claim_code")}"' in giver.get(reverse("coupons:code")).content.decode()
