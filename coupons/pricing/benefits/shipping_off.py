"""Free or cheaper shipping."""

from dataclasses import dataclass

from coupons.pricing.benefits.base import EligiblePart, Grant
from coupons.pricing.whole_numbers import require_share, require_whole_or_none, share_of


@dataclass(frozen=True, slots=True)
class ShippingOff:
    """Shipping is free, or cheaper by an amount or a share, or lowered to a price.

    Args:
        amount: minor units off.
        basis_points: a share of what is left of the fee off, half a unit rounded up.
        price: what shipping costs then; it is never raised.
        cap: the most to take off, in minor units.

    Raises:
        ValueError: on more than one of ``amount``, ``basis_points`` and ``price``, or a number out of range.
    """

    amount: int | None = None
    basis_points: int | None = None
    price: int | None = None
    cap: int | None = None

    def __post_init__(self) -> None:
        require_whole_or_none("amount", self.amount, at_least=1)
        if self.basis_points is not None:
            require_share("basis_points", self.basis_points)
        require_whole_or_none("price", self.price, at_least=0)
        require_whole_or_none("cap", self.cap, at_least=1)
        if sum(given is not None for given in (self.amount, self.basis_points, self.price)) > 1:
            raise ValueError("shipping is cheaper by an amount, by a share, or lowered to a price")

    def grant(self, part: EligiblePart) -> Grant:
        """Take it off the fee; never below zero."""
        fee = part.shipping
        amount = fee
        if self.amount is not None:
            amount = self.amount
        elif self.basis_points is not None:
            amount = share_of(fee, self.basis_points)
        elif self.price is not None:
            amount = max(0, fee - self.price)
        if self.cap is not None:
            amount = min(amount, self.cap)
        return Grant((0,) * len(part.lines), shipping_amount=min(amount, fee))
