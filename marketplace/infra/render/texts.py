"""Language of papers: gettext catalogues read from `.po` files, and dates and numbers by CLDR.

Every text has a stable id (`certificate.title`); each language, English too, has one catalogue in
`templates/locales/<tag>/LC_MESSAGES/documents.po`. A missing text stops the paper: gettext's habit
of printing the id instead would put it on a legal document.
"""

import io
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from gettext import GNUTranslations
from pathlib import Path
from typing import Final

from babel import Locale
from babel.dates import format_date
from babel.lists import format_list
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

DOMAIN: Final = "documents"
THIN_SPACE: Final = "\u202f"
"""Narrow no-break space: groups thousands (ISO 80000-1) and cannot be read as a decimal mark."""


class MissingText(LookupError):
    """A catalogue lacks a text that a template asks for: a defect of the release."""


class Texts:
    """One language: its texts and the way it writes dates, numbers, countries and lists."""

    def __init__(self, catalogue: Catalog) -> None:
        compiled = io.BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        self._translations = GNUTranslations(compiled)
        self._ids = {
            text for message in catalogue if message.id for text in _ids(message.id) if text
        }
        # The catalogue's own header says which English it is: dates differ between regions.
        self.locale: Locale = catalogue.locale or Locale("en", "GB")

    def gettext(self, text: str) -> str:
        """Give the text; raises `MissingText`."""
        self._demand(text)
        return self._translations.gettext(text)

    def ngettext(self, one: str, many: str, number: int) -> str:
        """Give the text in the form this number needs; raises `MissingText`."""
        self._demand(one)
        return self._translations.ngettext(one, many, number)

    def long_date(self, text: str) -> str:
        """Write an ISO date or time as "24 November 2026", in UTC."""
        return format_date(_day(text), "long", locale=self.locale)

    def short_date(self, text: str) -> str:
        """Write an ISO date or time as "2026-11-24": in a column it never misleads."""
        return _day(text).isoformat()

    def number(self, value: int) -> str:
        """Group thousands with a narrow no-break space in every language."""
        return f"{value:,}".replace(",", THIN_SPACE)

    def country(self, code: str) -> str:
        """Name the country, or give the code when CLDR does not know it."""
        return str(self.locale.territories.get(code, code))

    def listed(self, items: Sequence[str]) -> str:
        """Join with commas and the language's "and"."""
        return format_list([str(item) for item in items], locale=self.locale)

    def _demand(self, text: str) -> None:
        if text not in self._ids:
            raise MissingText(f"{text!r} is missing in the {self.locale} catalogue")


def time_of_day(text: str) -> str:
    """Write an ISO time as "14:05 UTC"."""
    return f"{_moment(text):%H:%M} UTC"


def load_texts(locales: Path) -> dict[str, Texts]:
    """Read every language that has a catalogue; the folder's name is the language tag.

    Raises `MissingText` if there is none: an installation without `templates/` must not start.
    """
    texts = {
        file.parent.parent.name: Texts(read_catalogue(file))
        for file in sorted(locales.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))
    }
    if not texts:
        raise MissingText(f"no {DOMAIN}.po below {locales}")
    return texts


def read_catalogue(file: Path) -> Catalog:
    """Read one `.po` file; a broken one raises at once instead of losing texts."""
    with file.open("rb") as stream:
        return read_po(stream, abort_invalid=True)


def filters(texts: Texts) -> dict[str, Callable[..., str]]:
    """Give the template filters of a language."""
    return {
        "long_date": texts.long_date,
        "short_date": texts.short_date,
        "time_of_day": time_of_day,
        "number": texts.number,
        "country": texts.country,
        "listed": texts.listed,
    }


def _ids(message_id: str | Sequence[str]) -> Sequence[str]:
    return (message_id,) if isinstance(message_id, str) else message_id


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _day(text: str) -> date:
    return _moment(text).date() if "T" in text else date.fromisoformat(text)
