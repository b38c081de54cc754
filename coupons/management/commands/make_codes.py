from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.kernel.clock import database_now
from config.kernel.errors import DomainError
from config.kernel.ids import as_uuid
from config.kernel.progress import progress_steps
from coupons.models import Coupon
from coupons.services.code_batches import MAXIMUM_QUANTITY, code_batch_generate, code_batch_run


class Command(BaseCommand):
    help = "Makes unique codes for a coupon."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("coupon", help="The coupon's public id.")
        parser.add_argument("quantity", type=int, help="How many codes.")
        parser.add_argument("--prefix", default="", help="Printed before each code: letters and digits, at most 12.")

    def handle(self, *args: Any, **options: Any) -> None:
        public_id = as_uuid(options["coupon"])
        coupon = Coupon.objects.filter(public_id=public_id).first() if public_id else None
        if coupon is None:
            raise CommandError("There is no such coupon.")
        quantity = options["quantity"]
        if not 1 <= quantity <= MAXIMUM_QUANTITY:
            raise CommandError(f"Say how many codes: 1 to {MAXIMUM_QUANTITY}.")
        now = database_now()
        try:
            batch = code_batch_generate(
                coupon=coupon, quantity=quantity, prefix=options["prefix"], actor=None, now=now, wakes_worker=False
            )
        except DomainError as error:
            raise CommandError(error.sentence) from error
        with progress_steps(label="codes", total=quantity, unit="code") as progressed:
            made = code_batch_run(batch_id=batch.pk, now=now, progressed=progressed)
        self.stdout.write(f"Made {made} codes in batch {batch.public_id}.")
