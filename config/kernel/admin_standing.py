"""What a row of an admin page is about, once it stands there: its name with a link, and no list to choose from."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import models
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


class StandingWidget(forms.Widget):
    """The name of a thing that cannot be exchanged."""

    def __init__(self, thing: models.Model) -> None:
        super().__init__()
        self._thing = thing

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Writes the name, with a link to the thing's page; nothing of it is sent back."""
        options = self._thing._meta
        page = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[self._thing.pk])
        return format_html('<a class="underline" href="{}">{}</a>', page, self._thing)


class StandingField(forms.Field):
    """A foreign key of a row that is there: shown from memory, where a list of choices would ask for each row anew.

    Whatever is posted for it, the thing stays. To have another one, a row is taken out and another one put in.
    """

    def __init__(self, thing: models.Model, *, label: Any) -> None:
        super().__init__(widget=StandingWidget(thing), label=label, disabled=True, required=False)
        self._thing = thing

    def clean(self, value: Any) -> models.Model:
        """Returns the thing that was there."""
        return self._thing


class StandingCouponForm(forms.ModelForm):
    """A row about a coupon, `coupon`; read it with that coupon, or each row asks for its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.fields["coupon"] = StandingField(self.instance.coupon, label=self.fields["coupon"].label)
