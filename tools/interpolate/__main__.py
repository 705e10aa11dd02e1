"""Compare weights between those of the base and those of a tuned model: python -m tools.interpolate MODEL --adults SET

Alpha 0 is models/base, alpha 1 is models/MODEL, and between them lies base + alpha (tuned - base). At each alpha, the
children of processed_data/dev and the adults of processed_data/evaluation/SET are decoded and scored as the pipeline
does it. Prints the error rates and the alpha with the lowest children + TRADE * adults; writes
metrics/interpolation/<model>.json and the figure metrics/interpolation.png.

Choose by adults who are in no set that you report. Export the chosen one: python -m tools.export MODEL --alpha ALPHA
"""

from stages.common import params
from stages.common.errors import exit_on_user_error
from tools.interpolate import options


@exit_on_user_error
def main() -> None:
    chosen = options.from_command_line(__doc__)
    settings = params.load()
    options.check_adults(chosen, settings)
    if warning := options.warning_of_reported_set(chosen, settings):
        print(warning)
    # Not at the top: torch takes 10 seconds, and mistakes are found before.
    from stages.whisper.quiet import quiet_transformers
    from tools.interpolate import interpolation

    quiet_transformers()
    interpolation.interpolate(chosen, settings)


if __name__ == "__main__":
    main()
