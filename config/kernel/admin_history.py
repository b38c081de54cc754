"""Pages of things whose history is kept: saved under a lock, never set back to an old version."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from simple_history.admin import SimpleHistoryAdmin

from config.kernel.admin_tools import ShopModelAdmin
from config.kernel.history import set_history


class HistoryModelAdmin(SimpleHistoryAdmin, ShopModelAdmin):
    """Shows who changed what; only services change a status, so that no form and no old version can."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Locks the row while it is being saved, so that nobody's decision in between is overwritten."""
        instance = super().get_object(request, object_id, from_field)
        if instance is None or request.method != "POST":
            return instance
        return self.model._default_manager.select_for_update().get(pk=instance.pk)

    def save_model(self, request: HttpRequest, obj: models.Model, form: ModelForm, change: bool) -> None:
        """Saves what the form shows and nothing else."""
        set_history(obj, actor=request.user, reason="changed" if change else "created")
        if not change:
            obj.save()
            return
        columns = {field.name for field in obj._meta.concrete_fields}
        obj.save(update_fields=[name for name in form.cleaned_data if name in columns])

    def history_form_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Shows an old version; going back to it would change the status behind the services' backs."""
        if request.method == "POST":
            raise PermissionDenied
        response: HttpResponse = super().history_form_view(request, *args, **kwargs)
        return response

    def revert_disabled(self, request: HttpRequest, obj: Any = None) -> bool:
        """Hides the button that would go back."""
        return True
