"""Who is speaking: the user as himself, a figure that he plays, or a text that wants to be remembered in his name.

Pure.
"""

from __future__ import annotations

from functools import lru_cache

from memcli.memory.formation.patterns import anywhere

# A game is set up: "let's play", "you are the innkeeper and I'm a pilgrim".
_LINKED = r"(?:and|while|,|;)"
_YOU_ARE = r"you(?:['’]re| are|['’]ll be| be| play| keep| run| own| work)"
_I_AM = r"i(?:['’]?m| am|['’]ll be|['’]ll play)"
_SET_UP = anywhere(
    r"\b(?:let['’]?s (?:play|pretend|role-?play|improvise|do a scene)|role-?play\w*|improv\b|"
    r"pretend (?:to be|you|i|that|we)|act as|play the (?:part|role)|in character|"
    r"dungeon master|game master|text adventure|once upon a time|your character|my character|character sheet|"
    rf"{_YOU_ARE} [^.?!\n]{{2,100}}?\b{_LINKED} ?(?:i['’]?m|i am|i['’]ll be|i play|me)\b|"
    rf"{_I_AM} [^.?!\n]{{2,100}}?{_LINKED} you(?:['’]re| are|['’]ll be| be| play)\b|"
    r"(?:interview|practi[sc]e|rehearse) me as|mock interview|imagine (?:you|we|i['’]?m|i am|me)|"
    r"spielen wir|rollenspiel|jouons|jeu de rôle|juguemos|giochiamo|vamos fingir|gdr|rpg)\b"
)
_ENDS = r"end|stop|enough|quit|done with|finish(?:ed)?|leave|leaving|pause|pausing|break|out of|back to"
_ENDED = anywhere(
    rf"\b(?:{_ENDS}) (?:of )?(?:the |this |that |our |my |with )*"
    r"(?:game|scene|role|role-?play\w*|playing|improv|story|character|reality|real life|normal)\b|"
    r"\b(?:game|scene) over\b|\bback to (?:work|real|me)\b|\bnot in character\b"
)
_ASIDE = anywhere(
    r"\b(?:ooc|irl|real life|for real|real question|real me|in reality|out of character|"
    r"out of (?:the )?(?:game|role|scene)|stepping out|paus(?:e|ing)|time ?out|breaking character|seriously now|"
    r"jokes aside|the actual me|actually me)\b"
)
_REACH = 60  # characters around a place in which it is said that it is for real
# Texts that speak of the user from outside, or tell a machine what to store: nobody speaks so of himself.
_ANOTHER_USER = r"interface|manual|guide|name|group|id|account|table|story|stories|research|experience"
_MACHINES = r"ai|assistant|chatbot|bot|llm|language model|memory module|ai readers?|system|model"
_STORING = r"remember|memori[sz]e|store|save|note|record|persist|add to memory|learn"
_FOR_GOOD = r"long[- ]term|permanent(?:ly)?|future (?:conversations|sessions|chats)|memory|user preference|the user"
_PLANTED = anywhere(
    rf"\b(?:the|this|that|our|your|current) (?:end[ -]?)?user(?:['’]s)?\b(?! (?:{_ANOTHER_USER}))|"
    r"\buser (?:prefers|wants|is|has|likes|lives|agreed|trusts|name is)\b|"
    rf"\b(?:{_MACHINES})s?\b[^.\n]{{0,60}}\b(?:{_STORING})\b|"
    rf"\b(?:remember|memori[sz]e|store|save|record|persist)\b[^.\n]{{0,60}}\b(?:{_FOR_GOOD})\b|"
    r"\bignore (?:all |any )?(?:previous|prior|earlier|above)\b|\bsystem (?:notice|prompt|message|note)\b"
)


@lru_cache(maxsize=4)  # it is asked for each clause of a message
def plays(message: str, before: str = "") -> bool:
    """Tell whether the message is part of a game: it was set up in it or `before`, and not ended since."""
    said = f"{before}\n{message}"
    set_up = [match.end() for match in _SET_UP.finditer(said)]
    ended = [match.start() for match in _ENDED.finditer(said)]
    return bool(set_up) and max(ended, default=-1) < set_up[-1]


def steps_out(message: str, start: int) -> bool:
    """Tell whether the words at `start` of a message in a game are said outside of it: in brackets, or "for real"."""
    opened = message.rfind("(", 0, start + 1)
    within = opened >= 0 and ")" not in message[opened:start]
    return within or bool(_ASIDE.search(message[max(start - _REACH, 0) : start + _REACH].replace("(", "")))


def planted(text: str) -> bool:
    """Tell whether a text speaks of the user as of somebody else, or tells a machine to store something."""
    return bool(_PLANTED.search(text))
