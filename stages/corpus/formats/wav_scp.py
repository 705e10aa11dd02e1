"""The entries of Kaldi's wav.scp: the path of a recording, or a command that converts one.

Commands are never run: those that only convert a file are read for the file's name.
"""

import re
import shlex
from pathlib import Path

from stages.corpus.rows.utterance import Refused

# Options of commands that only set the form of the output. _VALUES are followed by a value.
FLAC_FLAGS = ("-c", "-d", "-s", "-cd", "-dc", "-cds", "-dcs")
SPH2PIPE_VALUES = ("-f",)
SOX_VALUES = ("-t", "-r", "-b", "-c", "-e")
FFMPEG_VALUES = ("-v", "-loglevel", "-f", "-ar", "-ac", "-acodec", "-c:a", "-codec:a", "-threads")
FFMPEG_FLAGS = ("-i", "-vn", "-nostdin", "-hide_banner")


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
    program = Path(program).name
    channel = None
    if program == "sph2pipe":
        channel, words = _channel(words)
    inputs = _inputs(program, words)
    if len(inputs) != 1 or inputs[0].startswith("-"):
        raise refused
    return inputs[0], channel


def _inputs(program: str, words: list[str]) -> list[str]:
    """The files that a command converts to standard output; [] where it does anything else."""
    match program:
        case "flac":
            return words[-1:] if set(words[:-1]).issubset(FLAC_FLAGS) else []
        case "sph2pipe":
            return _positional(words, SPH2PIPE_VALUES, flags=("-p",))
        case "sox":
            arguments = _positional(words, SOX_VALUES, flags=("-G", "-D"))
            # Anything after the output is an effect and would change what is heard.
            return arguments[:1] if arguments[1:] == ["-"] else []
        case "ffmpeg":
            arguments = _positional(words, FFMPEG_VALUES, FFMPEG_FLAGS)
            one_input = words.count("-i") == 1 and words[words.index("-i") + 1 :][:1] == arguments[:1]
            return arguments[:1] if one_input and arguments[1:] in (["-"], ["pipe:1"]) else []
    return []


def _channel(words: list[str]) -> tuple[int | None, list[str]]:
    """The channel that sph2pipe is to take, and its other arguments."""
    for place, word in enumerate(words):
        option = re.fullmatch(r"-c([12])", word)
        if option:
            return int(option[1]), words[:place] + words[place + 1 :]
        if word == "-c" and words[place + 1 : place + 2] in (["1"], ["2"]):
            return int(words[place + 1]), words[:place] + words[place + 2 :]
    return None, words


def _positional(words: list[str], with_value: tuple[str, ...], flags: tuple[str, ...]) -> list[str]:
    """The arguments that are no options; [] where an option is unknown.

    Parameters
    ----------
    with_value : options that are followed by a value
    flags : options that are not
    """
    arguments, remaining = [], iter(words)
    for word in remaining:
        if word in with_value:
            next(remaining, None)
        elif word == "-" or not word.startswith("-"):
            arguments.append(word)
        elif word not in flags and not re.fullmatch(r"-b\d+|-r\d+|-c1", word):
            return []
    return arguments
