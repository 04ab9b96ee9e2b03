"""The training loop: steps until done, checkpoints to resume from, pauses on request.

A stage is a model, its optimizers, and a function from (step) to a loss; everything random comes from generators seeded by
(seed, step or epoch), so that an interrupted run and an uninterrupted one see the same data.

Environment: SPATTEN_PAUSE names a lock file; while another process holds it (flock), training waits.
"""

import fcntl
import os
import time
from pathlib import Path

import torch


def wait_for_quiet():
    """Waits while another process holds the lock file that SPATTEN_PAUSE names."""
    name = os.environ.get("SPATTEN_PAUSE")
    if not name or not os.path.exists(name):
        return
    with open(name) as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                time.sleep(0.5)


def rate(step, steps, warmup, decay=0.4):
    """Learning rate as a share of its peak: linear warm-up, constant, linear decay over the last `decay` of the steps."""
    return min(1.0, (step + 1) / max(1, warmup), (steps - step) / max(1.0, decay * steps))


def run(folder, model, optimizers, step_loss, steps, warmup=50, decay=0.4, clip=1.0, every=120, report=20, validate=None):
    """Trains `model` for `steps` steps and returns it.

    step_loss(step) -> scalar loss tensor. validate(step) -> float is called at each report of 10 x `report` steps.
    A checkpoint is written to `folder` every `every` seconds and at the end; a run that finds one continues from it.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "checkpoint.pt"
    peaks = [[g["lr"] for g in o.param_groups] for o in optimizers]
    first, spent = 0, 0.0
    if path.exists():
        saved = torch.load(path, weights_only=True)
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(optimizers, saved["optimizers"]):
            optimizer.load_state_dict(state)
        first, spent = saved["step"], saved["seconds"]
        print(f"resuming at step {first}", flush=True)

    def save(step):
        state = {"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers], "step": step}
        state["seconds"] = spent + time.time() - began
        torch.save(state, path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)

    began = saved_at = time.time()
    total, count = 0.0, 0
    for step in range(first, steps):
        wait_for_quiet()
        torch.manual_seed(step)  # dropout
        model.train()
        loss = step_loss(step)
        loss.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        for optimizer, lrs in zip(optimizers, peaks):
            for group, lr in zip(optimizer.param_groups, lrs):
                group["lr"] = lr * rate(step, steps, warmup, decay)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        total, count = total + loss.item(), count + 1
        if (step + 1) % report == 0:
            line = f"step {step + 1}/{steps} loss {total / count:.4f} {(time.time() - began) / (step + 1 - first):.2f} s/step"
            total, count = 0.0, 0
            if validate and (step + 1) % (10 * report) == 0:
                model.eval()
                with torch.no_grad():
                    line += f" validation {validate(step + 1):.4f}"
            print(line, flush=True)
        if time.time() - saved_at > every:
            save(step + 1)
            saved_at = time.time()
    if first < steps:
        save(steps)
    model.eval()
    return model
