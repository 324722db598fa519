"""Typos: a word that stands nowhere gives way to the nearest words that do.

Invariants: a word that is found is never corrected; what is put in its place stands in a chunk as it is now, so nothing
that was deleted comes back; the time is bounded: a few hundred look-ups for a word, a few texts read.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from memcli.store import spelling
from memcli.store.database import Store, listed
from memcli.store.words import Correction, Query, Term

SHORTEST = 4  # letters of a word that is corrected: three letters are one away from too many words
LONGEST = 32  # letters likewise: what is longer is no word that was mistyped, and has thousands of variants
LONG = 8  # letters of a word in which two slips are forgiven
_MOST = 3  # words put in place of one
_CORRECTED = 8  # words of one query: a pasted text in another language is no typo
_STEMS = 24  # stems tried; more would be chance
_TRIED, _TEXTS = 8, 10  # stems tried where two slips are sought, and chunks read of each
_READ = 50  # chunks of a stem in which a word is sought
_LEAD = 4  # letters that are taken to be right where two slips are sought
_PORTER = 1  # letters by which a stem may differ from the beginning of its word: "happi", "ture"

_ALPHABETS = (string.ascii_lowercase, "абвгдежзиклмнопрстуфхцчшщъыьэюяієґ", "αβγδεζηθικλμνξοπρστυφχψω")


def corrected(store: Store, query: Query, known: Callable[[str], bool] | None = None) -> Query:
    """Return `query` with the words that stand in no chunk replaced by those that were probably meant.

    A word that is `known` from elsewhere is no typo: who asks about his father does not mean "gather".
    """
    unknown = [term for term in query.terms if _correctable(term) and not _stands(store, term)]
    doubtful = [term for term in unknown if not (known and known(term.text))][:_CORRECTED]
    meant = {term: _nearest(store, term.text) for term in doubtful}
    found = {term: words for term, words in meant.items() if words}
    if not found:
        return query
    terms = (other for term in query.terms for other in (map(Term, found[term]) if term in found else (term,)))
    corrections = (Correction(term.text, words) for term, words in found.items())
    return replace(query, terms=tuple(dict.fromkeys(terms)), corrections=tuple(corrections))


def _correctable(term: Term) -> bool:
    word = term.text
    return SHORTEST <= len(word) <= LONGEST and word.isalpha() and not term.prefix and not spelling.unspaced(word)


def _stands(store: Store, term: Term) -> bool:
    return store.one("SELECT 1 FROM chunks_fts WHERE chunks_fts MATCH ? LIMIT 1", (term.match,)) is not None


def _nearest(store: Store, word: str) -> tuple[str, ...]:
    """Return the words that stand in the store and are nearest to `word`, those of most chunks first."""
    near = _one_slip(store, word)
    if not near and len(word) >= LONG:
        near = _two_slips(store, word)
    # The first letter is rarely wrong.
    return tuple(sorted(near, key=lambda other: (other[0] != word[0], -near[other], other))[:_MOST])


def _one_slip(store: Store, word: str) -> dict[str, int]:
    """Return the words one slip away, with the number of chunks in which they were met."""
    sql = """
        SELECT value FROM json_each(?)
        WHERE EXISTS (SELECT 1 FROM chunks_fts WHERE chunks_fts MATCH '"' || value || '"') LIMIT ?
    """
    known = [other for (other,) in store.rows(sql, (listed(dict.fromkeys(_variants(word))), _STEMS))]
    # A stem is known by other forms too: "gianting" is by "giants".
    met = {other: _met(store, other) for other in known}
    return {other: count for other, count in met.items() if count}


def _met(store: Store, word: str) -> int:
    sql = """
        SELECT count(*) FROM (SELECT rowid AS id FROM chunks_fts WHERE chunks_fts MATCH ? LIMIT ?) AS near
        CROSS JOIN chunks AS c ON c.id = near.id
        WHERE ' ' || lower(c.words) || ' ' GLOB ?
    """
    return int(store.value(sql, (Term(word).match, _READ, f"*[^a-z0-9]{word}[^a-z0-9]*")))


def _variants(word: str) -> Iterator[str]:
    """Yield everything that one slip makes of `word`: a letter too many, too few, another, or two that swapped."""
    letters = next((alphabet for alphabet in _ALPHABETS if word[0] in alphabet), "".join(dict.fromkeys(word)))
    for place in range(len(word) + 1):
        before, after = word[:place], word[place:]
        yield from (before + letter + after for letter in letters)
        if after:
            yield before + after[1:]
            yield from (before + letter + after[1:] for letter in letters)
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]


def _two_slips(store: Store, word: str) -> dict[str, int]:
    """Return the nearest words at most two slips away, with the number of chunks in which they were met."""
    near: dict[str, int] = {}
    for stem in _stems_near(store, word):
        for text in _texts_with(store, stem):
            for other in {other for other in spelling.words(text) if other.startswith(stem[:_LEAD])}:
                near[other] = near.get(other, 0) + 1
    return {other: count for other, count in near.items() if _apart(other, word) <= 2}


def _stems_near(store: Store, word: str) -> list[str]:
    """Return the stems whose words may be two slips away, the likeliest first."""
    lead = word[:_LEAD]
    terms = store.rows("SELECT term FROM chunks_terms WHERE term >= ? AND term < ?", (lead, lead + "\U0010ffff"))
    spent = set(word)
    near = []
    for (stem,) in terms:
        # A letter that the stem has and the word has not costs a slip: most stems fall here, before any arithmetic.
        if _LEAD < len(stem) <= len(word) + 2 and len(set(stem) - spent) <= 2 + _PORTER:
            away = min(distances(stem, word))
            if away <= 2 + _PORTER:
                near.append((away, -len(stem), stem))
    return [stem for _, _, stem in sorted(near)[:_TRIED]]


def _texts_with(store: Store, stem: str) -> list[str]:
    sql = """
        SELECT c.words FROM (SELECT rowid AS id FROM chunks_fts WHERE chunks_fts MATCH ? LIMIT ?) AS near
        CROSS JOIN chunks AS c ON c.id = near.id
    """
    return [spelling.fold(text) for (text,) in store.rows(sql, (Term(stem).match, _TEXTS))]


def _apart(one: str, other: str) -> int:
    return distances(one, other)[-1] if abs(len(one) - len(other)) <= 2 else len(one) + len(other)


def distances(one: str, other: str) -> list[int]:
    """Return the slips between `one` and each beginning of `other`: letters added, lost, changed, or swapped.

    The last is the distance of the two words (optimal string alignment: no letter takes part in two slips).
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one):
        above = row
        row = [i + 1]
        for j, beside in enumerate(other):
            away = min(above[j + 1] + 1, row[j] + 1, above[j] + (letter != beside))
            if i and j and letter == other[j - 1] and one[i - 1] == beside:
                away = min(away, before[j - 1] + 1)
            row.append(away)
        before = above
    return row


def said(corrections: Iterable[Correction]) -> list[str]:
    """Return each correction in a line: "turng → turing"."""
    return [f"{correction.said} → {', '.join(correction.meant)}" for correction in corrections]
