"""The gate: an accelerator in Redis that refuses what the database would refuse, and never grants.

It knows little, and all of it from the database: a *word* on each coupon (from when on, sold out or not, limits), which
counts for a moment only; how many claims a shopper has made; which daily limits are used up. Claims are never taken
back, so what it knows of shoppers and days only grows. A shopper who is being served holds a *place*, which ends with
the service or, when that crashed, by itself. Whatever the gate does not know for certain it lets through: without
Redis, after it was emptied, or with an old word, the database answers, as it does everybody who gets in.
"""

from coupons.gate.connection import GateAway, is_configured
from coupons.gate.gate import Entry, Gate, Word

__all__ = ["Entry", "Gate", "GateAway", "Word", "is_configured"]
