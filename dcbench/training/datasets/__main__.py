"""`python -m dcbench.training.datasets NAME DIR [PLUGINS...]`: download one dataset, with a progress bar on stderr.

Exit code 0, or 1 with the reason on stdout. If stdin is a pipe, the process ends when the pipe closes, and so with its
parent.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import sys
import threading
from pathlib import Path

from dcbench import registry


def main(name: str, data_dir: Path) -> int:
    """Download a dataset unless it is there; return the exit code."""
    files = registry.facts("datasets", name)["files"]
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        # Two processes that need the same dataset wait for each other, and the second finds it there.
        with (data_dir / f".{name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not all((data_dir / file).exists() for file in files):
                print(f"downloading {name} to {data_dir}", file=sys.stderr)
                # Stdout is for the reason of a failure, which the parent process reads.
                with contextlib.redirect_stdout(sys.stderr):
                    registry.load("datasets", name).download(data_dir)
    except KeyboardInterrupt:
        print(f"{name}: the download was stopped")
        return 1
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        print(
            f"{name} is not in {data_dir} and could not be downloaded: {reason}. Put the official files there "
            f"({', '.join(files)}), or name the folder that has them with --data-dir"
        )
        return 1
    return 0


def _end_with_stdin() -> None:
    while os.read(0, 1):  # not sys.stdin.read(), whose lock Python needs when it exits
        pass
    os._exit(1)


if __name__ == "__main__":
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    registry.use_plugins(map(Path, sys.argv[3:]))
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
