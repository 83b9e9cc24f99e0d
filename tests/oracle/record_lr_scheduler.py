"""Record the learning rates of MXNet 1.9.1's schedules: run with its interpreter, writes data/lr_scheduler.json."""

import json
import os

import mxnet as mx

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
WARMUPS = [
    {},
    {"warmup_steps": 4, "warmup_begin_lr": 0.01},
    {"warmup_steps": 3, "warmup_begin_lr": 0.02, "warmup_mode": "constant"},
]
CASES = [
    ("FactorScheduler", {"step": 3, "factor": 0.5, "base_lr": 0.4}),
    ("FactorScheduler", {"step": 1, "factor": 0.3, "base_lr": 1.0, "stop_factor_lr": 0.02}),
    ("FactorScheduler", {"step": 5}),
    ("MultiFactorScheduler", {"step": [2, 5, 9], "factor": 0.1, "base_lr": 0.4}),
    ("MultiFactorScheduler", {"step": [7]}),
    ("PolyScheduler", {"max_update": 12, "base_lr": 0.4}),
    ("PolyScheduler", {"max_update": 9, "base_lr": 0.4, "pwr": 1, "final_lr": 0.05}),
    ("CosineScheduler", {"max_update": 12, "base_lr": 0.4}),
    ("CosineScheduler", {"max_update": 9, "base_lr": 0.4, "final_lr": 0.05}),
]


def main():
    records = []
    for name, kwargs in CASES:
        for warmup in WARMUPS:
            arguments = {"base_lr": 0.1, **kwargs, **warmup}
            scheduler = getattr(mx.lr_scheduler, name)(**arguments)
            records.append({"scheduler": name, "kwargs": arguments, "rates": [scheduler(n) for n in range(20)]})
    with open(os.path.join(DATA, "lr_scheduler.json"), "w") as file:
        json.dump(records, file, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
