"""Fields of the coupon form that are stored as lists."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

# People separate words by whichever comma their keyboard has.
SEPARATORS = re.compile(r"[,;\s\N{FULLWIDTH COMMA}\N{FULLWIDTH SEMICOLON}\N{IDEOGRAPHIC COMMA}]+")
LONGEST_WORD = 40


class WordsField(forms.CharField):
    """A few short words, such as channels, typed with commas between them and kept as a list."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        words = list(dict.fromkeys(filter(None, SEPARATORS.split(value or ""))))
        if any(len(word) > LONGEST_WORD for word in words):
            raise forms.ValidationError(_("A word here has at most %(count)d letters.") % {"count": LONGEST_WORD})
        return words

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != list(self.to_python(data))


class WeekdaysField(forms.TypedMultipleChoiceField):
    """Days of the week as checkboxes, kept as numbers from 0 for Monday."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=list(WEEKDAYS.items()), coerce=int, required=False, **kwargs)
        self.empty_value: list[int] = []
