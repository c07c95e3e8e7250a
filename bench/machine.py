"""What the comparisons say about the machine."""
import pathlib


def has_bf16():
    """Whether the processor multiplies bf16 faster than fp32."""
    return "avx512_bf16" in pathlib.Path("/proc/cpuinfo").read_text()


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"
