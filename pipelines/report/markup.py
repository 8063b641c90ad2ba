"""HTML as values: whatever is not `Html` already is escaped when it is put in."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

NO_BREAK = "\u00a0"  # a figure and its per cent sign stay on one line
_LONG = 26
VOID = frozenset({"meta", "br", "hr", "img", "input", "link"})


class Html(str):
    """Markup that is safe to put into a page as it is."""

    __slots__ = ()


Child: TypeAlias = "str | int | Iterable[Child] | None"


def el(tag: str, *children: Child, **attributes: object) -> Html:
    """An element; `class_` means class, `data_x` means data-x, an attribute that is None is left out.

    Examples
    --------
    >>> el("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    given = "".join(_attribute(name, value) for name, value in attributes.items() if value is not None)
    return Html(f"<{tag}{given}>" if tag in VOID else f"<{tag}{given}>{joined(children)}</{tag}>")


def _attribute(name: str, value: object) -> str:
    return f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value), quote=True)}"'


def joined(children: Child) -> Html:
    """Children one after the other, text escaped."""
    if children is None:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, (str, int)):
        return Html(html.escape(str(children), quote=False).replace(" %", f"{NO_BREAK}%"))
    return Html("".join(joined(child) for child in children))


def table(headers: Sequence[str], rows: Iterable[Sequence[Child]], *, words: Collection[int] = (0,)) -> Html:
    """A table that scrolls if it is long or wide; the columns at `words` hold words, the rest figures."""
    kinds = [None if place in words else "n" for place in range(len(headers))]
    head = el("tr", [el("th", name, class_=kind) for name, kind in zip(headers, kinds, strict=True)])
    body = [
        el(
            "tr",
            [el("td", cell, class_=kind or _length(cell)) for cell, kind in zip(row, kinds, strict=True)],
        )
        for row in rows
    ]
    return el("div", el("table", el("thead", head), el("tbody", body)), class_="scroll", tabindex="0")


def _length(cell: Child) -> str | None:
    """Words that may take a second line on paper."""
    return "long" if isinstance(cell, str) and not isinstance(cell, Html) and len(cell) > _LONG else None


def missing(what: str) -> Html:
    """A line in the place of something that is not there yet."""
    return el("p", what, class_="missing")


def note(*children: Child) -> Html:
    """A small remark below a figure."""
    return el("p", *children, class_="note")
