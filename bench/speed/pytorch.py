#!/usr/bin/env python3
"""PyTorch on the CPU: nn.LSTM, and a BN-LSTM as one would write it, with and without TorchScript.

Prints one JSON array of rows in the form that README.md of this folder describes. Needs PyTorch with
an optimised BLAS. Every number of threads gets a process of its own: OpenMP and the BLAS read it when
they are loaded.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

WORKLOADS = json.loads(
    (pathlib.Path(__file__).parents[2] / "lib/cli/bench/workloads.json").read_text()
)
MISSING = 3  # exit code: the peer is not installed


def missing(what):
    print(f"pytorch: missing: {what}", file=sys.stderr)
    sys.exit(MISSING)


def proc(name):
    """A file of /proc, empty where there is none."""
    path = pathlib.Path("/proc") / name
    return path.read_text() if path.exists() else ""


def arguments():
    def items(text):
        return text.split(",")

    standard = [name for name, each in WORKLOADS.items() if not each.get("extra")]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", type=items, default=standard)
    parser.add_argument("--norm", type=items, default=["batch", "none"])
    parser.add_argument("--dtype", type=items, default=["f32", "bf16"])
    parser.add_argument("--pass", dest="passes", type=items, default=["forward", "train", "inference"])
    parser.add_argument("--threads", type=items, default=sorted({"1", str(os.cpu_count())}))
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=3)
    return parser.parse_args()


def in_children(threads):
    """Runs this script once per number of threads, and prints their rows as one array."""
    rows = []
    for count in threads:
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": count,
            "OPENBLAS_NUM_THREADS": count,
            "BNLSTM_BENCH_THREADS": count,
        }
        # OpenMP's and OpenBLAS's threads take turns: spinning, each would keep the other from its core.
        environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        if " avx512f " in proc("cpuinfo"):  # PyTorch may stay at AVX2 unless it is told
            environment.setdefault("ATEN_CPU_CAPABILITY", "avx512")
        child = subprocess.run(
            [sys.executable, *sys.argv], env=environment, stdout=subprocess.PIPE, text=True
        )
        if child.returncode != 0:
            sys.exit(child.returncode)
        rows += json.loads(child.stdout)
    print(json.dumps(rows, indent=1))


def blas(torch):
    """Its name. The reference BLAS is refused: nobody computes with it who wants speed."""
    if torch.backends.mkl.is_available():
        return "MKL"
    torch.randn(8, 8) @ torch.randn(8, 8)  # loads it
    loaded = proc("self/maps")
    for name in ("OpenBLAS", "BLIS", "MKL", "ATLAS"):
        if name.lower() in loaded:
            return name
    if "libblas" in loaded:
        missing("an optimised BLAS: apt-get install libopenblas0-pthread")
    return "its own BLAS"


def version_of(torch):
    """Debian's package knows its version better than the module does."""
    version = torch.__version__
    if torch.__file__.startswith("/usr/lib/python3/dist-packages"):
        query = ["dpkg-query", "-W", "-f", "${Version}", "python3-torch"]
        debian = subprocess.run(query, stdout=subprocess.PIPE, text=True, check=False).stdout
        version = debian or version
    return f"{version} ({blas(torch)})"


def measure(run, warm_ups, repeats, seconds):
    for _ in range(warm_ups):
        run()
    times = []
    started = time.perf_counter()
    while True:
        begun = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - begun))
        if len(times) >= repeats or time.perf_counter() - started >= seconds:
            break
    return {
        "msMedian": round(statistics.median(times), 3),
        "msMin": round(min(times), 3),
        "msMax": round(max(times), 3),
    }


def run_passes(module, x, passes):
    """The function that runs each pass once."""

    def forward():
        return module(x)

    def train():
        module.zero_grad(set_to_none=True)
        y = module(x)
        # nn.LSTM gives (y, (h, c)).
        (y[0] if isinstance(y, tuple) else y).sum().backward()

    return {name: {"forward": forward, "train": train, "inference": forward}[name] for name in passes}


def main():
    args = arguments()
    for name in args.workload:
        if name not in WORKLOADS:
            sys.exit(f"--workload: expected {' or '.join(WORKLOADS)}, got {name}")
    try:
        import torch
    except ImportError:
        missing("PyTorch: apt-get install python3-torch libopenblas0-pthread, or pip install torch")
    threads = os.environ.get("BNLSTM_BENCH_THREADS")
    if threads is None:
        blas(torch)
        return in_children(args.threads)

    from pytorch_bn_lstm import BnLstm, OneHot

    torch.manual_seed(1)
    torch.set_num_threads(int(threads))
    torch.set_num_interop_threads(1)
    torch.set_flush_denormal(True)
    version = version_of(torch)
    dtypes = {"f32": torch.float32, "bf16": torch.bfloat16}
    rows = []
    for workload in args.workload:
        given = WORKLOADS[workload]
        steps, batch, hidden = given["steps"], given["batch"], given["hidden"]
        width = given.get("vocabulary") or given["features"]
        passes = [name for name in args.passes if name in given["passes"]]
        for dtype in args.dtype:
            if "vocabulary" in given:
                x = torch.randint(width, (steps, batch))
            else:
                x = torch.randn(steps, batch, width, dtype=dtypes[dtype])
            modules = {}
            if "none" in args.norm:
                lstm = torch.nn.LSTM(width, hidden)
                modules["nn.LSTM", "none"] = OneHot(lstm, width) if "vocabulary" in given else lstm
            if "batch" in args.norm:
                loop = BnLstm(width, hidden, steps, "vocabulary" in given)
                modules["loop", "batch"] = loop
                modules["script", "batch"] = torch.jit.script(loop)
            for (form, norm), module in modules.items():
                module.to(dtypes[dtype])
                for name, run in run_passes(module, x, passes).items():
                    module.train(name != "inference")
                    try:
                        with torch.set_grad_enabled(name != "inference"):
                            # TorchScript compiles in the first runs.
                            warm_ups = 3 if form == "script" else 1
                            times = measure(run, warm_ups, args.repeats, args.seconds)
                    except RuntimeError as error:  # what this version or processor cannot do
                        what = f"{form} {workload} {dtype} {name}"
                        print(f"pytorch: skipped {what}: {error}", file=sys.stderr)
                        continue
                    rows.append({
                        "peer": f"pytorch {form}", "version": version, "workload": workload,
                        "norm": norm, "dtype": dtype, "pass": name, "threads": int(threads), **times,
                    })  # fmt: skip
    print(json.dumps(rows))


main()
