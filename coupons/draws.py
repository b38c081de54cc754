"""The draw of a lottery as a pure function: the same seed and the same tickets give the same winners, anywhere.

A ticket of weight 3 has three lots in the urn, and its best lot decides. Lot number `k` of a ticket is worth

    HMAC-SHA256(key = seed, message = "<entries commitment> <ticket> <k>")

and the smallest value is drawn first. Values are compared as bytes, so no machine rounds them differently. Taking out
of all shuffled lots the first of each ticket is successive sampling: at every place, each ticket that is left comes
next with a chance in proportion to its weight (Efraimidis and Spirakis, "Weighted random sampling with a reservoir",
2006, draw the same by keys u^(1/w), which need logarithms). The commitment to the entries is part of the message, so
that even who knows the seed cannot tell a winning ticket before the last entry is in.
"""

from __future__ import annotations

import hashlib
import heapq
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FORMAT = "quan-lottery-1"


@dataclass(frozen=True, slots=True, order=True)
class Ticket:
    """One entry as everybody may see it: its number and how many lots it has."""

    number: str
    weight: int


def seed_commitment(seed: str) -> str:
    """Returns what is published of a seed before the draw: its SHA-256 in hexadecimal."""
    return hashlib.sha256(seed.encode()).hexdigest()


def entries_commitment(tickets: Iterable[Ticket]) -> str:
    """Returns the SHA-256 of the list of entries, one line "ticket weight" each, in the order given."""
    digest = hashlib.sha256()
    for ticket in tickets:
        digest.update(f"{ticket.number} {ticket.weight}\n".encode())
    return digest.hexdigest()


def winning_tickets(*, seed: str, commitment: str, tickets: Iterable[Ticket], count: int) -> list[str]:
    """Returns the numbers of the first `count` tickets drawn, the first winner first; all when there are fewer.

    Args:
        commitment: `entries_commitment` of these tickets.
        tickets: in any order; only the winners are kept in memory.
    """
    valued = ((_best_lot(seed, commitment, ticket), ticket.number) for ticket in tickets)
    return [number for _value, number in heapq.nsmallest(count, valued)]


def _best_lot(seed: str, commitment: str, ticket: Ticket) -> bytes:
    key, stem = seed.encode(), f"{commitment} {ticket.number} "
    return min(hmac.digest(key, f"{stem}{lot}".encode(), "sha256") for lot in range(1, ticket.weight + 1))


def faults_of(proof: Mapping[str, Any]) -> list[str]:
    """Draws again from a published file and returns what does not agree with it, in English; nothing when all does.

    A file that is none, or is of a lottery that was not drawn yet, is a fault too; nothing is raised.
    """
    try:
        if proof["format"] != FORMAT:
            return ["this is not the file of a lottery"]
        if not proof["seed"]:
            return ["this lottery has not been drawn yet"]
        tickets = [Ticket(str(entry["ticket"]), int(entry["weight"])) for entry in proof["entries"]]
        return _faults(proof, tickets, int(proof["rules"]["winner_count"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        return ["this is not the file of a lottery"]


def _faults(proof: Mapping[str, Any], tickets: Sequence[Ticket], count: int) -> list[str]:
    faults = []
    if seed_commitment(proof["seed"]) != proof["seed_commitment"]:
        faults.append("the seed is not the one that was committed to")
    commitment = entries_commitment(tickets)
    if commitment != proof["entries_commitment"]:
        faults.append("the entries are not the ones that were committed to")
    numbers = [ticket.number for ticket in tickets]
    if numbers != sorted(set(numbers)):
        faults.append("the entries are out of order, or one stands there twice")
    if any(ticket.weight not in weights_of(proof["rules"]) for ticket in tickets):
        # Not drawn again: what somebody made up may have more lots than there is time for.
        return [*faults, "an entry has a weight that the rules do not know"]
    if winning_tickets(seed=proof["seed"], commitment=commitment, tickets=tickets, count=count) != proof["winners"]:
        faults.append("the winners are not the tickets that were drawn")
    return faults


def weights_of(rules: Mapping[str, Any]) -> set[int]:
    """Returns the weights that an entry can have under the published rules."""
    return {1, int(rules["weight"])} if rules["weight_tag"] else {1}
