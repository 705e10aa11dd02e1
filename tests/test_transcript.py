"""Markup of transcripts: what is kept, what is dropped, what is reported, and how the rest is written."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.corpus.markup import cleaning, plain_markup
from stages.corpus.markup.cleaning import Cleaned
from stages.corpus.markup.tokens import Kind


def clean(text: str, style: str = "verbatim", convention: str = "plain", **own: str) -> Cleaned:
    return cleaning.clean_all([(text, convention)], style, "keep", own.get("own", {}))[0]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("  a\t b\n\nc ", "a b c"),
        ("it\u2019s \u201cso\u201d", 'it\'s "so"'),
        ("cafe\u0301\u00a0\u2009au", "caf\u00e9 au"),
        (" \n ", ""),
        ("well-known - yes -- 50% of 3.5, O'Neil!", "well-known - yes -- 50% of 3.5, O'Neil!"),
        ("15ml of H20 12345", "15ml of H20 12345"),
    ],
)
def test_text_without_markup_stays_as_it_is(raw, text):
    assert clean(raw) == Cleaned(text)


@pytest.mark.parametrize(
    "mark",
    [
        *(
            "<BREATH>",
            "<SILENCE>",
            "< Silence>",
            "<LAUGH>",
            "<NO_SIGNAL>",
            "<NO SIGNAL>",
            "<NOISE>",
            "<SNIFF>",
            "<COUGH>",
        ),
        *("[NOISE]", "[LAUGHTER]", "(laughs)", "[breath]", "<FP>", "<bn>", "<ns>", "<ls>", "@ns", "%hesitation"),
        *(
            "(%HESITATION)",
            "[begin_noise]",
            "[end_crosstalk]",
            "[human_nosie]",
            "[00:00:01]",
            "[1:02.5]",
            "<ee-hesitation>",
        ),
    ],
)
def test_noises_go(mark):
    assert clean(f"the {mark} dog") == Cleaned("the dog")
    assert clean(mark) == Cleaned("")
    assert clean(f"the{mark}dog").text == ("the dog" if mark[0] in "<[(" else f"the{mark}dog")


@pytest.mark.parametrize(
    "mark",
    [
        *(
            "(())",
            "<INDISCERNIBLE>",
            "[indiscernible]",
            "<SIDE_SPEECH>",
            "<SIDE_ SPEECH>",
            "<DISCARD>",
            "[]",
            "(*)",
            "()",
        ),
        *("<unk>", "<spoken_noise>", "<unin>", "@unk", "/HH AH/", "[inaudible]"),
    ],
)
def test_speech_that_is_not_written(mark):
    assert clean(f"the {mark} dog") == Cleaned("the dog", unclear=(mark,))


@pytest.mark.parametrize(
    ("mark", "meant", "unclear"),
    [
        ("<sied_speech>", "sidespeech", True),
        ("side_s[eech>", "sidespeech", True),
        ("<INDISCERNABLE>", "indiscernible", True),
        ("<NO SIGNA >", "nosignal", False),
        ("<BREATHE_>", None, False),
        ("<NO_SIGNAL", None, False),
        ("BREATH>", None, False),
    ],
)
def test_misspelled_marks(mark, meant, unclear):
    found = clean(f"hello {mark}")
    assert (found.text, found.unclear) == ("hello", (mark,) if unclear else ())
    assert found.readings == (((mark, meant),) if meant else ())


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("hello <xyz>", "<xyz>"),
        ("hello [Bommer]", "[bommer]"),
        ("(word) hello", "(word)"),
        ("hello {thing}", "{thing}"),
        ("hello @zork", "@zork"),
        ("hello *", "*"),
        ("hello <", "<"),
        ("hello ]", "]"),
        ("[a name that goes on and on] hello", "[a name that goes on ]"),
    ],
)
def test_unknown_marks_are_reported(text, mark):
    assert clean(text) == Cleaned("hello", unknown=(mark,))


@pytest.mark.parametrize(
    ("raw", "verbatim", "fluent"),
    [
        ("Um, I +UH+ want @um it", "Um, I UH want um it", "I want it"),
        ("I wan- want the -og dog", "I wan- want the -og dog", "I want the dog"),
        ("the the dog", "the the dog", "the the dog"),
        ("(uh) (st-) stop", "uh st- stop", "stop"),
        ("hmm", "hmm", ""),
        ("umbrella er ah", "umbrella er ah", "umbrella ah"),
    ],
)
def test_styles(raw, verbatim, fluent):
    assert clean(raw).text == verbatim
    assert clean(raw, "fluent").text == fluent


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("*bird* wor* *ld.", "bird wor ld."),
        ("HELLO> <there", "HELLO there"),
        ("Speaker 2: hi there", "hi there"),
        ("I 'M sure WE DO N'T 'cause he 's", "I'M sure WE DON'T 'cause he's"),
        ("{yeah / yes} no {@ / uh}", "yeah no"),
        ("((best guess)) ok", "best guess ok"),
        ("+word+ +two+.", "word two."),
        ("and/or 1/2", "and/or 1/2"),
        ("%uh yes", "uh yes"),
    ],
)
def test_words_in_marks(raw, text):
    assert clean(raw) == Cleaned(text)


@pytest.mark.parametrize("raw", ["xxx", "xxx.", "XXX", "yyy", "www .", "xxx@s:spa", "gagu@u"])
def test_speech_that_minchat_does_not_write(raw):
    found = clean(raw)
    assert (found.text, len(found.unclear)) == ("", 1)
    assert clean(f"the {raw.split()[0]} dog").unclear


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("0.", ""),
        ("0 .", ""),
        ("&=laughs", ""),
        ("&=laughs .", ""),
        ("want &=laughs doggy@c .", "want doggy."),
        ("hola@s:spa amigo@s, ok", "hola amigo, ok"),
        ("&-um I &+wa &~gaga want", "um I wa- gaga- want"),
        ("I want +...", "I want"),
        ("I want+//.", "I want"),
        ("+< and then +/.", "and then"),
        ('he said +"/.', "he said"),
        ("he goed [: went] home [* m:=ed] .", "he goed home."),
        ("gimme [:give me] five.", "gimme five."),
        ("gimme [::give me] five.", "gimme five."),
        ("I [/] I want (.) this [=! shouts] ?", "I I want this?"),
        ("choo@o choo@o !", "choo choo!"),
        ("<a b> [/] a b", "a b a b"),
        ("I <want to> [//] need to go .", "I want to need to go."),
        ("<a <b c> [/] b c> [//] d .", "a b c b c d."),
        ("<I want> [<] that", "I want that"),
        ("<this is> [e] me .", "this is me."),
        ("<he goed> [: he went] [*] home", "he goed home"),
        ("<BREATH> [/] a", "a"),
        ("he goed [*] .", "he goed."),
        ("I [/] I goed [*] home [?]", "I I goed home"),
        ("(be)cause (th)em (a)bout s(up)pose", "cause em bout spose"),
        ("(BR)OTHER", "OTHER"),
        ("I wan(t) it .", "I wan it."),
        ("I [/] I wan(t) it", "I I wan it"),
        ("want that . \x151200_3400\x15", "want that."),
        ('want that \x15%snd:"tape.aif"_1200_3400\x15', "want that"),
        ('want that \u2022%snd:"tape.aif"_1200_3400\u2022', "want that"),
        ("want that \u20221200_3400\u2022", "want that"),
        ('%snd:"tape.aif"_1200_3400 want that', "want that"),
        ("hello \x15 there", "hello there"),
    ],
)
def test_marks_of_minchat_in_other_files(raw, text):
    assert clean(raw) == Cleaned(text)


@pytest.mark.parametrize(
    "text",
    [
        "mail anna@example.org",
        "R&B & soul, AT&T",
        "it is 0. then 10.",
        "0",
        "a.b@c.d",
        "\u00c7a va ?",
        "1 + 1",
        "www.example.org",
        "xxxl",
    ],
)
def test_plain_text_that_minchat_does_not_touch(text):
    assert clean(text).text == text or clean(text).unknown
    assert not clean(text).unclear


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("hello (points at the dog)", "(points at the dog)"),
        ("hello (the dog barks) there", "(the dog barks)"),
        ("he (was) there", "(was)"),
        ("two book(s) here", "(s)"),
        ("f(x) is", "(x)"),
        ("<he said> he said", "<he said>"),
        ("this [e] is", "[e]"),
        ("the [x 3] dog", "[x 3]"),
    ],
)
def test_marks_that_may_mean_something_else_are_reported(text, mark):
    assert clean(text).unknown == (mark,)


@pytest.mark.parametrize("text", ["he [*] there", "he said [?]", "[*] home ."])
def test_marks_of_minchat_alone_stand_for_what_was_not_understood(text):
    assert clean(text).unclear


def test_tags_of_sclite():
    assert clean("<contraction e_form=\"[do=>do][not=>n't]\">don't go") == Cleaned("don't go")
    assert clean("{ yes / yeah / @ } (%hesitation) I wan-") == Cleaned("yes I wan-")
    assert clean("the <ECHO> dog") == Cleaned("the dog")


@pytest.mark.parametrize(
    ("text", "own", "cleaned"),
    [
        ("a <bang> b", {"<bang>": "noise"}, Cleaned("a b")),
        ("a <BANG> b", {"<bang>": "unclear"}, Cleaned("a b", unclear=("<BANG>",))),
        ("a <big bang> b", {"<big bang>": "noise"}, Cleaned("a b")),
        ("a <big bang> b", {"<>": "noise"}, Cleaned("a b")),
        ("<a b> [/] a b", {"<>": "noise"}, Cleaned("a b a b")),  # a group is no mark
        ("a [big bang] b", {"[big bang]": "noise"}, Cleaned("a b")),
        ("a (big bang) b", {"()": "noise"}, Cleaned("a b")),
        ("(be)cause (.) b", {"()": "word"}, Cleaned("cause b")),
        ("a (door) b", {"(door)": "word"}, Cleaned("a door b")),
        ("a {bang it} b", {"{}": "word"}, Cleaned("a bang it b")),
        ("a %bang b", {"%bang": "noise"}, Cleaned("a b")),
        ("this [e] is", {"[e]": "noise"}, Cleaned("this is")),
        ("this [e] is", {"[e]": "unclear"}, Cleaned("this is", unclear=("[e]",))),
        ("yyy.", {"yyy": "noise"}, Cleaned("")),
        ("a zz, b", {"zz": "noise"}, Cleaned("a b")),
    ],
)
def test_own_marks_in_chat(text, own, cleaned):
    assert clean(text, convention="chat", own=own) == cleaned


def test_own_mark_before_punctuation():
    assert clean("a zz, b zz.", own={"zz": "noise"}) == Cleaned("a b")
    assert clean("the xxx.", own={"xxx": "noise"}) == Cleaned("the")


def test_own_marks_come_before_those_of_minchat():
    assert clean("the xxx dog", own={"xxx": "noise"}) == Cleaned("the dog")
    assert clean("a [: b] c", own={"[: b]": "unclear"}).unclear
    assert clean("*laughs* c", own={"*laughs*": "word"}).text == "laughs c"


@pytest.mark.parametrize("convention", ["plain", "chat", "ogi"])
@pytest.mark.parametrize("text", [".", "...", "\u2026", ". . .", "\u266a", "-", "!", "\u266a \u266b", "__"])
def test_text_of_punctuation_only(text, convention):
    found = clean(text, convention=convention)
    assert (found.text, found.unclear) == ("", ())


@pytest.mark.parametrize("text", ["?", "???", "? ?"])
def test_question_marks_stand_for_what_was_not_understood(text):
    assert clean(text) == Cleaned("", unclear=(text,))


@pytest.mark.parametrize("text", ["*laughs*", "*Laughter*.", "*coughs loudly*", "*clears throat*"])
def test_starred_events(text):
    assert clean(text) == Cleaned("")
    assert clean(f"the {text} dog") == Cleaned("the dog")


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"<bang>": "noise"}, Cleaned("a [Jello] b", unknown=())),
        ({"<BANG>": "unclear"}, Cleaned("a [Jello] b", unclear=("bang",))),
    ],
)
def test_own_marks(own, expected):
    found = clean("a <bang> b", own=own)
    assert (found.text, found.unclear, found.unknown) == ("a b", expected.unclear, expected.unknown)


def test_own_brackets():
    assert clean("Captain [Jello Smith] here", own={"[]": "word"}) == Cleaned("Captain Jello Smith here")
    assert clean("[noise] Captain [Jello]", own={"[]": "word"}).text == "Captain Jello"
    assert clean("+word+", own={"++": "noise"}).text == ""
    assert clean("<BREATH> a", own={"<breath>": "word"}).text == "BREATH a"
    assert clean("so ~ what", own={"~": "noise"}) == Cleaned("so what")


def test_ogi():
    assert clean("<bn> a [b] (um hm) c", convention="ogi") == Cleaned("a b c")


@pytest.mark.parametrize(
    ("raw", "language", "text"),
    [
        ("hel\u00adlo the\u200bre", "en", "hello there"),
        ("\ufeffhello \u200eyou\u200f", "en", "hello you"),
        ("\u202bhello\u202c \u2060 you", "en", "hello you"),
        ("\u200f\u05e9\u05dc\u05d5\u05dd", "he", "\u05e9\u05dc\u05d5\u05dd"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "fa", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("\u0915\u094d\u200d\u0937", "hi", "\u0915\u094d\u200d\u0937"),
        ("\u0e40\u0e14\u0e47\u0e01\u200b\u0e14\u0e35", "th", "\u0e40\u0e14\u0e47\u0e01\u200b\u0e14\u0e35"),
        ("\u200b\u00ad", "en", ""),
    ],
)
def test_invisible_characters_are_removed_where_they_spell_nothing(raw, language, text):
    for convention in ("plain", "chat", "ogi"):
        assert cleaning.clean_all([(raw, convention)], "verbatim", "keep", {}, language) == [Cleaned(text)]


@pytest.mark.parametrize(
    ("letter_case", "texts", "expected"),
    [
        ("auto", ["WE CALL", "IT bear"], ["WE CALL", "IT bear"]),
        ("auto", ["WE CALL IT", "BEAR OR McKAY"], ["we call it", "bear or mckay"]),
        ("auto", ["Anna 123"], ["Anna 123"]),
        ("auto", ["123"], ["123"]),
        ("auto", ["<BREATH> <NOISE> hello"], ["hello"]),  # the marks are no letters of the transcript
        ("keep", ["WE CALL"], ["WE CALL"]),
        ("lower", ["We Call"], ["we call"]),
    ],
)
def test_letter_case(letter_case, texts, expected):
    rows = [(text, "plain") for text in texts]
    assert [row.text for row in cleaning.clean_all(rows, "verbatim", letter_case, {})] == expected


def test_letter_case_is_the_language_s():
    rows = [("IRMAK \u0130NDI", "plain")]
    for language, expected in (("tr", "\u0131rmak ind\u0131"), ("en", "irmak i\u0307ndi")):
        assert [row.text for row in cleaning.clean_all(rows, "verbatim", "auto", {}, language)] == [expected]


# --- CHAT


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("&-um (be)cause <I want> [/] I want the goed [: went] +...", "um cause I want I want the goed"),
        ("hello [=! laughs] , you [* m] ?", "hello, you?"),
        ("no:o a_lot B_B_C choo+choo .", "noo a lot B B C choo choo."),
        ("choo@o [x 3] !", "choo choo choo!"),
        ("<a b> [x 2] c .", "a b a b c."),
        ("&=laughs . [+ nc]", ""),
        ("0 .", ""),
        ("0does he [//] she go (.) there (1.5) ?", "he she go there?"),
        ("&~fr &+st stop .", "fr- st- stop."),
        ("&*INV:mhm yes \u201e ok \u2021 .", "yes ok."),
        ('+" hello +"/.', "hello"),
        ("a@l b@l word@s:spa wug@c dog@n$n .", "a b word wug dog."),
        ("\u02c8hel\u2191lo \u23082 there \u23092 .", "hello there."),
        ("you <oops .", "you oops."),
        ("(es)cucha , mira !", "cucha, mira!"),
        ("it's wake-up time [>] . \x15100_200\x15", "it's wake-up time."),
    ],
)
def test_chat(raw, text):
    assert clean(raw, convention="chat") == Cleaned(text)


@pytest.mark.parametrize("mark", ["xxx", "yyy", "www", "xx", "wu\u0259@u"])
def test_chat_unclear(mark):
    assert clean(f"I {mark} .", convention="chat").unclear == (mark,)


@pytest.mark.parametrize(("raw", "mark"), [("a [weird] b", "[weird]"), ("a % b", "%"), ("a [open", "[open")])
def test_chat_unknown(raw, mark):
    assert clean(raw, convention="chat").unknown == (mark,)


def test_chat_own_marks():
    assert clean("this is [e] me .", convention="chat") == Cleaned("this is me.")  # excluded from analyses, and said
    assert clean("a [zork] b .", convention="chat").unknown == ("[zork]",)
    assert clean("a [zork] b .", convention="chat", own={"[zork]": "noise"}) == Cleaned("a b.")
    assert clean("a [Zork me] b .", convention="chat", own={"[]": "word"}) == Cleaned("a Zork me b.")
    assert clean("a [/] b .", convention="chat", own={"[]": "word"}) == Cleaned("a b.")
    assert clean("a $x b .", convention="chat", own={"$x": "unclear"}).unclear == ("$x",)


def test_chat_fluent():
    assert clean("&-um um <the do> [//] &+ca the cat .", "fluent", "chat").text == "the do the cat."


# --- rubbish

CONVENTIONS = ("plain", "ogi", "chat")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(), st.sampled_from(CONVENTIONS), st.sampled_from(("verbatim", "fluent")))
def test_any_text(text, convention, style):
    found = clean(text, style, convention)
    assert found.text == " ".join(found.text.split())


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.sampled_from("<>[](){}+*@%/&-ab' .x0:\x15_"), max_size=40), st.sampled_from(CONVENTIONS))
def test_any_marks(text, convention):
    clean(text, "verbatim", convention)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.characters(exclude_characters="<>[](){}+*@%/&'\x15\u2018\u2019\u201b\u2032")))
def test_only_marks_are_touched(text):
    normal = cleaning.normal_form(text)
    is_empty = plain_markup.SPEAKER.match(normal) or not any(map(str.isalnum, normal))
    assert clean(text).text == ("" if is_empty else normal)


@pytest.mark.slow
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("part", ["<", "(", "[(", "<a ", "a>", "+", "*", "/a", "{", "&", "<" + 99 * "a", "((a", "a@"])
def test_hostile_text_takes_no_time(part, convention):
    before = time.process_time()
    clean(part * (100_000 // len(part)), "verbatim", convention)
    assert time.process_time() - before < 4  # 0.5 s; 6 s or minutes if a pattern is quadratic


def test_every_kind_can_be_named_by_the_user():
    assert {kind.value for kind in Kind} - {"unknown"} == {"word", "filler", "partial", "noise", "unclear"}
