"""The factories make what they promise."""

import pytest

from coupons.enums import CouponState
from coupons.models import Coupon
from tests.factories import NOW, integrator_client, make_claim, make_coupon, make_marketer


@pytest.mark.django_db
@pytest.mark.parametrize("state", list(CouponState))
def test_a_coupon_is_in_the_state_asked_for(state: CouponState) -> None:
    coupon = make_coupon(state=state)

    assert coupon.state(NOW) == state
    assert list(Coupon.objects.in_state(state, NOW)) == [coupon]


@pytest.mark.django_db
def test_a_claim_takes_from_the_stock() -> None:
    claim = make_claim(stock=3)

    assert claim.coupon.stock.remaining() == 2


@pytest.mark.django_db
def test_people_and_clients_can_be_made() -> None:
    assert make_marketer().is_staff
    assert integrator_client(["claims:read"]).get("/healthz").status_code == 200
