"""The language of the pages: chosen by a link and kept in a cookie, else the first that the browser asks for.

Templates have their words in ``_("…")`` and ``{% trans %}`` blocks. Words that a template only names, to be
shown elsewhere, and those of Python are messages (`models.messages`), which are said in the page's language
wherever a template shows them. JSON, DICOM objects and the log stay English.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, Response, g, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import Babel, get_locale, get_translations

from models.messages import ENGLISH, Language, Message
from models.web.access.access_control import own_path
from models.web.access.cookies import cookie, cookie_of
from models.web.routing import Access

LANGUAGES = {"en": "English", "de": "Deutsch"}
LANGUAGE_COOKIE, LANGUAGE_SECONDS = "nodule_language", 365 * 86_400
CATALOGUES = "templates/locale"


def add_language(app: Flask) -> None:
    """Have the pages speak the languages there are, and a link change them."""
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.finalize = _shown
    app.jinja_env.globals |= {"Message": Message, "languages": LANGUAGES, "language": language}
    app.jinja_env.filters["number"] = lambda written: language().number(str(written))  # of a written one
    app.jinja_env.filters["said"] = lambda message: language().say(message)  # for filters after it
    Babel(app, default_translation_directories=CATALOGUES, locale_selector=_asked)
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext=lambda text: language().say(text),
        ngettext=lambda one, many, n: language().translations.ngettext(one, many, n),
        newstyle=True,
    )

    @app.get("/language/<any({}):code>".format(",".join(LANGUAGES)), access=Access.PUBLIC, personal=False)
    def choose_language(code: str) -> ResponseReturnValue:
        done = redirect(own_path(request.args.get("next", "/")), 303)
        done.set_cookie(**cookie(LANGUAGE_COOKIE, code, request.is_secure, LANGUAGE_SECONDS))
        return done

    @app.after_request
    def vary(response: Response) -> Response:
        if response.mimetype == "text/html":
            response.vary.update(("Accept-Language", "Cookie"))
        return response


def language() -> Language:
    """The language of the page that is asked for, found once: a page has thousands of words and numbers."""
    if "language" not in g:
        code = str(get_locale() or "en")
        g.language = ENGLISH if code == "en" else Language(code, get_translations(), has_comma=True)
    return g.language


@contextmanager
def in_english() -> Iterator[None]:
    """What is said within is English, whatever the language of the page."""
    before, g.language = language(), ENGLISH
    try:
        yield
    finally:
        g.language = before


def language_of_answer() -> Language:
    """The language of an answer that may be JSON: English for the JSON interface, a page's for scripts."""
    return ENGLISH if request.path.startswith("/api/") else language()


def _asked() -> str:
    if (chosen := cookie_of(request, LANGUAGE_COOKIE)) in LANGUAGES:
        return chosen
    asked = (re.split("[-_]", tag)[0].lower() for tag, quality in request.accept_languages if quality > 0)
    return next((code for code in asked if code in LANGUAGES), "en")


def _shown(value: Any) -> Any:
    return language().say(value) if isinstance(value, Message) else value
