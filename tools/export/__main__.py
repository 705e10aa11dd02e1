"""Export a tuned model for others to use: python -m tools.export MODEL [--ctranslate2] [--push-to-hub ID]

Reads models/, processed_data/evaluation/test, metrics/ and params.yaml; writes exports/<model>/:

    transformers/   a stock checkpoint, with an adapter merged into its base
    adapter/        if it is one: the adapter itself, for its base on the hub, with a model card of its own
    ctranslate2/    with --ctranslate2: for faster-whisper and other engines
    README.md       the model card

With --alpha 0.75, it is not the tuned model that is exported, but base + 0.75 (tuned - base), to
exports/<model>-alpha-0.75/; python -m tools.interpolate compares alphas.

Each form is decoded on a few test clips and compared with the model that it was made from. If their texts differ, it is
refused: then nothing is written, and an earlier export stays. No stage of the pipeline depends on exports.
"""

from stages.common import params
from stages.common.errors import exit_on_user_error
from tools.export import options


@exit_on_user_error
def main() -> None:
    chosen = options.from_command_line(__doc__)
    settings = params.load()
    # Not at the top: torch takes 10 seconds, and mistakes are found before.
    from stages.whisper.quiet import quiet_transformers
    from tools.export import export

    quiet_transformers()
    export.export(chosen, settings)


if __name__ == "__main__":
    main()
