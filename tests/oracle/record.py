"""Run every record_*.py of this folder with the interpreter that runs this one, which must have MXNet 1.9.1."""

import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

if __name__ == "__main__":
    for script in sorted(glob.glob(os.path.join(HERE, "record_*.py"))):
        print(os.path.basename(script), flush=True)
        subprocess.run([sys.executable, script], check=True)
