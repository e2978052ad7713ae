"""The command line's contract: output, exit status, and a sentence for every bad input."""

from __future__ import annotations

import base64
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from amounts import slow
from command_line import in_this_process
from fakes import HARBOUR, LANTERNS, OTHER_QUESTION, QUESTION, FakeEmbedder, write_corpus
from linernotes.answering.confidence import judgement
from linernotes.models import NOTES
from linernotes.settings import Settings
from linernotes.shell import cli

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typer.testing import Result

    from linernotes.answering.confidence import Judge

ROOT = Path(__file__).parents[1]
ROW = [
    "question",
    "answered",
    "text",
    "confidence",
    "sentences",
    "passages",
    "reason",
    "nearest",
    "edition",
    "milliseconds",
    "lead",
    "certainty",
    "bold",
]


class Bot:
    """Runs commands in this process, in a folder of its own with the harbour as its corpus."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fake = FakeEmbedder()
        self.corpus = write_corpus(folder / "corpus")

    def __call__(self, *args: str, stdin: str | bytes = "", **env: str | None) -> Result:
        return in_this_process(*args, stdin=stdin, **env)

    def rows(self, *args: str, stdin: str | bytes = "") -> list[dict[str, Any]]:
        result = self(*args, stdin=stdin)
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bot:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    # It would read more closely what tests of the command line never look at.
    monkeypatch.setenv("READER", "off")
    monkeypatch.chdir(tmp_path)
    made = Bot(tmp_path)
    monkeypatch.setattr("linernotes.retrieval.embedding.open_embedder", lambda _model: made.fake)
    return made


def run(*args: str, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the bot as an operator does."""
    env = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    return subprocess.run(  # noqa: S603  our own words
        [sys.executable, str(ROOT / "bot.py"), *args],
        cwd=folder,
        env=env | options.pop("env", {}),
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=300,
        **options,
    )


def lines(*rows: Any) -> str:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)


# --- ask --------------------------------------------------------------------------------------------------


def test_an_answer_line(bot: Bot) -> None:
    (row,) = bot.rows("ask", QUESTION, "--json")
    assert list(row) == ROW
    assert row["question"] == QUESTION
    assert row["answered"] is True
    assert "Ada Stone" in row["text"]
    assert row["reason"] is row["nearest"] is None
    lead = row["lead"]
    assert list(lead) == ["document", "start", "end", "text"]
    assert row["text"].startswith(lead["text"])
    assert len(lead["text"]) == lead["end"] - lead["start"]
    assert row["certainty"] == "stated"
    assert 0 <= row["confidence"] <= 1
    assert isinstance(row["milliseconds"], float)
    text = row["passages"][0]["text"]
    passage = row["passages"][0]
    assert list(passage) == ["document", "number", "start", "end", "text", "score"]
    assert (passage["document"], passage["number"]) == ("harbour.md", 1)
    for sentence in row["sentences"]:
        assert list(sentence) == ["document", "start", "end", "text"]
        assert sentence["document"] == "harbour.md"
        start = passage["start"]
        if sentence["end"] <= passage["end"]:
            assert text[sentence["start"] - start : sentence["end"] - start] == sentence["text"]


def test_a_line_without_an_answer(bot: Bot) -> None:
    rows = bot.rows(
        "ask",
        "--batch",
        "-",
        stdin=lines({"question": "zxqv blorp?"}, {"question": ""}, {"question": "a" * 10_000}),
    )
    for row, reason in zip(rows, ("silent", "empty", "too-long"), strict=True):
        assert list(row) == ROW
        assert row["answered"] is False
        assert (row["text"], row["sentences"], row["passages"]) == ("", [], [])
        assert row["reason"] == reason
        assert row["edition"] == rows[0]["edition"]
    assert (rows[0]["lead"], rows[0]["certainty"], rows[0]["bold"]) == (None, None, [])
    assert list(rows[0]["nearest"]) == ["document", "number", "start", "end", "text", "score"]
    assert rows[1]["nearest"] is rows[2]["nearest"] is None


def test_a_batch_is_answered_in_order_with_its_ids(bot: Bot) -> None:
    ids: list[Any] = ["x", 7, 1.5, True, None]
    batch = lines(
        *({"id": key, "question": f"{QUESTION} {number}", "kind": "off"} for number, key in enumerate(ids)),
        "  ",
        {"question": "Where?", "history": [QUESTION]},
    )
    rows = bot.rows("ask", "--batch", "-", stdin=b"\xef\xbb\xbf" + batch.replace("\n", "\r\n").encode())
    assert [row["id"] for row in rows[:-1]] == ids
    assert [row["question"] for row in rows] == [f"{QUESTION} {number}" for number in range(5)] + ["Where?"]
    assert list(rows[0]) == ["id", *ROW]
    assert "id" not in rows[-1]
    (bot.folder / "batch.jsonl").write_text(batch, encoding="utf-8")
    from_file = bot.rows("ask", "--batch", "batch.jsonl", "--json")
    for one, other in zip(rows, from_file, strict=True):
        assert one | {"milliseconds": 0} == other | {"milliseconds": 0}


def test_milliseconds_leave_out_the_history(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object) -> tuple[()]:
        time.sleep(1.5)
        return ()

    monkeypatch.setattr("linernotes.engine.Engine.recall", slow)
    (row,) = bot.rows("ask", "--batch", "-", stdin=lines({"question": QUESTION, "history": ["What?"]}))
    assert row["milliseconds"] < 1_400


@pytest.mark.parametrize(
    ("batch", "sentence"),
    [
        ('{"question": "fine"}\n{"id": 1}', '-, line 2: has no "question" that is a string.'),
        ('{"question": "fine"}\n\nWho?', "-, line 3: is not JSON (Expecting value, column 1)."),
        ('{"question": "fine", "history": "x"}', '-, line 1: the "history" is not a list of strings.'),
        ('{"question": "fine", "id": []}', '-, line 1: the "id" is not a string'),
        ("[1]", "-, line 1: is not a JSON object."),
        (b'{"question": "\xff"}', "-, line 1: byte 15 of the line is not UTF-8."),
    ],
)
def test_a_bad_batch_is_refused_before_the_first_answer(bot: Bot, batch: str | bytes, sentence: str) -> None:
    result = bot("ask", "--batch", "-", stdin=batch)
    assert result.exit_code == 65
    assert result.stdout == ""
    assert sentence in result.stderr
    assert bot.fake.calls == []


@pytest.mark.parametrize(("name", "reason"), [("nowhere.jsonl", "does not exist."), (".", "is a folder.")])
def test_a_batch_file_that_is_none(bot: Bot, name: str, reason: str) -> None:
    result = bot("ask", "--batch", name)
    assert (result.exit_code, result.stdout, result.stderr) == (65, "", f"{name}: {reason}\n")


def test_an_empty_batch_has_no_answers(bot: Bot) -> None:
    assert bot.rows("ask", "--batch", "-", stdin="\n \n") == []


def test_an_answer_for_a_person(bot: Bot) -> None:
    result = bot("ask", QUESTION)
    assert result.exit_code == 0
    assert "Ada Stone" in result.stdout
    assert "The Harbour, passage 1" in result.stdout
    assert "\x1b" not in result.stdout
    silent = bot("ask", "zxqv blorp?")
    assert silent.exit_code == 0
    assert silent.stdout.startswith("The article does not say.")


def test_an_explanation(bot: Bot) -> None:
    shown = bot("ask", QUESTION, "--explain").stdout
    assert f"Understood as: {QUESTION}" in shown
    assert "The Harbour, passage 1: score " in shown
    (row,) = bot.rows("ask", QUESTION, "--explain", "--json")
    assert list(row) == [*ROW, "explanation"]
    assert row["explanation"]["standalone"] == QUESTION
    assert all(isinstance(value, float) for value in row["explanation"]["signals"][0].values())


def test_half_characters_come_back_as_they_came(bot: Bot) -> None:
    (row,) = bot.rows("ask", "--batch", "-", stdin='{"id": "\\ud83d", "question": "\\udcff Ada Stone?"}')
    assert row["id"] == "\ud83d"
    assert row["question"] == "\udcff Ada Stone?"


# --- Whose corpus -----------------------------------------------------------------------------------------


def test_a_corpus_of_ones_own_touches_nothing(bot: Bot) -> None:
    bot.rows("ask", QUESTION, "--json")
    before = {path: path.stat().st_mtime_ns for path in (bot.folder / "data").rglob("*")}
    other = write_corpus(bot.folder / "other", lanterns=LANTERNS)
    args = ("ask", "Who painted the lanterns green?", "--json", "--corpus", str(other))
    result = bot(
        *args,
        DISCORD_TOKEN="x",  # noqa: S106  no real one
        CORPUS_DIR="/nowhere",
        DATA_DIR="/proc/nothing",
    )
    assert result.exit_code == 0, result.output
    assert "Otto Blum" in json.loads(result.stdout)["text"]
    assert result.stderr == ""
    assert {path: path.stat().st_mtime_ns for path in (bot.folder / "data").rglob("*")} == before


def test_the_shared_corpus_is_embedded_once(bot: Bot) -> None:
    bot.rows("ask", "", "--json")
    assert len(bot.fake.texts) > 0
    bot.fake.calls.clear()
    bot.rows("ask", "", "--json")
    assert bot.fake.texts == []


def test_commands_answer_beside_a_bot_and_a_second_bot_does_not_start(bot: Bot) -> None:
    holder = (
        "import sys; from pathlib import Path; from linernotes.library.locks import lock\n"
        "with lock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(  # noqa: S603  our own words
        [sys.executable, "-c", holder, str(bot.folder / "data")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert bot.rows("ask", QUESTION, "--json")[0]["answered"] is True
        assert bot.rows("quotes", "--about", "sea", "--json")[0][0]["speaker"] == "Ada Stone"
        doctor = bot("doctor")
        assert doctor.exit_code == 0
        assert f"in use by process {other.pid}" in doctor.stdout
        result = bot(stdin=QUESTION)
        assert result.exit_code == 78
        assert result.stdout == ""
        assert f"in use by process {other.pid}" in result.stderr
        other.communicate()


def test_a_data_folder_that_cannot_be_written_is_a_warning(bot: Bot) -> None:
    (bot.folder / "file").write_text("in the way")
    result = bot("ask", QUESTION, "--json", DATA_DIR="file/data")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["answered"] is True
    assert "WARNING: " in result.stderr


# --- quotes -----------------------------------------------------------------------------------------------


def test_quotations_as_json(bot: Bot) -> None:
    write_corpus(
        bot.corpus, other=LANTERNS + "\nBlum laughed: “Green is the colour of the bottom of the sea.”\n"
    )
    (found,) = bot.rows("quotes", "--json")
    assert [list(quote) for quote in found] == [["text", "speaker", "source", "document", "spans"]] * 2
    first = found[0]
    assert first["text"] == "Nobody believed that the wall would hold the sea."
    assert (first["speaker"], first["document"]) == ("Ada Stone", "harbour.md")
    ((start, end),) = first["spans"]
    assert end - start == len(first["text"])
    assert bot.fake.calls == []
    assert bot.rows("quotes", "--speaker", "ada", "--json") == [[first]]
    assert bot.rows("quotes", "--speaker", "nobody", "--json") == [[]]
    (about,) = bot.rows("quotes", "--about", "the colour green", "--json")
    assert about == [found[1], first]
    assert bot.rows("quotes", "--about", "green", "--speaker", "ada stone", "--json") == [[first]]


def test_quotations_for_a_person(bot: Bot) -> None:
    shown = bot("quotes").stdout
    assert "“Nobody believed that the wall would hold the sea.”" in shown
    assert "— Ada Stone" in shown
    assert bot("quotes", "--speaker", "nobody").stdout == "There is no such quotation.\n"
    write_corpus(bot.folder / "plain", lanterns=LANTERNS)
    assert bot("quotes", "--corpus", "plain").stdout == "The corpus holds no quotation.\n"


# --- check ------------------------------------------------------------------------------------------------


def test_a_good_corpus(bot: Bot) -> None:
    (report,) = bot.rows("check", "--json")
    assert report["ok"] is True
    assert report["problems"] == []
    (document,) = report["documents"]
    assert document["document"] == "harbour.md"
    assert document["title"] == "The Harbour"
    assert document["quotes"] == 1
    result = bot("check")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "harbour.md: The Harbour; " in result.stdout
    assert "Nothing is wrong." in result.stdout


def test_warnings_alone_are_no_failure(bot: Bot) -> None:
    write_corpus(bot.corpus, twice=HARBOUR)
    result = bot("check")
    assert result.exit_code == 0
    assert "warning: twice.md: has the same text as harbour.md and is left out." in result.stdout
    (report,) = bot.rows("check", "--json")
    assert report["ok"] is True
    assert [problem["severity"] for problem in report["problems"]] == ["warning"]


def test_errors_are_named_with_file_and_line(bot: Bot) -> None:
    write_corpus(bot.corpus, front="---\ntitle: {a: b}\n---\n\nText.\n")
    (bot.corpus / "latin.txt").write_bytes(b"fine\ncaf\xe9 is not")
    result = bot("check")
    assert result.exit_code == 65
    assert "error: front.md, line " in result.stdout
    assert "error: latin.txt, line 2: " in result.stdout
    result = bot("check", "--json")
    assert result.exit_code == 65
    report = json.loads(result.stdout)
    assert report["ok"] is False
    assert {(each["severity"], each["document"]) for each in report["problems"]} == {
        ("error", "front.md"),
        ("error", "latin.txt"),
    }


@pytest.mark.parametrize(
    "args", [("ask", QUESTION), ("quotes",), ("evaluate", "questions.jsonl")], ids=" ".join
)
def test_one_bad_file_does_not_silence_the_rest(bot: Bot, args: tuple[str, ...]) -> None:
    (bot.corpus / "latin.txt").write_bytes(b"fine\ncaf\xe9 is not")
    (bot.folder / "questions.jsonl").write_text('{"kind": "off", "question": "Is cheese made of milk?"}')
    result = bot(*args, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)
    assert "latin.txt, line 2: is not UTF-8" in result.stderr
    assert "It is left out." in result.stderr
    assert bot("check").exit_code == 65


@pytest.mark.parametrize(
    "args",
    [("ask", QUESTION), ("quotes",), ("quotes", "--about", "x"), ("check",), ("evaluate", "questions.jsonl")],
    ids=" ".join,
)
@pytest.mark.parametrize("folder", ["nowhere", "empty", "file"])
def test_a_corpus_that_is_none(bot: Bot, args: tuple[str, ...], folder: str) -> None:
    (bot.folder / "empty").mkdir()
    (bot.folder / "file").write_text("x")
    (bot.folder / "questions.jsonl").write_text('{"kind": "off", "question": "?"}')
    for result in (bot(*args, "--corpus", folder, "--json"), bot(*args, CORPUS_DIR=folder)):
        assert result.exit_code == 65
        assert f"The corpus folder {folder}" in result.output
        assert "Traceback" not in result.output
    assert bot.fake.calls == []


# --- evaluate ---------------------------------------------------------------------------------------------


def test_an_evaluation(bot: Bot) -> None:
    (bot.folder / "questions.jsonl").write_text(
        lines(
            {"kind": "answerable", "question": QUESTION, "gold": ["Ada Stone"]},
            {"kind": "followup", "question": "In 1871?", "gold": ["never said"], "history": [QUESTION]},
            {"kind": "off", "question": "zxqv blorp?"},
        )
    )
    (figures,) = bot.rows("evaluate", "questions.jsonl", "--json")
    assert figures["questions"] == 3
    assert figures["kinds"]["answerable"]["right"] == figures["kinds"]["off"]["right"] == 1
    result = bot("evaluate", "questions.jsonl", "--corpus", "corpus")
    assert result.exit_code == 0
    assert "after refusing" in result.stdout
    assert "off topic refused" in result.stdout
    assert "mean confidence" in result.stdout


def squad_file(bot: Bot) -> str:
    """Write a file in SQuAD's format: two articles, each with a question that has an answer."""

    def article(title: str, text: str, question: str, gold: str) -> dict[str, Any]:
        qas = [
            {
                "id": title,
                "question": question,
                "answers": [{"text": gold, "answer_start": 0}],
                "is_impossible": False,
            }
        ]
        return {"title": title, "paragraphs": [{"context": text, "qas": qas}]}

    data = [
        article("Harbour", "The harbour was built by Ada Stone.", "Who built the harbour?", "Ada Stone"),
        article(
            "Lanterns", "The lanterns were painted by Otto Blum.", "Who painted the lanterns?", "Otto Blum"
        ),
    ]
    (bot.folder / "squad.json").write_text(json.dumps({"version": "v2.0", "data": data}))
    return "squad.json"


def test_each_article_of_squad_is_a_corpus_of_its_own(bot: Bot) -> None:
    result = bot("evaluate", squad_file(bot), "--json", CORPUS_DIR="/nowhere")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["kinds"]["answerable"]["right"] == 2
    assert figures["kinds"]["off"]["asked"] == 2
    assert not (bot.folder / "data").exists()


def two_sets(bot: Bot) -> tuple[str, str]:
    """Write two files of questions with a corpus each; return the arguments for them."""
    write_corpus(bot.folder / "other", lanterns=LANTERNS)
    for name, question, gold in (
        ("harbour", QUESTION, "Ada Stone"),
        ("lanterns", OTHER_QUESTION, "Otto Blum"),
    ):
        (bot.folder / f"{name}.jsonl").write_text(
            lines({"kind": "answerable", "question": question, "gold": [gold]})
        )
    return "harbour.jsonl=corpus", "lanterns.jsonl=other"


def test_several_files_are_asked_of_a_corpus_each(bot: Bot) -> None:
    (figures,) = bot.rows("evaluate", *two_sets(bot), "--json")
    assert figures["questions"] == figures["kinds"]["answerable"]["right"] == 2
    harbour, lanterns = figures["sets"]
    assert (harbour["file"], harbour["corpus"], harbour["questions"]) == ("harbour.jsonl", "corpus", 1)
    assert (lanterns["file"], lanterns["corpus"], lanterns["questions"]) == ("lanterns.jsonl", "other", 1)
    assert not (bot.folder / "data").exists()


def test_a_file_without_a_corpus_is_asked_of_the_one_that_the_option_names(bot: Bot) -> None:
    first, _ = two_sets(bot)
    (figures,) = bot.rows("evaluate", first, "lanterns.jsonl", "--corpus", "other", "--json")
    assert [each["corpus"] for each in figures["sets"]] == ["corpus", "other"]
    assert figures["kinds"]["answerable"]["right"] == 2


def test_several_files_are_columns_of_one_table(bot: Bot) -> None:
    result = bot("evaluate", *two_sets(bot))
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].split()[-3:] == ["harbour", "lanterns", "all"]
    assert result.stdout.count("off topic refused") == 0
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_one_file_with_a_corpus_of_its_own_is_as_the_option_says_it(bot: Bot) -> None:
    first, _ = two_sets(bot)
    (ours,), (same,) = (
        bot.rows("evaluate", first, "--json"),
        bot.rows("evaluate", "harbour.jsonl", "--corpus", "corpus", "--json"),
    )
    assert list(ours) == list(same)
    assert "sets" not in ours
    assert ours["kinds"] == same["kinds"]


def test_a_file_may_have_the_sign_in_its_name(bot: Bot) -> None:
    two_sets(bot)
    (bot.folder / "harbour.jsonl").rename(bot.folder / "harbour=sea.jsonl")
    (figures,) = bot.rows("evaluate", "harbour=sea.jsonl", "--json")
    assert figures["kinds"]["answerable"]["right"] == 1


@pytest.mark.parametrize("second", ["nowhere.jsonl=corpus", "lanterns.jsonl=nowhere"])
def test_all_files_and_corpora_are_read_before_the_first_question(bot: Bot, second: str) -> None:
    first, _ = two_sets(bot)
    result = bot("evaluate", first, second, "--json")
    assert (result.exit_code, result.stdout) == (65, "")
    assert "nowhere" in result.stderr
    assert bot.fake.calls == []


def test_a_refused_answer_counts_before_refusing_and_is_not_in_the_misses(bot: Bot) -> None:
    (bot.folder / "questions.jsonl").write_text(
        lines({"kind": "answerable", "question": "zxqv blorp?", "gold": ["Ada Stone", "the sea"]})
    )
    (figures,) = bot.rows("evaluate", "questions.jsonl", "--json")
    assert figures["kinds"]["answerable"]["wrongly_refused"] == 1
    assert figures["measures"]["right_before_refusing"]["mean"] == 1
    assert figures["measures"]["right"]["mean"] == 0
    assert figures["misses"][0]["text"] == ""


def test_expected_quotations_are_compared_with_what_the_corpus_holds(bot: Bot) -> None:
    said = "Nobody believed that the wall would hold the sea."
    (bot.folder / "expected.jsonl").write_text(
        lines(
            {"file": "harbour.md", "text": said, "speaker": "Ada Stone", "source": "Sailor Weekly"},
            {"file": "harbour.md", "text": "Never said.", "speaker": None, "source": None},
        )
    )
    (figures,) = bot.rows("evaluate", "expected.jsonl=corpus", "--json")
    assert figures["questions"] == 0
    assert figures["measures"]["quotations_found"]["mean"] == 0.5
    assert figures["measures"]["speakers_right"] == {"of": 1, "mean": 1.0, "interval": [1.0, 1.0]}
    assert bot.fake.calls == []


# --- tune -------------------------------------------------------------------------------------------------


def own_questions(bot: Bot) -> str:
    """Write questions on the harbour; return the argument for them."""
    rows = [
        {"kind": "answerable", "question": QUESTION, "gold": ["Ada Stone"]},
        {"kind": "answerable", "question": "How many winters did it take?", "gold": ["eleven winters"]},
        {"kind": "near", "question": "Who built the harbour in 1902?"},
        {"kind": "off", "question": "zxqv blorp?"},
    ]
    (bot.folder / "own.jsonl").write_text(lines(*rows))
    return "own.jsonl=corpus"


def test_one_article_alone_cannot_be_learned_from_and_is_told_so_before_the_model_is_loaded(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linernotes.retrieval.embedding.open_embedder", lambda _model: pytest.fail("loaded"))
    result = bot("tune", own_questions(bot))
    assert (result.exit_code, result.stdout) == (65, "")
    assert "one article only" in result.stderr
    assert "Traceback" not in result.stderr


def test_tuning_prints_what_cross_validation_says_as_a_table(bot: Bot) -> None:
    result = bot("tune", squad_file(bot), own_questions(bot))
    assert result.exit_code == 0, result.output
    heading, asked, *_ = result.stdout.splitlines()
    assert heading.split()[-5:] == ["SQuAD", "own", "second", "short", "all"]
    assert asked.split()[0] == "questions"
    assert "gold answer in the text" in result.stdout
    assert "milliseconds" not in result.stdout


def test_tuning_reports_as_json_what_an_evaluation_does(bot: Bot) -> None:
    (report,) = bot.rows("tune", squad_file(bot), own_questions(bot), "--json")
    sets = {each["set"]: each["questions"] for each in report["sets"]}
    assert list(sets) == ["SQuAD", "own", "second", "short"]
    # What was put in another way was put before.
    assert report["questions"] == sets["SQuAD"] + sets["own"]
    assert report["measures"]["right_before_refusing"]["of"] == 4


def test_articles_asked_in_conversations_are_reported_by_themselves(bot: Bot) -> None:
    row = {"kind": "followup", "question": "And when?", "gold": ["1904"], "history": [QUESTION]}
    (bot.folder / "talk.jsonl").write_text(lines(row, {**row, "question": "and how long did that take?"}))
    (report,) = bot.rows("tune", squad_file(bot), own_questions(bot), "talk.jsonl=corpus", "--json")
    sets = {each["set"]: each["questions"] for each in report["sets"]}
    # And one of another article, which it does not answer.
    assert sets["conversations"] == 3
    assert list(sets)[:3] == ["SQuAD", "own", "conversations"]


def notes_on_the_harbour(bot: Bot) -> str:
    """Write notes and questions put to them, and the article; return the option's value."""
    (bot.folder / "notes").mkdir()
    write_corpus(bot.folder / "texts" / "harbour")
    rows = [
        {
            "question": "Who paints the wall?",
            "answer": "The wall is painted by Otto.",
            "asked": ["Who paints?"],
        },
        {
            "question": "What does it cost?",
            "answer": "It costs a crown.",
            "near": ["What did it cost in 1902?"],
        },
    ]
    (bot.folder / "notes" / "harbour.jsonl").write_text(lines(*rows))
    return "notes=texts"


def test_tuning_learns_from_notes_what_is_said_of_them(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[str] = []

    def fit_notes(_engine: object, given: Sequence[Any], _strangers: object, _gain: float) -> Judge:
        for edition, asked in given:
            assert [each.name for each in edition.documents] == ["harbour.md", NOTES]
            noted.extend(f"{each.question} {each.answer}" for each in asked)
        return judgement().notes

    monkeypatch.setattr("linernotes.measuring.tuning.fit_notes", fit_notes)
    result = bot("tune", squad_file(bot), own_questions(bot), "--notes", notes_on_the_harbour(bot))
    assert result.exit_code == 0, result.output
    assert noted == [
        "Who paints the wall? The wall is painted by Otto.",
        "Who paints? The wall is painted by Otto.",
        "What does it cost? It costs a crown.",
        "What did it cost in 1902? None",
    ]


def test_what_is_no_note_is_named_by_its_line(bot: Bot) -> None:
    given = notes_on_the_harbour(bot)
    (bot.folder / "notes" / "harbour.jsonl").write_text(
        lines({"question": "Who paints it?", "answer": "Who?"})
    )
    result = bot("tune", squad_file(bot), own_questions(bot), "--notes", given)
    assert (result.exit_code, result.stdout) == (65, "")
    assert result.stderr.startswith("notes/harbour.jsonl, line 1: ")


@pytest.mark.parametrize("given", ["notes", "nowhere=texts"])
def test_notes_to_learn_from_that_are_not_there_are_named(bot: Bot, given: str) -> None:
    result = bot("tune", squad_file(bot), own_questions(bot), "--notes", given)
    assert (result.exit_code, result.stdout) == (65, "")
    assert result.stderr.startswith(given.partition("=")[0])


@pytest.mark.parametrize(
    "content", ["", "{}", '{"data": [1]}', "nonsense", '{"kind": "answerable", "question": "?"}']
)
def test_a_question_file_that_is_none(bot: Bot, content: str) -> None:
    (bot.folder / "questions").write_text(content)
    for file in ("questions", "nowhere"):
        result = bot("evaluate", file, "--json")
        assert result.exit_code == 65
        assert result.stdout == ""
        assert result.stderr.startswith(file)


# --- Settings and usage -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [
        ("ask",),
        ("ask", "a", "b"),
        ("ask", "a", "--batch", "b"),
        ("ask", "--colour"),
        ("evaluate",),
        ("sing",),
        ("--sing",),
        ("ask", "a", "--corpus"),
    ],
    ids=" ".join,
)
def test_wrong_usage(bot: Bot, args: tuple[str, ...]) -> None:
    result = bot(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1, "one sentence, and no box of the library's"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("ask",), "Give a QUESTION or a --batch FILE"),
        (("ask", "--colour"), "bot.py ask has no option --colour"),
        (("evaluate",), "bot.py evaluate needs FILE"),
        (("evalute",), "There is no command evalute; evaluate may be meant."),
        (("ask", "a", "b"), "takes nothing more: “b”"),
        (("ask", "a", "--corpus"), "The option --corpus needs a value after it."),
        (("preview", "--port", "x"), "The value of --port cannot be used"),
    ],
    ids=str,
)
def test_wrong_usage_is_said_in_our_words(bot: Bot, args: tuple[str, ...], said: str) -> None:
    assert said in bot(*args).stderr


def test_without_a_corpus_it_says_what_to_do(bot: Bot) -> None:
    """Who installed the package alone has no folder of articles yet."""
    result = bot("ask", QUESTION, CORPUS_DIR="nowhere")
    assert result.exit_code == 65
    assert "The corpus folder nowhere does not exist. Make it and put an article into it" in result.stderr


def test_the_version_is_printed(bot: Bot) -> None:
    result = bot("--version")
    assert result.exit_code == 0
    assert re.fullmatch(r"linernotes \d+\.\d+\.\d+\n", result.stdout)


# --- invite -----------------------------------------------------------------------------------------------

TOKEN = f"{base64.b64encode(b'81384788765712384').decode().rstrip('=')}.GYZabc.{'x' * 38}"
LINK = (
    "https://discord.com/oauth2/authorize?client_id=81384788765712384"
    "&scope=bot+applications.commands&permissions=274877991936"
)


def test_the_invitation_is_made_of_the_token_and_shows_nothing_else_of_it(bot: Bot) -> None:
    result = bot("invite", DISCORD_TOKEN=TOKEN)
    assert (result.exit_code, result.stdout) == (0, f"{LINK}\n")


@pytest.mark.parametrize("token", ["", "81384788765712384", "a.b.c", "bm90IGEgbnVtYmVy.GYZabc.xxxxxxxx"])
def test_without_a_good_token_there_is_a_sentence_in_place_of_a_link(bot: Bot, token: str) -> None:
    result = bot("invite", DISCORD_TOKEN=token)
    assert (result.exit_code, result.stdout) == (78, "")
    assert "DISCORD_TOKEN" in result.stderr
    assert not token or token not in result.stderr


def test_the_invitation_asks_for_what_the_bot_needs_and_no_more() -> None:
    import discord

    from linernotes.invitation import PERMISSIONS

    wanted = discord.Permissions(
        view_channel=True,
        send_messages=True,
        send_messages_in_threads=True,
        embed_links=True,
        read_message_history=True,
    )
    assert wanted.value == PERMISSIONS


@pytest.mark.parametrize("args", [(), ("ask", "?"), ("quotes",), ("check",), ("doctor",)], ids=" ".join)
def test_all_wrong_settings_are_named_at_once(bot: Bot, args: tuple[str, ...]) -> None:
    result = bot(*args, LOG_LEVEL="loud", HEALTH_PORT="x", PRIVACY_URL="http://x")
    assert result.exit_code == 78
    for name in ("LOG_LEVEL is 'loud':", "HEALTH_PORT is 'x':", "PRIVACY_URL is 'http://x':"):
        assert name in result.output
    assert "Traceback" not in result.output


def test_the_environment_wins_over_the_file(bot: Bot) -> None:
    write_corpus(bot.folder / "other", lanterns=LANTERNS)
    (bot.folder / ".env").write_text("\ufeffCORPUS_DIR=other\nLOG_LEVEL=${LOUD}\nALONE\n", encoding="utf-8")
    result = bot("check", "--json", LOG_LEVEL="info")
    assert json.loads(result.stdout)["documents"][0]["document"] == "lanterns.md"
    result = bot("check", "--json", LOG_LEVEL="", CORPUS_DIR="corpus")
    assert json.loads(result.stdout)["documents"][0]["document"] == "harbour.md"
    result = bot("check")
    assert (result.exit_code, result.stdout) == (78, "")
    assert "LOG_LEVEL is '${LOUD}'" in result.stderr


def test_what_is_wrong_in_the_env_file_is_json_where_that_file_asks_for_it(bot: Bot) -> None:
    (bot.folder / ".env").write_text("LOG_FORMAT=json\nMAX_FILE_BYTES=many\nHEALTH_PORT=0.5\n")
    result = bot(DISCORD_TOKEN=TOKEN)
    assert (result.exit_code, result.stdout) == (78, "")
    told = [json.loads(line) for line in result.stderr.splitlines()]
    assert all({"event", "level", "timestamp"} <= set(each) for each in told)
    assert "MAX_FILE_BYTES" in told[-1]["event"]
    assert "HEALTH_PORT" in told[-1]["event"]


def test_an_env_file_that_cannot_be_read(bot: Bot) -> None:
    (bot.folder / ".env").write_bytes(b"CORPUS_DIR=caf\xe9")
    result = bot("check")
    assert (result.exit_code, result.stdout) == (78, "")
    assert result.stderr.startswith("The file .env cannot be read")


def test_logs_go_to_standard_error(bot: Bot) -> None:
    result = bot("ask", QUESTION, "--json", LOG_LEVEL="info")
    json.loads(result.stdout)
    assert "INFO: Edition " in result.stderr
    assert "Building index" not in result.stderr
    assert bot("ask", QUESTION, "--json").stderr == ""


# --- doctor -----------------------------------------------------------------------------------------------


def test_a_healthy_installation(bot: Bot) -> None:
    result = bot("doctor", READER="on")
    assert result.exit_code == 0
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["ok", "python"],
        ["ok", "settings"],
        ["note", "token"],
        ["ok", "corpus"],
        ["ok", "data"],
        ["ok", "database"],
        ["ok", "model"],
        ["ok", "reader"],
    ]


def test_a_reader_that_is_left_out_is_no_fault(bot: Bot) -> None:
    result = bot("doctor", READER="off")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].split()[:2] == ["note", "reader"]


def test_what_is_wrong_with_an_installation(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    (bot.folder / "file").write_text("in the way")
    monkeypatch.undo()
    monkeypatch.chdir(bot.folder)
    result = bot("doctor", CORPUS_DIR="nowhere", DATA_DIR="file/data", EMBEDDING_MODEL=str(bot.corpus))
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ok", "ok", "note", "wrong", "note", "ok", "wrong", "ok"]
    assert "does not exist" in lines[3]
    assert "nothing is kept between starts" in lines[4]
    assert "There is none yet" in lines[5]
    assert "no weights" in lines[6]
    assert result.exit_code == 65


def test_a_token_in_good_shape_comes_with_the_invitation_and_a_bad_one_with_what_to_do(bot: Bot) -> None:
    good = bot("doctor", DISCORD_TOKEN=TOKEN)
    assert good.exit_code == 0
    assert f"ok    token        It is shaped like one; invite the bot with {LINK}" in good.stdout
    bad = bot("doctor", DISCORD_TOKEN="81384788765712384")  # noqa: S106  no real one
    assert bad.exit_code == 78
    assert "wrong token" in bad.stdout
    assert "Reset Token" in bad.stdout


def test_discord_is_asked_only_where_it_is_said(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    from linernotes.chat.frame import identity
    from linernotes.errors import DiscordRefusedError

    asked: list[str] = []

    async def identify(settings: Settings) -> identity.Identity:
        asked.append("asked")
        if settings.message_content:
            return identity.Identity(81384788765712384, "Sleeve", reads_messages=False)
        if len(asked) > 2:
            raise DiscordRefusedError("Discord refuses the token.")
        return identity.Identity(81384788765712384, "Sleeve", reads_messages=False)

    monkeypatch.setattr(identity, "identify", identify)
    bot("doctor", DISCORD_TOKEN=TOKEN)
    assert not asked
    assert "it is that of “Sleeve”" in bot("doctor", "--online", DISCORD_TOKEN=TOKEN).stdout
    lacking = bot("doctor", "--online", DISCORD_TOKEN=TOKEN, MESSAGE_CONTENT="on")
    assert lacking.exit_code == 78
    assert "Message Content intent" in lacking.stdout
    refused = bot("doctor", "--online", DISCORD_TOKEN=TOKEN)
    assert refused.exit_code == 78
    assert "Discord refuses the token." in refused.stdout


# --- set-aside --------------------------------------------------------------------------------------------


def test_a_lost_database_is_set_aside_by_a_named_command_alone(bot: Bot) -> None:
    data = bot.folder / "data"
    (data / "uploads").mkdir(parents=True)
    (data / "uploads" / ("0" * 64)).write_bytes(b"what a moderator has added")
    refused = bot(stdin="")
    assert refused.exit_code == 78
    assert "1 file that moderators have added" in refused.stderr
    assert "`bot.py set-aside`" in refused.stderr
    moved = bot("set-aside", "--json")
    assert moved.exit_code == 0
    [name] = json.loads(moved.stdout)["moved"]
    assert (data / "quarantine" / name).read_bytes() == b"what a moderator has added"
    assert bot(stdin="").exit_code == 0
    again = bot("set-aside")
    assert again.exit_code == 65
    assert "nothing is set aside" in " ".join(again.stderr.split())


# --- Without a command ------------------------------------------------------------------------------------


def test_questions_from_a_pipe_are_answered_line_by_line(bot: Bot) -> None:
    result = bot(
        stdin=b"\xef\xbb\xbf" + f"zxqv blorp?\r\n\n  \n{QUESTION}\n\xff\x1b[31m\nWho?".encode("latin-1")
    )
    assert result.exit_code == 0
    first, second, *rest = result.stdout.splitlines()
    assert first.startswith("The article does not say.")
    assert "Ada Stone" in second
    assert second.endswith("The Harbour, passage 1]")
    assert len(rest) == 2
    assert "\x1b" not in result.stdout
    assert "DISCORD_TOKEN" in result.stderr
    assert result.stderr.count("\n") == 1


def test_nothing_on_the_pipe(bot: Bot) -> None:
    result = bot(stdin="")
    assert (result.exit_code, result.stdout) == (0, "")


def test_a_token_starts_the_discord_bot(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(settings: Settings, _serving: object) -> int:
        assert settings.discord_token is not None
        assert settings.discord_token.get_secret_value() == "secret"
        return 69

    # By its full name: with another module in its place, the real one would run if it was imported before.
    monkeypatch.setattr("linernotes.chat.run", run)
    result = bot(DISCORD_TOKEN="secret")  # noqa: S106  no real one
    assert result.exit_code == 69
    assert "secret" not in result.output


# --- As a process -----------------------------------------------------------------------------------------


def test_help_is_instant(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = run("--help", folder=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert result.returncode == 0
    for command in ("ask", "quotes", "check", "evaluate", "doctor"):
        assert command in result.stdout
    # Its own time, not the clock's: other processes may be at work besides.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.6


def test_wrong_settings_in_a_process(tmp_path: Path) -> None:
    result = run(folder=tmp_path, env={"LOG_LEVEL": "loud", "DISCORD_TOKEN": "secret"})
    assert (result.returncode, result.stdout) == (78, "")
    assert result.stderr == "LOG_LEVEL is 'loud': must be debug, info, warning or error.\n"


def test_a_reader_that_has_had_enough(tmp_path: Path) -> None:
    write_corpus(tmp_path / "corpus", **{f"n{n}": f"# {'Long ' * 200}\n\nIt is {n}.\n" for n in range(200)})
    with subprocess.Popen(  # noqa: S603  our own words
        [sys.executable, str(ROOT / "bot.py"), "check"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"n0.md")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.fixture
def _interrupts_are_heard() -> Iterator[None]:
    """As from a terminal: what a shell runs in the background ignores them, with all that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interrupts_are_heard")
@pytest.mark.parametrize("wait", [0.0, *slow([0.6])])
def test_an_interrupt_leaves_at_once(tmp_path: Path, wait: float) -> None:
    write_corpus(tmp_path / "corpus")
    with subprocess.Popen(  # noqa: S603  our own words
        [sys.executable, str(ROOT / "bot.py")],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"No DISCORD_TOKEN")
        time.sleep(wait)
        started = time.perf_counter()
        process.send_signal(signal.SIGINT)
        # Its input stays open: to come to its end would be another way to leave.
        process.wait(timeout=30)
        assert time.perf_counter() - started < 3
        assert process.stderr.read() == b""
    assert process.returncode == cli.INTERRUPTED


@pytest.mark.usefixtures("_interrupts_are_heard")
@pytest.mark.parametrize("imported", ["linernotes.shell.cli", "typer", "linernotes.shell.terminal", "numpy"])
def test_an_interrupt_while_it_is_imported_leaves_without_a_word(tmp_path: Path, imported: str) -> None:
    write_corpus(tmp_path / "corpus")
    code = f"""
import os, signal, sys
from linernotes.shell import main
class Interrupts:
    def find_spec(self, name, *_):
        if name == {imported!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupts())
main()
"""
    result = subprocess.run(  # noqa: S603  our own words
        [sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (cli.INTERRUPTED, b"", b"")


@pytest.mark.parametrize("command", [(), ("ask", QUESTION), ("quotes", "--about", "a ferry")])
def test_without_a_corpus_nothing_is_left_behind(bot: Bot, command: tuple[str, ...]) -> None:
    shutil.rmtree(bot.corpus)
    result = bot(*command)
    assert result.exit_code == 65
    assert result.stderr.splitlines()[-1].startswith("The corpus folder corpus does not exist.")
    assert [*bot.folder.iterdir()] == []


@pytest.mark.model
def test_a_question_through_a_real_pipe(tmp_path: Path) -> None:
    write_corpus(tmp_path / "corpus")
    result = run(folder=tmp_path, input=f"{QUESTION}\n")
    assert result.returncode == 0
    assert "Ada Stone" in result.stdout
    assert result.stdout.count("\n") == 1
    assert result.stderr.count("\n") == 1
