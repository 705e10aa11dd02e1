"""Decode and score a tuned model at every alpha, choose one, and write the results; see __main__.py."""

from stages.common.params import Params
from stages.records import error_unit, shards
from stages.records.paths import BASE_FOLDER, MODELS
from stages.records.strategies import STRATEGIES
from stages.scores import scoreboard
from stages.wer import normalisers
from stages.whisper import model
from tools import provenance
from tools.interpolate import choice, figure, results, tables, transcribing, weights
from tools.interpolate.choice import Point
from tools.interpolate.options import Options


def interpolate(options: Options, settings: Params) -> None:
    """Decode and score every alpha; print the table, and write metrics/interpolation/<model>.json and the figure.

    Raises
    ------
    UserError
        Models, sets and parameters are not of one run, or the model cannot be interpolated.
    """
    weights.check_scalable(MODELS[options.name])
    provenance.check(["fetch_base", "preprocess", STRATEGIES[options.name].stage], "models and processed_data")
    inputs = transcribing.read_inputs(options.name, [options.children_folder, options.adults_folder], settings)
    rule = normalisers.load(BASE_FOLDER, settings.language)["whisper"]
    unit = error_unit.of_language(settings.language)
    clips = {folder.name: shards.read_manifest(folder) for folder in inputs.sets}
    points = []
    for alpha in options.alphas:
        rows = transcribing.transcribe(inputs, alpha)
        scored = scoreboard.results_by_set(rows, clips, rule)
        for name, of_set in scored.items():
            choice.check_has_words(name, of_set)
        points.append(Point(alpha, scored[options.children_folder.name], scored[options.adults]))
    contexts = {alpha: audio_context(options.name, alpha) for alpha in options.alphas}
    content = results.contents(options, inputs, points, contexts)
    print(f"\n{tables.text_of(content, unit)}\n")
    print(f"{results.write(content, unit)}: written")
    path, left_out = figure.write(content, unit)
    print("\n".join([f"{path}: written", *left_out]))


def audio_context(name: str, alpha: float) -> str:
    """What the encoder sees at an alpha: "utterance" or "window"; of the base, always its window."""
    if alpha == 0:
        return "window"
    return model.read_json(MODELS[name], model.DECODING_FILE, required=False).get("audio_context", "window")
