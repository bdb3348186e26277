"""On what a benchmark ran, and with which versions of the peers."""

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from loadtests import jasmin, kannel

PACKAGES = ("smpp34", "aiosmpplib", "throttled-py", "limits", "pyrate-limiter", "aiohttp", "uvloop")
ROOT = Path(__file__).resolve().parent.parent
NODE_SMPP = ROOT / ".cache" / "node" / "node_modules" / "smpp" / "package.json"


def machine() -> dict[str, Any]:
    """Cores, processor, memory, system, interpreter."""
    return {
        "cores": os.cpu_count(),
        "processor": _first(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo")) or platform.machine(),
        "memory_gib": round(int(_first(r"MemTotal:\s*(\d+)", Path("/proc/meminfo")) or 0) / 2**20, 1) or None,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def peers() -> dict[str, str | None]:
    """Versions of those that are installed, None for those that are not."""
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    found["node"] = _said(["node", "--version"], r"v(\S+)")
    found["smpp (node)"] = json.loads(NODE_SMPP.read_text())["version"] if NODE_SMPP.exists() else None
    boxes = kannel.binaries()
    found["kannel"] = _said([boxes[0], "--version"], r"version\D+`?([\w.]+)") if boxes else None
    found["jasmin"] = _jasmin_version()
    return found


def _jasmin_version() -> str | None:
    if jasmin.missing():
        return None
    folder = next(jasmin.HOME.glob("lib/python*/site-packages/jasmin-*.dist-info"), None)
    return folder.name.removeprefix("jasmin-").removesuffix(".dist-info") if folder else None


def commit() -> str | None:
    """The commit that was measured, short; None outside a checkout."""
    return _said(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], r"(\S+)")


def _first(pattern: str, path: Path) -> str | None:
    match = re.search(pattern, path.read_text(errors="replace")) if path.exists() else None
    return match[1].strip() if match else None


def _said(command: list[str], pattern: str) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    match = re.search(pattern, done.stdout + done.stderr)
    return match[1] if match else None
