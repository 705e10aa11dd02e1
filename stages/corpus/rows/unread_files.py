"""Files of a split that no format reads: they are named, with what to do, so that no transcript is lost silently."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

from stages.corpus.rows.files import PAPERS, Files, nfc
from stages.corpus.rows.speakers import SPEAKER_LISTS, speaker_lists

SHOWN = 3  # files of a kind
SHOWN_KINDS = 10

# Extensions and names of other files that hold neither transcripts nor recordings.
COMPANION_SUFFIXES = frozenset(
    ".md .rst .pdf .html .htm .bib .cff .png .jpg .jpeg .gif .svg .css .js .py .pyc .sh .ipynb .r .m .praat .log .lock"
    " .dvc .md5 .sha1 .sha256 .sha512 .sig .asc .pfsx .pk .pkf .asd .sfk .reapeaks".split()
)
COMPANION_NAMES = frozenset("thumbs.db desktop.ini makefile dockerfile".split())

KALDI_NAMES = frozenset("text wav.scp segments utt2spk".split())

_AS_TABLE = "save it as CSV (UTF-8), with a column of recordings and one of text"
_AS_TEXT = "save it as plain text (UTF-8), as .txt with the name of its recording"
_AS_SUBTITLES = "convert it to .srt or .vtt: ffmpeg -i IN OUT.srt"
_AS_ELAN = "export it as ELAN (.eaf), Praat (.TextGrid) or a table"
_UNPACK = "unpack it there"
_AS_FLAC = "convert it to FLAC or WAV"

# What to do with files that are most often transcripts or recordings, by extension.
ADVICE = {
    **dict.fromkeys((".xlsx", ".xls", ".ods", ".numbers", ".parquet", ".arrow", ".feather"), _AS_TABLE),
    **dict.fromkeys((".db", ".sqlite", ".sav", ".rds", ".pkl", ".pickle"), _AS_TABLE),
    **dict.fromkeys((".docx", ".doc", ".odt", ".rtf", ".pages"), _AS_TEXT),
    **dict.fromkeys((".sbv", ".ass", ".ssa", ".ttml", ".dfxp", ".lrc"), _AS_SUBTITLES),
    **dict.fromkeys((".xml", ".exb", ".antx", ".anvil", ".flextext", ".collection", ".cex"), _AS_ELAN),
    **dict.fromkeys((".tar", ".zip", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst"), _UNPACK),
    **dict.fromkeys((".raw", ".pcm", ".shn", ".ape", ".wv", ".tta", ".ra", ".rm", ".dss", ".ds2"), _AS_FLAC),
    ".its": "LENA writes no words into it; add transcripts in another format",
    ".rttm": "it has times and speakers and no words; add transcripts in another format",
    ".aup": "export the labels: in Audacity, File > Export Other > Export Labels",
    ".aup3": "export the labels: in Audacity, File > Export Other > Export Labels",
}


def describe(files: Files, claimed: Collection[Path]) -> list[str]:
    """One line for each kind of file that is neither a recording, nor in `claimed`, nor a companion of the corpus."""
    passed_over = {*claimed, *files.recordings, *speaker_lists(files)}
    return _lines([path for path in files.paths if path not in passed_over and not _is_companion(path)], files)


def outside_splits(data: Path) -> list[str]:
    """The names of files in data/ itself that look as if they were to be read."""
    names = []
    for path in sorted(data.iterdir()):
        if path.is_file() and not path.name.startswith(".") and not _is_companion(path):
            names.append(nfc(path.name))
    return names


def _is_companion(path: Path) -> bool:
    name = path.name.lower()
    return name.partition(".")[0] in PAPERS or path.suffix.lower() in COMPANION_SUFFIXES or name in COMPANION_NAMES


def _lines(paths: Iterable[Path], files: Files) -> list[str]:
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in paths:
        kinds[_kind(path)].append(f"data/{files.shown(path)}")
    by_number = sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0]))
    lines = []
    for (kind, advice), names in by_number[:SHOWN_KINDS]:
        examples = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
        lines.append(f"{len(names)} {kind} ({examples}): {advice}")
    if len(by_number) > SHOWN_KINDS:
        further = sum(len(names) for _, names in by_number[SHOWN_KINDS:])
        lines.append(f"{further} files of {len(by_number) - SHOWN_KINDS} further kinds")
    return lines


def _kind(path: Path) -> tuple[str, str]:
    """What a file is called in the message, and what to do about it."""
    name, suffix = path.name.lower(), nfc(path.suffix.lower())
    if name in KALDI_NAMES:
        return f"named {name}", "a Kaldi directory has wav.scp and text in one folder"
    if name in SPEAKER_LISTS:
        return f"named {name}", "a list of speakers is read in the split's folder only; move it there"
    advice = ADVICE.get(suffix, "no format that is read is called so")
    return (f"{suffix} file(s)" if suffix else "file(s) without extension"), advice
