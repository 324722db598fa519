"""Vectors and their signatures: each chunk that is said to have one has it, no other has, and it is one.

sqlite-vec trusts its own tables: what does not fit together in them can end the process. So they are looked at as the
ordinary tables that they are, before it is asked for anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import apsw

from memcli.errors import StoreDamaged, StoreUnwritable
from memcli.store import index, signatures
from memcli.store.checks.record import Check, Means
from memcli.store.database import Store, listed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]
    Vectors = NDArray[np.float32]
    Lengths = NDArray[np.float64]
    Bytes = NDArray[np.uint8]
    Sound = NDArray[np.bool_]

_FLOAT, _ROWID, _BITS = 4, 8, 8  # bytes of a component and of a row's number; bits of a byte
_LONGER = 0.01  # how far from 1 the length of a vector may be; one flipped bit of an exponent changes it by more
_LAYOUT = "the vectors' own tables do not fit together"


def layout(store: Store) -> list[str]:
    """Return whether sqlite-vec's tables are as it makes them."""
    size = index.dimension(store)
    if index.identity(store) is None or size is None:
        return []
    try:
        with store.atomic("BEGIN"):
            whole = _whole(store) and _fits(store, size)
    except (StoreDamaged, apsw.SQLError, apsw.MismatchError):
        whole = False
    return [] if whole else [_LAYOUT]


def _whole(store: Store) -> bool:
    """Tell whether the tables have a row each for every row of vectors, and a place for every vector."""
    blocks = {row for (row,) in store.rows("SELECT chunk_id FROM chunks_vec_chunks")}
    places = store.rows("SELECT chunk_id, chunk_offset FROM chunks_vec_rowids")
    held = {row for (row,) in store.rows("SELECT rowid FROM chunks_vec_vector_chunks00")}
    return blocks == held and {row for row, _ in places} <= blocks and len(set(places)) == len(places)


def _fits(store: Store, dimension: int) -> bool:
    """Tell whether each row of vectors has its length, and its list of places agrees with theirs."""
    sql = """
        SELECT c.chunk_id, c.size, c.validity, c.rowids, length(v.vectors)
        FROM chunks_vec_chunks AS c JOIN chunks_vec_vector_chunks00 AS v ON v.rowid = c.chunk_id
    """
    listed_as: dict[tuple[int, int], int] = {}
    for block, size, validity, rowids, length in store.rows(sql):
        if (len(validity) * _BITS, len(rowids), length) != (size, size * _ROWID, size * dimension * _FLOAT):
            return False
        for slot in range(size):
            if validity[slot // _BITS] >> slot % _BITS & 1:
                own = rowids[slot * _ROWID : (slot + 1) * _ROWID]
                listed_as[block, slot] = int.from_bytes(own, "little", signed=True)
    places = store.rows("SELECT chunk_id, chunk_offset, rowid FROM chunks_vec_rowids")
    return listed_as == {(block, slot): row for block, slot, row in places}


def presence(store: Store) -> list[str]:
    """Return what is wrong between the chunks and the vectors."""
    if index.identity(store) is None:
        return []
    try:
        with store.atomic("BEGIN"):  # one view: others may be writing
            lost, stray = _apart(store)
            flagged = _flagged(store)
            signed = signatures.taken(store)
    except (StoreDamaged, StoreUnwritable, apsw.SQLError) as error:
        return [f"the vectors cannot be read: {error}"]
    return [
        *_lines(len(lost), len(stray), "vector"),
        *_lines(len(flagged - signed), len(signed - flagged), "signature"),
    ]


def _flagged(store: Store) -> set[int]:
    return {row[0] for row in store.rows("SELECT id FROM chunks WHERE has_vector")}


def _apart(store: Store) -> tuple[set[int], set[int]]:
    """Return the chunks that have lost their vector, and those whose vector belongs to none."""
    flagged, present = _flagged(store), {row[0] for row in store.rows("SELECT rowid FROM chunks_vec_rowids")}
    return flagged - present, present - flagged


def _lines(lost: int, stray: int, what: str) -> list[str]:
    problems = [f"{lost} chunks have lost their {what}"] if lost else []
    return problems + ([f"{stray} {what}s belong to no chunk"] if stray else [])


def values(store: Store) -> list[str]:
    """Return what is wrong with the vectors themselves, and with what is worked out of them."""
    if index.identity(store) is None or layout(store):
        return []
    with store.atomic("BEGIN"):
        bad, unlike = _wrong(store)
    problems = [f"{len(bad)} vectors are none that an embedder makes"] if bad else []
    return problems + ([f"{len(unlike)} signatures are not those of their vectors"] if unlike else [])


def _wrong(store: Store) -> tuple[list[int], list[int]]:
    """Return the chunks whose vector is longer or shorter than the others, and those whose signature is another's."""
    import numpy as np

    held: dict[int, bytes] = dict(store.rows("SELECT block, bits FROM signatures"))
    unlike: list[int] = []
    every, lengths = [np.zeros(0, np.int64)], [np.zeros(0)]
    for ids, rows in _stored(store):
        every.append(ids)
        with np.errstate(all="ignore"):  # what is no number is told below
            lengths.append(np.linalg.norm(rows.astype(np.float64), axis=1))
        unlike += ids[~_signed(ids, signatures.made(rows), held)].tolist()
    return np.concatenate(every)[~_usual(np.concatenate(lengths))].tolist(), unlike


def _usual(lengths: Lengths) -> Sound:
    """Tell which lengths a vector may have: any, but 1 or 0 where that is what the embedder makes."""
    import numpy as np

    finite = np.isfinite(lengths)
    if not finite.any() or abs(float(np.median(lengths[finite])) - 1) > _LONGER:
        return finite
    usual: Sound = finite & ((np.abs(lengths - 1) <= _LONGER) | (lengths == 0))
    return usual


def _signed(ids: Ids, made: Bytes, held: dict[int, bytes]) -> Sound:
    """Tell for each chunk whether its signature is the one that was `made`; where there is none, that is told apart."""
    import numpy as np

    right = np.ones(len(ids), np.bool_)
    for block in set((ids // signatures.SLOTS).tolist()):
        own = ids // signatures.SLOTS == block
        bits = np.frombuffer(held.get(block, b""), np.uint8)
        if bits.size == signatures.SLOTS * made.shape[1]:
            right[own] = (bits.reshape(signatures.SLOTS, -1)[ids[own] % signatures.SLOTS] == made[own]).all(axis=1)
        else:
            right[own] = block not in held
    return right


def _stored(store: Store) -> Iterator[tuple[Ids, Vectors]]:
    """Yield the vectors row by row of sqlite-vec's table, with the chunks that they are of."""
    import numpy as np

    places: dict[int, list[tuple[int, int]]] = {}
    for block, slot, id_ in store.rows("SELECT chunk_id, chunk_offset, rowid FROM chunks_vec_rowids"):
        places.setdefault(block, []).append((slot, id_))
    size = index.dimension(store)
    for block, here in places.items():
        data = store.value("SELECT vectors FROM chunks_vec_vector_chunks00 WHERE rowid = ?", (block,))
        rows = np.frombuffer(data, "<f4").reshape(-1, size or 1)
        yield np.array([id_ for _, id_ in here], np.int64), rows[[slot for slot, _ in here]]


def _bind_anew(store: Store, means: Means) -> None:
    identity, dimension, tokens = index.identity(store), index.dimension(store), index.chunk_tokens(store)
    if identity is not None and dimension is not None:
        index.bind(store, identity, dimension, tokens or index.FIRST_CUT)


def _bring_together(store: Store, means: Means) -> None:
    """Let chunks wait that have lost their vector, and delete vectors and signatures that are nobody's."""
    with store.atomic():
        lost, stray = _apart(store)
        _drop(store, lost, stray)
        flagged, signed = _flagged(store), signatures.taken(store)
        _sign(store, flagged ^ signed)


def _drop_wrong(store: Store, means: Means) -> None:
    """Let chunks wait whose vector is none, and work out signatures anew that are not those of their vectors."""
    with store.atomic():
        bad, unlike = _wrong(store)
        _drop(store, set(bad), set(bad))
        _sign(store, {*bad, *unlike})


def _drop(store: Store, lost: set[int], stray: set[int]) -> None:
    store.run("UPDATE chunks SET has_vector = 0 WHERE id IN (SELECT value FROM json_each(?))", (listed(lost),))
    store.run("DELETE FROM chunks_vec WHERE chunk_id IN (SELECT value FROM json_each(?))", (listed(stray),))


def _sign(store: Store, chunks: set[int]) -> None:
    """Work out anew the rows of signatures in which these chunks stand."""
    blocks = listed({id_ // signatures.SLOTS for id_ in chunks})
    store.run("DELETE FROM signatures WHERE block IN (SELECT value FROM json_each(?))", (blocks,))
    store.run(
        "INSERT INTO signing SELECT v.chunk_id, v.embedding FROM json_each(?) AS b"
        f" CROSS JOIN chunks AS c ON c.id BETWEEN b.value * {signatures.SLOTS}"
        f" AND (b.value + 1) * {signatures.SLOTS} - 1 AND c.has_vector"
        " CROSS JOIN chunks_vec AS v ON v.chunk_id = c.id",
        (blocks,),
    )


CHECKS = (
    Check(
        "tables of vectors",
        "sqlite-vec's tables are as it makes them.",
        layout,
        _bind_anew,
        "all vectors are made anew",
    ),
    Check(
        "vectors",
        "A chunk has a vector and a signature where it says so, and nothing else has.",
        presence,
        _bring_together,
        "what is nobody's is deleted, what is lost is made anew",
    ),
    Check(
        "values of vectors",
        "A vector is as long as the others, and its signature has the signs of its components.",
        values,
        _drop_wrong,
        "they are made anew",
    ),
)
