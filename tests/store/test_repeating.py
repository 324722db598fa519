"""Answers that repeat what goes go with it; those that say what something else says too stay."""

from __future__ import annotations

from memcli.store import messages, purge, threads
from memcli.types import Message, Recalled, Role
from tests.store.making import NOW, Filled


def answer(filled: Filled, text: str, thread: str | None = None) -> Message:
    return filled.say(text, thread=thread, role=Role.ASSISTANT)


def test_an_answer_goes_that_has_a_word_of_the_message_which_nothing_else_has(filled: Filled) -> None:
    said = filled.say("My dog is called Turing")
    again, other = answer(filled, "What a fine name Turing is!"), answer(filled, "Tell me more, please")
    closure = purge.closure_of(filled.store, [said.id])
    assert (set(closure.messages), closure.repeating) == ({said.id, again.id}, (again.id,))
    assert purge.forget(filled.store, closure, NOW).traces == 0
    assert messages.of_thread(filled.store, filled.thread.id) == [other]


def test_an_answer_stays_where_something_that_stays_has_the_word_too(filled: Filled) -> None:
    said = filled.say("My dog is called Turing")
    answer(filled, "Turing!")
    filled.say("I read about Turing")
    assert purge.closure_of(filled.store, [said.id]).repeating == ()


def test_an_answer_that_was_given_with_a_note_of_a_memory_goes_with_the_memory(filled: Filled) -> None:
    memory = filled.keep("the dog is called Turing")
    other = threads.create(filled.store, now=NOW)
    asked = filled.say("What is its name?", thread=other.id)
    messages.set_recalled(filled.store, asked.id, [Recalled(memory.id, "semantic", "[note]", 1.0)])
    again = answer(filled, "It is Turing.", other.id)
    before = answer(filled, "Turing?", filled.thread.id)
    assert purge.closure_of(filled.store, [memory.id]).repeating == (), "another thread says it too, without the note"
    purge.forget(filled.store, purge.closure_of(filled.store, [before.id]), NOW)
    assert purge.closure_of(filled.store, [memory.id]).repeating == (again.id,)


def test_what_was_said_before_it_does_not_repeat_it(filled: Filled) -> None:
    answer(filled, "Did you know of Turing?")
    said = filled.say("My dog is called Turing")
    assert purge.closure_of(filled.store, [said.id]).repeating == ()


def test_what_the_user_says_again_is_a_statement_of_his_own(filled: Filled) -> None:
    said, again = filled.say("My dog is called Turing"), filled.say("Turing bit me")
    assert purge.closure_of(filled.store, [said.id]).messages == (said.id,)
    assert again.id not in purge.closure_of(filled.store, [said.id]).repeating


def test_an_answer_that_comes_while_the_user_decides_goes_as_well(filled: Filled) -> None:
    said = filled.say("My dog is called Turing")
    closure = purge.closure_of(filled.store, [said.id])
    late = answer(filled, "Turing it is")
    purge.forget(filled.store, closure, NOW)
    assert late.id not in {m.id for m in messages.of_thread(filled.store, filled.thread.id)}


def test_all_that_holds_the_text_asked_for_goes_names_of_threads_and_summaries_too(filled: Filled) -> None:
    other = threads.create(filled.store, now=NOW, name="Turing's vet")
    stays = filled.say("a message", thread=other.id)
    closure = purge.closure_matching(filled.store, "turing")
    assert (closure.names, closure.messages, closure.empty) == ((other.id,), (), False)
    assert purge.forget(filled.store, closure, NOW).traces == 0
    assert [t.name for t in threads.all_threads(filled.store) if t.id == other.id] == [None]
    assert messages.of_thread(filled.store, other.id) == [stays]
