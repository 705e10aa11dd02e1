"""Fine-tune the base with one strategy: python -m stages.train STRATEGY

Reads processed_data/train, dev and replay, and models/base; writes models/<strategy>, a stock PEFT adapter or a
stock Transformers checkpoint, and metrics/train_<strategy>.csv.
"""

import argparse

from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.records import paths
from stages.runtime import model_limits
from stages.training import extra_clips


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("strategy", choices=paths.TUNED)
    strategy = parser.parse_args().strategy
    settings = params.load()
    model_limits.check(settings, paths.BASE_FOLDER)
    extra_clips.check(settings)
    # Not at the top: torch takes 10 seconds, and mistakes are found before.
    from stages.runtime import launch
    from stages.training import loop
    from stages.whisper.quiet import quiet_transformers

    quiet_transformers()
    if not launch.relaunch_with_accelerate(["stages.train", strategy], settings.runtime):
        loop.run(strategy, settings)


if __name__ == "__main__":
    main()
