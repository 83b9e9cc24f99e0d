"""``python -m benchmarks [case ...]``, from the repository's root."""

from __future__ import annotations

import argparse
import importlib
import os
import sys

CASES = (
    "operator_overhead",
    "operators",
    "detection",
    "training_step",
    "static_graph",
    "inference",
    "backends",
    "memory",
    "new_shape",
)


def main() -> None:
    """Run the cases named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Against torch and MXNet 1.9.1.")
    parser.add_argument("cases", nargs="*", metavar="case", help=f"among {', '.join(CASES)}; all when none is named")
    parser.add_argument("--quick", action="store_true", help="smaller jobs and fewer rounds, for a first impression")
    parser.add_argument("--threads", type=int, help="threads of every contestant (default: OMP_NUM_THREADS, or cores)")
    parser.add_argument(
        "--cpu-time", action="store_true", help="measure seconds of processors, on a machine on which others work too"
    )
    options = parser.parse_args()
    if options.cpu_time:
        os.environ["BENCHMARK_CLOCK"] = "cpu"  # before the worker is loaded, and for the other processes
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; the cases are {', '.join(CASES)}")
    threads = options.threads or int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    os.environ["OMP_NUM_THREADS"] = str(threads)  # before torch is loaded, and for the other processes

    from .harness import ROOT, Hosts, run_cases

    hosts = Hosts(oracle=str(ROOT / ".oracle" / "bin" / "python"), torch=sys.executable)
    try:
        modules = {name: importlib.import_module(f"benchmarks.{name}") for name in options.cases or CASES}
        cases = {name: module.measurements(options.quick) for name, module in modules.items()}
        reports = {name: module.report for name, module in modules.items() if hasattr(module, "report")}
        path = run_cases(cases, hosts, ROOT / "benchmarks" / "results", reports)
    finally:
        hosts.close()
    print(f"\nall figures: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
