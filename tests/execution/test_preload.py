import subprocess
import sys

from dcbench.execution.executors import local


def test_preloading_imports_the_libraries_and_every_plugin_and_starts_no_thread():
    code = """
import sys, threading
from pathlib import Path
import dcbench.execution.preload
from dcbench import registry
for module in ("torch", "torchvision", "faiss", "sklearn.cluster", "torch._dynamo", "dcbench.execution.worker"):
    assert module in sys.modules, module
for kind in ("datasets", "archs", "backends"):
    for name in registry.plugin_names(kind):
        assert registry.load(kind, name).__name__ in sys.modules
assert "torch.cuda" in sys.modules and not sys.modules["torch.cuda"].is_initialized()
status = Path("/proc/self/status").read_text().splitlines()
print(next(line for line in status if line.startswith("Threads")).split()[1])
"""
    with local._server_environment(2):
        process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.stdout.strip() == "1", process.stderr
