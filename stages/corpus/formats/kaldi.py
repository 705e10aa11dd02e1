"""Kaldi directories: wav.scp, text, utt2spk; segments, spk2age, spk2grade, spk2gender, utt2dur, reco2dur if there.

    text      000010011 WE CALL IT BEAR               utt2spk   000010011 0001
    wav.scp   000010011 wav/000010011.flac            segments  utterance recording 1.25 3.5
              000010012 sph2pipe -f wav -p a.sph |    spk2age   0001 6

wav.scp may hold commands. They are never run: those that only convert a file are read for the file's name.
"""

import contextlib
import functools
import math
import re
import shlex
from collections.abc import Callable
from pathlib import Path

from stages.corpus.rows.ages import age_in_months
from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files
from stages.corpus.rows.speakers import age_of, gender_of
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance
from stages.records.units import Seconds

# Options that only set the form of the output and are followed by a value.
SPH2PIPE_VALUES = ("-f",)
SOX_VALUES = ("-t", "-r", "-b", "-c", "-e")
FFMPEG_VALUES = ("-v", "-loglevel", "-f", "-ar", "-ac", "-acodec", "-c:a", "-codec:a", "-threads")
FFMPEG_FLAGS = ("-i", "-vn", "-nostdin", "-hide_banner")
# The fifth column of segments: Kaldi's documentation counts from 0, others from 1.
CHANNELS = {"1": 1, "2": 2, "a": 1, "b": 2}
CHANNELS_FROM_0 = {"0": 1, "1": 2}


def claims(files: Files) -> list[Path]:
    """The file `text` of each Kaldi directory, which is a folder that holds wav.scp and text."""
    present = set(files.paths)
    texts = [path.with_name("text") for path in files.paths if path.name == "wav.scp"]
    return [path for path in texts if path in present]


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    for path in paths:
        _read_directory(path.parent, files, reading)


def _read_directory(folder: Path, files: Files, reading: SplitContents) -> None:
    """Add the utterances of one Kaldi directory."""
    tables = {
        name: _table(folder / name, files, reading)
        for name in ("wav.scp", "segments", "utt2spk", "spk2age", "spk2grade", "spk2gender", "utt2dur", "reco2dur")
    }
    tables["channels"] = _channel_names(tables["segments"])
    place = files.shown(folder / "text")
    transcribed = set()
    audio_of = functools.cache(lambda recording: _audio(recording, tables["wav.scp"], folder, files))
    for line, id, text in _lines(folder / "text", files, reading):
        transcribed.add(id)
        try:
            reading.add(_utterance(id, text, line, tables, audio_of, folder, files, reading))
        except Refused as refused:
            reading.refuse(id, place, line, refused.reason, refused.detail)
    for id in tables["segments"]:
        if id not in transcribed:
            reading.warn("a segment without text", f"{files.shown(folder / 'segments')} ({id})")
            _occupy(id, tables, folder, files, reading)


def _lines(path: Path, files: Files, reading: SplitContents) -> list[tuple[int, str, str]]:
    """(line number, first word, the rest) of each line of a Kaldi table; [] where there is no such file."""
    if not path.is_file():
        return []
    rows = []
    for number, line in enumerate(read_text(path, files.shown(path), reading).split("\n"), start=1):
        if words := line.split(maxsplit=1):
            rows.append((number, words[0], words[1].strip() if len(words) > 1 else ""))
    return rows


def _table(path: Path, files: Files, reading: SplitContents) -> dict[str, str]:
    table: dict[str, str] = {}
    for line, id, rest in _lines(path, files, reading):
        if table.setdefault(id, rest) != rest:
            reading.warn("a Kaldi table has two entries for one id, the first is taken", f"{files.shown(path)}:{line}")
    return table


def _utterance(
    id: str,
    text: str,
    line: int,
    tables: dict,
    audio_of: Callable[[str], tuple[Path, int | None]],
    folder: Path,
    files: Files,
    reading: SplitContents,
) -> Utterance:
    file = files.shown(folder / "text")
    place = f"{file}:{line}"
    recording, start, end, channel = _segment(id, tables)
    audio, piped_channel = audio_of(recording)
    speaker = tables["utt2spk"].get(id, "")
    age = age_of({"age": tables["spk2age"].get(speaker), "grade": tables["spk2grade"].get(speaker)})
    if not speaker:
        reading.warn_unknown_speaker(place)
    return Utterance(
        id=id,
        audio=audio,
        source=files.shown(audio),
        text_raw=text,
        speaker=speaker or recording,
        speaker_known=bool(speaker),
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


def _channel_names(segments: dict[str, str]) -> dict[str, int]:
    used = {words[3] for row in segments.values() if len(words := row.split()) > 3}
    return CHANNELS_FROM_0 if "0" in used else CHANNELS


def _segment(id: str, tables: dict) -> tuple[str, Seconds | None, Seconds | None, int | None]:
    """The recording, start, end and channel of an utterance."""
    segments = tables["segments"]
    if not segments:
        return id, None, None, None
    if id not in segments:
        raise Refused("missing-segment", "not in segments")
    try:
        recording, start, end, *more = segments[id].split()
        times = float(start), float(end)
    except ValueError:
        raise Refused("bad-time", f"segments has {segments[id]!r}, expected: recording start end") from None
    channel = tables["channels"].get(more[0].lower()) if more else None
    return recording, times[0], None if times[1] == -1 else times[1], channel  # Kaldi's -1 is the recording's end


def _audio(recording: str, scp: dict[str, str], folder: Path, files: Files) -> tuple[Path, int | None]:
    if recording not in scp:
        raise Refused("missing-audio", f"{recording} is not in wav.scp")
    file, channel = file_of(scp[recording])
    return files.resolve(file, folder, foreign=True), channel


def _stated_seconds(recording: str, tables: dict) -> Seconds | None:
    """How long a recording is, according to reco2dur or, without segments, utt2dur."""
    stated = tables["reco2dur"].get(recording) or (None if tables["segments"] else tables["utt2dur"].get(recording))
    try:
        seconds = math.nan if stated is None else float(stated)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _occupy(id: str, tables: dict, folder: Path, files: Files, reading: SplitContents) -> None:
    """Somebody speaks in this segment, though nobody wrote down what."""
    with contextlib.suppress(Refused):  # it has no text: there is no utterance to refuse
        recording, start, end, _ = _segment(id, tables)
        if start is not None:
            reading.mark_speech(_audio(recording, tables["wav.scp"], folder, files)[0], start, end)


def file_of(entry: str) -> tuple[str, int | None]:
    """The file that a wav.scp entry stands for, and the channel: the entry itself, or what its command converts.

    Raises
    ------
    Refused
        The entry is a command that does more than convert one file, or none of flac, sph2pipe, sox and ffmpeg.
    """
    entry = entry.strip()
    if not entry.endswith("|"):
        return entry, None
    refused = Refused("wav-scp-command", f"wav.scp has a command, which is not run; write the file's path: {entry}")
    command = entry[:-1].strip()
    if re.search(r"[|;&<>`$\n]", command):
        raise refused
    try:
        program, *words = shlex.split(command)
    except ValueError:
        raise refused from None
    channel = None
    if Path(program).name == "sph2pipe":
        channel, words = _channel(words)
    found = _inputs(Path(program).name, words)
    if len(found) != 1 or found[0].startswith("-"):
        raise refused
    return found[0], channel


def _inputs(program: str, words: list[str]) -> list[str]:
    """The files that a command converts to standard output; [] where it does anything else."""
    match program:
        case "flac":
            known = all(word in ("-c", "-d", "-s", "-cd", "-dc", "-cds", "-dcs") for word in words[:-1])
            return words[-1:] if known else []
        case "sph2pipe":
            return _positional(words, SPH2PIPE_VALUES, flags=("-p",))
        case "sox":
            found = _positional(words, SOX_VALUES, flags=("-G", "-D"))
            # Anything after the output is an effect and would change what is heard.
            return found[:1] if found[1:] == ["-"] else []
        case "ffmpeg":
            found = _positional(words, FFMPEG_VALUES, FFMPEG_FLAGS)
            one_input = words.count("-i") == 1 and words[words.index("-i") + 1 :][:1] == found[:1]
            return found[:1] if one_input and found[1:] in (["-"], ["pipe:1"]) else []
    return []


def _channel(words: list[str]) -> tuple[int | None, list[str]]:
    """The channel that sph2pipe is to take, and its other arguments."""
    for place, word in enumerate(words):
        if found := re.fullmatch(r"-c([12])", word):
            return int(found[1]), words[:place] + words[place + 1 :]
        if word == "-c" and words[place + 1 : place + 2] in (["1"], ["2"]):
            return int(words[place + 1]), words[:place] + words[place + 2 :]
    return None, words


def _positional(words: list[str], with_value: tuple[str, ...], flags: tuple[str, ...]) -> list[str]:
    """The arguments that are no options; [] where an option is unknown."""
    found, rest = [], iter(words)
    for word in rest:
        if word in with_value:
            next(rest, None)
        elif word == "-" or not word.startswith("-"):
            found.append(word)
        elif word not in flags and not re.fullmatch(r"-b\d+|-r\d+|-c1", word):
            return []
    return found
