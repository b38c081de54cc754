"""Draws a lottery again from its published file: python3 check_draw.py proof.json"""

import hashlib
import hmac
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    proof = json.load(file)
seed, rules = proof["seed"], proof["rules"]
entries = [(entry["ticket"], entry["weight"]) for entry in proof["entries"]]
listed = "".join(f"{ticket} {weight}\n" for ticket, weight in entries)
committed = hashlib.sha256(listed.encode()).hexdigest()


def best_lot(ticket, weight):
    lots = (f"{committed} {ticket} {lot}" for lot in range(1, weight + 1))
    return min(hmac.digest(seed.encode(), lot.encode(), "sha256") for lot in lots)


in_order = sorted(entries, key=lambda entry: (best_lot(*entry), entry[0]))
winners = [ticket for ticket, _ in in_order[: rules["winner_count"]]]

assert hashlib.sha256(seed.encode()).hexdigest() == proof["seed_commitment"], "another seed"
assert committed == proof["entries_commitment"], "another list of entries"
assert entries == sorted(dict(entries).items()), "entries out of order or twice"
assert winners == proof["winners"], "other winners"
print(f"The draw is right: {len(winners)} of {len(entries)} tickets won.")
