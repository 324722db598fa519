"""Whether an English clause speaks of what has been or of what is to come, at a place in it. Pure.

Only so far as it decides which Friday is meant. Where a clause has verbs of both kinds the nearest one decides.
"""

from __future__ import annotations

import re
from functools import lru_cache

from memcli.memory.formation.english_words import DAY_NAME
from memcli.memory.formation.times import Tense, rule, void

_IRREGULAR = (
    "was|were|wasn't|wasnt|weren't|werent|had|hadn't|did|didn't|didnt|couldn't|couldnt|went|came|saw|told|said|took"
    "|made"
    "|gave|found|left|felt|lost|met|ran|sat|stood|bought|brought|caught|taught|thought|fought|spoke|woke|drove|rode"
    "|wrote|fell|grew|knew|threw|flew|drew|blew|began|drank|sang|swam|rang|won|became|held|kept|slept|wept|paid|sold"
    "|sent|spent|built|burnt|heard|led|wore|tore|swore|chose|froze|stole|shook|forgot|hid|stuck|struck|dug|hung|spun"
    "|swung|understood|bent|lent|dealt|dreamt|learnt|spilt|laid|ate|forgave|withdrew|shrank|sank|broke|overslept"
    "|popped|binned|nicked|wed"
)
_WHO = "(?:i|we|he|she|it|they|you|who|that|somebody|someone|everyone|nobody)"
_ALIKE = "put|cut|set|hit|let|quit|hurt|shut|split|bet|spread|burst|shot|bit|rose|beat|upset|lit"  # past like present
# Participles that are no past without a subject: "MOT booked Friday", "my retired uncle", "a dog called Bo".
_ADJECTIVES = frozenset(
    """scheduled booked planned expected fixed arranged pencilled penciled confirmed rescheduled postponed delayed
    retired tired excited worried scared supposed used interested allowed called named based aged advanced
    limited united required fried baked naked wicked beloved mixed shared needed assigned invited selected chartered
    registered divorced closed related dated reserved cancelled canceled""".split()
)
_DAY = rule(DAY_NAME, void)[0]
_NO_VERBS = frozenset(
    """need indeed speed hundred bleed breed seed feed weed greed exceed proceed succeed embed shed sled bed red wed med
    biped sacred hatred kindred watershed agreed ted ned fred jared mohammed ahmed syed mohamed""".split()
) - {"agreed", "wed"}
_REGULAR = re.compile(r"\b[a-z]{2,}ed\b")
_PAST = re.compile(
    rf"\b(?:{_IRREGULAR})\b|\b{_WHO}\s(?:just\s|both\s|finally\s|all\s|only\s)?(?P<alike>{_ALIKE})\b|(?P<got>\bgot)\b"
)
# "my left knee", "two weeks left", "I've got", "is lost", "to be found"
_NOT_BEFORE = re.compile(
    r"(?:\b(?:is|are|am|im|be|being|get|gets|getting|isn't|aren't|will|to|a|an)|'(?:s|m|re))\s"
    r"(?:[a-z]+ly\s|now\s|just\s|not\s|all\s|so\s|both\s|only\s|still\s|being\s|getting\s)?$"
)
_CAUSED = re.compile(
    r"\b(?:get|gets|getting|having|have|has|need|needs|want|wants)\s(?:my|the|a|an|our|his|her|their|its|it|them"
    r"|some)\s"
    r"(?:[\w-]+\s){0,2}$"
)
_POSSESSED = re.compile(
    r"\b(?:my|the|her|his|their|our|your|a|bottom|top|upper|lower)\s$|\b(?:papers|weeks|days|only)\s$"
)
_PERFECT_GOT = re.compile(r"(?:'ve|\bhave|\bhas|'s|\bive)\s(?:only\s|just\s|also\s|now\s)?$")
_APPOINTED = re.compile(
    r"got\s(?:(?:a|an|my|our|the|another|this)\s)?(?:[\w-]+\s)?(?:appointment|dentist|gp|doctor'?s?|test|exam|interview"
    r"|meeting|shift|scan|mri|gig|training|class|viewing|check-?up|surgery|op|lesson|flight|deadline|match|game|mot)\b"
)
_SUBJECT = re.compile(rf"\b{_WHO}\s(?:just\s|both\s|finally\s|all\s|only\s|also\s|then\s)?$")
# What was decided then may be for any day: "invited to a wedding on Saturday", "we settled on Rimini in July".
_DECIDED = re.compile(r"\b(?:invited|settled on|decided|agreed|opted|chosen|chose)\b")
_OPENING = re.compile(
    r"(?:[,:;.!–—-]|\b(?:and|but|because|cos|cuz|so|as|that|then|plus))\s+(?:on\s|in\s|at\s|the\s|last\s|just\s)*$"
)
_SINCE_VERB = frozenset("retired divorced closed fixed registered called dated cancelled canceled".split())
_BEHIND_VERB = re.compile(r"\s(?:in|on|at|last|from|out|down|off|up|the|my|his|her|our|and|it|him|me|us|them)\b")

_BASE = (
    "fly|start|begin|leave|go|have|get|see|meet|move|travel|tell|give|run|play|need|take|host|sing|hand|sit|climb"
    "|defend"
    "|exchange|pick|drive|come|do|perform|return|open|finish|collect|demo|expect|hope|want|plan|open|work|present"
)
_AHEAD = re.compile(
    r"\b(?:will|won't|shall|going\sto|gonna|gotta|is|are|am|isn't|aren't|i'm|im|due|upcoming|(?:'ve|have|has|ive)\sgot"
    r"|ha(?:s|ve)\sto|needs?|gets|comes|starts|begins|arrives|leaves|lands|flies|goes|opens|ends|expires|closes|returns"
    r"|finishes|launches|moves|plays|takes|brings|sees|runs|turns|sits|hosts|scheduled\s(?:for|on)|booked\s(?:for|in"
    r"|on))\b"
    rf"|'(?:ll|m|re|ve\sgot)\b|'s\s(?=(?:on|the|at|due|in|this|next|a|an|my|our|being|getting|\w+ing)\b)"
    rf"|\b(?:i|we|they|you)\s(?:{_BASE})\b"
)
_TOWARDS = re.compile(r"\b(?:for|to|(?:starting|beginning)(?:\son|\sin)?)\s(?:the\s|this\s|next\s|a\s)?$")


def lean(low: str, start: int, end: int) -> Tense:
    """Return the tense that holds for the time at `start:end` of a clause in lower case with plain apostrophes."""
    if _TOWARDS.search(low[max(start - 24, 0) : start]):
        return Tense.AHEAD  # "moved to Friday", "booked for the 3rd"
    if low[:start].rstrip().endswith(("since", "last")):
        return Tense.PAST
    marks = signals(low)
    if not marks:
        return Tense.NOTED
    if _DECIDED.search(low) and Tense.AHEAD not in {tense for _, tense in marks}:
        return Tense.UNSURE
    before, behind = [one for one in marks if one[0] < start], [one for one in marks if one[0] >= start]
    if not before or (behind and _OPENING.search(low[max(start - 24, 0) : start])):
        return behind[0][1]
    return before[-1][1]


@lru_cache(maxsize=64)
def signals(low: str) -> list[tuple[int, Tense]]:
    """Return where verbs of either tense stand."""
    ahead = [(match.start(), Tense.AHEAD) for match in _AHEAD.finditer(low)]
    past = [(match.start(), Tense.PAST) for match in _PAST.finditer(low) if _is_past(low, match)]
    past += [(match.start(), Tense.PAST) for match in _REGULAR.finditer(low) if _is_regular(low, match)]
    return sorted([*ahead, *past], key=lambda one: one[0])


def _is_past(low: str, match: re.Match[str]) -> bool:
    before = low[max(match.start() - 30, 0) : match.start()]
    if match["alike"]:
        return True
    if match["got"]:
        return not _PERFECT_GOT.search(before) and not _APPOINTED.match(low, match.start())
    if match[0] in ("sat", "wed") and _DAY.match(low, match.start()):
        return False
    if match[0] in ("left", "found", "felt", "thought", "saw", "wed") and _POSSESSED.search(before):
        return False
    return match[0].startswith(("was", "were", "had", "did")) or not _NOT_BEFORE.search(before)


def _is_regular(low: str, match: re.Match[str]) -> bool:
    word, before = match[0], low[max(match.start() - 30, 0) : match.start()]
    if word in _NO_VERBS or _NOT_BEFORE.search(before) or _CAUSED.search(before):
        return False
    if word in _SINCE_VERB and _BEHIND_VERB.match(low, match.end()):
        return True
    return word not in _ADJECTIVES or bool(_SUBJECT.search(before))
