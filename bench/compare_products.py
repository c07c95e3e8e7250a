#!/usr/bin/env python3
"""The ways that LibTorch has to multiply rows with a linear layer's weight, interleaved, by number of rows.

Each way computes x W^T + b (or as much of it as it can) for the four weights of a BERT layer; three layers take turns, so that
weights come from memory as they do in a model. The figure is GFLOPS over the layer: all operations of the four products
over the sum of their median times. With --cpu-time it is the calling thread's time that counts (one thread): what other programs
on the same cores take is left out, what they do to the caches is not.

  linear         at::linear, what an ordinary program calls
  without bias   at::mm: no bias is copied to the result beforehand
  by columns     W x^T, the result left lying on its side, without bias
  turned         the same, copied back to rows
  packed         oneDNN's product with a weight that it laid out beforehand, with bias
  fp16           FBGEMM's product with a weight that it laid out in fp16, without bias

Development only: needs torch.

  bench/compare_products.py --threads 2 --hidden 768 --rows 15 27 64 128 256 320 1000 3000
"""
import argparse
import statistics
import time

import torch

from machine import cpu_name

LAYERS = 3

WAYS = {
    "linear": lambda x, weight, bias, packed, fp16: torch.nn.functional.linear(x, weight, bias),
    "without bias": lambda x, weight, bias, packed, fp16: torch.mm(x, weight.t()),
    "by columns": lambda x, weight, bias, packed, fp16: torch.mm(weight, x.t()),
    "turned": lambda x, weight, bias, packed, fp16: torch.mm(weight, x.t()).t().contiguous(),
    "packed": lambda x, weight, bias, packed, fp16: torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], ""),
    "fp16": lambda x, weight, bias, packed, fp16: torch.ops.quantized.linear_dynamic_fp16(x, fp16),
}


def median_times(layers, seconds, clock):
    """Median seconds of each way, over turns through the layers: the arguments that a way takes."""
    times = {name: [] for name in WAYS}
    end = time.perf_counter() + seconds
    turn = 0
    while time.perf_counter() < end or turn < 3 * LAYERS:
        for name, multiply in WAYS.items():
            start = clock()
            multiply(*layers[turn % LAYERS])
            times[name].append(clock() - start)
        turn += 1
    return {name: statistics.median(values[LAYERS:]) for name, values in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--rows", type=int, nargs="+", default=[15, 27, 64, 128, 256, 320, 1000, 3000])
    parser.add_argument("--seconds", type=float, default=1, help="of each shape")
    parser.add_argument("--cpu-time", action="store_true", help="of the calling thread; with one thread")
    options = parser.parse_args()
    if options.cpu_time and options.threads != 1:
        parser.error("--cpu-time needs --threads 1")
    clock = time.thread_time if options.cpu_time else time.perf_counter
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    hidden, wide = options.hidden, 4 * options.hidden
    shapes = [(hidden, 3 * hidden), (hidden, hidden), (hidden, wide), (wide, hidden)]
    weights = {shape: [torch.randn(shape[1], shape[0]) * 0.02 for _ in range(LAYERS)] for shape in shapes}
    packed = {shape: [torch.ops.mkldnn._reorder_linear_weight(w, 32) for w in weights[shape]] for shape in shapes}
    fp16 = {shape: [torch.ops.quantized.linear_prepack_fp16(w, None) for w in weights[shape]] for shape in shapes}

    print(f"{cpu_name()}, {options.threads} threads, torch {torch.__version__}, hidden {hidden}; GFLOPS")
    print(f"{'rows':>6}" + "".join(f"{name:>14}" for name in WAYS))
    for rows in options.rows:
        total = dict.fromkeys(WAYS, 0.0)
        for shape in shapes:
            x, bias = torch.randn(rows, shape[0]), torch.zeros(shape[1])
            layers = [(x, *forms) for forms in zip(weights[shape], [bias] * LAYERS, packed[shape], fp16[shape])]
            for name, value in median_times(layers, options.seconds, clock).items():
                total[name] += value
        operations = sum(2 * rows * a * b for a, b in shapes)
        print(f"{rows:>6}" + "".join(f"{operations / total[name] / 1e9:>14.0f}" for name in WAYS), flush=True)


if __name__ == "__main__":
    main()
