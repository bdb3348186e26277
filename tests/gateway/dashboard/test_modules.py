"""The page's modules that need no browser, run by node's own test runner."""

import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.dashboard.routes import STATIC

HERE = Path(__file__).parent / "js"


@pytest.mark.system("node")
def test_modules_under_node(tmp_path: Path) -> None:
    shutil.copytree(STATIC / "js", tmp_path / "js")
    for script in HERE.glob("*.test.js"):
        shutil.copy(script, tmp_path / script.name)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    scripts = sorted(path.name for path in tmp_path.glob("*.test.js"))
    done = subprocess.run(
        ["node", "--test", *scripts], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(scripts) >= 4
