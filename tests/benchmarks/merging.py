"""Which memories does consolidation make one of? Run by hand: python -m tests.benchmarks.merging

Statements that were written for this and grouped by what they say stand in one store, all of them as memcli would have
formed them. Printed are the precision of what was merged (of the pairs that became one, how many say the same) and the
recall (of the pairs that say the same, how many became one), with the default embedder and by words only.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

from rich.console import Console

from memcli.engines import Embedder
from memcli.inference.embedder import open_embedder
from memcli.memory import indexing
from memcli.memory.formation.merger import Merger
from memcli.paths import Paths
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import Kind, Owner, Trust
from tests.benchmarks.tables import Table, show

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)

# Each group says one thing. Some say it in words that no rule here knows: they are for the recall.
SAME = (
    ("I'm allergic to peanuts", "I am allergic to peanuts.", "i have a peanut allergy"),
    ("I live in Lisbon", "I live in Lisbon now", "I currently live in Lisbon"),
    ("I can't stand coriander", "I hate coriander", "I really can't stand coriander"),
    ("My dog is called Rex", "My dog's name is Rex", "I have a dog named Rex"),
    ("I have yoga on Tuesday evenings", "On Tuesday evenings I have yoga"),
    ("I don't drink alcohol", "I do not drink alcohol", "I never drink alcohol"),
    ("My mum is a nurse", "My mother is a nurse"),
    ("I'm scared of flying", "I'm afraid of flying", "Flying scares me"),
    ("I take 20 mg of lisinopril every morning", "Every morning I take 20mg lisinopril"),
    ("I have two cats", "I've got 2 cats", "I have two cats, as you know"),
    ("Please answer in British English", "Answer in British English"),
    ("I'm a vegetarian", "I'm vegetarian", "still vegetarian"),
    ("I quit smoking in 2019", "quit smoking in 2019"),
    ("I work at the harbour office", "I work for the harbour office"),
    ("My favourite colour is green", "My favorite color is green"),
    ("Our landlord is Mr Osei", "Mr Osei is our landlord"),
    ("I'm left-handed", "im left handed", "I am a lefty"),
    ("I enjoy crime novels", "I like crime novels", "Crime novels are my thing"),
    ("I have a bad back", "I've got a bad back"),
    ("My son starts school in September", "My son begins school in September"),
    ("I bought the flat in 2021", "I bought the apartment in 2021"),
    ("Never use emojis with me", "Don't use emojis with me"),
    ("I'm studying law at night school", "I study law at night school"),
    ("We live on the third floor", "Our flat is on the third floor"),
    ("My bike was stolen", "My bicycle was stolen"),
    ("I'm married to Ines", "Ines is my wife"),
    ("I play the cello", "I'm a cellist"),
    ("Ich wohne in Kiel", "ich wohne in Kiel."),
    ("Tengo dos hermanas", "¡Tengo dos hermanas!"),
    ("I get up at five", "I'm up at 5 every day"),
    ("My car is a Dacia", "I drive a Dacia"),
    ("I'm retired", "I am retired, by the way"),
)
# What is nearest to each other, and not the same: each statement by itself.
APART = (
    # numbers, amounts, codes
    ("I take 50 mg of sertraline", "I take 100 mg of sertraline", "I take 50 mg of levothyroxine"),
    ("My locker is number 114", "My locker is number 141"),
    ("The rent is £900", "The rent is $900", "The rent is £905"),
    ("My wifi password is Hunter2x", "My wifi password is hunter2X"),
    ("I have three sons", "I have four sons", "I have sons"),
    ("I was born in 1979", "I was born in 1997"),
    ("The bathroom is 2.2 by 1.4", "The bathroom is 2.4 by 1.2"),
    ("Our wedding is on 3 June", "Our wedding is on 3 July", "Our wedding was on 3 June"),
    ("My email is jo.lee@mail.org", "My email is jolee@mail.org"),
    ("I run 10 km", "I run 10 miles"),
    # names
    ("My sister Ana is a dentist", "My sister Eva is a dentist"),
    ("I work with Tom", "I work with Tim", "I work for Tom's brother"),
    ("I flew to Austria", "I flew to Australia", "I flew from Austria"),
    ("I support Arsenal", "I support Everton"),
    ("Jens is nine and Aksel is twelve", "Aksel is nine and Jens is twelve"),
    # denied, turned round, the other way
    ("I eat pork", "I don't eat pork", "I no longer eat pork"),
    ("I can swim", "I can't swim", "I could swim"),
    ("I prefer tea to coffee", "I prefer coffee to tea"),
    ("My brother is older than me", "My brother is younger than me"),
    ("I want to buy the boat", "I want to sell the boat"),
    ("I drink tea with milk", "I drink tea without milk"),
    ("I passed my driving test", "I failed my driving test"),
    ("I'm O positive", "I'm O negative"),
    ("I moved from Rome to Oslo", "I moved from Oslo to Rome"),
    ("We live upstairs", "We live downstairs"),
    ("Mara owes me money", "I owe Mara money"),
    # times
    ("I have yoga on Mondays", "I have yoga on Thursdays"),
    ("Choir is on Monday and chess on Friday", "Choir is on Friday and chess on Monday"),
    ("I work at the bakery", "I worked at the bakery", "I will work at the bakery"),
    ("I walk every morning", "I walk every evening"),
    ("I'm going to be a father", "I was going to be a father"),
    ("My shift starts at six", "My shift ends at six"),
    ("I used to smoke", "I smoke"),
    ("I have lived in Bonn", "I live in Bonn"),
    # somebody else
    ("My sister lives in Porto", "My brother lives in Porto", "I live in Porto"),
    ("She's allergic to cats", "He's allergic to cats", "I'm allergic to cats"),
    ("My wife teaches maths", "My ex-wife teaches maths"),
    ("I have a lawyer", "I am a lawyer"),
    ("I'm his godmother", "she's my godmother"),
    ("Our dog is deaf", "Their dog is deaf"),
    # more, or less
    ("I have a dog", "I have a dog allergy", "I have dogs"),
    ("I play chess", "I play chess badly", "I play blitz chess"),
    ("I eat fish", "I only eat fish", "I eat fish again"),
    ("I have asthma", "I have severe asthma", "I had asthma"),
    ("Answer in French", "Answer in French when I write in French"),
    ("I like Ann's cooking", "I like Ann"),
    ("I'm allergic to nuts", "I'm allergic to some nuts"),
    # the same frame around another word
    ("I'm afraid of cats", "I'm scared of dogs"),
    ("I work front desk at a veterinary practice", "I work front desk at a dental practice"),
    ("I take the bus to work", "I take the train to work"),
    ("I'm the treasurer of the residents' association", "I'm the treasurer of the tenants' association"),
    ("I'm a vegetarian", "I'm a vegan"),
    ("I play the violin", "I play the viola"),
    ("My left knee is artificial", "My right knee is artificial"),
    ("Stop calling me mate", "Stop calling me friend"),
    ("I wear glasses", "I wear lenses"),
    ("I'm learning Welsh", "I'm learning Irish"),
    ("I love figs", "I like figs"),
    ("I saw the doctor", "I saw the dentist"),
    # asked, not told
    ("Is my rent 900?", "My rent is 900"),
    ("Do I live in Lund?", "I live in Lund"),
    ("Am I a member of the club?", "I am a member of the club"),
    # in another language: which one he chose is his
    ("I live in Vienna", "Ich wohne in Wien"),
    ("I have two sisters and a twin", "Tengo dos hermanas y una gemela"),
    ("Je suis prof", "Je ne suis pas prof"),
    ("Vivo en Cádiz", "Vivía en Cádiz"),
)


@dataclass(slots=True)
class Figures:
    """Pairs that became one: the right ones and the wrong ones, and those that should have and did not."""

    way: str
    right: list[tuple[str, str]] = field(default_factory=list)
    wrong: list[tuple[str, str]] = field(default_factory=list)
    missed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return len(self.right) / max(len(self.right) + len(self.wrong), 1)

    @property
    def recall(self) -> float:
        return len(self.right) / max(len(self.right) + len(self.missed), 1)


def groups() -> dict[str, int]:
    """Return for each statement the number of what it says."""
    found: dict[str, int] = {}
    for texts in SAME:
        number = next((found[text] for text in texts if text in found), len(found))
        found |= dict.fromkeys(texts, number)
    for texts in APART:
        for text in texts:
            found.setdefault(text, len(found))
    return found


def filled(path: Path, texts: list[str], embedder: Embedder | None) -> Store:
    """Return a new store with these memories, each formed by an operation of its own."""
    store = Store.open(path)
    ready = indexing.prepare(texts, embedder)
    with store.atomic():
        for text, indexed in zip(texts, ready, strict=True):
            journal = Journal(store, action="form", actor="formation", now="2026-03-01T09:30:00Z")
            kind = Kind.PROCEDURAL if text.startswith(("Answer", "Please", "Never", "Don't", "Stop")) else Kind.SEMANTIC
            made = journal.add(kind=kind, text=text, trust=Trust.USER, formed_by="rules")
            indexing.put(store, Owner.MEMORY, made.id, indexed, embedder)
            journal.record()
    return store


def merged(store: Store, embedder: Embedder | None) -> Iterator[set[str]]:
    """Merge what there is, and yield the texts that became one, by each that was kept."""
    merger = Merger(store, embedder, lambda: NOW, lambda: None)
    for batch in merger.waiting():
        for id_ in batch.memories:
            merger.merge(id_)
    sql = """
        WITH RECURSIVE chain (end, id, text) AS (
            SELECT id, id, text FROM memories WHERE retired_at IS NULL
            UNION SELECT chain.end, m.id, m.text FROM chain JOIN memories AS m ON m.superseded_by = chain.id
        ) SELECT json_group_array(text) FROM chain GROUP BY end HAVING count(*) > 1
    """
    for (texts,) in store.rows(sql):
        yield set(json.loads(texts))


def measured(way: str, folder: Path, embedder: Embedder | None) -> Figures:
    """Return what consolidation does to the statements."""
    says, figures = groups(), Figures(way)
    with filled(folder / f"{way}.db", list(says), embedder) as store:
        became = {frozenset(pair) for one in merged(store, embedder) for pair in combinations(one, 2)}
    for one, other in combinations(says, 2):
        same, joined = says[one] == says[other], frozenset((one, other)) in became
        if same or joined:
            (figures.right if same and joined else figures.missed if same else figures.wrong).append((one, other))
    return figures


def table(found: list[Figures]) -> Table:
    made = Table("merging", ("way", "precision", "recall", "right", "wrong", "missed"))
    for one in found:
        counts = (str(len(pairs)) for pairs in (one.right, one.wrong, one.missed))
        made.add(one.way, f"{one.precision:.3f}", f"{one.recall:.3f}", *counts)
    return made


def main() -> None:
    """Measure both ways and print what was wrong and what was missed."""
    console = Console()
    embedder = open_embedder("all-MiniLM-L6-v2", paths=Paths.default(), progress=lambda *_: None, notice=console.print)
    with tempfile.TemporaryDirectory() as folder:
        found = [measured("embedder", Path(folder), embedder), measured("words", Path(folder), None)]
    show(table(found), console, markdown=False)
    for one in found:
        for what, pairs in (("wrong", one.wrong), ("missed", one.missed)):
            for pair in pairs:
                console.print(f"{one.way} {what}: {' | '.join(pair)}", markup=False, highlight=False)


if __name__ == "__main__":
    main()
