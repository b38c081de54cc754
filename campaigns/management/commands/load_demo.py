from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from campaigns.demo.accounts import ensure_accounts
from campaigns.demo.lottery import ensure_lotteries
from campaigns.demo.red_packet import ensure_red_packet
from campaigns.demo.showcase import ensure_showcase
from campaigns.demo.wallet import ensure_wallet
from config.kernel.clock import database_now


class Command(BaseCommand):
    help = "Makes the demo's accounts, live coupons and a shopper's wallet; renews what the clock has passed."

    def handle(self, *args: Any, **options: Any) -> None:
        now = database_now()
        accounts = ensure_accounts(now=now)
        self.stdout.write(f"Accounts: see {accounts.file}")
        for campaign in ensure_showcase(actor=accounts.marketer, now=now):
            self.stdout.write(f"Campaign {campaign.key}: {campaign.coupons.count()} coupons")
        packet = ensure_red_packet(actor=accounts.marketer, now=now)
        self.stdout.write(f"Red packets: {0 if packet is None else 1} new")
        lotteries = ensure_lotteries(actor=accounts.marketer, now=now)
        self.stdout.write(f"Lotteries: {len(lotteries)} new")
        claims = ensure_wallet(shopper=accounts.shopper, now=now)
        self.stdout.write(f"The shopper's wallet: {claims} new claims")
