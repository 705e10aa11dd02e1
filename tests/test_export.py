"""Exports answer as the model they were made from, or are refused; what is pushed to a hub comes back the same."""

import importlib.util
import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from peft import PeftConfig, PeftModel
from transformers import WhisperFeatureExtractor, pipeline

from stages.common import params as parameters
from stages.common.errors import UserError
from stages.common.files import folder_sha256
from stages.records import paths, shards
from stages.records.error_unit import CHARACTERS
from stages.records.light_normaliser import light
from stages.scores import score_files, scoreboard, slicing
from stages.whisper import model
from tests.support.checkpoints import ENGLISH, MULTILINGUAL, base_checkpoint, whisper_config
from tests.support.corpora import noise
from tests.support.hub_server import COMMIT, TOKEN, receiving, serving
from tests.support.scores import RULES, board, clip
from tests.support.training import write_split
from tests.support.tuned_models import write_models
from tools import sources
from tools.export import __main__ as command_line
from tools.export import comparison as export_check
from tools.export import ctranslate2_model, model_card
from tools.export import export as exporter
from tools.export import options as export_options
from tools.export.comparison import Comparison
from tools.interpolate import results as interpolation_results

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
NAME = "kids/whisper-export"
CLIPS = 6
THREE_LINES = """\
from peft import PeftModel
from transformers import WhisperForConditionalGeneration

tuned = PeftModel.from_pretrained(WhisperForConditionalGeneration.from_pretrained("models/base"), "models/lora")
"""


def write_metrics(folder: Path) -> None:
    rows = [("a b c d", "a b x x", "a b c x", "a b c d")] * 12
    models = board(*rows)
    corpus = {
        name: {"clips": count, "hours": hours, "speakers": 2}
        for name, count, hours in (("dev", 3, 0.01), ("test", 12, 1.0), ("train", 99, 2.5))
    }
    files = {"scores": scoreboard.figures(models, RULES), "slices": slicing.slices(models), "corpus": corpus}
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("export")
    write_models(root)
    write_split(root / "processed_data" / "evaluation" / "test", CLIPS, seed=3)
    write_metrics(root / "metrics")
    (root / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    return root


@pytest.fixture
def workspace(prepared, tmp_path, monkeypatch) -> Path:
    root = shutil.copytree(prepared, tmp_path / "work")
    monkeypatch.chdir(root)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return root


@pytest.fixture
def login(monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)


@pytest.fixture(scope="module")
def settings() -> parameters.Params:
    return parameters.load(ROOT / "params.yaml")


def run(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["export", *arguments])
    command_line.main()


@pytest.mark.parametrize("name", ["lora", "selective"])
def test_export_is_stock_and_answers_as_its_source(workspace, settings, monkeypatch, capsys, name):
    run(monkeypatch, name, "--ctranslate2")
    printed = capsys.readouterr().out
    assert printed.count("0 of 18 words differ (6 clips)") == 3
    folder, split = Path("exports") / name, Path("processed_data/evaluation/test")
    clips = shards.read_manifest(split)
    source = model.load_checkpoint(paths.MODELS[name])
    expected = export_check.texts(export_check.decoder(source, settings, "window"), split, clips)
    base = model.load_checkpoint(paths.BASE_FOLDER)
    assert expected != export_check.texts(export_check.decoder(base, settings, "window"), split, clips)
    # Nothing of this project from here on.
    recogniser = pipeline("automatic-speech-recognition", model=str(folder / "transformers"), device="cpu")
    for row, text in zip(clips, expected, strict=True):
        limit = {"num_beams": 1, "max_new_tokens": 16}
        heard = recogniser(shards.read_audio(split, row), generate_kwargs=limit)["text"].strip()
        assert heard
        assert text.startswith(heard)
    adapter = {"adapter"} if name == "lora" else set()
    assert {path.name for path in folder.iterdir()} == {"README.md", "ctranslate2", "transformers"} | adapter


def test_same_inputs_same_bytes_and_no_path_of_this_machine(workspace, monkeypatch):
    run(monkeypatch, "lora", "--ctranslate2")
    digest = folder_sha256(Path("exports/lora"))
    run(monkeypatch, "lora", "--ctranslate2", "--output", "elsewhere")
    assert folder_sha256(Path("elsewhere")) == digest
    for path in Path("exports/lora").rglob("*"):
        if path.is_file():
            assert str(workspace).encode() not in path.read_bytes(), path
            assert b"models/" not in path.read_bytes(), path


def test_adapter_loads_with_stock_peft_in_three_lines(workspace, settings):
    loaded: dict = {}
    assert THREE_LINES in (ROOT / "docs" / "export.md").read_text()
    exec(THREE_LINES, loaded)  # noqa: S102 (as in docs/export.md)
    mine = model.load_checkpoint(paths.MODELS["lora"]).model
    inputs = {"input_features": torch.randn(1, 80, 1000), "decoder_input_ids": torch.tensor([[769, 770, 772, 776]])}
    with torch.inference_mode():
        assert torch.equal(loaded["tuned"].eval()(**inputs).logits, mine(**inputs).logits)


def test_exported_adapter_brings_its_base_with_stock_peft(workspace, monkeypatch):
    text = Path("params.yaml").read_text()
    base_id = "kids/whisper-base"
    Path("params.yaml").write_text(text.replace("base_model: sample/whisper-mini", f"base_model: {base_id}@{COMMIT}"))
    run(monkeypatch, "lora", "--license", "cc-by-4.0")
    folder = Path("exports/lora/adapter")
    weights = "adapter_model.safetensors"
    assert (folder / weights).read_bytes() == (paths.MODELS["lora"] / weights).read_bytes()
    _, front, text = (folder / "README.md").read_text().split("---\n", 2)
    front = yaml.safe_load(front)
    assert (front["library_name"], front["base_model"], front["license"]) == ("peft", base_id, "cc-by-4.0")
    assert front["model-index"][0]["results"][0]["metrics"][0]["value"] == 25.0
    assert "| lora | **25.00** |" in text
    (snippet,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert f'revision="{COMMIT}"' in snippet
    loaded: dict = {}
    with serving(workspace / paths.BASE_FOLDER, base_id):
        monkeypatch.chdir("exports/lora")
        exec(snippet, loaded)  # noqa: S102 (as in the card)
        config = PeftConfig.from_pretrained("adapter")
        assert (config.base_model_name_or_path, config.revision) == (base_id, COMMIT)
    monkeypatch.chdir(workspace)
    mine = model.load_checkpoint(paths.MODELS["lora"]).model
    inputs = {"input_features": torch.randn(1, 80, 1000), "decoder_input_ids": torch.tensor([[769, 770, 772, 776]])}
    with torch.inference_mode():
        assert torch.equal(loaded["model"].eval()(**inputs).logits, mine(**inputs).logits)


def lost_adapter(source: model.Checkpoint) -> torch.nn.Module:
    return source.model.unload()


def test_export_that_lost_its_adapter_is_refused_and_the_last_one_stays(workspace, monkeypatch):
    run(monkeypatch, "lora")
    digest = folder_sha256(Path("exports/lora"))
    monkeypatch.setattr(exporter, "merged", lost_adapter)
    with pytest.raises(SystemExit, match=r"error: transformers is refused: on 6 clips .* words differ"):
        run(monkeypatch, "lora")
    assert folder_sha256(Path("exports/lora")) == digest
    with pytest.raises(SystemExit, match="is refused"):
        run(monkeypatch, "lora", "--output", "new")
    assert {path.name for path in Path().iterdir()} == {"exports", "metrics", "models", "params.yaml", "processed_data"}
    assert [path.name for path in Path("exports").iterdir()] == ["lora"]


def test_conversion_of_other_weights_is_refused(workspace, monkeypatch):
    convert = ctranslate2_model.convert

    def convert_base(source: Path, target: Path, quantization: str) -> None:
        shutil.copyfile("models/base/model.safetensors", source / "model.safetensors")
        convert(source, target, quantization)

    monkeypatch.setattr(ctranslate2_model, "convert", convert_base)
    with pytest.raises(SystemExit, match="ctranslate2 is refused"):
        run(monkeypatch, "lora", "--ctranslate2")
    assert not list(Path("exports").iterdir())


def test_nothing_is_half_there(tmp_path):
    output = tmp_path / "lora"
    (tmp_path / "lora.incoming" / "transformers").mkdir(parents=True)  # of a run that was killed
    with exporter.complete_or_absent(output) as folder:
        assert not list(folder.iterdir())
        (folder / "README.md").write_text("1")
        assert not output.exists()
    with pytest.raises(ZeroDivisionError), exporter.complete_or_absent(output) as folder:
        (folder / f"{1 / 0}").touch()
    assert (output / "README.md").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["lora"]


def comparison(words: int, source_errors: int, errors: int, differing: int) -> Comparison:
    return Comparison("ctranslate2", "window", 20, words, source_errors, errors, differing)


def test_how_much_may_differ():
    export_check.check(comparison(150, 10, 11, 1), same_weights=True)
    with pytest.raises(UserError, match=r"WER is 6.67 % instead of 6.67 %, 2 words differ, and 1 may"):
        export_check.check(comparison(150, 10, 10, 2), same_weights=True)
    export_check.check(comparison(3000, 10, 10, 3), same_weights=True)
    export_check.check(comparison(1000, 100, 110, 40), same_weights=False)
    for errors in (89, 111):
        with pytest.raises(UserError, match="--quantization float32"):
            export_check.check(comparison(1000, 100, errors, 40), same_weights=False)


def test_comparison_counts_words():
    clips = [replace(clip("1"), text="a b c"), replace(clip("2"), text="d e")]
    found = export_check.compare("x", "window", clips, ["a b x", "d e"], ["A b y.", "d"], light)
    assert (found.words, found.source_errors, found.errors, found.differing) == (5, 1, 2, 2)
    assert (found.source_wer, found.wer) == (0.2, 0.4)
    with pytest.raises(UserError, match="hold no word"):
        export_check.compare("x", "window", [clip("1")], ["a"], ["a"], light)


def test_clips_of_the_check_are_spread_and_fit_in_the_window():
    clips = [clip(str(number), seconds=11.0 if number == 50 else 1.0) for number in range(101)]
    assert [row.id for row in export_check.choose(clips, 5, 10.0)] == ["0", "25", "51", "75", "100"]
    assert len(export_check.choose(clips, 1000, 10.0)) == 100
    with pytest.raises(UserError, match=r"window of 0.5 s"):
        export_check.choose(clips, 5, 0.5)


@pytest.mark.parametrize(
    ("harm", "arguments", "message"),
    [
        (lambda: shutil.rmtree("models/lora"), [], "models/lora is missing; make it with: dvc repro train_lora"),
        (lambda: Path("metrics/scores.json").unlink(), [], "metrics/scores.json is missing"),
        (lambda: None, ["--output", "models"], "models exists and is not an export"),
        (lambda: None, ["--output", "no/such/place"], "there is no folder no/such"),
        (lambda: None, ["--clips", "0"], "at least one clip"),
        (lambda: None, ["--alpha", "0"], "--alpha 0: name a number above 0"),
        (lambda: None, ["--alpha", "1.5"], "--alpha 1.5: name a number above 0"),
        (lambda: None, ["--alpha", "nan"], "--alpha nan: name a number above 0"),
        (lambda: None, ["--push-to-hub", "mine"], "is called YOU/NAME"),
        (lambda: shutil.rmtree("processed_data/evaluation/test"), [], "manifest.jsonl is missing"),
    ],
)
def test_mistakes_are_reported(workspace, monkeypatch, harm, arguments, message):
    harm()
    with pytest.raises(SystemExit, match=message):
        run(monkeypatch, "lora", *arguments)
    assert not any(Path().rglob("*.incoming"))
    assert Path("models/base").is_dir()


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("rank: 16", "rank: 8", "train_lora.rank is 8, but models/lora was trained with 16"),
        ("audio_context: utterance", "audio_context: window", "train.audio_context is window"),
    ],
)
def test_model_that_params_do_not_describe(workspace, monkeypatch, old, new, key):
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace(old, new))
    with pytest.raises(SystemExit, match=key):
        run(monkeypatch, "lora")


def test_without_ctranslate2(workspace, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"pip install -r requirements-extra.txt"):
        run(monkeypatch, "lora", "--ctranslate2")


def whole_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint, with an adapter merged into its base."""
    whole = exporter.merged(model.load_checkpoint(folder))
    return {name: weight.detach() for name, weight in whole.named_parameters()}


@pytest.mark.parametrize("name", ["lora", "selective"])
def test_export_between_base_and_tuned_model(workspace, monkeypatch, name):
    run(monkeypatch, name, "--alpha", "0.75")
    folder = Path(f"exports/{name}-alpha-0.75")
    base, tuned, exported = (
        whole_weights(place) for place in (paths.BASE_FOLDER, paths.MODELS[name], folder / "transformers")
    )
    for key, weight in exported.items():
        torch.testing.assert_close(weight, torch.lerp(base[key], tuned[key], 0.75))
    assert model.load_checkpoint(folder / "transformers").audio_context == "utterance"
    if name == "lora":
        adapter = PeftModel.from_pretrained(model.load_whisper(paths.BASE_FOLDER), folder / "adapter")
        for key, weight in adapter.merge_and_unload().named_parameters():
            assert torch.equal(weight, exported[key]), key
    cards = [path.read_text() for path in folder.rglob("README.md")]
    assert len(cards) == (2 if name == "lora" else 1)
    for text in cards:
        _, front, text = text.split("---\n", 2)
        assert "model-index" not in yaml.safe_load(front)  # these scores are those of alpha 1
        assert f"# whisper-mini-{name}-alpha-0.75" in text
        assert "base + 0.75 (tuned - base)" in text
        assert "This model (alpha 0.75) was not scored." in text
        assert text.index("are those of the fine-tuned model itself (alpha 1)") < text.index(f"| {name} | **")


def test_alpha_1_is_the_export_as_ever(workspace, monkeypatch):
    run(monkeypatch, "lora")
    run(monkeypatch, "lora", "--alpha", "1", "--output", "elsewhere")
    assert folder_sha256(Path("elsewhere")) == folder_sha256(Path("exports/lora"))
    assert "alpha 1)" not in Path("elsewhere/README.md").read_text()


def test_export_that_is_not_the_model_at_alpha_is_refused(workspace, monkeypatch):
    monkeypatch.setattr(exporter, "merged", lambda source: model.load_checkpoint(paths.MODELS["selective"]).model)
    with pytest.raises(SystemExit, match=r"error: transformers is refused: on 6 clips .* words differ"):
        run(monkeypatch, "selective", "--alpha", "0.5")
    assert not list(Path("exports").iterdir())


def test_card_has_the_figures_at_alpha_and_those_of_another_model_are_refused(workspace, settings, monkeypatch):
    block = {"wer": 0.123, "wer_low": 0.1, "wer_high": 0.15, "utterances": 120, "speakers": 6, "words": 700}
    inputs = {"base": folder_sha256(paths.BASE_FOLDER), "tuned": folder_sha256(paths.MODELS["lora"])}
    sets = {name: folder_sha256(paths.split_folder(name)) for name in ("dev", "dev_adult")}
    inputs |= {"language": "en", "transcribe": settings.transcribe.model_dump(), "sets": sets}
    content = {"alphas": {"0.5": {"sets": {"dev": block, "dev_adult": block | {"wer": 0.2}}}}, "inputs": inputs}
    file = interpolation_results.path_of("lora")
    file.parent.mkdir()
    file.write_text(json.dumps(content))
    run(monkeypatch, "lora", "--alpha", "0.5")
    text = Path("exports/lora-alpha-0.5/README.md").read_text()
    assert "| dev | 12.30 | 10.00 to 15.00 | 120 | 6 |\n| dev_adult | 20.00 |" in text
    assert "was not scored" not in text
    (paths.MODELS["lora"] / "decoding.json").write_text('{"audio_context": "utterance", "spare_seconds": 0.50}\n')
    with pytest.raises(SystemExit, match=r"lora.json was made from other weights than those of models/lora"):
        run(monkeypatch, "lora", "--alpha", "0.5")
    run(monkeypatch, "lora")  # the tuned model itself has its scores in metrics/


def test_adapter_that_cannot_be_scaled_is_exported_at_alpha_1_alone(workspace, monkeypatch):
    path = paths.MODELS["lora"] / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"use_dora": True}))
    with pytest.raises(SystemExit, match="use_dora is True"):
        run(monkeypatch, "lora", "--alpha", "0.5")


@pytest.mark.parametrize("vocabulary", [ENGLISH, MULTILINGUAL], ids=["english", "multilingual"])
def test_faster_whisper_loads_it_and_hears_the_same(tmp_path, settings, vocabulary):
    from faster_whisper import WhisperModel

    small = whisper_config((1, 1), 2, vocabulary, head_width=16)  # with the window and vocabulary of a published one
    origin, folder = base_checkpoint(tmp_path / "origin", small, vocabulary), tmp_path / "transformers"
    source = model.load_checkpoint(origin)
    exporter.save(source.model, source, folder, origin)
    assert WhisperFeatureExtractor.from_pretrained(folder).nb_max_frames == 3000
    ctranslate2_model.convert(folder, tmp_path / "ctranslate2")
    if vocabulary.multilingual:
        # OpenAI's multilingual vocabularies have an empty word, by which CTranslate2 knows them, and these have not.
        words = json.loads((tmp_path / "ctranslate2" / "vocabulary.json").read_text())
        words[vocabulary.words - 1] = ""
        (tmp_path / "ctranslate2" / "vocabulary.json").write_text(json.dumps(words))
    write_split(tmp_path / "test", 2, seed=4)
    clips = shards.read_manifest(tmp_path / "test")
    ready = export_check.decoder(source, settings)
    expected = export_check.texts(ready, tmp_path / "test", clips)
    assert ctranslate2_model.transcribe(tmp_path / "ctranslate2", ready, "en", tmp_path / "test", clips) == expected
    recogniser = WhisperModel(str(tmp_path / "ctranslate2"), device="cpu", compute_type="float32")
    assert recogniser.model.is_multilingual == vocabulary.multilingual
    options = {"language": "en", "beam_size": 1, "temperature": 0.0, "without_timestamps": True, "max_new_tokens": 8}
    unfiltered = {"suppress_tokens": None, "no_speech_threshold": None, "log_prob_threshold": None}
    for row, text in zip(clips, expected, strict=True):
        samples = shards.read_audio(tmp_path / "test", row)
        padded = np.pad(samples, (0, 30 * 16_000 - len(samples)))  # as the card says
        segments, _ = recogniser.transcribe(padded, **options, **unfiltered)
        heard = " ".join(segment.text.strip() for segment in segments)
        assert heard
        assert text.startswith(heard)


def card(settings: parameters.Params, costs: dict | None = None, **changes) -> tuple[dict, str]:
    """Front matter and text of a card; costs are the contents of cost.json."""
    checkpoint = model.load_checkpoint(paths.MODELS["lora"])
    found = [Comparison("transformers", "window", 20, 150, 10, 10, 0)]
    export = model_card.Export("lora", settings, checkpoint, found, None, None, None)
    metrics = model_card.Metrics(
        *(json.loads(Path(f"metrics/{n}.json").read_text()) for n in ("scores", "slices", "corpus")), costs or {}
    )
    _, front, text = model_card.markdown(replace(export, **changes), metrics).split("---\n", 2)
    return yaml.safe_load(front), text


def test_card_says_what_it_is_and_how_good(workspace, settings):
    front, text = card(settings)
    assert front["pipeline_tag"] == "automatic-speech-recognition"
    assert front["language"] == "en"
    assert not {"license", "base_model"} & front.keys()  # the sample's base is not on the hub
    (result,) = front["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "wer", "value": 25.0, "name": "WER (%)"}]
    assert "Choose one before you publish this model" in text
    assert "| train | 99 | 2.50 | 2 |\n| dev | 3 | 0.01 | 2 |\n| test |" in text
    assert "### test: 12 utterances" in text
    assert "| lora | **25.00** | 25.00 to 25.00 |" in text
    assert "| `train_lora.learning_rate` | 0.003 |" in text
    assert "saw each utterance and 0.5 s of silence" in text
    assert "| transformers | the window | 6.67 | 6.67 | 0 of 150 |" in text
    assert "{" not in text.replace('{"num_beams": 1}', "")  # nothing of the template is left
    assert "precisions" not in text  # cost.json does not say


def test_card_of_a_language_without_spaces(workspace, settings):
    models = board(*[("a b c d", "a b x x", "a b c x", "a b c d")] * 12)
    files = {"scores": scoreboard.figures(models, RULES, CHARACTERS), "slices": slicing.slices(models)}
    for name, content in files.items():
        Path(f"metrics/{name}.json").write_text(json.dumps(score_files.named(content, CHARACTERS)))
    found = [Comparison("transformers", "window", 20, 150, 10, 10, 0)]
    chinese = settings.model_copy(update={"language": "zh"})
    export = model_card.Export("lora", chinese, model.load_checkpoint(paths.MODELS["lora"]), found, None, None, None)
    _, front, text = model_card.markdown(export, model_card.read_metrics()).split("---\n", 2)
    (result,) = yaml.safe_load(front)["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "cer", "value": 25.0, "name": "CER (%)"}]
    assert "## Character error rates" in text
    assert "| folder | encoder sees | CER % before export | CER % | characters that differ |" in text
    assert not re.search("WER|word error", text)


def test_refused_export_says_what_was_counted():
    compared = Comparison("transformers", "window", 20, 150, 10, 10, 15)
    with pytest.raises(UserError, match=r"150 characters, window\), CER is 6.67 % .* 15 characters differ, and 1 may"):
        export_check.check(compared, same_weights=True, unit=CHARACTERS)


def test_card_of_unknown_speakers(workspace, settings):
    assert model_card.SEPARATE_SPEAKERS in card(settings)[1]
    assert "unknown" not in card(settings)[1]
    corpus = json.loads(paths.CORPUS_FILE.read_text())
    corpus["train"]["flagged"] = [{"flag": "unknown-speaker", "clips": 99}]
    paths.CORPUS_FILE.write_text(json.dumps(corpus))
    rows = [("a b c d", "a b x x", "a b c x", "a b c d")] * 12
    clips = [replace(clip(str(number), f"s{number}"), flags=["unknown-speaker"]) for number in range(12)]
    content = scoreboard.figures(board(*rows, clips=clips), RULES, unknown_in_training=99)
    paths.SCORES_FILE.write_text(json.dumps(content))
    text = card(settings)[1]
    assert "| train | 99 | 2.50 | 2 recordings |\n| dev | 3 | 0.01 | 2 |" in text
    assert model_card.SEPARATE_SPEAKERS not in text
    assert "the best checkpoint was chosen on dev. Speakers are unknown in train (99 of 99 utterances)." in text
    assert "### test: 12 utterances, 12 recordings of unknown speakers" in text
    assert "| lora | **25.00** | 25.00 to 25.00 over recordings |" in text
    assert "**The speakers of all 12 utterances are unknown: each recording counts as a speaker." in text
    assert "**The speakers of 99 utterances of the training data are unknown" in text


def test_card_says_what_was_replayed(workspace, settings):
    assert "\nIt was trained on train, and the best checkpoint" in card(settings)[1]
    replaying = settings.model_copy(update={"train": settings.train.model_copy(update={"replay_share": 0.2})})
    sentence = "It was trained on train, with replay for at most 20.00 % of the speech, and the best checkpoint"
    assert f"\n{sentence}" in card(replaying)[1]


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({}, ""),
        ({"speech_only": True}, ", and only what Silero VAD takes for speech was decoded"),
        ({"retry_doubtful": True}, ".\nTexts that repeated themselves or were improbable were decoded again"),
    ],
)
def test_card_says_how_models_were_decoded(workspace, settings, changes, end):
    decoding = settings.model_copy(update={"transcribe": settings.transcribe.model_copy(update=changes)})
    text = card(decoding)[1]
    assert f"with 1 beam and\ntemperature 0{end}" in text
    assert ("decoded again" in text) == ("retry_doubtful" in changes)
    assert ".\n\nIn training, the encoder saw each utterance" in text  # a paragraph of its own


def test_card_says_the_precision_that_auto_became(workspace, settings):
    costs = {"train_lora": {"precision": "bf16"}, "transcribe_lora": {"precision": "fp16"}}
    assert "## Training parameters\n\nIts matrix products were computed" in card(settings, costs)[1]
    assert "it was trained in bf16 and scored in fp16.\n\n| parameter" in card(settings, costs)[1]
    assert "it was scored in fp16." in card(settings, {"transcribe_lora": {"precision": "fp16"}})[1]
    assert "it was trained in bf16.\n\n| parameter" in card(settings, costs, alpha=0.5)[1]


def test_card_of_a_base_on_the_hub(workspace, settings):
    named = settings.model_copy(update={"base_model": f"openai/whisper-base@{COMMIT}"})
    front, text = card(named, license="cc-by-nc-4.0", hub_id=NAME, quantization="int8")
    assert (front["base_model"], front["license"]) == ("openai/whisper-base", "cc-by-nc-4.0")
    assert f"[openai/whisper-base](https://huggingface.co/openai/whisper-base), commit `{COMMIT}`" in text
    assert f'model="{NAME}"' in text
    assert "faster-whisper pads every clip to 30 s" in text  # and the sample's window is 10 s
    assert "# whisper-base-lora" in text


def test_card_of_a_window_that_faster_whisper_takes(workspace, settings, monkeypatch):
    monkeypatch.setattr(model_card, "FASTER_WHISPER_WINDOW", 10.0)  # the sample's
    _, text = card(settings, quantization="int8")
    assert 'WhisperModel("ctranslate2", device="cpu")' in text
    for snippet in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        compile(snippet, "card", "exec")


def test_card_does_not_tell_where_the_base_lay(workspace, settings):
    local = settings.model_copy(update={"base_model": "/home/anna/private/my-base"})
    assert "anna" not in str(card(local))
    assert "`my-base`" in card(local)[1]


def test_pushed_export_is_private_and_comes_back_the_same(workspace, settings, monkeypatch, login, tmp_path, capsys):
    with receiving(tmp_path / "hub", NAME) as received:
        run(monkeypatch, "lora", "--ctranslate2", "--push-to-hub", NAME)
        assert received.private is True
        assert len(received.commits) == 1
        assert f"/{NAME}/commit/{COMMIT}" in capsys.readouterr().out
        stored = {path.relative_to(tmp_path / "hub").as_posix() for path in (tmp_path / "hub").rglob("*.*")}
        assert {"README.md", "config.json", "model.safetensors", "ctranslate2/model.bin"} <= stored
        assert not any(name.startswith("transformers/") for name in stored)
        run(monkeypatch, "lora", "--push-to-hub", NAME)  # without a conversion: the old one must not stay
        assert not (tmp_path / "hub" / "ctranslate2" / "model.bin").exists()
        assert (tmp_path / "hub" / "model.safetensors").exists()
    with serving(tmp_path / "hub", NAME):
        loaded = sources.load_checkpoint(NAME)
    features = torch.from_numpy(noise(1.0)[None, :16000].repeat(5, axis=0)).reshape(1, 80, 1000)
    start = torch.tensor([[769, 770, 772, 776]])
    exported = model.load_checkpoint(Path("exports/lora/transformers"))
    with torch.inference_mode():
        both = [found.model(features, decoder_input_ids=start).logits for found in (loaded, exported)]
    assert torch.equal(*both)
    assert loaded.audio_context == "utterance"


@pytest.mark.parametrize(("there", "flag", "word"), [(False, "--private", "public"), (True, "--public", "private")])
def test_repository_as_visible_as_nobody_asked_for(workspace, monkeypatch, login, tmp_path, there, flag, word):
    (tmp_path / "hub").mkdir()
    with receiving(tmp_path / "hub", NAME, private=there) as received:
        with pytest.raises(SystemExit, match=f"exists and is {word}; nothing was uploaded. Use --{word}"):
            run(monkeypatch, "lora", "--push-to-hub", NAME, flag)
        assert not received.commits
        run(monkeypatch, "lora", "--push-to-hub", NAME, f"--{word}")
        assert len(received.commits) == 1


@pytest.mark.parametrize("token", [None, "hf_of-somebody-else"])
def test_not_logged_in_is_reported_before_the_work(workspace, monkeypatch, tmp_path, token):
    monkeypatch.setattr(model, "load_checkpoint", None)
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with receiving(tmp_path / "hub", NAME), pytest.raises(SystemExit, match=r"not logged in .*hf auth login"):
        run(monkeypatch, "lora", "--push-to-hub", NAME)


def test_no_network_is_reported_before_the_work(workspace, monkeypatch, login):
    monkeypatch.setattr(model, "load_checkpoint", None)
    with pytest.raises(SystemExit, match="cannot reach the model hub"):
        run(monkeypatch, "lora", "--push-to-hub", NAME)


def test_what_the_hub_refuses_is_reported_and_the_export_stays(workspace, monkeypatch, login, tmp_path):
    with receiving(tmp_path / "hub", NAME) as received:
        with pytest.raises(SystemExit, match="this login may not write to others/model"):
            run(monkeypatch, "lora", "--push-to-hub", "others/model")
        with pytest.raises(SystemExit, match=r"the model hub refuses the model card: .*license"):
            run(monkeypatch, "lora", "--push-to-hub", NAME, "--license", "mine")
        assert not received.commits
    assert export_options.is_export(Path("exports/lora"))


def test_card_says_what_learnt(workspace, settings):
    assert (
        "**Trained weights:** adapters of rank 16 (alpha 32) on `q_proj`, `v_proj` of every layer." in card(settings)[1]
    )
    _, text = card(settings, name="selective", checkpoint=model.load_checkpoint(paths.MODELS["selective"]))
    assert "counted from the top: 2 of the encoder, 3 of the decoder (token embedding: no)." in text
