"""Kaldi directories: wav.scp, text, utt2spk; segments, spk2age, spk2grade, spk2gender, utt2dur, reco2dur if there.

    text      000010011 WE CALL IT BEAR               utt2spk   000010011 0001
    wav.scp   000010011 wav/000010011.flac            segments  utterance recording 1.25 3.5
              000010012 sph2pipe -f wav -p a.sph |    spk2age   0001 6

wav.scp may hold commands, see stages/corpus/formats/wav_scp.py.
"""

import contextlib
import functools
import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stages.corpus.formats import wav_scp
from stages.corpus.rows.ages import age_in_months
from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files
from stages.corpus.rows.media import OTHER_NAME, other_name
from stages.corpus.rows.speakers import age_of, gender_of
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance
from stages.records.units import Seconds

TABLES = ("wav.scp", "segments", "utt2spk", "spk2age", "spk2grade", "spk2gender", "utt2dur", "reco2dur")
# Further files of Kaldi directories, which are not needed: derived from the others, or from the audio.
DERIVED = ("spk2utt", "utt2uniq", "utt2num_frames", "frame_shift", "feats.scp", "cmvn.scp", "vad.scp")
TO_THE_END = -1  # as the end of a segment
# The fifth column of segments: Kaldi's documentation counts from 0, others from 1.
CHANNELS = {"1": 1, "2": 2, "a": 1, "b": 2}
CHANNELS_FROM_0 = {"0": 1, "1": 2}

AudioOf = Callable[[str], tuple[Path, int | None]]  # _audio of a directory, remembered


def claims(files: Files) -> list[Path]:
    """The files of each Kaldi directory, which is a folder that holds wav.scp and text."""
    present = set(files.paths)
    folders = [path.parent for path in files.paths if path.name == "wav.scp" and path.with_name("text") in present]
    paths = []
    for folder in folders:
        for name in ("text", *TABLES, *DERIVED):
            if folder / name in present:
                paths.append(folder / name)
    return paths


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    for path in paths:
        if path.name == "text":
            _read_directory(path.parent, files, reading)


@dataclass(frozen=True)
class Directory:
    """A Kaldi directory."""

    folder: Path
    files: Files
    tables: dict[str, dict[str, str]]  # each file's lines by their first word; {} where there is no such file
    channel_names: dict[str, int]  # the channel, counted from 1, by the name that segments has for it
    names_speakers: bool  # whether utt2spk says who speaks

    def shown(self, name: str) -> str:
        """The path of one of its files as messages show it."""
        return self.files.shown(self.folder / name)


def _read_directory(folder: Path, files: Files, reading: SplitContents) -> None:
    """Add the utterances of one Kaldi directory."""
    tables = {name: _table(folder / name, files, reading) for name in TABLES}
    names_speakers = _names_speakers(tables["utt2spk"])
    directory = Directory(folder, files, tables, _channel_names(tables["segments"]), names_speakers)
    if tables["utt2spk"] and not names_speakers:
        reading.warn(
            "utt2spk has each utterance's id as its speaker, which in Kaldi means that speakers are not known",
            directory.shown("utt2spk"),
        )
    # Many segments have the same recording.
    audio_of = functools.cache(functools.partial(_audio, directory=directory, reading=reading))
    place = directory.shown("text")
    texts: dict[str, set[str]] = defaultdict(set)  # by the utterance's id
    lines = _lines(folder / "text", files, reading)
    for _, id, text in lines:
        texts[id].add(text)
    for line, id, text in lines:
        try:
            row = _utterance(id, text, line, directory, audio_of, reading)
            if len(texts[id]) > 1:
                raise Refused("ambiguous-text", f"{id} has {len(texts[id])} different texts; keep the right line")
            reading.add(row)
        except Refused as refused:
            reading.refuse(id, place, line, refused.reason, refused.detail)
    for id in tables["segments"]:
        if id not in texts:
            reading.warn("a segment without text", f"{directory.shown('segments')} ({id})")
        if len(texts[id]) != 1:  # it is in no utterance, and somebody speaks in it
            _mark_speech(id, directory, audio_of, reading)


def _lines(path: Path, files: Files, reading: SplitContents) -> list[tuple[int, str, str]]:
    """(line number, first word, the rest) of each line of a Kaldi table; [] where there is no such file."""
    if not path.is_file():
        return []
    rows = []
    for number, line in enumerate(read_text(path, files.shown(path), reading).split("\n"), start=1):
        words = line.split(maxsplit=1)
        if words:
            rows.append((number, words[0], words[1].strip() if len(words) > 1 else ""))
    return rows


def _table(path: Path, files: Files, reading: SplitContents) -> dict[str, str]:
    table: dict[str, str] = {}
    for line, id, rest in _lines(path, files, reading):
        if table.setdefault(id, rest) != rest:
            reading.warn("a Kaldi table has two entries for one id, the first is taken", f"{files.shown(path)}:{line}")
    return table


def _utterance(
    id: str, text: str, line: int, directory: Directory, audio_of: AudioOf, reading: SplitContents
) -> Utterance:
    """The utterance of a line of text. Raises Refused where its segment or its recording is missing."""
    tables = directory.tables
    file = directory.shown("text")
    place = f"{file}:{line}"
    recording, start, end, channel = _segment(id, directory)
    audio, piped_channel = audio_of(recording)
    speaker = tables["utt2spk"].get(id, "")
    age = age_of({"age": tables["spk2age"].get(speaker), "grade": tables["spk2grade"].get(speaker)})
    is_known = bool(speaker) and directory.names_speakers
    if not is_known:
        reading.warn_unknown_speaker(place)
    return Utterance(
        id=id,
        audio=audio,
        source=directory.files.shown(audio),
        text_raw=text,
        speaker=speaker if is_known else recording,
        speaker_known=is_known,
        start=start,
        end=end,
        age=age or None,
        age_months=age_in_months(age, place, reading),
        gender=gender_of(tables["spk2gender"].get(speaker, "")),
        file=file,
        line=line,
        format="kaldi",
        check_name=True,
        channel=channel or piped_channel,
        stated_seconds=_stated_seconds(recording, tables),
    )


def _names_speakers(utt2spk: dict[str, str]) -> bool:
    """Whether some utterance has another speaker than its own id.

    Kaldi's documentation says to write the ids of utterances where nothing is known about the speakers. A single
    utterance may be called like its speaker.
    """
    return len(utt2spk) == 1 or any(speaker != id for id, speaker in utt2spk.items())


def _channel_names(segments: dict[str, str]) -> dict[str, int]:
    """How the channels are counted: from 0 if any segment has channel 0."""
    for row in segments.values():
        words = row.split()
        if len(words) > 3 and words[3] == "0":
            return CHANNELS_FROM_0
    return CHANNELS


def _segment(id: str, directory: Directory) -> tuple[str, Seconds | None, Seconds | None, int | None]:
    """The recording, start, end and channel of an utterance."""
    segments = directory.tables["segments"]
    if not segments:
        return id, None, None, None
    if id not in segments:
        raise Refused("missing-segment", "not in segments")
    words = segments[id].split()
    try:
        recording, start, end = words[0], float(words[1]), float(words[2])
    except (IndexError, ValueError):
        raise Refused("bad-time", f"segments has {segments[id]!r}, expected: recording start end") from None
    channel = directory.channel_names.get(words[3].lower()) if len(words) > 3 else None
    return recording, start, None if end == TO_THE_END else end, channel


def _audio(recording: str, directory: Directory, reading: SplitContents) -> tuple[Path, int | None]:
    """The file of a recording, and the channel if wav.scp chooses one."""
    entries = directory.tables["wav.scp"]
    if recording not in entries:
        raise Refused("missing-audio", f"{recording} is not in wav.scp")
    file, channel = wav_scp.file_of(entries[recording])
    audio = directory.files.resolve(file, directory.folder, foreign=True)
    if other_name(audio, [file]):
        place = f"{directory.shown('wav.scp')} ({recording})"
        reading.warn(OTHER_NAME, f"{place}: {file}, read from {directory.files.shown(audio)}")
    return audio, channel


def _stated_seconds(recording: str, tables: dict[str, dict[str, str]]) -> Seconds | None:
    """How long a recording is, according to reco2dur or, without segments, utt2dur."""
    stated = tables["reco2dur"].get(recording)
    if not stated and not tables["segments"]:
        stated = tables["utt2dur"].get(recording)
    if not stated:
        return None
    try:
        seconds = float(stated)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _mark_speech(id: str, directory: Directory, audio_of: AudioOf, reading: SplitContents) -> None:
    """Mark that somebody speaks in a segment that is no utterance: it has no text, or several."""
    with contextlib.suppress(Refused):  # there is no utterance to refuse
        recording, start, end, _ = _segment(id, directory)
        if start is not None:
            reading.mark_speech(audio_of(recording)[0], start, end)
