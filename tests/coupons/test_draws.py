"""The draw as a pure function: who wins is settled, fair, in proportion to the weights, and can be checked."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from itertools import permutations
from typing import Any

import pytest

from coupons.draws import FORMAT, Ticket, entries_commitment, faults_of, seed_commitment, winning_tickets

TICKETS = [Ticket(f"ticket-{number:02}", 1 + number % 3) for number in range(20)]


def draw(seed: str, tickets: list[Ticket], count: int) -> list[str]:
    return winning_tickets(seed=seed, commitment=entries_commitment(tickets), tickets=tickets, count=count)


def proof(**changes: Any) -> dict[str, Any]:
    """The file of a lottery of twenty with five winners, as it comes back from JSON."""
    file = {
        "format": FORMAT,
        "rules": {"winner_count": 5, "weight_tag": "vip", "weight": 3},
        "seed_commitment": seed_commitment("a seed"),
        "entries_commitment": entries_commitment(by_rule(TICKETS)),
        "seed": "a seed",
        "entries": [{"ticket": ticket.number, "weight": ticket.weight} for ticket in by_rule(TICKETS)],
        "winners": draw("a seed", by_rule(TICKETS), 5),
        **changes,
    }
    return json.loads(json.dumps(file))


def by_rule(tickets: list[Ticket]) -> list[Ticket]:
    return [Ticket(ticket.number, 3 if ticket.weight == 3 else 1) for ticket in tickets]


class TestTheFormula:
    def test_is_what_is_written_down(self) -> None:
        """Said again in other words: every lot of the urn in order, the first of each ticket."""
        committed = hashlib.sha256("".join(f"{t.number} {t.weight}\n" for t in TICKETS).encode()).hexdigest()
        urn = sorted(
            (hmac.new(b"seed", f"{committed} {t.number} {lot}".encode(), "sha256").hexdigest(), t.number)
            for t in TICKETS
            for lot in range(1, t.weight + 1)
        )
        in_order = list(dict.fromkeys(number for _value, number in urn))
        assert draw("seed", TICKETS, 20) == in_order
        assert draw("seed", TICKETS, 7) == in_order[:7]

    def test_never_changes(self) -> None:
        """A published draw must be reproducible by every later version."""
        assert seed_commitment("seed") == "19b25856e1c150ca834cffc8b59b23adbd0ec0389e58eb22b3b64768098d002b"
        assert draw("seed", TICKETS, 3) == ["ticket-05", "ticket-06", "ticket-01"]

    def test_does_not_care_in_which_order_tickets_are_handed_in(self) -> None:
        commitment = entries_commitment(TICKETS)
        shuffled = winning_tickets(seed="s", commitment=commitment, tickets=TICKETS[::-1], count=4)
        assert shuffled == winning_tickets(seed="s", commitment=commitment, tickets=TICKETS, count=4)

    def test_with_fewer_tickets_than_prizes_all_win(self) -> None:
        assert sorted(draw("seed", TICKETS[:2], 5)) == ["ticket-00", "ticket-01"]
        assert draw("seed", [], 5) == []

    def test_one_more_entry_makes_another_draw(self) -> None:
        """So that who knows the seed cannot tell what a ticket is worth before the last entry is in."""
        winners = [set(draw("seed", TICKETS[: 20 - less], 5)) for less in range(6)]
        assert len({frozenset(each) for each in winners}) > 1


class TestTheChances:
    """Seeds are numbered, so these draws are always the same; the bounds are five standard deviations."""

    ROUNDS = 12_000

    def test_the_first_place_goes_by_weight(self) -> None:
        weights = {"a": 1, "b": 2, "c": 3, "d": 6}
        tickets = [Ticket(number, weight) for number, weight in weights.items()]
        first = Counter(draw(f"seed {number}", tickets, 1)[0] for number in range(self.ROUNDS))
        for number, weight in weights.items():
            assert_near(first[number], self.ROUNDS, weight / 12)

    def test_every_order_has_the_chance_of_taking_one_after_the_other(self) -> None:
        weights = {"a": 1, "b": 2, "c": 4}
        tickets = [Ticket(number, weight) for number, weight in weights.items()]
        orders = Counter(tuple(draw(f"seed {number}", tickets, 3)) for number in range(self.ROUNDS))
        for order in permutations(weights):
            left, chance = sum(weights.values()), 1.0
            for number in order:
                chance *= weights[number] / left
                left -= weights[number]
            assert_near(orders[order], self.ROUNDS, chance)

    def test_without_weights_everybody_wins_equally_often(self) -> None:
        tickets = [Ticket(f"t{number}", 1) for number in range(10)]
        wins = Counter(number for seed in range(self.ROUNDS) for number in draw(f"seed {seed}", tickets, 3))
        for ticket in tickets:
            assert_near(wins[ticket.number], self.ROUNDS, 0.3)


def assert_near(count: int, rounds: int, chance: float) -> None:
    assert abs(count - rounds * chance) < 5 * (rounds * chance * (1 - chance)) ** 0.5


class TestChecking:
    def test_a_true_file_has_no_fault(self) -> None:
        assert faults_of(proof()) == []

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"seed": "another"}, "the seed is not the one"),
            ({"seed_commitment": "0" * 64}, "the seed is not the one"),
            ({"winners": draw("a seed", by_rule(TICKETS), 5)[::-1]}, "the winners are not"),
            ({"winners": draw("a seed", by_rule(TICKETS), 6)}, "the winners are not"),
            ({"winners": []}, "the winners are not"),
            ({"rules": {"winner_count": 6, "weight_tag": "vip", "weight": 3}}, "the winners are not"),
            ({"rules": {"winner_count": 5, "weight_tag": "", "weight": 1}}, "a weight that the rules do not know"),
            ({"seed": None}, "not been drawn yet"),
            ({"format": "something"}, "not the file of a lottery"),
            ({"entries": None}, "not the file of a lottery"),
            ({"entries": [{"ticket": "x", "weight": "many"}]}, "not the file of a lottery"),
        ],
    )
    def test_what_was_tampered_with_is_named(self, changes: dict[str, Any], words: str) -> None:
        assert words in " ".join(faults_of(proof(**changes)))

    def test_no_entry_can_be_added_left_out_doubled_or_made_heavier(self) -> None:
        entries = proof()["entries"]
        heavier = [{**entries[0], "weight": 4 - entries[0]["weight"]}, *entries[1:]]
        for changed in (entries[1:], [*entries, {"ticket": "zz", "weight": 1}], [entries[0], *entries], heavier):
            assert "the entries are not the ones" in " ".join(faults_of(proof(entries=changed)))

    def test_a_forged_list_with_a_fitting_hash_does_not_fit_the_rules(self) -> None:
        """Whoever writes a whole new file still cannot order or weigh the entries as they like."""
        for forged in ([*TICKETS[::-1]], [TICKETS[0], *TICKETS], [Ticket("a", 1_000_000_000)]):
            entries = [{"ticket": ticket.number, "weight": ticket.weight} for ticket in forged]
            assert faults_of(proof(entries=entries, entries_commitment=entries_commitment(forged)))

    @pytest.mark.parametrize("nonsense", [[], "text", 1, None, {}])
    def test_nonsense_is_a_fault_and_no_crash(self, nonsense: Any) -> None:
        assert faults_of(nonsense) == ["this is not the file of a lottery"]
