"""What a page of figures is asked about: days, campaign, coupon, segment; carried from page to page in the address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import INPUT_CLASSES, SELECT_CLASSES

from analytics.models import Segment
from analytics.selectors.metrics.cut import Cut
from analytics.selectors.periods import DEFAULT_DAYS, Period, days_with_data, last_days, years_with_claims
from campaigns.models import Campaign
from coupons.models import Coupon

PERMISSION = "coupons.view_redemption"
PRESET_DAYS = (7, 30, 90, 365)
# Ten years: longer is a mistyped year.
LONGEST_PERIOD_DAYS = 3660
# A list of thousands helps nobody; a campaign shortens it, and a link from a table reaches every coupon.
LISTED_COUPONS = 100
# Days outside of these are mistyped, and near the ends of the calendar no time zone can be applied.
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)
IN_CALENDAR = (MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY))
# A number of more digits is no key of any table.
MOST_DIGITS = 18


def _date_input() -> forms.DateInput:
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": " ".join(INPUT_CLASSES)})


def _select() -> forms.Select:
    return forms.Select(attrs={"class": " ".join(SELECT_CLASSES)})


class CutForm(forms.Form):
    """Which part of the shop's life the figures are about; empty fields mean the default."""

    first = forms.DateField(label=gettext_lazy("From"), required=False, widget=_date_input(), validators=IN_CALENDAR)
    last = forms.DateField(label=gettext_lazy("Until"), required=False, widget=_date_input(), validators=IN_CALENDAR)
    campaign = forms.ModelChoiceField(
        label=gettext_lazy("Campaign"),
        required=False,
        queryset=Campaign.objects.order_by("-starts_at"),
        empty_label=gettext_lazy("All campaigns"),
        widget=_select(),
    )
    coupon = forms.ModelChoiceField(
        label=gettext_lazy("Coupon"),
        required=False,
        queryset=Coupon.objects.order_by("-pk"),
        empty_label=gettext_lazy("All coupons"),
        widget=_select(),
    )
    segment = forms.ModelChoiceField(
        label=gettext_lazy("Segment"),
        required=False,
        queryset=Segment.objects.filter(is_active=True).order_by("key"),
        empty_label=gettext_lazy("All shoppers"),
        to_field_name="key",
        widget=_select(),
    )

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(data)
        chosen, campaign = str(data.get("coupon") or ""), str(data.get("campaign") or "")
        listed = Coupon.objects.order_by("-pk")
        if _is_key(campaign):
            listed = listed.filter(campaigns=int(campaign))
        choices: list[tuple[Any, Any]] = [("", self.fields["coupon"].empty_label)]  # type: ignore[attr-defined]
        shown = list(listed[:LISTED_COUPONS])
        if _is_key(chosen) and chosen not in {str(coupon.pk) for coupon in shown}:
            shown += Coupon.objects.filter(pk=int(chosen))
        self.fields["coupon"].widget.choices = choices + [(coupon.pk, str(coupon)) for coupon in shown]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and last < first:
            raise forms.ValidationError(_("The last day is before the first."))
        if first and last and (last - first).days > LONGEST_PERIOD_DAYS:
            raise forms.ValidationError(_("Choose at most ten years."))
        return cleaned


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, as a form to show and as a cut to read figures of; with an error, the default days of all."""

    form: CutForm
    cut: Cut
    known: Period
    now: datetime
    names: tuple[str, ...]

    def query(self, **changes: Any) -> str:
        """Returns the address part that asks for the same, with some answers changed; None takes one out."""
        cut = self.cut
        asked = {
            "first": cut.period.first.isoformat(),
            "last": cut.period.last.isoformat(),
            "campaign": cut.campaign_id,
            "coupon": cut.coupon_id,
            "segment": cut.tag.partition(":")[2] or None,
            **changes,
        }
        return urlencode({name: answer for name, answer in asked.items() if answer not in (None, "")})

    def context(self) -> dict[str, Any]:
        """Returns what `analytics/figures/filter.html` shows."""
        return {
            "form": self.form,
            "names": self.names,
            "presets": self._presets(),
            # An import may lie years before the newest claim: nobody should have to guess where.
            "years": [self._preset(str(year.first.year), year) for year in years_with_claims(now=self.now)],
        }

    def _presets(self) -> list[dict[str, Any]]:
        newest = self.known.last
        periods = [(_("%(days)d days") % {"days": days}, last_days(newest, days)) for days in PRESET_DAYS]
        periods.append((_("Everything"), last_days(newest, min(self.known.days, LONGEST_PERIOD_DAYS))))
        return [self._preset(text, period) for text, period in periods]

    def _preset(self, text: str, period: Period) -> dict[str, Any]:
        link = f"?{self.query(first=period.first.isoformat(), last=period.last.isoformat())}"
        return {"text": text, "link": link, "is_shown": period == self.cut.period}


def read_asked(request: HttpRequest, *, now: datetime) -> Asked:
    """Reads what a page is asked about from its address; a bare address means the newest thirty days with data."""
    known = days_with_data(now=now)
    default = last_days(known.last, DEFAULT_DAYS)
    form = CutForm({"first": default.first, "last": default.last, **_answers(request.GET)})
    if not form.is_valid():
        return Asked(form, Cut(default), known, now, ())
    campaign, coupon, segment = (form.cleaned_data[name] for name in ("campaign", "coupon", "segment"))
    first: date = form.cleaned_data["first"]
    cut = Cut(
        Period(first=first, last=form.cleaned_data["last"]),
        campaign_id=campaign and campaign.pk,
        coupon_id=coupon and coupon.pk,
        tag=segment.tag_name if segment else "",
    )
    return Asked(form, cut, known, now, tuple(str(chosen) for chosen in (campaign, coupon, segment) if chosen))


def _answers(sent: QueryDict) -> dict[str, str]:
    # What was asked for and is wrong stays in its field, with its error.
    return {name: str(sent[name]) for name in ("first", "last", "campaign", "coupon", "segment") if sent.get(name)}


def _is_key(text: str) -> bool:
    return text.isdecimal() and len(text) <= MOST_DIGITS
