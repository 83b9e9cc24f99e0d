"""Where contestants run: in this process (`Host`), or in one of their own, which runs this file.

That process may be of an older Python with other packages, so this file imports nothing but the standard library.
"""

import importlib
import json
import os
import sys
import time
import traceback

#: "cpu" in this variable: samples are seconds of processors, for machines on which others work as well.
CLOCK = {"cpu": time.process_time}.get(os.environ.get("BENCHMARK_CLOCK", ""), time.perf_counter)


class Host:
    """Contestants by number; each is a function ``run(n)`` that takes n steps and waits for their results."""

    def __init__(self):
        self._runs = {}

    def start(self, number, factory, args):
        """Build a contestant and take its first step.

        factory is "module:function", called with args; it returns run. Returns: seconds, without loading the module.
        """
        module, _, function = factory.partition(":")
        make = getattr(importlib.import_module(module), function)
        begin = time.perf_counter()
        run = make(*args)
        run(1)
        self._runs[number] = run
        return time.perf_counter() - begin

    def sample(self, number, steps):
        """Take steps of a contestant. Returns: seconds."""
        if number not in self._runs:
            raise LookupError("it is not running (its process has ended)")
        run = self._runs[number]
        begin = CLOCK()
        run(steps)
        return CLOCK() - begin

    def stop(self, number):
        """Forget a contestant, and what it holds."""
        self._runs.pop(number, None)

    def facts(self, package):
        """The Python here, and the version of a package."""
        version = getattr(importlib.import_module(package), "__version__", "unknown")
        return {"python": sys.version.split()[0], package: version}


def serve():
    """Answer calls of Host's methods, one JSON line each, until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a contestant prints must not get among the answers
    host = Host()
    for line in sys.stdin:
        method, args = json.loads(line)
        try:
            answer = {"result": getattr(host, method)(*args)}
        except Exception as error:  # noqa: BLE001 - every failure is told to the harness, which reports it
            answer = {"error": describe(error), "traceback": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


def describe(error):
    """An exception in one line."""
    return "{}: {}".format(type(error).__name__, (str(error).splitlines() or [""])[0])[:200]


if __name__ == "__main__":
    serve()
