"""All conditions of a coupon in words, for its page."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from coupons.condition_words import cash_in_words, conditions_in_words
from coupons.enums import AudienceKind, BenefitType, Handout, RefundPolicy, ScopeMode, ThresholdBase
from coupons.models import Coupon
from coupons.selectors.coupon_page import ScopeNames, scope_names
from coupons.wording import benefit_in_words, end_in_words, validity_in_words


@dataclass(frozen=True, slots=True)
class Term:
    """One line of the conditions."""

    label: str
    sentences: list[str]


def terms_of(coupon: Coupon) -> list[Term]:
    """Returns the conditions of a coupon, the most important first."""
    terms = [
        Term(_("What you get"), _benefit(coupon)),
        Term(_("Counts for"), _counted(coupon)),
        Term(_("Only if"), _conditions(coupon)),
        Term(_("Usable"), [capfirst(validity_in_words(coupon))]),
    ]
    if coupon.handout != Handout.AUTOMATIC:
        claiming = [_("until %(end)s") % {"end": end_in_words(coupon.claim_ends_at)}]
        terms += [Term(_("Claiming"), claiming), Term(_("How many"), _limits(coupon))]
    terms.append(Term(_("Together with others"), [_combination(coupon)]))
    if coupon.audience != AudienceKind.EVERYONE:
        terms.append(Term(_("For whom"), [_audience(coupon)]))
    terms.append(Term(_("After a return"), [_refund(coupon)]))
    return [term for term in terms if term.sentences]


def _benefit(coupon: Coupon) -> list[str]:
    sentences = [benefit_in_words(coupon)]
    if coupon.minimum_spend and coupon.threshold_base == ThresholdBase.INITIAL:
        sentences.append(_("The minimum spend counts prices before all discounts."))
    elif coupon.minimum_spend:
        sentences.append(_("The minimum spend counts what is left after earlier discounts."))
    if coupon.benefit_type == BenefitType.BUY_X_GET_Y:
        given = scope_names(coupon, ScopeMode.GIVE)
        if given.names:
            sentences.append(_("Given: %(names)s") % {"names": _listed(given)})
        else:
            sentences.append(_("The cheapest of them are given."))
    cash = cash_in_words(coupon)
    return [*sentences, capfirst(cash)] if cash else sentences


def _conditions(coupon: Coupon) -> list[str]:
    sentences = [capfirst(sentence) for sentence in conditions_in_words(coupon)]
    required = scope_names(coupon, ScopeMode.REQUIRE)
    if required.names:
        sentences.append(_("In the cart: %(names)s") % {"names": _listed(required)})
    forbidden = scope_names(coupon, ScopeMode.FORBID)
    if forbidden.names:
        sentences.append(_("Not in the cart: %(names)s") % {"names": _listed(forbidden)})
    return sentences


def _refund(coupon: Coupon) -> str:
    if coupon.refund_policy == RefundPolicy.RECALCULATE:
        return _("What you keep is priced anew; a discount that it no longer earns is taken off what you get back.")
    return _("You get back what you paid for it.")


def _counted(coupon: Coupon) -> list[str]:
    included = scope_names(coupon, ScopeMode.INCLUDE)
    excluded = scope_names(coupon, ScopeMode.EXCLUDE)
    sentences = [_listed(included) if included.names else _("Everything in the shop")]
    if excluded.names:
        sentences.append(_("except %(names)s") % {"names": _listed(excluded)})
    return sentences


def _listed(scope: ScopeNames) -> str:
    names = _(", ").join(scope.names)
    if not scope.more:
        return names
    sentence = ngettext("%(names)s and %(count)d more", "%(names)s and %(count)d more", scope.more)
    return sentence % {"names": names, "count": scope.more}


def _limits(coupon: Coupon) -> list[str]:
    limit = coupon.limit_per_shopper
    sentences = [ngettext("%(count)d for each shopper", "%(count)d for each shopper", limit) % {"count": limit}]
    if coupon.limit_per_shopper_per_day:
        daily = coupon.limit_per_shopper_per_day
        sentences.append(
            ngettext("%(count)d a day for each shopper", "%(count)d a day for each shopper", daily) % {"count": daily}
        )
    if coupon.limit_per_day:
        daily = coupon.limit_per_day
        sentences.append(ngettext("%(count)d a day in all", "%(count)d a day in all", daily) % {"count": daily})
    return sentences


def _combination(coupon: Coupon) -> str:
    if coupon.is_exclusive:
        return _("Alone on the order")
    if coupon.stacking_group:
        return _("With other coupons, but only one of its kind on an order")
    return _("With other coupons")


def _audience(coupon: Coupon) -> str:
    if coupon.audience == AudienceKind.NEW_SHOPPERS:
        return _("Shoppers who have not ordered yet")
    return _("Selected shoppers")
