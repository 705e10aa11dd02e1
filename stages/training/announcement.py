"""What the screen shows before a training: what is trained, on what, and how."""

from stages.common.params import Params
from stages.training import dataset, extra_clips, strategies, trainer_options
from stages.training.trainer import SpeechTrainer


def announce(stage: str, tuned, trainer: SpeechTrainer, settings: Params) -> None:
    """Print what is going to be trained, and how."""
    learning, total = strategies.parameter_counts(tuned)
    batches, clips = trainer.batches, trainer.train_dataset
    trained = clips.without_extra()
    if trainer.is_world_process_zero():
        print(f"{stage}: {learning:,} of {total:,} parameters learn ({learning / total:.2%})")
        sharded = ", which share one copy of the model (FSDP)" if trainer.is_fsdp_enabled else ""
        print(
            f"{stage}: {len(trained)} clips of {dataset.speakers_text(trained)}, {batches.steps} steps an epoch; "
            f"each batch in {batches.devices * batches.parts} part(s) on {batches.devices} "
            f"{trainer.args.device.type} device(s){sharded}"
        )
        for line in [extra.describe() for extra in clips.extra] + extra_clips.describe_unused(settings):
            print(f"{stage}: {line}")
        wanted, workers = settings.runtime.data_workers, trainer_options.data_workers(settings.runtime)
        if workers < wanted:
            print(f"{stage}: runtime.data_workers is {wanted}; lowered to {workers}, the number of cores")
