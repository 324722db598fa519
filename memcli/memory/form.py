"""Creation: what a text the user gave us is. The judgement of chat messages is a later step; its queue is in the store.

Pure functions over text. They decide cheaply and err towards `semantic`, the kind that promises least. Every pattern
is anchored or bounded, so that the time taken grows with the length of the text and no faster.
"""

from __future__ import annotations

import re

from memcli.types import Kind, Trust

_END = r"(?![\w'’-])"  # ends a word; "is-it-raining" and "be-bop" are words of their own

# A standing instruction speaks to the assistant. We ask for a verb that an assistant can be told to do, since
# "never", "always" and "whenever" open as many facts ("Never been to Paris") as orders.
_ACT = (
    r"(?:address|add|apologi[sz]e|answer|ask|assume|avoid|be|begin|call|check|cite|convert|end|explain|format|give|"
    r"guess|include|invent|keep|list|make|mention|offer|output|prefer|propose|provide|put|quote|recommend|refer|repeat|"
    r"remind|reply|respond|return|review|say|show|sign|sound|speak|spell|start|stop|suggest|summari[sz]e|swear|talk|"
    r"tell|think|translate|treat|use|warn|write)"
)
_TOPIC = r"(?:answers?|repl(?:y|ies)|responses?|explanations?|sentences?|messages?|summaries|code|everything|it|things)"
# What makes any of these verbs an order: it says for how long or for whom the order holds.
_STANDING = (
    r"(?:always|never|ever|do not|don['’]?t|from now on|going forward|in (?:the )?future|"
    r"(?:when|whenever|if|every time|each time) i [^,.\n]{1,120}, ?(?:then)?|"
    r"you (?:should|must|need to|have to|ought to|are to)(?: not)?|you (?:shouldn|mustn)['’]?t|"
    r"i(?: want|['’]d like| would like| need| expect) you (?:not )?to)"
)
# What does not: "please call the dentist" is an errand.
_POLITE = r"(?:and|please|remember to|make sure (?:to|you|that you))"
_LEAD = rf"(?:(?:{_STANDING}|{_POLITE})[ ,:]{{1,3}}){{0,4}}"
# Orders that are clear without: each names the manner in which to speak, or the person.
_BARE_ORDER = (
    r"(?:(?:call|address|refer to) me|(?:answer|reply|respond|speak|talk|write)(?: to me)? "
    r"(?:in|with|as|like|using|only|briefly|concisely|formally|informally|politely|simply|clearly)|"
    r"(?:answer|reply to|respond to) (?:all|every|my)|speak (?!fluent|some|two|three|four|five|several|a\b)\w+|"
    r"write (?:short|simple|concise|formal)|"
    r"use (?!of\b|by\b)\w+|avoid \w+|cite \w+|prefer (?:short|brief|concise|plain|simple)|"
    r"stop (?:add|apologi[sz]|ask|call|remind|repeat|say|suggest|us|writ)ing|"
    rf"keep (?:(?:all|your|the) )?{_TOPIC}|"
    r"be (?:more|less|very|as|brief|concise|short|terse|succinct|precise|specific|clear|polite|kind|nice|friendly|"
    r"gentle|patient|formal|informal|casual|professional|direct|honest|blunt|frank|critical|strict|careful|funny))"
)
# A finite verb soon after makes the "order" a name: "Keep in touch was our motto". A clause of its own may have one.
_NAMED = r"(?: (?!(?:if|that|unless|wh\w+)\b)[\w'’]+){0,5} (?:is|are|was|were|costs?|means?)\b"
_INSTRUCTION = re.compile(
    rf"\W{{0,10}}{_LEAD}(?:{_STANDING}[ ,:]{{1,3}}{_LEAD}{_ACT}|{_BARE_ORDER}){_END}(?!{_NAMED})",
    re.IGNORECASE,
)

# Something that happened: a verb in the past tense together with a point in time.
_TIME = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|last (?:night|week|month|year|spring|summer|autumn|fall|winter)|"
    r"this (?:morning|afternoon|evening)|on (?:mon|tues|wednes|thurs|fri|satur|sun)day|"
    r"(?:on|in|since) (?:the )?\d{1,4}\b|"
    r"in (?:january|february|march|april|may|june|july|august|september|october|november|december))\b",
    re.IGNORECASE,
)
_PAST = re.compile(
    r"\b(?:was|were|had|went|did|got|met|saw|came|left|took|made|won|lost|began|bought|broke|flew|gave|ran|said|told|"
    r"\w+ed)\b",
    re.IGNORECASE,
)

# What its author prefers, likes, or will not have: what to do follows from it, whatever is talked about.
_PREFERENCE = re.compile(
    r"\bi (?:(?:really|strongly|usually|generally|always|also|still|much|quite) ){0,2}"
    r"(?:prefer|like|love|enjoy|hate|dislike|detest|adore|loathe|favou?r|avoid)\b|"
    r"\bi (?:do not|don['’]?t|never|no longer|cannot|can['’]?t) (?:really |ever )?"
    r"(?:like|love|eat|drink|enjoy|stand|bear|wear|smoke|tolerate|digest)\b|"
    r"\bi(?:['’]d| would) (?:much |always )?(?:rather|prefer)\b|\bmy (?:preference|favou?rite)|"
    r"\bi(?:['’]m| am) (?:an? |strictly )?(?:vegetarian|vegan|pescatarian|teetotal(?:er)?|allergic|intolerant|"
    r"lactose|gluten|coeliac|celiac|diabetic)\b",
    re.IGNORECASE,
)

# Some part of each of these patterns: looking for them first is ten times as fast, and most texts have none.
_PREFERRING = (
    "prefer like love enjoy hate detest adore loathe favor favour avoid eat drink stand bear wear smoke tolerate "
    "digest rather favorite vegetarian vegan pescatarian teetotal allergic intolerant lactose gluten coeliac celiac "
    "diabetic"
).split()
_ORDER = 1000  # characters; every order is recognised by its beginning

_SENTENCE_BREAK = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n")
_CLOSERS = ".!…\"'”’»)]* \t"  # what may follow a question mark
_AUXILIARY = (
    r"(?:(?:is|are|was|were|do|does|did|can|could|would|should|has|have|had|must|might)(?:n?['’]t)?|"
    r"am|will|won['’]t|shall|may)"
)
_PRONOUN = r"(?:i|you|he|she|it|we|they|this|that|these|those|there|anyone|anybody|someone|somebody)"
_WHOSE = r"(?:my|your|his|her|its|our|their|the)"
_OPENING = r"\W{0,10}(?:(?:and|so|but|ok|okay|hey|hi|also|well|now|then|oh) ?,? ){0,3}"
# "had I known" and "should you need" may open a statement; the second asks far more often.
_YES_NO = rf"(?!had\b){_AUXILIARY} {_PRONOUN}{_END}|(?:is|are|was|were|does|did|can|could|should) (?:my|your|our){_END}"
_WH = (
    rf"(?!what(?:['’]s| is) more\b|which is why\b)"
    rf"(?:(?:what|who|whom|whose|where|when|why|which|how)(?:['’](?:s|re|d|ll|ve)|s| {_AUXILIARY}){_END}|"
    # "how many cats do I have", but neither "what I like is jazz" nor "when people are late I worry"
    rf"(?:what|which|whose|how)(?: (?!{_PRONOUN}\b|{_WHOSE}\b)[\w'’-]+){{1,3}} {_AUXILIARY} "
    rf"(?:{_PRONOUN}|{_WHOSE}){_END}|"
    rf"how (?:to|come|about){_END}|what about{_END})"
)
_REQUEST = (
    r"(?:(?:tell|remind|show|give|help) me|list(?! of\b| ?:)|explain|summari[sz]e|translate|write (?:me|an?)|"
    rf"please(?!,? (?:remember|note|keep in mind|do not forget|don['’]t forget)\b)){_END}"
)
_ASKING = re.compile(rf"{_OPENING}(?:{_YES_NO}|{_WH}|{_REQUEST})", re.IGNORECASE)


# "I'm keeping the app under 2 MB, so I avoid frameworks, how can I cache?" tells before it asks.
_TOLD_FIRST = re.compile(
    rf"{_OPENING}(?:i(?:['’](?:m|ve|d))?|we(?:['’](?:re|ve|d))?|my|our)(?! (?:wonder|was wondering|need to know)\b)"
    rf"(?: [^\s,;]{{1,40}}){{4,80}}?[,;] ",
    re.IGNORECASE,
)


def classify(text: str, trust: Trust = Trust.USER) -> Kind:
    """Return the kind of a text that is to be kept; only the user's own words say how to act."""
    if trust is Trust.USER and instructs(text):
        return Kind.PROCEDURAL
    # Two searches and not one pattern with ".*" between, which takes the square of the text's length.
    if _PAST.search(text) and _TIME.search(text):
        return Kind.EPISODIC
    return Kind.SEMANTIC


def instructs(text: str) -> bool:
    """Tell whether a text is a standing instruction."""
    return _INSTRUCTION.match(_spaced(text[:_ORDER])) is not None


def prefers(text: str) -> bool:
    """Tell whether a text says what its author prefers, or has to."""
    lower = text.lower()
    return any(word in lower for word in _PREFERRING) and _PREFERENCE.search(text) is not None


def states_something(text: str) -> bool:
    """Return False for a text that only asks: recalling an old question would crowd out what answers it."""
    return any(_has_words(s) and not _asks(s) for s in _SENTENCE_BREAK.split(text))


def _asks(sentence: str) -> bool:
    spaced = _spaced(sentence)
    if sentence.rstrip(_CLOSERS).endswith(("?", "？")):
        return _TOLD_FIRST.match(spaced) is None
    return _ASKING.match(spaced) is not None


def _has_words(sentence: str) -> bool:
    return any(char.isalnum() for char in sentence)


def _spaced(text: str) -> str:
    """Return the text with one space wherever it has any, as the patterns above expect."""
    return " ".join(text.split())
