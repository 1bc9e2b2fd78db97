"""The set-up script, run with a Python that only writes down what it is asked to do: no network is needed."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAKE = """#!/bin/sh
echo "$*" >>calls
case "$*" in
*version_info*) echo {version} ;;
'-m venv'*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
'-m pip config list') cat pip_settings ;;
*'uv pip install'*) env >environment; test ! -e no_network ;;
esac
"""


class Clone:
    """A copy of what the script reads, with a fake Python."""

    def __init__(self, root: Path):
        self.root = root
        for name in ('setup.py', 'pyproject.toml', 'requirements', 'tools/setup_env.sh'):
            source, target = ROOT / name, root / name
            target.parent.mkdir(exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        (root / 'pip_settings').touch()

    def python(self, version: str, path: str = 'python') -> Path:
        """Write a fake Python of a version."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(FAKE.format(version=version))
        target.chmod(0o755)
        return target

    def run(self, **environment: str) -> subprocess.CompletedProcess:
        """Run the script from another folder, with none of this machine's settings."""
        (self.root / 'calls').unlink(missing_ok=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(('UV_', 'PIP_')) and k != 'SSL_CERT_FILE'}
        command = ['bash', str(self.root / 'tools/setup_env.sh')]
        environment = {**kept, 'PYTHON': str(self.root / 'python'), **environment}
        return subprocess.run(command, cwd='/', env=environment, capture_output=True, text=True)

    def calls(self) -> str:
        """Give what Python was asked to do in the last run."""
        return (self.root / 'calls').read_text() if (self.root / 'calls').exists() else ''

    def environment(self) -> dict[str, str]:
        """Give the environment in which uv ran."""
        lines = (self.root / 'environment').read_text().splitlines()
        return dict(line.split('=', 1) for line in lines if '=' in line)


@pytest.fixture
def clone(tmp_path):
    """A copy with a suitable Python."""
    clone = Clone(tmp_path)
    clone.python('3.11')
    return clone


@pytest.mark.parametrize('version', ['3.9', '3.13'])
def test_refuses_another_python(clone, version):
    clone.python(version)
    done = clone.run()
    assert done.returncode == 1
    assert done.stderr.count('\n') == 1
    assert 'needs Python 3.10, 3.11 or 3.12' in done.stderr and version in done.stderr
    assert not (clone.root / '.venv').exists()


def test_refuses_an_environment_of_another_python(clone):
    clone.python('3.13', '.venv/bin/python')
    done = clone.run()
    assert (done.returncode, done.stderr.count('\n')) == (1, 1)
    assert '.venv holds Python 3.13' in done.stderr


def test_second_run_does_nothing_until_a_requirement_changes(clone):
    assert clone.run().returncode == 0
    assert 'uv pip install' in clone.calls()
    done = clone.run()
    assert (done.returncode, done.stdout, done.stderr, clone.calls()) == (0, '', '', '')
    with (clone.root / 'requirements/runtime.txt').open('a') as file:
        file.write('another\n')
    assert clone.run().returncode == 0
    assert 'uv pip install' in clone.calls() and '-m venv' not in clone.calls()


def test_failed_run_is_repaired_by_the_next(clone):
    (clone.root / 'no_network').touch()
    assert clone.run().returncode != 0
    (clone.root / 'no_network').unlink()
    assert clone.run().returncode == 0
    assert 'uv pip install' in clone.calls()


def test_uv_is_given_the_settings_of_pip(clone):
    wheels, missing = clone.root / 'wheels', clone.root / 'missing'
    wheels.mkdir()
    (clone.root / 'pip_settings').write_text(
        f":env:.find-links='{wheels} {missing}'\n"
        "global.find-links='https://example.org/unused'\n"
        "global.cert='/certificates.pem'\n"
        "global.extra-index-url='\\nhttps://example.org/a\\nhttps://example.org/b'\n"
        "install.index-url='https://example.org/simple'\n"
    )
    assert clone.run().returncode == 0
    found = clone.environment()
    assert found['UV_FIND_LINKS'] == str(wheels)
    assert found['UV_DEFAULT_INDEX'] == 'https://example.org/simple'
    assert found['UV_INDEX'] == 'https://example.org/a https://example.org/b'
    assert found['SSL_CERT_FILE'] == '/certificates.pem'
    assert 'UV_TORCH_BACKEND' not in found


def test_torch_is_for_the_cpu_only_where_there_is_no_gpu(clone):
    assert clone.run().returncode == 0
    on_cpu = sys.platform == 'linux' and shutil.which('nvidia-smi') is None
    assert (clone.environment().get('UV_TORCH_BACKEND') == 'cpu') == on_cpu
    (clone.root / '.venv/stamp').unlink()
    driver = clone.python('', 'bin/nvidia-smi').parent
    assert clone.run(PATH=f'{driver}:{os.environ["PATH"]}').returncode == 0
    assert 'UV_TORCH_BACKEND' not in clone.environment()


def test_requirements_are_what_setup_reports(tmp_path):
    command = [sys.executable, 'setup.py', '-q', 'egg_info', '--egg-base', str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    reported = (tmp_path / 'hybridkp.egg-info/requires.txt').read_text()
    parts = {'runtime': reported.split('[')[0]}
    parts |= {part.split(']')[0]: part.split(']')[1] for part in reported.split('[')[1:]}
    assert set(parts) == {'runtime', 'tests', 'optional', 'deploy'}
    for name, lines in parts.items():
        assert lines.split() == (ROOT / f'requirements/{name}.txt').read_text().split()


def test_setup_refuses_another_python_with_a_sentence(monkeypatch):
    monkeypatch.setattr(sys, 'version_info', (3, 13, 0))
    with pytest.raises(SystemExit, match='needs Python 3.10, 3.11 or 3.12'):
        runpy.run_path(str(ROOT / 'setup.py'))
