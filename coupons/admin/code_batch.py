"""Codes in bulk: made or read by a worker while the page shows how far it is, and downloaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from config.kernel.admin_tools import LargeTableMixin, ShopModelAdmin, try_service
from config.kernel.clock import database_now
from config.kernel.errors import DomainError
from config.kernel.spreadsheets import CSV_TYPE, XLSX_TYPE, Cell, csv_stream, xlsx_stream
from coupons.admin.code import coupon_of_codes
from coupons.codes import PREFIX_PATTERN
from coupons.enums import CodeBatchKind, CodeBatchState, CodeRefusal
from coupons.models import CodeBatch, CodeBatchError, Coupon
from coupons.selectors.codes import codes_in_turn
from coupons.services.code_batches import (
    MAXIMUM_QUANTITY,
    OPEN_STATES,
    code_batch_generate,
    code_batch_import,
    code_batch_resume,
)
from coupons.services.code_files import code_rows, read_code_file

STATE_COLOURS = {
    CodeBatchState.WAITING: "info",
    CodeBatchState.RUNNING: "warning",
    CodeBatchState.DONE: "success",
    CodeBatchState.FAILED: "danger",
}
SHOWN_REFUSALS = 50


class CodeBatchForm(forms.ModelForm):
    """Codes to make, or a file to read."""

    kind = forms.ChoiceField(
        label=_("How"),
        choices=[(CodeBatchKind.GENERATED, _("Make new codes")), (CodeBatchKind.IMPORTED, _("Read codes from a file"))],
        initial=CodeBatchKind.GENERATED,
        widget=UnfoldAdminSelectWidget,
    )
    quantity = forms.IntegerField(
        label=_("How many"),
        required=False,
        min_value=1,
        max_value=MAXIMUM_QUANTITY,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Each works once. Nobody can guess one: it has 65 random bits."),
    )
    code_prefix = forms.CharField(
        label=_("Prefix"),
        required=False,
        max_length=12,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Printed before each code, such as SUMMER. May be empty."),
    )
    file = forms.FileField(
        label=_("File"),
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("CSV or XLSX: a code in the first column, in the second how often it may be used (empty: once)."),
    )

    class Meta:
        model = CodeBatch
        fields = ("coupon",)

    def clean_coupon(self) -> Coupon:
        """Refuses a coupon that no code can claim."""
        return coupon_of_codes(self.cleaned_data["coupon"])

    def clean_code_prefix(self) -> str:
        """Returns the prefix as it will be printed."""
        prefix: str = self.cleaned_data["code_prefix"].strip().upper()
        if not PREFIX_PATTERN.fullmatch(prefix):
            raise forms.ValidationError(gettext("A prefix has letters and digits, at most 12."))
        return prefix

    def clean(self) -> dict[str, Any]:
        """Asks for what the chosen way needs."""
        cleaned: dict[str, Any] = super().clean() or {}
        needed = "quantity" if cleaned.get("kind") == CodeBatchKind.GENERATED else "file"
        if not cleaned.get(needed) and needed not in self.errors:
            self.add_error(needed, gettext("This is needed."))
        return cleaned


@admin.register(CodeBatch)
class CodeBatchAdmin(LargeTableMixin, ShopModelAdmin):
    """Batches are ordered here and looked at; nobody edits one."""

    form = CodeBatchForm
    list_display = ("coupon", "kind", "show_state", "show_done", "refused", "created_at", "finished_at")
    list_select_related = ("coupon",)
    list_filter = (
        ("coupon", AutocompleteSelectFilter),
        ("kind", ChoicesDropdownFilter),
        ("state", ChoicesDropdownFilter),
    )
    list_filter_submit = True
    ordering = ("-id",)
    autocomplete_fields = ("coupon",)
    actions_detail = ("carry_on", "download_csv", "download_xlsx", "download_refused")
    conditional_fields = {
        "quantity": "kind == 'generated'",
        "code_prefix": "kind == 'generated'",
        "file": "kind == 'imported'",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[CodeBatch]:
        return super().get_queryset(request).defer("source")

    def get_custom_urls(self) -> tuple[tuple[str, str, Any], ...]:
        return (("<int:batch_id>/progress/", "coupons_codebatch_progress", self.progress),)

    def get_fields(self, request: HttpRequest, obj: CodeBatch | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("coupon", "kind", "quantity", "code_prefix", "file")
        return ("show_progress", "coupon", "kind", "prefix", "show_created_by", "created_at", "finished_at")

    def get_readonly_fields(self, request: HttpRequest, obj: CodeBatch | None = None) -> tuple[str, ...]:
        return () if obj is None else ("show_progress", "show_created_by")

    def has_change_permission(self, request: HttpRequest, obj: CodeBatch | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: CodeBatch | None = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may set a batch going again."""
        return self.has_add_permission(request)

    # Ordering

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Shows the form again with the reason when a file cannot be read."""
        try:
            return super().add_view(request, form_url, extra_context)
        except DomainError as error:
            messages.error(request, error.sentence)
            return redirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: CodeBatch, form: forms.ModelForm, change: bool) -> None:
        actor: Any = request.user
        given, now = form.cleaned_data, database_now()
        if given["kind"] == CodeBatchKind.GENERATED:
            batch = code_batch_generate(
                coupon=given["coupon"], quantity=given["quantity"], prefix=given["code_prefix"], actor=actor, now=now
            )
        else:
            rows = read_code_file(given["file"].file)
            batch = code_batch_import(coupon=given["coupon"], rows=rows, actor=actor, now=now)
        obj.pk = batch.pk
        obj.refresh_from_db()

    def response_add(self, request: HttpRequest, obj: CodeBatch, post_url_continue: str | None = None) -> HttpResponse:
        return redirect("admin:coupons_codebatch_change", obj.pk)

    # Watching

    def progress(self, request: HttpRequest, batch_id: int, model_admin: Any) -> HttpResponse:
        """Answers how far a batch is; the page asks until it is done."""
        batch = self._batch(request, batch_id)
        answer = render(request, "admin/coupons/codebatch/progress.html", progress_of(batch))
        if batch.state not in OPEN_STATES:
            # The page is loaded anew, so that it shows the buttons of a batch that is done.
            answer["HX-Refresh"] = "true"
        return answer

    @display(description=_("progress"))
    def show_progress(self, batch: CodeBatch) -> SafeString:
        return render_to_string("admin/coupons/codebatch/progress.html", progress_of(batch))

    @display(description=_("ordered by"))
    def show_created_by(self, batch: CodeBatch) -> str:
        return "–" if batch.created_by is None else batch.created_by.username

    @display(description=_("state"), label=STATE_COLOURS)
    def show_state(self, batch: CodeBatch) -> tuple[str, str]:
        return batch.state, batch.get_state_display()

    @display(description=_("done"))
    def show_done(self, batch: CodeBatch) -> str:
        return f"{batch.done:,} / {batch.quantity:,}"

    # Doing

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Returns the buttons that make sense for the batch as it stands."""
        allowed = super().get_actions_detail(request, object_id)
        batch = CodeBatch.objects.defer("source").filter(pk=object_id).first() if str(object_id).isdecimal() else None
        if batch is None:
            return []
        names = {"download_csv", "download_xlsx"} if batch.done > batch.refused else set()
        if batch.refused:
            names.add("download_refused")
        if batch.state == CodeBatchState.FAILED:
            names.add("carry_on")
        return [item for item in allowed if item.action_name.removeprefix("coupons_codebatch_") in names]

    @action(description=_("Carry on"), icon="play_arrow", permissions=["act"])
    def carry_on(self, request: HttpRequest, object_id: str) -> HttpResponse:
        batch = self._batch(request, object_id)
        try_service(
            request,
            lambda: code_batch_resume(batch=batch, now=database_now()),
            done=gettext("It goes on where it stopped."),
        )
        return redirect("admin:coupons_codebatch_change", batch.pk)

    @action(description=_("Download CSV"), icon="download", permissions=["view"])
    def download_csv(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        batch = self._batch(request, object_id)
        return download(csv_stream(_rows_of(batch)), CSV_TYPE, f"codes-{batch.pk}.csv")

    @action(description=_("Download XLSX"), icon="download", permissions=["view"])
    def download_xlsx(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        batch = self._batch(request, object_id)
        return download(xlsx_stream(_rows_of(batch)), XLSX_TYPE, f"codes-{batch.pk}.xlsx")

    @action(description=_("Download refused rows"), icon="rule", permissions=["view"])
    def download_refused(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        batch = self._batch(request, object_id)
        return download(csv_stream(_refused_rows(batch)), CSV_TYPE, f"refused-{batch.pk}.csv")

    def _batch(self, request: HttpRequest, batch_id: int | str) -> CodeBatch:
        if not self.has_view_permission(request):
            raise PermissionDenied
        batch = CodeBatch.objects.defer("source").filter(pk=batch_id).first() if str(batch_id).isdecimal() else None
        if batch is None:
            raise Http404
        return batch


def progress_of(batch: CodeBatch) -> dict[str, Any]:
    """Returns how far a batch is, and the first rows that became no code."""
    refused = batch.errors.all()[:SHOWN_REFUSALS] if batch.refused else []
    return {
        "batch": batch,
        "percent": 100 * batch.done // batch.quantity,
        "codes": batch.done - batch.refused,
        "is_open": batch.state in OPEN_STATES,
        "refused": [(error.row, error.text, reason_in_words(error)) for error in refused],
        "address": reverse("admin:coupons_codebatch_progress", args=[batch.pk]),
    }


def reason_in_words(error: CodeBatchError) -> str:
    """Says why a row became no code."""
    return str(CodeRefusal(error.reason).label)


def download(parts: Iterator[bytes], content_type: str, name: str) -> StreamingHttpResponse:
    """Answers a file that is written while it is sent."""
    return StreamingHttpResponse(
        parts,
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _rows_of(batch: CodeBatch) -> Iterator[tuple[Cell, ...]]:
    return code_rows(codes_in_turn(batch.codes.all()))


def _refused_rows(batch: CodeBatch) -> Iterator[tuple[Cell, ...]]:
    yield gettext("row"), gettext("code"), gettext("reason")
    errors: Iterable[CodeBatchError] = batch.errors.order_by("row").iterator(chunk_size=2000)
    for error in errors:
        yield error.row, error.text, reason_in_words(error)
