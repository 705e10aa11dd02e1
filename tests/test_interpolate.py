"""Weights between base and tuned model: exact at both ends, chosen by the lowest sum, never mixed with other models."""

import json
import shutil
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
import yaml
from peft import PeftModel

from stages.common import params as parameters
from stages.common.errors import UserError
from stages.records import paths
from stages.records.error_unit import CHARACTERS, WORDS
from stages.records.light_normaliser import light
from stages.records.transcripts import Journal
from stages.scores import scoreboard
from stages.whisper import model
from tests.support.checkpoints import LORA, tiny_checkpoint, tiny_model
from tests.support.scores import answer, clip
from tests.support.training import enter_copy, write_split
from tests.support.tuned_models import adapted, write_models
from tools.interpolate import __main__ as command_line
from tools.interpolate import choice, figure, options, results, tables, transcribing, weights
from tools.interpolate.choice import Point
from tools.interpolate.options import Options

ROOT = Path(__file__).parent.parent
BASE, LORA_FOLDER, SELECTIVE = paths.MODELS["base"], paths.MODELS["lora"], paths.MODELS["selective"]
LORA_FILE, FIGURE = results.path_of("lora"), figure.FIGURE_FILE
# As many tokens as a clip may have, so that noise does not make long texts.
FEW_TOKENS = {"tokens_per_second": 1.0, "batch_seconds": 6.0, "precision": "fp32"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("interpolate")
    write_models(root)
    write_split(root / "processed_data" / "dev", 6, seed=1)
    for place, name in enumerate(("adult", "dev_adult", "test"), start=2):
        write_split(root / "processed_data" / "evaluation" / name, 5, seed=place)
    settings = parameters.load(ROOT / "params.yaml").model_dump()
    settings["runtime"]["device"] = "cpu"
    settings["transcribe"] |= FEW_TOKENS
    settings["preprocess"]["everyone_in"] = ["adult", "dev_adult"]
    (root / "params.yaml").write_text(yaml.safe_dump(settings))
    return root


@pytest.fixture
def workspace(prepared, tmp_path, monkeypatch) -> Path:
    return enter_copy(prepared, tmp_path, monkeypatch)


def run(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["interpolate", *arguments])
    command_line.main()


def whole_weights(checkpoint: model.Checkpoint) -> dict[str, torch.Tensor]:
    """The weights of a model, with an adapter merged into its base."""
    whole = checkpoint.model
    whole = whole.merge_and_unload() if isinstance(whole, PeftModel) else whole
    return {name: weight.detach().clone() for name, weight in whole.named_parameters()}


def same_bits(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("name", ["lora", "selective"])
def test_ends_are_exactly_the_base_and_the_tuned_model(workspace, name):
    base, tuned = (whole_weights(model.load_checkpoint(paths.MODELS[end])) for end in ("base", name))
    assert not same_bits(base, tuned)
    at_0 = weights.interpolated(paths.MODELS[name], 0.0)
    at_1 = weights.interpolated(paths.MODELS[name], 1.0)
    assert (at_0.audio_context, at_1.audio_context) == ("window", "utterance")
    assert same_bits(whole_weights(at_0), base)
    assert same_bits(whole_weights(at_1), tuned)


@pytest.mark.parametrize("variant", ["lora", "rslora"])
@pytest.mark.parametrize("alpha", [0.3, 0.5])
def test_adapter_adds_so_much_of_its_update(workspace, variant, alpha):
    settings = LORA.model_copy(update={"variant": variant})
    shutil.rmtree(LORA_FOLDER)
    model.save_tuned(adapted(BASE, 0.5, settings), LORA_FOLDER, "utterance", 0.5, BASE)
    base = whole_weights(model.load_checkpoint(BASE))
    tuned = whole_weights(model.load_checkpoint(LORA_FOLDER))
    between = weights.interpolated(LORA_FOLDER, alpha)
    assert between.audio_context == "utterance"
    scale = 32 / 16 if variant == "lora" else 32 / 16**0.5
    layer = between.model.get_base_model().model.encoder.layers[0].self_attn.q_proj
    update = layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    merged = whole_weights(between)
    name = "model.encoder.layers.0.self_attn.q_proj.weight"
    torch.testing.assert_close(merged[name] - base[name], alpha * scale * update)
    for key, weight in merged.items():
        torch.testing.assert_close(weight, torch.lerp(base[key], tuned[key], alpha))
        if torch.equal(base[key], tuned[key]):
            assert torch.equal(weight, base[key])


def test_modules_with_an_alpha_of_their_own_are_scaled_too(workspace):
    config = json.loads((LORA_FOLDER / "adapter_config.json").read_text())
    config["alpha_pattern"] = {"encoder.layers.0.self_attn.q_proj": 48}
    (LORA_FOLDER / "adapter_config.json").write_text(json.dumps(config))
    base, tuned = (whole_weights(model.load_checkpoint(folder)) for folder in (BASE, LORA_FOLDER))
    for key, weight in whole_weights(weights.interpolated(LORA_FOLDER, 0.5)).items():
        torch.testing.assert_close(weight, torch.lerp(base[key], tuned[key], 0.5))


def test_scaled_adapter_is_stock(workspace):
    before = weights.interpolated(LORA_FOLDER, 0.75)
    weights.scale_adapter(LORA_FOLDER, 0.75)
    config = json.loads((LORA_FOLDER / "adapter_config.json").read_text())
    assert (config["lora_alpha"], type(config["lora_alpha"])) == (24, int)
    stock = PeftModel.from_pretrained(model.load_whisper(BASE), LORA_FOLDER).merge_and_unload()
    assert same_bits({name: weight.detach() for name, weight in stock.named_parameters()}, whole_weights(before))


@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.9])
def test_full_checkpoint_lies_between_and_frozen_weights_keep_their_bits(workspace, alpha):
    base, tuned = (whole_weights(model.load_checkpoint(folder)) for folder in (BASE, SELECTIVE))
    between = whole_weights(weights.interpolated(SELECTIVE, alpha))
    frozen = {key for key in base if torch.equal(base[key], tuned[key])}
    assert 0 < len(frozen) < len(base)
    for key, weight in between.items():
        if key in frozen:
            assert torch.equal(weight, base[key]), key
        else:
            torch.testing.assert_close(weight, base[key] + alpha * (tuned[key] - base[key]))


def test_tied_weights_are_moved_once():
    base, tuned = tiny_model(), tiny_model()
    with torch.no_grad():
        tuned.model.decoder.embed_tokens.weight.add_(1.0)
    weights.move_towards_base(tuned, base, 0.25)
    torch.testing.assert_close(tuned.model.decoder.embed_tokens.weight, base.model.decoder.embed_tokens.weight + 0.25)
    assert tuned.proj_out.weight is tuned.model.decoder.embed_tokens.weight


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("use_dora", True),
        ("bias", "all"),
        ("modules_to_save", ["proj_out"]),
        ("init_lora_weights", "pissa"),
        ("peft_type", "LOHA"),
        ("peft_type", None),
        ("lora_alpha", None),
    ],
)
def test_adapter_that_cannot_be_scaled_exactly_is_refused(workspace, key, value):
    config = json.loads((LORA_FOLDER / "adapter_config.json").read_text()) | {key: value}
    (LORA_FOLDER / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=rf"models/lora/adapter_config.json: {key} is .*"):
        weights.check_scalable(LORA_FOLDER)
    with pytest.raises(UserError, match=rf"models/lora/adapter_config.json: {key} is .*"):
        weights.interpolated(LORA_FOLDER, 0.5)


def test_dora_is_refused_before_anything_is_decoded(workspace, monkeypatch):
    shutil.rmtree(LORA_FOLDER)
    dora = adapted(BASE, 0.5, LORA.model_copy(update={"variant": "dora"}))
    model.save_tuned(dora, LORA_FOLDER, "utterance", 0.5, BASE)
    with pytest.raises(SystemExit, match=r"use_dora is True.*train_lora.variant lora or rslora"):
        run(monkeypatch, "lora", "--adults", "dev_adult")
    assert not Path("checkpoints").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoder_attention_heads": 4}, "decoder_attention_heads is 4 in its config.json, and 2 in the base's"),
        ({"encoder_ffn_dim": 32}, r"has the shape \(32,\), and \(64,\) in the base"),
        ({"decoder_layers": 1}, r"has the shape None, and "),
    ],
)
def test_checkpoint_of_another_architecture_is_refused(workspace, change, message):
    config = model.load_whisper(SELECTIVE).config
    for key, value in change.items():
        setattr(config, key, value)
    other = type(tiny_model())(config)
    other.generation_config = model.load_whisper(BASE).generation_config
    shutil.rmtree(SELECTIVE)
    model.save_tuned(other, SELECTIVE, "utterance", 0.5, BASE)
    with pytest.raises(UserError, match=f"models/selective was not tuned from models/base: .*{message}"):
        weights.interpolated(SELECTIVE, 0.5)


def point(alpha: float, children: int, adults: int, speakers: int = 10) -> Point:
    """A point with so many wrong words of 20 on each set; each of ten utterances has two words."""
    scored = []
    for split, wrong in (("dev", children), ("dev_adult", adults)):
        rows, clips = [], []
        for number in range(10):
            errors = min(2, max(0, wrong - 2 * number))
            rows.append(answer(split, str(number), "a b", " ".join("xx"[:errors] + "ab"[errors:])))
            clips.append(clip(str(number), f"s{number % speakers}"))
        scored.append(scoreboard.results_by_set(rows, {split: clips}, light)[split])
    return Point(alpha, *scored)


def test_lowest_sum_is_chosen_and_of_equal_ones_the_largest_alpha():
    points = [point(0.0, 9, 1), point(0.5, 4, 4), point(0.75, 5, 3), point(1.0, 3, 8)]
    assert choice.weighted_sum(points[0], 2.0) == Fraction(11, 20)
    assert choice.choose(points, 1.0).alpha == 0.75
    assert choice.choose(points, 0.0).alpha == 1.0
    assert choice.choose(points, 10.0).alpha == 0.0
    assert choice.choose(points[::-1], 1.0).alpha == 0.75
    # 0.1 * 3 and 0.1 * 1 + 0.2 differ as floating-point numbers.
    assert choice.choose([point(0.5, 1, 2), point(1.0, 2, 1)], 1.0).alpha == 1.0


def test_set_without_words_has_no_rate():
    empty = scoreboard.results_by_set([answer("dev", "1", "", "")], {"dev": [clip("1")]}, light)["dev"]
    with pytest.raises(UserError, match="the references of dev hold no word"):
        choice.check_has_words("dev", empty)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--alphas", "1.5"], "--alphas 1.5: alpha is from 0"),
        (["--alphas", "0.5", "-0.25"], "--alphas -0.25: alpha is from 0"),
        (["--alphas", "nan"], "--alphas nan: alpha is from 0"),
        (["--trade", "-1"], "--trade -1: name a number from 0"),
        (["--trade", "inf"], "--trade inf: name a number from 0"),
        (["--adults", "grown_ups"], "--adults grown_ups: .* no such set; there are: adult, dev_adult, test"),
        (["--adults", "test"], "the adults of data/test were left out, because .* does not name the set"),
    ],
)
def test_wrong_arguments_are_refused(workspace, monkeypatch, arguments, message):
    with pytest.raises(SystemExit, match=message):
        run(monkeypatch, "lora", "--adults", "dev_adult", *arguments)
    assert not Path("checkpoints").exists()


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("models/lora", "models/lora is missing; make it with: dvc repro train_lora"),
        ("models/base", "models/base is missing; make it with: dvc repro fetch_base"),
        ("processed_data/dev", "processed_data/dev is missing; make it with: dvc repro preprocess"),
        ("processed_data/evaluation", "holds no evaluation set"),
    ],
)
def test_what_is_missing_is_named(workspace, monkeypatch, missing, message):
    shutil.rmtree(missing)
    with pytest.raises(SystemExit, match=message):
        run(monkeypatch, "lora", "--adults", "dev_adult")


def test_tuned_model_is_always_one_of_the_alphas():
    assert str(options.checked_alphas([0.5, -0.0, 0.5])) == "(0.0, 0.5, 1.0)"


def test_choice_by_a_reported_set_is_warned_of(workspace):
    settings = parameters.load()
    named = options.warning_of_reported_set(Options("lora", "adult"), settings)
    assert "warning: alpha is chosen by adult" in named
    assert "choose by --adults dev_adult" in named
    assert options.warning_of_reported_set(Options("lora", "dev_adult"), settings) is None
    shutil.rmtree("processed_data/evaluation/adult")
    alone = options.warning_of_reported_set(Options("lora", "dev_adult"), settings)
    assert "it is the only set of adults" in alone


def contents(points: list[Point], trade: float = 1.0, **changes) -> dict:
    """The contents of metrics/interpolation/lora.json, of made-up inputs."""
    chosen = Options("lora", "dev_adult", tuple(row.alpha for row in points), trade)
    digests = {chosen.children_folder: "c", chosen.adults_folder: "d"}
    inputs = transcribing.Inputs("lora", "a", "b", digests, parameters.load(ROOT / "params.yaml"), "fp32")
    contexts = {row.alpha: "utterance" if row.alpha else "window" for row in points}
    return results.contents(chosen, replace(inputs, **changes), points, contexts)


def test_contents_of_the_file():
    content = contents([point(0.0, 9, 1), point(0.5, 3, 4), point(1.0, 4, 4)])
    assert content["chosen"] == 0.5
    assert list(content["alphas"]) == ["0.0", "0.5", "1.0"]
    at_0 = content["alphas"]["0.0"]
    assert (at_0["audio_context"], at_0["sum"]) == ("window", 0.5)
    assert (at_0["sets"]["dev"]["wer"], at_0["sets"]["dev_adult"]["wer"]) == (0.45, 0.05)
    assert (at_0["sets"]["dev"]["words"], at_0["sets"]["dev"]["speakers"]) == (20, 10)
    assert content["chosen_minus_tuned"]["dev"]["wer"] == -0.05
    assert content["chosen_minus_tuned"]["dev_adult"] == {"wer": 0.0, "wer_low": 0.0, "wer_high": 0.0, "p": 1.0}
    assert content["inputs"]["sets"] == {"dev": "c", "dev_adult": "d"}


def test_table_says_what_is_chosen_and_what_is_not_shown():
    content = contents([point(0.0, 9, 1), point(0.5, 3, 4), point(1.0, 4, 4)], trade=0.5)
    assert max(map(len, tables.alpha_table(content, WORDS).splitlines())) <= 100
    text = tables.text_of(content, WORDS)
    assert "alpha  encoder sees  dev WER %  dev_adult WER %  dev + 0.5 * dev_adult" in text
    assert "0.5    utterance         15.00            20.00                  25.00  chosen" in text
    assert "dev: -5.00 points of WER, -15.00 to +0.00: a difference is not shown" in text
    assert "dev_adult: +0.00 points of WER, +0.00 to +0.00: a difference is not shown" in text
    assert "dev: 10 utterances, 10 speakers\n" in text


def test_shown_differences_and_single_speakers():
    better = tables.text_of(contents([point(0.5, 0, 0), point(1.0, 20, 0)]), WORDS)
    assert "dev: -100.00 points of WER, -100.00 to -100.00: fewer errors" in better
    worse = tables.text_of(contents([point(0.5, 0, 20), point(1.0, 20, 0)], trade=0.5), WORDS)
    assert "dev_adult: +100.00 points of WER, +100.00 to +100.00: more errors" in worse
    few = tables.text_of(contents([point(0.5, 0, 0, speakers=4), point(1.0, 20, 0, speakers=4)]), WORDS)
    assert "dev: 10 utterances, 4 speakers (too few speakers" in few
    assert "dev: -100.00 points of WER, -100.00 to -100.00: a difference is not shown" in few
    alone = tables.text_of(contents([point(0.5, 0, 0, speakers=1), point(1.0, 20, 0, speakers=1)]), WORDS)
    assert "dev: -100.00 points of WER, of one speaker: whether this is chance cannot be said" in alone
    assert "chosen: alpha 1, the tuned model itself" in tables.text_of(contents([point(1.0, 1, 1)]), WORDS)


def test_file_of_a_language_without_spaces_counts_characters(workspace):
    content = contents([point(0.5, 3, 4), point(1.0, 4, 4)], base="a")
    written = json.loads(results.write(content, CHARACTERS).read_text())
    at_1 = written["alphas"]["1.0"]["sets"]["dev"]
    assert (at_1["cer"], at_1["characters"]) == (0.2, 20)
    assert "wer" not in LORA_FILE.read_text()
    assert "dev CER %" in tables.text_of(content, CHARACTERS)


def test_file_of_other_weights_is_refused(workspace, monkeypatch):
    assert results.read("lora") is None
    inputs = transcribing.read_inputs("lora", [Path("processed_data/dev")], parameters.load())
    content = contents([point(1.0, 4, 4)], base=inputs.base, tuned=inputs.tuned)
    results.write(content, WORDS)
    assert results.read("lora") == content
    for folder in (BASE, LORA_FOLDER):
        added = folder / "added.json"
        added.write_text("{}")
        with pytest.raises(UserError, match=f"was made from other weights than those of {folder}; run python"):
            results.read("lora")
        added.unlink()
    LORA_FILE.write_text("{}")
    with pytest.raises(UserError, match=r"was not written by python -m tools.interpolate"):
        results.read("lora")


def test_figures_of_another_decoding_are_refused(workspace):
    assert results.figures_at("lora", 0.5, parameters.load()) is None
    settings = parameters.load()
    inputs = transcribing.read_inputs("lora", [Path("processed_data/dev")], settings)
    made = {"base": inputs.base, "tuned": inputs.tuned, "settings": settings}
    content = contents([point(0.5, 3, 4), point(1.0, 4, 4)], **made)
    content["inputs"]["sets"] = {folder.name: digest for folder, digest in inputs.sets.items()}
    results.write(content, WORDS)
    assert results.figures_at("lora", 0.5, settings) == content["alphas"]["0.5"]["sets"]
    assert results.figures_at("lora", 0.75, settings) is None
    beams = settings.model_copy(update={"transcribe": settings.transcribe.model_copy(update={"num_beams": 5})})
    with pytest.raises(UserError, match=r"lora.json was made with another transcribe than that of params.yaml"):
        results.figures_at("lora", 0.5, beams)
    with pytest.raises(UserError, match=r"lora.json was made with another language"):
        results.figures_at("lora", 0.5, settings.model_copy(update={"language": "zh"}))
    manifest = Path("processed_data/dev/manifest.jsonl")
    manifest.write_text(manifest.read_text() + "\n")
    with pytest.raises(UserError, match=r"lora.json was made from other clips of dev"):
        results.figures_at("lora", 0.5, settings)


def test_files_of_other_inputs_are_not_compared():
    first = contents([point(1.0, 4, 4)])
    assert results.comparable(first, contents([point(1.0, 3, 3)], tuned="another model"))
    assert not results.comparable(first, contents([point(1.0, 4, 4)], base="another base"))
    assert not results.comparable(first, contents([point(1.0, 4, 4)], precision="bf16"))


def interrupted_after(monkeypatch, batches: int) -> None:
    """Let the run end as by Ctrl-C after so many batches of transcripts."""
    append, count = Journal.append, []

    def append_or_end(journal, rows):
        append(journal, rows)
        count.append(rows)
        if len(count) == batches:
            raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "append", append_or_end)


def decoded_batches(monkeypatch) -> list[str]:
    """A list to which the set of every batch is appended that is decoded from now on."""
    append, sets = Journal.append, []

    def append_and_note(journal, rows):
        append(journal, rows)
        sets.append(rows[0].split)

    monkeypatch.setattr(Journal, "append", append_and_note)
    return sets


@pytest.mark.slow
def test_run_from_end_to_end(workspace, monkeypatch, capsys):
    arguments = ("lora", "--adults", "dev_adult", "--alphas", "0", "0.5")
    with monkeypatch.context() as patch:
        interrupted_after(patch, 3)
        with pytest.raises(SystemExit, match=r"interrupted. .*Run the same command to resume"):
            run(patch, *arguments)
    assert not Path("metrics").exists()
    run(monkeypatch, *arguments)
    printed = capsys.readouterr().out
    assert "dev: 3 of 6 clips were transcribed before" in printed
    content = json.loads(LORA_FILE.read_text())
    assert list(content["alphas"]) == ["0.0", "0.5", "1.0"]
    assert [figures["audio_context"] for figures in content["alphas"].values()] == ["window", "utterance", "utterance"]
    files = {path: path.read_bytes() for path in (LORA_FILE, FIGURE)}
    shutil.rmtree("metrics")
    with monkeypatch.context() as patch:  # nothing is decoded again, and no model is loaded
        patch.setattr(weights, "interpolated", None)
        run(patch, *arguments)
    assert {path: path.read_bytes() for path in files} == files
    shutil.rmtree("checkpoints")
    run(monkeypatch, *arguments)  # what was resumed is what an undisturbed run makes
    assert {path: path.read_bytes() for path in files} == files
    with monkeypatch.context() as patch:
        patch.setattr(weights, "interpolated", None)
        run(patch, *arguments, "--trade", "100")
        assert json.loads(LORA_FILE.read_text())["trade"] == 100
    sets = decoded_batches(monkeypatch)
    run(monkeypatch, "lora", "--adults", "dev_adult", "--alphas", "0", "0.5", "0.75")
    assert set(sets) == {"dev", "dev_adult"}
    sets.clear()
    run(monkeypatch, "lora", "--adults", "adult", "--alphas", "0", "0.5", "0.75")
    assert set(sets) == {"adult"}
    assert "warning: alpha is chosen by adult" in capsys.readouterr().out


@pytest.mark.slow
def test_figure_shows_the_models_that_can_be_compared(workspace, monkeypatch, capsys):
    drawn = []
    draw = figure.draw

    def draw_and_note(contents_by_model, unit):
        drawn.append(list(contents_by_model))
        return draw(contents_by_model, unit)

    monkeypatch.setattr(figure, "draw", draw_and_note)
    loaded = []
    load = weights.interpolated

    def load_and_note(folder, alpha):
        loaded.append((folder, alpha))
        return load(folder, alpha)

    monkeypatch.setattr(weights, "interpolated", load_and_note)
    run(monkeypatch, "lora", "--adults", "dev_adult", "--alphas", "0")
    run(monkeypatch, "selective", "--adults", "dev_adult", "--alphas", "0")
    run(monkeypatch, "lora", "--adults", "dev_adult", "--alphas", "0")
    assert loaded == [(LORA_FOLDER, 0.0), (LORA_FOLDER, 1.0), (SELECTIVE, 1.0)]  # the base is decoded once
    assert drawn == [["lora"], ["lora", "selective"], ["lora", "selective"]]
    at_0 = [json.loads(results.path_of(name).read_text())["alphas"]["0.0"] for name in ("lora", "selective")]
    assert at_0[0] == at_0[1]
    capsys.readouterr()
    run(monkeypatch, "selective", "--adults", "adult", "--alphas", "0")
    assert drawn[-1] == ["selective"]
    assert "lora.json was made from another base, other sets or another decoding" in capsys.readouterr().out
    shutil.rmtree(LORA_FOLDER)
    tiny_checkpoint(LORA_FOLDER, seed=5)
    run(monkeypatch, "selective", "--adults", "dev_adult", "--alphas", "0")
    assert drawn[-1] == ["selective"]
    assert "lora.json was made from other weights than those of models/lora" in capsys.readouterr().out
