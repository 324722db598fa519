from memcli.memory.asking import terms, understand


def test_function_words_and_speakers_are_not_looked_up() -> None:
    assert terms("What did Caroline paint for her mother?", ["Caroline", "Mel Smith"]) == ["paint", "mother"]


def test_a_question_of_function_words_is_looked_up_whole() -> None:
    assert terms("Who are you?") == ["Who", "are", "you"]


def test_a_bare_name_is_looked_up_although_it_is_a_speakers() -> None:
    assert terms("Caroline", ["Caroline"]) == ["Caroline"]


def test_a_speaker_is_known_without_accents() -> None:
    assert terms("What does Ines's sister paint?", ["Inês"]) == ["sister", "paint"]


def test_what_a_question_says_about_the_conversation_is_cut_away() -> None:
    asked = "Can you list the order in which I brought up different aspects of my garden in our chats, in order?"
    assert understand(asked).subject == "my garden"
    assert understand("Did I mention where my violin is?").subject == "where my violin is"
    assert understand("What did you say?").subject == "What"


def test_a_question_about_a_speaker_is_compared_in_the_speakers_words() -> None:
    question = understand("What did Caroline's mother paint?", ["Caroline", "Mel"])
    assert (question.spoken, question.named) == ("What did I mother paint", {"Caroline"})


def test_a_question_tells_what_kind_of_answer_it_wants() -> None:
    assert understand("How many hens do I keep?").number
    assert understand("When did we meet?").date
    assert understand("Give me a summary of my plans").overview
    plain = understand("Who keeps hens?")
    assert [plain.number, plain.date, plain.overview] == [False] * 3
