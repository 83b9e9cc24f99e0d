"""Record what the programs in programs/ print: run with the interpreter of MXNet 1.9.1, writes data/programs.json.

Names as arguments limit it to these programs.
"""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = os.path.join(HERE, "data", "programs.json")


def names():
    """The names of all programs."""
    found = (name[:-3] for name in os.listdir(os.path.join(HERE, "programs")) if name.endswith(".py"))
    return sorted(name for name in found if name != "common")


def run(name, folder, **variables):
    """What a program prints, run with this interpreter in a folder where it may write.

    Raises: RuntimeError with the end of its messages if it fails.
    """
    done = subprocess.run(
        [sys.executable, os.path.join(HERE, "programs", name + ".py")], cwd=folder, text=True, timeout=300,
        env=dict(os.environ, OMP_NUM_THREADS="1", **variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError("%s failed:\n%s" % (name, done.stderr[-3000:]))
    return done.stdout


if __name__ == "__main__":
    recorded = {}
    if os.path.exists(PATH):
        with open(PATH) as file:
            recorded = {name: text for name, text in json.load(file).items() if name in names()}
    for program in sys.argv[1:] or names():
        with tempfile.TemporaryDirectory() as folder:
            recorded[program] = run(program, folder).splitlines()
        print(program, len(recorded[program]), "lines", flush=True)
    with open(PATH, "w") as file:
        json.dump(recorded, file, indent=0, sort_keys=True)
        file.write("\n")
