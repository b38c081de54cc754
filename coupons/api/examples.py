"""Answers as the API page shows them."""

from __future__ import annotations

from typing import Any

COUPON_ID = "0197a3c2-4f10-7c2e-9b1d-6a5b8e7f0c11"
CLAIM_ID = "0197a3c2-5b8a-7d33-8c4e-1f2a3b4c5d6e"
ORDER_ID = "0197a3c2-6c9b-7e44-9d5f-2a3b4c5d6e7f"
GIFT_ID = "0197a3c2-7d0c-7f55-8e60-3b4c5d6e7f80"
GIFT_LINK_END = "q2X0c1n7Yw3mS9bV5kT8dR4hP6jL1zF0aE-uG_oN2iM"
SHOPPER_ID = "0197a3c2-5d1e-7b40-8a55-0c3f6b1d2e3f"

COUPON_SUMMARY: dict[str, Any] = {
    "id": COUPON_ID,
    "title": "20 off from 99",
    "headline": "¥20.00 off",
    "benefit": {
        "type": "amount_off",
        "amount_off": "20.00",
        "percent_off": None,
        "discount_cap": None,
        "application": "whole",
        "maximum_units": None,
        "every_amount": None,
        "tier_basis": "",
        "tiers": [],
        "unit_price": None,
        "bundle_quantity": None,
        "bundle_price": None,
        "buy_quantity": None,
        "get_quantity": None,
        "maximum_sets": None,
        "gift_sku": None,
        "gift_quantity": None,
        "is_partly_usable": True,
    },
    "minimum_spend": "99.00",
    "stacking_group": "",
    "is_exclusive": False,
}

RATING: dict[str, Any] = {
    "claim": CLAIM_ID,
    "score": 5,
    "comment": "Easy to use.",
    "rated_at": "2026-11-22T04:00:00Z",
}

COUPON: dict[str, Any] = {
    **COUPON_SUMMARY,
    "description": "For the whole shop.",
    "state": "live",
    "conditions": {
        "threshold_base": "current",
        "minimum_quantity": 0,
        "minimum_unit_price": None,
        "maximum_unit_price": None,
        "order_number": None,
        "new_shopper_days": None,
        "weekdays": [4, 5, 6],
        "hour_from": "18:00",
        "hour_until": "23:00",
        "channels": [],
        "regions": [],
    },
    "scope": {
        "include_products": [],
        "include_categories": ["dairy"],
        "exclude_products": ["1029743"],
        "exclude_categories": [],
        "require_products": [],
        "require_categories": [],
        "forbid_products": [],
        "forbid_categories": [],
        "give_products": [],
        "give_categories": [],
    },
    "envelope": None,
    "is_giftable": True,
    "needs_proof_of_work": False,
    "refund_policy": "prorata",
    "audience": "everyone",
    "handout": "showcase",
    "claim_starts_at": "2026-11-01T00:00:00Z",
    "claim_ends_at": "2026-12-01T00:00:00Z",
    "usable_from": None,
    "usable_until": None,
    "usable_days": 14,
    "limit_per_shopper": 1,
    "limit_per_shopper_per_day": None,
    "limit_per_day": None,
    "remaining": 412,
    "claimed_by_shopper": 0,
    "not_eligible_reason": None,
    "reason": "Because you buy Yogurt",
}

CLAIM: dict[str, Any] = {
    "id": CLAIM_ID,
    "coupon": COUPON_SUMMARY,
    "shopper": SHOPPER_ID,
    "shopper_external_id": "customer-1042",
    "state": "available",
    "channel": "api",
    "claimed_at": "2026-11-21T04:00:00Z",
    "usable_from": "2026-11-21T04:00:00Z",
    "expires_at": "2026-12-05T04:00:00Z",
    "order": None,
    "terms": {"amount_off": None, "minimum_spend": None},
}

CHALLENGE: dict[str, Any] = {
    "algorithm": "SHA-256",
    "challenge": "e00c25ee96bfb0213deb2aa37ee61f05fad1bda21fb6d7cc8e4e2b54deb46e6f",
    "maxnumber": 50_000,
    "salt": "59f0a6b1c4d2e8f70a1b2c3d?expires=1795233600&",
    "signature": "0d1c2b3a49586776859403f2e1d0cfbeadbccbdae9f8071625344352617081ff",
}

GIFT: dict[str, Any] = {
    "id": GIFT_ID,
    "claim": CLAIM_ID,
    "coupon": COUPON_SUMMARY,
    "shopper": SHOPPER_ID,
    "shopper_external_id": "customer-1042",
    "message": "For your birthday",
    "state": "offered",
    "offered_at": "2026-11-21T04:00:00Z",
    "expires_at": "2026-11-24T04:00:00Z",
    "closed_at": None,
}

OFFERED_GIFT: dict[str, Any] = {
    **GIFT,
    "link": f"https://coupons.example.com/gift/#gift={GIFT_LINK_END}",
    "token": GIFT_LINK_END,
}

CART: dict[str, Any] = {
    "shopper_external_id": "customer-1042",
    "lines": [{"sku": "1029743", "quantity": 2}],
    "claims": [CLAIM_ID],
}

QUOTE: dict[str, Any] = {
    "currency": "CNY",
    "lines": [
        {
            "sku": "1029743",
            "name": "Whole milk",
            "quantity": 2,
            "unit_price": "60.00",
            "amount": "120.00",
            "discount": "20.00",
            "payable": "100.00",
            "tax": "0.00",
        }
    ],
    "gifts": [],
    "subtotal": "120.00",
    "discount": "20.00",
    "shipping": "0.00",
    "shipping_discount": "0.00",
    "shipping_payable": "0.00",
    "tax": "0.00",
    "prices_include_tax": True,
    "payable": "100.00",
    "promotions": [],
    "coupons": [
        {
            "claim": CLAIM_ID,
            "coupon": COUPON_ID,
            "title": "20 off from 99",
            "status": "applied",
            "amount": "20.00",
            "lines": [{"sku": "1029743", "amount": "20.00"}],
            "shipping_amount": "0.00",
            "gifts": [],
            "code": None,
            "detail": "You save ¥20.00 with this coupon.",
            "data": {},
            "expires_at": "2026-12-05T04:00:00Z",
        }
    ],
    "best": {"claims": [CLAIM_ID], "payable": "100.00", "saves_more": "0.00", "is_proven": True, "gap": "0.00"},
    "hints": [],
}

ORDER_CREATE: dict[str, Any] = {**CART, "reference": "SO-20261121-0042", "expected_payable": "100.00"}
ORDER_EDIT: dict[str, Any] = {
    key: value for key, value in ORDER_CREATE.items() if key not in ("reference", "shopper_external_id")
}
ORDER_REFUND: dict[str, Any] = {"lines": [{"number": 1, "quantity": 1}]}

ORDER: dict[str, Any] = {
    "id": ORDER_ID,
    "reference": "SO-20261121-0042",
    "shopper": SHOPPER_ID,
    "shopper_external_id": "customer-1042",
    "state": "locked",
    "currency": "CNY",
    "subtotal": "120.00",
    "discount": "20.00",
    "shipping": "0.00",
    "shipping_discount": "0.00",
    "tax": "0.00",
    "payable": "100.00",
    "refunded": "0.00",
    "channel": "app",
    "region": "",
    "placed_at": "2026-11-21T04:05:00Z",
    "lock_expires_at": "2026-11-21T04:35:00Z",
    "redeemed_at": None,
    "closed_at": None,
    "lines": [
        {
            **QUOTE["lines"][0],
            "number": 1,
            "tax": "0.00",
            "returned": 0,
            "refunded": "0.00",
            "discounts": [{"coupon": COUPON_ID, "claim": CLAIM_ID, "amount": "20.00"}],
        }
    ],
    "coupons": [
        {
            "claim": CLAIM_ID,
            "coupon": COUPON_ID,
            "title": "20 off from 99",
            "amount": "20.00",
            "shipping_amount": "0.00",
        }
    ],
    "gifts": [],
    "refunds": [],
}

PRODUCT: dict[str, Any] = {
    "sku": "1029743",
    "name": "Whole milk",
    "brand": "Private",
    "price": "60.00",
    "category": "fluid-milk",
    "product_type": "Fluid Milk White Only",
}

WAITING: dict[str, Any] = {
    "coupon": COUPON_ID,
    "state": "waiting",
    "position": 12,
    "joined_at": "2026-11-21T04:00:00Z",
    "claim": None,
}

CLAIM_TICKET: dict[str, Any] = {
    "ticket": "00000001-7c1e-85a3-9f20-8d4e6b1c2f37",
    "coupon": COUPON_ID,
    "state": "waiting",
    "position": 12,
    "retry_after": 1,
    "claim": None,
    "refusal": None,
}

PACKET_ID = "0197a3c2-7dac-7f55-8e60-3b4c5d6e7f80"

RED_PACKET_SHARE: dict[str, Any] = {
    "red_packet": PACKET_ID,
    "amount": "6.66",
    "taken_at": "2026-11-21T04:00:00Z",
    "claim": {
        **CLAIM,
        "coupon": {
            **COUPON_SUMMARY,
            "title": "Weekend red packet",
            "headline": "¥6.66 in cash",
            "benefit": {**COUPON_SUMMARY["benefit"], "type": "cash", "amount_off": "6.66"},
            "minimum_spend": "0.00",
        },
        "channel": "red_packet",
    },
}

RED_PACKET: dict[str, Any] = {
    "id": PACKET_ID,
    "title": "Weekend red packet",
    "split": "random",
    "total": "200.00",
    "share_count": 66,
    "taken_count": 12,
    "opens_at": "2026-11-21T04:00:00Z",
    "ends_at": "2026-11-22T16:00:00Z",
    "state": "open",
    "share": RED_PACKET_SHARE,
}

LOTTERY_ID = "0197a3c2-8ebd-7066-8f71-4c5d6e7f8091"

LOTTERY_ENTRY: dict[str, Any] = {
    "lottery": LOTTERY_ID,
    "ticket": "0197a3c2-9fce-7177-9082-5d6e7f8091a2",
    "weight": 3,
    "entered_at": "2026-11-21T04:00:00Z",
    "rank": None,
    "claim": None,
}

LOTTERY: dict[str, Any] = {
    "id": LOTTERY_ID,
    "title": "Singles' Day lottery",
    "coupon": COUPON_SUMMARY,
    "opens_at": "2026-11-20T16:00:00Z",
    "closes_at": "2026-11-22T16:00:00Z",
    "winner_count": 66,
    "weight_tag": "vip",
    "weight": 3,
    "state": "open",
    "entry_count": 1204,
    "seed_commitment": "ac8c15d3f18b1d4b6d4b3a5fc0a4c2d0bb3f8a1f2e6f0e5c9d7b8a6958473625",
    "entries_commitment": "",
    "seed": None,
    "drawn_at": None,
    "entry": LOTTERY_ENTRY,
}
