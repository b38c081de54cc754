"""Codes in bulk as a marketer orders, watches and downloads them."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from coupons.enums import CodeBatchState, CodeKind
from coupons.models import Code, CodeBatch, Coupon
from coupons.services.code_batches import code_batch_run
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def order(client: Client, coupon: Coupon, **fields: Any) -> Any:
    form = {"coupon": coupon.pk, "kind": "generated", "quantity": "", "code_prefix": "", **fields}
    return client.post(reverse("admin:coupons_codebatch_add"), form)


def page(client: Client, batch: CodeBatch) -> str:
    answer = client.get(reverse("admin:coupons_codebatch_change", args=[batch.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def download(client: Client, batch: CodeBatch, kind: str) -> bytes:
    answer = client.get(reverse(f"admin:coupons_codebatch_download_{kind}", args=[batch.pk]))
    assert answer.status_code == 200
    assert "attachment" in answer["Content-Disposition"]
    return b"".join(answer.streaming_content)


def test_the_coupon_leads_to_the_form_with_itself_chosen(marketer_client: Client, coupon: Coupon) -> None:
    answer = marketer_client.get(reverse("admin:coupons_coupon_make_codes", args=[coupon.pk]))
    assert answer["Location"] == f"{reverse('admin:coupons_codebatch_add')}?coupon={coupon.pk}"
    assert f'value="{coupon.pk}" selected' in marketer_client.get(answer["Location"]).content.decode()
    assert answer["Location"] not in page_of_coupon(Client(), coupon)


@pytest.mark.parametrize("handout", ["showcase", "code", "grant", "automatic", "red_packet", "fitted"])
def test_codes_are_made_only_of_coupons_that_a_code_can_claim(marketer_client: Client, handout: str) -> None:
    takes_codes = handout in ("showcase", "code")
    coupon = factories.make_coupon(handout="showcase" if handout == "fitted" else handout)
    if handout == "fitted":
        factories.make_envelope(coupon=coupon)
    ordered = order(marketer_client, coupon, quantity=1)
    typed = marketer_client.post(reverse("admin:coupons_code_add"), {"coupon": coupon.pk, "text": "HELLO"})
    for answer in (ordered, typed):
        assert answer.status_code == (302 if takes_codes else 200)
        assert takes_codes or "coupon" in answer.context["adminform"].form.errors
    assert CodeBatch.objects.exists() == Code.objects.exists() == takes_codes
    make = reverse("admin:coupons_coupon_make_codes", args=[coupon.pk])
    assert (make in page_of_coupon(marketer_client, coupon)) == takes_codes


def page_of_coupon(client: Client, coupon: Coupon) -> str:
    return client.get(reverse("admin:coupons_coupon_change", args=[coupon.pk])).content.decode()


def test_codes_are_ordered_watched_and_downloaded(marketer_client: Client, coupon: Coupon) -> None:
    answer = order(marketer_client, coupon, quantity=30, code_prefix="spring")
    batch = CodeBatch.objects.get()
    assert answer["Location"] == reverse("admin:coupons_codebatch_change", args=[batch.pk])
    progress = reverse("admin:coupons_codebatch_progress", args=[batch.pk])
    assert f'hx-get="{progress}"' in page(marketer_client, batch)
    code_batch_run(batch_id=batch.pk, now=NOW, chunk_size=20)
    done = marketer_client.get(progress)
    assert "30 of 30" in done.content.decode()
    # Nothing is asked for any more; the page is loaded anew, with its downloads.
    assert "hx-get" not in done.content.decode()
    assert done["HX-Refresh"] == "true"
    assert reverse("admin:coupons_codebatch_download_csv", args=[batch.pk]) in page(marketer_client, batch)
    rows = list(csv.reader(io.StringIO(download(marketer_client, batch, "csv").decode("utf-8-sig"))))
    assert rows[0][:3] == ["code", "maximum_uses", "used"]
    assert len(rows) == 31
    assert all(row[0].startswith("SPRING-") and row[3] == "unused" for row in rows[1:])
    sheet = load_workbook(io.BytesIO(download(marketer_client, batch, "xlsx"))).active
    assert [str(cell.value) for cell in sheet["A"]] == [row[0] for row in rows]


def test_a_file_is_read_and_its_refusals_are_listed(marketer_client: Client, coupon: Coupon) -> None:
    factories.make_code(coupon=coupon, text="TAKEN")
    file = SimpleUploadedFile("codes.csv", b"code,uses\nONE,\nTAKEN,\nTWO,7\n<b>!,\n")
    order(marketer_client, coupon, kind="imported", file=file)
    batch = CodeBatch.objects.get()
    code_batch_run(batch_id=batch.pk, now=NOW)
    assert set(batch.codes.values_list("text", "kind", "maximum_uses")) == {
        ("ONE", CodeKind.UNIQUE, 1),
        ("TWO", CodeKind.SHARED, 7),
    }
    shown = page(marketer_client, batch)
    assert "There is this code already" in shown
    assert "&lt;b&gt;!" in shown
    refused = download(marketer_client, batch, "refused").decode("utf-8-sig")
    assert [row.split(",")[:2] for row in refused.splitlines()[1:]] == [["3", "TAKEN"], ["5", "<b>!"]]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "This is needed."),
        ({"kind": "imported"}, "This is needed."),
        ({"quantity": 0}, "greater than or equal to 1"),
        ({"quantity": 10_000_001}, "less than or equal to 10000000"),
        ({"quantity": 5, "code_prefix": "A B"}, "A prefix has letters and digits"),
    ],
)
def test_the_form_says_what_is_wrong(
    marketer_client: Client, coupon: Coupon, fields: dict[str, Any], sentence: str
) -> None:
    answer = order(marketer_client, coupon, **fields)
    assert sentence in answer.content.decode()
    assert not CodeBatch.objects.exists()


@pytest.mark.parametrize("content", [b"\xff\xff\xff\xff", b"PK\x03\x04 and nothing more", b"code\n\n"])
def test_a_file_that_cannot_be_read_is_refused_politely(
    marketer_client: Client, coupon: Coupon, content: bytes
) -> None:
    answer = order(marketer_client, coupon, kind="imported", file=SimpleUploadedFile("codes.csv", content))
    shown = marketer_client.get(answer["Location"]).content.decode()
    assert "neither a CSV file" in shown or "There is no code in this file" in shown
    assert not CodeBatch.objects.exists()


def test_what_failed_can_be_carried_on(marketer_client: Client, coupon: Coupon) -> None:
    order(marketer_client, coupon, quantity=5)
    batch = CodeBatch.objects.get()
    carry_on = reverse("admin:coupons_codebatch_carry_on", args=[batch.pk])
    assert carry_on not in page(marketer_client, batch)
    CodeBatch.objects.update(state=CodeBatchState.FAILED)
    assert carry_on in page(marketer_client, batch)
    marketer_client.get(carry_on)
    batch.refresh_from_db()
    assert batch.state == CodeBatchState.WAITING


@pytest.mark.parametrize(("kind", "starts"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_a_code_has_a_picture_for_print(marketer_client: Client, kind: str, starts: bytes) -> None:
    code = factories.make_code()
    answer = marketer_client.get(reverse(f"admin:coupons_code_download_{kind}", args=[code.pk]))
    assert answer.content.startswith(starts)
    assert marketer_client.get(reverse(f"admin:coupons_code_download_{kind}", args=[0])).status_code == 404


def test_nobody_else_gets_any_of_it(client: Client, coupon: Coupon, shopper: Any) -> None:
    batch = CodeBatch.objects.create(coupon=coupon, kind="generated", quantity=1, created_at=NOW)
    code = factories.make_code(coupon=coupon)
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    for address in (
        reverse("admin:coupons_codebatch_progress", args=[batch.pk]),
        reverse("admin:coupons_codebatch_download_csv", args=[batch.pk]),
        reverse("admin:coupons_code_download_svg", args=[code.pk]),
        reverse("admin:coupons_coupon_make_codes", args=[coupon.pk]),
    ):
        assert client.get(address)["Location"].startswith(reverse("admin:login"))
    assert Code.objects.count() == 1
