"""Transcripts and clips for scoring, written as they are in a test."""

from stages.records import light_normaliser
from stages.records.seen_texts import TrainedTexts
from stages.records.shards import Clip
from stages.records.transcripts import Transcript, compression_ratio
from stages.scores import scoreboard

RULES = {"whisper": light_normaliser.light, "light": str.lower}


def answer(split: str, name: str, reference: str, hypothesis: str) -> Transcript:
    return Transcript(split, name, reference, hypothesis, -0.5, compression_ratio(hypothesis))


def clip(name: str, speaker: str = "s1", months: int | None = 75, seconds: float = 3.0, text: str = "") -> Clip:
    recording = {"source": "a.wav", "source_rate": 16000, "start": None, "end": None, "flags": [], "format": "table"}
    place = {"duration": seconds, "shard": "shard-00000.tar", "offset": 0, "size": 0}
    child = {"speaker": speaker, "age": None, "age_months": months, "gender": None}
    return Clip(id=name, text=text, text_raw="", **child, **recording, **place)


def trained(*texts: str) -> TrainedTexts:
    """Texts that were trained on, normalised already."""
    return TrainedTexts(frozenset(texts), "en")


def board(*texts: tuple[str, ...], clips: list[Clip] | None = None) -> scoreboard.Results:
    """Results of one set; each text is a reference and the hypotheses of base, lora and selective, or of the first."""
    clips = clips or [clip(str(number), f"s{number}", text=row[0]) for number, row in enumerate(texts)]
    models = ("base", "lora", "selective")[: len(texts[0]) - 1]
    results = {}
    for place, model in enumerate(models, start=1):
        transcripts = [answer("test", of_row.id, row[0], row[place]) for of_row, row in zip(clips, texts, strict=True)]
        results[model] = scoreboard.results_by_set(transcripts, {"test": clips}, light_normaliser.light)
    return results
