"""Message catalogues without GNU gettext: `python -m config.catalogues update` and `… compile`.

`update` collects what stands between gettext calls in code, templates and scripts and merges it into
`locale/*/LC_MESSAGES/*.po`; `compile` turns those into the `.mo` files that Django reads.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

PROJECT = Path(__file__).resolve().parent.parent
LOCALE = PROJECT / "locale"
LANGUAGES = ("zh_Hans", "en")
SOURCE_FOLDERS = ("config", "users", "coupons", "campaigns", "analytics", "templates")
SCRIPT_FOLDERS = ("static",)
TEMPLATE_METHOD = "config.catalogues:extract_template"
LINE_WIDTH = 110
USAGE_ERROR = 2

KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}


def extract_template(file: BinaryIO, keywords: Any, comment_tags: Any, options: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the messages of a Django template, as Babel's extraction methods do."""
    code = templatize(file.read().decode())
    # What templatize leaves is calls between runs of X. Inside brackets its indentation does not matter.
    bracketed = io.BytesIO(f"({code}\n)".encode())
    yield from extract_python(bracketed, keywords, comment_tags, {**options, "encoding": "utf-8"})


def collected(folders: Iterable[str], methods: list[tuple[str, str]]) -> Catalog:
    """Return a catalogue of every message in the given folders of the project.

    Args:
        folders: names of folders below the project.
        methods: file patterns with the extraction method of each.
    """
    catalogue = Catalog(project="Quan", charset="utf-8", fuzzy=False)
    for folder in folders:
        found = extract_from_dir(
            PROJECT / folder,
            method_map=methods,
            keywords=KEYWORDS,
            comment_tags=("Translators:",),
            strip_comment_tags=True,
        )
        for file_name, _line, message, comments, context in found:
            # Line numbers would change with every edit of the code.
            place = [(f"{folder}/{file_name}", 1)]
            catalogue.add(message, locations=place, auto_comments=comments, context=context)
    return catalogue


def update() -> None:
    """Merge new messages into every language; translations of messages that are gone are dropped."""
    domains = {
        "django": collected(
            SOURCE_FOLDERS,
            [("**.py", "python"), ("**.html", TEMPLATE_METHOD), ("**.txt", TEMPLATE_METHOD)],
        ),
        "djangojs": collected(SCRIPT_FOLDERS, [("vendor/**", "ignore"), ("**.js", "javascript")]),
    }
    for language in LANGUAGES:
        for domain, template in domains.items():
            if len(template):
                _merge(LOCALE / language / "LC_MESSAGES" / f"{domain}.po", template, language=language)


def _merge(file: Path, template: Catalog, *, language: str) -> None:
    if file.exists():
        with file.open("rb") as source:
            catalogue = read_po(source, locale=language)
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        catalogue = Catalog(locale=language, project="Quan", charset="utf-8", fuzzy=False)
    before = _messages(catalogue)
    # A guess from a similar message would be shown to nobody and only hide that a translation is missing.
    catalogue.update(template, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    if _messages(catalogue) == before and file.exists():
        return
    catalogue.revision_date = datetime.now(UTC)
    with file.open("wb") as target:
        write_po(target, catalogue, width=LINE_WIDTH, sort_output=True, omit_header=False, include_lineno=False)
    _say(f"{file.relative_to(PROJECT)}: {len(catalogue)} messages, {_missing(catalogue)} without translation")


def _messages(catalogue: Catalog) -> list[tuple[Any, ...]]:
    return sorted((str(m.context), str(m.id), str(m.string), str(m.locations)) for m in catalogue if m.id)


def _missing(catalogue: Catalog) -> int:
    return sum(1 for message in catalogue if message.id and not any(message.string or ()))


def compile_outdated() -> list[Path]:
    """Compile every catalogue that is newer than its compiled twin; return those that were compiled."""
    compiled = []
    for source in sorted(LOCALE.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime_ns < source.stat().st_mtime_ns:
            with source.open("rb") as text:
                catalogue = read_po(text, locale=source.parent.parent.name, abort_invalid=True)
            # Written aside first: a web worker beside us never reads half a file.
            draft = target.with_suffix(".mo.new")
            with draft.open("wb") as binary:
                write_mo(binary, catalogue)
            draft.replace(target)
            compiled.append(target)
    return compiled


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    match arguments:
        case ["update"]:
            update()
        case ["compile"]:
            for file in compile_outdated():
                _say(f"compiled {file.relative_to(PROJECT)}")
        case _:
            _say("usage: python -m config.catalogues update|compile")
            return USAGE_ERROR
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
