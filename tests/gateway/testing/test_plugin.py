"""The plugin as other people's suites have it: the examples of the how-to run, and idle it costs nothing."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "test-your-own-suite.md"
QUIET = ("-p", "no:cacheprovider", "-p", "no:randomly", "-o", "asyncio_default_fixture_loop_scope=function")


def examples() -> dict[str, str]:
    """The page's Python, by the file name in its first line."""
    found = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return {name: textwrap.dedent(code) for name, code in found}


@pytest.mark.parametrize(
    ("name", "tests"), [("test_esme.py", 2), ("test_gateway.py", 3), ("test_recording.py", 1)]
)
def test_the_examples_of_the_page_run(pytester: pytest.Pytester, name: str, tests: int) -> None:
    (pytester.path / "gateway.yaml").write_text("captures: {format: jsonl}\n")  # a world of the reader's own
    pytester.makepyfile(**{name.removesuffix(".py"): examples()[name]})
    pytester.runpytest_subprocess(*QUIET).assert_outcomes(passed=tests)


def test_the_example_without_pytest_runs(tmp_path: Path) -> None:
    script = tmp_path / "fakes.py"
    script.write_text(examples()["fakes.py"], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=True
    )
    first, second = done.stdout.splitlines()[-2:]
    assert first == "True True ['+13105550120', 'alice', 'bob', 'carol']"
    assert second == "[]"


def test_a_run_that_uses_no_fixture_imports_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_idle():
            ours = {name for name in sys.modules if name.split(".")[0] in ("gateway", "siprec")}
            assert ours <= {"gateway", "gateway.testing", "gateway.testing.plugin"}
            assert "gateway.testing.plugin" in ours
            heavy = {"numpy", "sqlalchemy", "pydantic", "structlog", "prometheus_client", "yaml"}
            assert not heavy & set(sys.modules)
        """
    )
    found = pytester.runpytest_subprocess(*QUIET, "-p", "no:hypothesispytest", "-p", "no:aiohttp")
    found.assert_outcomes(passed=1)


def test_it_can_be_left_out(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mock_carrier): ...")
    found = pytester.runpytest_subprocess(*QUIET, "-p", "no:sms_siprec_gateway")
    found.assert_outcomes(errors=1)
    found.stdout.fnmatch_lines(["*fixture 'mock_carrier' not found"])


def test_fakes_end_with_their_test(pytester: pytest.Pytester) -> None:
    """No thread and no port is left, and the next test begins at the same moment again."""
    pytester.makepyfile(
        """
        import socket, threading
        import pytest

        ports = []

        @pytest.mark.parametrize("number", [1, 2])
        def test_one(mock_carrier, frozen_world, number):
            assert [thread.name for thread in threading.enumerate()].count("backstage") == 0
            for port in ports:
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", port))
            first, second = mock_carrier(), mock_carrier("att")
            assert first.port != second.port
            ports.append(first.port)
            assert frozen_world.now.isoformat() == "2026-06-01T15:00:00+00:00"
            frozen_world.advance(3600)
            assert frozen_world.now.hour == 16
        """
    )
    pytester.runpytest_subprocess(*QUIET).assert_outcomes(passed=2)
