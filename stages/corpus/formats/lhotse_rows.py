"""Read the utterances of lhotse's supervisions and cuts, and find the recordings that they are parts of."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from stages.corpus.rows.ages import UNKNOWN, age_in_months
from stages.corpus.rows.columns import cell
from stages.corpus.rows.files import Files, nfc
from stages.corpus.rows.speakers import age_of, gender_of
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance, Word
from stages.records.units import Seconds

DECIMALS = 6  # times are rounded, in seconds: the sum of a cut's and a supervision's start is not exact


@dataclass(frozen=True)
class ChannelFile:
    """The file, and its channel, that a supervision is about."""

    audio: Path
    channel: int | None  # counted from 1; None: all of them
    seconds: Seconds | None  # length of the recording in the manifest


class Manifests:
    """What was read from a split's manifests so far."""

    def __init__(self, files: Files, reading: SplitContents):
        self.files = files
        self.reading = reading
        self._recordings: dict[str, list[tuple[dict, Path]]] = {}  # by id; each with its manifest
        self._supervisions: set[tuple] = set()  # of cuts; cuts that overlap repeat supervisions
        self._of_cuts: frozenset[Path] = frozenset()

    def add_recording(self, row: dict, path: Path) -> None:
        rows = self._recordings.setdefault(str(row.get("id")), [])
        if (row, path) not in rows:
            rows.append((row, path))

    def end_cuts(self) -> None:
        """Note which recordings have cuts; manifests of supervisions are not read for them."""
        self._of_cuts = frozenset(self.reading.annotated)

    def has_cuts(self, audio: Path) -> bool:
        return audio in self._of_cuts

    def is_repeated(self, *supervision: object) -> bool:
        """Whether this was called with the same supervision before."""
        is_repeated = supervision in self._supervisions
        self._supervisions.add(supervision)
        return is_repeated

    def recording(self, id: str, path: Path) -> tuple[dict, Path]:
        """The recording with this id, and its manifest; manifests in the folder of `path` go first.

        Raises
        ------
        Refused
            missing-audio or ambiguous-audio
        """
        rows = self._recordings.get(id, [])
        rows = [row for row in rows if row[1].parent == path.parent] or rows
        if not rows:
            raise Refused("missing-audio", f"recording {id} is in no manifest of recordings")
        if len(rows) > 1:
            places = " and ".join(self.files.shown(row[1]) for row in rows[:2])
            raise Refused("ambiguous-audio", f"{places} have different recordings {id}")
        return rows[0]


def add_supervision(row: dict, path: Path, line: int, manifests: Manifests) -> None:
    """Add the utterance of a supervision; it is refused if something in it is wrong."""
    files, reading = manifests.files, manifests.reading
    id = str(row.get("id", ""))
    try:
        recording, manifest = manifests.recording(str(row.get("recording_id")), path)
        sound = _find(recording, row.get("channel", 0), manifest, files)
        if manifests.has_cuts(sound.audio):
            reading.warn("a second transcript of a recording, passed over", f"{files.shown(path)}:{line}")
        else:
            _add(row, 0.0, sound, path, line, manifests)
    except Refused as refused:
        reading.refuse(id, files.shown(path), line, refused.reason, refused.detail)


def add_cut(row: dict, path: Path, line: int, manifests: Manifests) -> None:
    """Add the utterances of a cut's supervisions; the whole cut or single supervisions are refused if wrong."""
    files, reading = manifests.files, manifests.reading
    place = files.shown(path)
    try:
        if row.get("type") not in ("MonoCut", "MultiCut"):
            detail = f"a {row.get('type')} has the sound of several cuts; write the MonoCuts that it is made of"
            raise Refused("mixed-cut", detail)
        recording = row.get("recording")
        if not isinstance(recording, dict):
            raise Refused("no-recording", "the cut has no recording (only features?); clips are made from recordings")
        start = _seconds(row, "start")
        supervisions = row.get("supervisions") or []
        if not isinstance(supervisions, list) or not all(isinstance(each, dict) for each in supervisions):
            raise Refused("broken-row", "its supervisions are no list of objects")
        if not supervisions:
            reading.left_out["cuts without supervisions"] += 1
    except Refused as refused:
        reading.refuse(str(row.get("id", "")), place, line, refused.reason, refused.detail)
        return
    for supervision in supervisions:
        id = str(supervision.get("id", ""))
        try:
            sound = _find(recording, supervision.get("channel", row.get("channel", 0)), path, files)
            times = round(start + _seconds(supervision, "start"), 3), supervision.get("duration")
            if manifests.is_repeated(id, sound.audio, *map(str, times), str(supervision.get("text"))):
                reading.left_out["supervisions that several cuts have"] += 1
            else:
                _add(supervision, start, sound, path, line, manifests)
        except Refused as refused:
            reading.refuse(id, place, line, refused.reason, refused.detail)


def unname_own_ids(reading: SplitContents, first: int, path: Path, files: Files) -> None:
    """Make speakers unknown where each supervision of a manifest has its own id as its speaker.

    Kaldi's documentation says to write that where speakers are not known, and manifests are often made from Kaldi
    directories. A single supervision may be called like its speaker.

    Parameters
    ----------
    first : index of the manifest's first utterance in reading.utterances
    """
    rows = reading.utterances[first:]
    if len(rows) < 2 or any(row.speaker != row.id for row in rows):
        return
    reading.warn("each supervision has its own id as its speaker, so speakers count as not known", files.shown(path))
    for index, row in enumerate(rows, start=first):
        reading.warn_unknown_speaker(f"{row.file}:{row.line}")
        reading.utterances[index] = replace(row, speaker=files.named(row.audio), speaker_known=False)


def _find(recording: dict, channel: object, manifest: Path, files: Files) -> ChannelFile:
    """The file that holds a channel of a recording.

    Raises
    ------
    Refused
        The sound comes from a command or an address, or is changed by a transform; or the file or channel is missing.
    """
    id = recording.get("id")
    transforms = recording.get("transforms") or []
    if transforms:
        names = ", ".join(str(each.get("name") if isinstance(each, dict) else each) for each in transforms)
        raise Refused(
            "changed-audio", f"lhotse changes recording {id} by {names}; write manifests of the unchanged recordings"
        )
    wanted = channel if isinstance(channel, list) else [channel]
    sources = recording.get("sources")
    if not isinstance(sources, list) or not all(isinstance(source, dict) for source in sources):
        raise Refused("broken-row", f"recording {id} has no list of sources")
    for source in sources:
        channels = source.get("channels") or [0]
        if set(map(str, wanted)) <= set(map(str, channels)):
            break
    else:
        raise Refused("no-such-channel", f"no source of recording {id} has channel {channel}")
    name = str(source.get("source"))
    if source.get("type") != "file":
        detail = f"the source of recording {id} is a {source.get('type')}, which is never run or fetched: {name[:80]}"
        raise Refused("no-file", f"{detail}; save its sound as a file, and name that in the manifest")
    audio = files.resolve(name, manifest.parent, foreign=True)
    number = [str(each) for each in channels].index(str(wanted[0])) + 1 if len(wanted) == 1 else None
    seconds = _seconds(recording, "duration") if recording.get("duration") is not None else None
    return ChannelFile(audio, number, seconds)


def _add(row: dict, offset: Seconds, sound: ChannelFile, path: Path, line: int, manifests: Manifests) -> None:
    """Add the utterance of a supervision; its times count from `offset`. Raises Refused if they are no numbers."""
    files, reading = manifests.files, manifests.reading
    place = f"{files.shown(path)}:{line}"
    start = round(offset + _seconds(row, "start"), DECIMALS)
    end = round(start + _seconds(row, "duration"), DECIMALS)
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        reading.annotated.add(sound.audio)
        reading.left_out["supervisions without text"] += 1
        reading.mark_speech(sound.audio, start, end)
        return
    speaker = cell(row, ["speaker"])
    speaker = "" if speaker.lower() in UNKNOWN else speaker
    if not speaker:
        reading.warn_unknown_speaker(place)
    custom = row.get("custom")
    custom = {str(key).lower(): value for key, value in custom.items()} if isinstance(custom, dict) else {}
    age = age_of(custom)
    reading.add(
        Utterance(
            id=cell(row, ["id"]) or f"{files.named(sound.audio)}-{1000 * start:06.0f}",
            audio=sound.audio,
            source=files.shown(sound.audio),
            text_raw=nfc(text).strip(),
            speaker=speaker or files.named(sound.audio),
            speaker_known=bool(speaker),
            start=start,
            end=end,
            age=age or None,
            age_months=age_in_months(age, place, reading),
            gender=gender_of(cell(row, ["gender"]) or cell(custom, ["gender", "sex"])),
            file=files.shown(path),
            line=line,
            format="lhotse",
            check_name=True,
            channel=sound.channel,
            stated_seconds=sound.seconds,
            words=tuple(_words(row, offset)),
        )
    )


def _words(row: dict, offset: Seconds) -> Iterator[Word]:
    """The words of a supervision with their times; lhotse writes each as a list [symbol, start, duration, score]."""
    alignment = row.get("alignment")
    words = alignment.get("word") if isinstance(alignment, dict) else None
    for word in words if isinstance(words, list) else []:
        if isinstance(word, dict):
            word = [word.get("symbol"), word.get("start"), word.get("duration")]
        if not isinstance(word, list) or len(word) < 3:
            continue
        is_timed = isinstance(word[1], int | float) and isinstance(word[2], int | float)
        if is_timed and str(word[0]).strip():
            start = offset + word[1]
            yield Word(round(start, DECIMALS), round(start + word[2], DECIMALS), str(word[0]))


def _seconds(row: dict, name: str) -> Seconds:
    """A time of a manifest. Raises Refused (bad-time) if it is no number."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("bad-time", f"{name} is {value!r}, expected a number of seconds")
    return float(value)
