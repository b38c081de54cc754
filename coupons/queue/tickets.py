"""Ids of tickets: worked out from the request, told from made-up ones without looking anything up.

An id is a UUID of version 8 (RFC 9562: the bits are ours). It names its coupon, so that whoever shows it is led to the
right queue; it follows from caller, key and coupon, so that a retry finds the same place; and it carries two keyed
hashes: one shows that this platform gave it out, one to which shopper. So a ticket that a lost Redis took along is told
from one that never was, and only to its owner.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from django.conf import settings

COUPON_BITS, NONCE_BITS, GENUINE_BITS, OWNER_BITS = 32, 42, 24, 24
VERSION_AND_VARIANT = (0x8 << 76) | (0b10 << 62)


@dataclass(frozen=True, slots=True)
class TicketId:
    """A genuine id, taken apart."""

    id: UUID
    coupon_id: int
    nonce: int
    owner: int

    def is_of(self, shopper_id: int) -> bool:
        """Tells whether it was given out for this shopper."""
        return hmac.compare_digest(str(self.owner), str(_owner(self.coupon_id, self.nonce, shopper_id)))


def ticket_id_of(*, caller: str, key: str, coupon_id: int, shopper_id: int) -> UUID:
    """Returns the id of the one ticket that a caller's key stands for.

    Args:
        caller: as `config.kernel.idempotency` names it.
        key: the caller's Idempotency-Key.
    """
    nonce = _hash(f"nonce\0{caller}\0{key}\0{coupon_id}", NONCE_BITS)
    value = coupon_id & ((1 << COUPON_BITS) - 1)
    value = value << NONCE_BITS | nonce
    value = value << GENUINE_BITS | _genuine(coupon_id, nonce)
    value = value << OWNER_BITS | _owner(coupon_id, nonce, shopper_id)
    # 122 bits of ours around the six that say so.
    high, middle, low = value >> 74, value >> 62 & 0xFFF, value & ((1 << 62) - 1)
    return UUID(int=high << 80 | middle << 64 | low | VERSION_AND_VARIANT)


def parse_ticket_id(ticket: UUID) -> TicketId | None:
    """Takes an id apart; None for one that this platform never gave out."""
    bits = ticket.int
    if bits >> 76 & 0xF != 0x8 or bits >> 62 & 0b11 != 0b10:
        return None
    value = (bits >> 80) << 74 | (bits >> 64 & 0xFFF) << 62 | bits & ((1 << 62) - 1)
    owner = value & ((1 << OWNER_BITS) - 1)
    genuine = value >> OWNER_BITS & ((1 << GENUINE_BITS) - 1)
    nonce = value >> (OWNER_BITS + GENUINE_BITS) & ((1 << NONCE_BITS) - 1)
    coupon_id = value >> (OWNER_BITS + GENUINE_BITS + NONCE_BITS)
    if not hmac.compare_digest(str(genuine), str(_genuine(coupon_id, nonce))):
        return None
    return TicketId(ticket, coupon_id, nonce, owner)


def _genuine(coupon_id: int, nonce: int) -> int:
    return _hash(f"genuine\0{coupon_id}\0{nonce}", GENUINE_BITS)


def _owner(coupon_id: int, nonce: int, shopper_id: int) -> int:
    return _hash(f"owner\0{coupon_id}\0{nonce}\0{shopper_id}", OWNER_BITS)


def _hash(text: str, bits: int) -> int:
    digest = hmac.digest(_key(settings.SECRET_KEY), text.encode(), "sha256")
    return int.from_bytes(digest[:8], "big") >> (64 - bits)


@cache
def _key(secret: str) -> bytes:
    return hashlib.sha256(b"coupons.queue.tickets\0" + secret.encode()).digest()
