"""How transformers' Trainer is set for an experiment and a kind of machine."""

import torch
from transformers import TrainingArguments

from moslab.experiments import several
from moslab.experiments.compute import Compute
from moslab.experiments.experiment import Experiment
from moslab.experiments.loading import CONTEXT
from moslab.experiments.optimizers import in_transformers
from moslab.experiments.trainable import LEARNS_ITSELF


def arguments(
    experiment: Experiment, folder: str, images: int, compute: Compute = Compute(), layer: str = ""
) -> TrainingArguments:
    """Trainer settings: AdamW, linear warm-up, cosine decay, gradients clipped at 1.

    Args:
        experiment: what is trained.
        folder: of checkpoints.
        images: in an epoch.
        compute: how it is carried out.
        layer: class of the layers that are gathered one by one where the model is divided over processes.
    """
    steps = max(1, round(experiment.epochs * images / experiment.batch_size))
    at_once, parts = compute.split(experiment.batch_size)
    divided = compute.sharded and several.several() and experiment.recipe in LEARNS_ITSELF
    division = {"transformer_layer_cls_to_wrap": [layer], "state_dict_type": "SHARDED_STATE_DICT"}
    return TrainingArguments(
        output_dir=folder,
        max_steps=steps,
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=parts,
        learning_rate=experiment.learning_rate,
        weight_decay=experiment.weight_decay,
        lr_scheduler_type="cosine",
        warmup_steps=round(experiment.warmup * steps),
        max_grad_norm=1.0,
        optim=in_transformers(experiment),
        seed=experiment.seed,
        data_seed=experiment.seed,
        logging_steps=max(1, steps // 40),
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_drop_last=False,
        dataloader_num_workers=compute.loader_workers,
        dataloader_persistent_workers=compute.loader_workers > 0,
        dataloader_multiprocessing_context=CONTEXT if compute.loader_workers else None,
        dataloader_pin_memory=torch.cuda.is_available(),
        use_cpu=not torch.cuda.is_available(),
        log_level="error",
        fsdp=divided,  # type: ignore[arg-type]  # its annotation is of an older form
        fsdp_config=division if divided else None,
    )
