"""Whatever a person reads stands in both languages."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from babel.messages.pofile import read_po
from django.utils import translation

from config.catalogues import LOCALE, SCRIPT_FOLDERS, SOURCE_FOLDERS, TEMPLATE_METHOD, collected
from coupons.enums import BenefitType
from coupons.models import Coupon
from coupons.wording import headline

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}|%s")
SOURCES = {
    "django": (SOURCE_FOLDERS, [("**.py", "python"), ("**.html", TEMPLATE_METHOD), ("**.txt", TEMPLATE_METHOD)]),
    "djangojs": (SCRIPT_FOLDERS, [("vendor/**", "ignore"), ("**.js", "javascript")]),
}


@pytest.mark.parametrize("domain", SOURCES)
def test_every_text_is_translated_with_the_same_placeholders(domain: str) -> None:
    folders, methods = SOURCES[domain]
    with (LOCALE / "zh_Hans" / "LC_MESSAGES" / f"{domain}.po").open("rb") as file:
        chinese = read_po(file, locale="zh_Hans")
    untranslated, mismatched = [], []
    for message in collected(folders, methods):
        if not message.id:
            continue
        source = message.id if isinstance(message.id, str) else message.id[0]
        found = chinese.get(source, message.context)
        text = (found.string if isinstance(found.string, str) else found.string[0]) if found else ""
        if not text:
            untranslated.append(source)
        elif sorted(set(PLACEHOLDER.findall(source))) != sorted(set(PLACEHOLDER.findall(text))):
            mismatched.append(source)
    assert not untranslated
    assert not mismatched


@pytest.mark.parametrize(
    ("language", "percent", "words"),
    [("en", 15, "15% off"), ("zh-hans", 15, "8.5折"), ("zh-hans", 20, "8折"), ("zh-hans", 12.5, "8.75折")],
)
def test_a_percentage_is_said_as_each_language_says_it(language: str, percent: float, words: str) -> None:
    coupon = Coupon(benefit_type=BenefitType.PERCENT_OFF, percent_off=Decimal(str(percent)))
    with translation.override(language):
        assert headline(coupon) == words
