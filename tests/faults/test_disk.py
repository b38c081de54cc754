"""The disk of the database is full: refused with "try again", nothing lost, sold again as soon as there is room."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from benchmarks.prepare import open_coupon
from tests.faults.audit import Audit
from tests.faults.crowd import Crowd
from tests.faults.shop import Shop, Web
from tests.figures import Figures
from tests.forms import rounds

ROUNDS = rounds(short=1, long=20)
STOCK = rounds(short=60, long=300)
SHOPPERS = rounds(short=70, long=340)
# So many have to hear that there is no room.
REFUSALS = 3
DISK_BYTES = 24 * 2**20


@pytest.fixture(scope="module")
def disk(opened_shop: Shop) -> Iterator[Path]:
    """A small disk of its own, on which the shop's claims lie."""
    folder = opened_shop.postgres.data.parent / "small-disk"
    owner = opened_shop.postgres.data.stat()
    folder.mkdir()
    options = f"size={DISK_BYTES},uid={owner.st_uid},gid={owner.st_gid},mode=0700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"only who may mount a disk can fill one: {mounted.stderr.strip()}")
    try:
        with claims_lying_on(opened_shop, folder):
            yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


@contextmanager
def claims_lying_on(shop: Shop, folder: Path) -> Iterator[None]:
    """Moves the table of claims to another disk, and back."""
    other = shop.connect()
    try:
        with other.cursor() as cursor:
            cursor.execute(f"CREATE TABLESPACE small_disk LOCATION '{folder}'")
            cursor.execute("ALTER TABLE coupons_claim SET TABLESPACE small_disk")
            # A few claims to a page, so that even a short sale has to ask for many of them.
            cursor.execute("ALTER TABLE coupons_claim SET (fillfactor = 10)")
            yield
            cursor.execute("ALTER TABLE coupons_claim RESET (fillfactor)")
            cursor.execute("ALTER TABLE coupons_claim SET TABLESPACE pg_default")
            cursor.execute("DROP TABLESPACE small_disk")
    finally:
        other.close()


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leaves no byte on a disk for as long as a block runs."""
    ballast = disk / "ballast"
    file = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(file, bytes(4096))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
    finally:
        os.close(file)
    try:
        yield
    finally:
        ballast.unlink()


def leave_no_room_in_the_table() -> None:
    """Writes the claims anew without gaps: pages that were taken for a crowd before would do for the next one."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM FULL coupons_claim")


@pytest.mark.reliability(29)
def test_no_room_left_for_claims(shop: Shop, web: Web, disk: Path, figures: Figures) -> None:
    audit = Audit()
    for _round in range(ROUNDS):
        coupon = open_coupon(stock=STOCK, bucket_count=16)
        leave_no_room_in_the_table()
        with Crowd(coupon=coupon, port=web.port, sessions=shop.sessions[:SHOPPERS]) as crowd:
            with filled(disk):
                crowd.wait_until_refused("busy", REFUSALS)
            moment = time.monotonic()
        audit.take(coupon, crowd, moments=[moment])
    audit.note(figures, 29, "disk of the claims full")
    audit.assert_clean(within=5)
