"""tools/repeat.py: several runs and their spread (the training itself is replaced here)."""

import json

import pytest


@pytest.fixture
def repeat(load_tool, monkeypatch):
    tool = load_tool('repeat')
    tool.calls = []

    def call(name, arguments, folder):
        tool.calls.append((name, arguments))
        number = int(folder.name.removeprefix('run'))
        if name == 'train.py':
            (folder / f'best_EPE_epoch_{number + 1}.pth').touch()
            (folder / 'epoch_9.pth').touch()
        else:
            (folder / 'metrics.json').write_text(json.dumps({'boxes': 'ground truth', 'EPE': 2.0 + 2 * number}))

    monkeypatch.setattr(tool, 'call', call)
    return tool


def test_mean_and_spread_on_paper(repeat, tmp_path, capsys):
    repeat.main(['config.py', '--runs', '3', '--work-dir', str(tmp_path)])
    output = capsys.readouterr().out
    assert 'run 1: EPE 4.0000' in output
    assert 'EPE            4.0000 +- 2.0000 (standard deviation of 3 runs)' in output  # of 2, 4 and 6


def test_each_run_has_its_seed_its_settings_and_its_best_checkpoint(repeat, tmp_path):
    repeat.main(['config.py', '--runs', '2', '--work-dir', str(tmp_path), '--cfg-options', 'a=split{run}/x.json'])
    (train, arguments), (test, tested) = repeat.calls[2:]
    assert (train, test) == ('train.py', 'test.py')
    assert 'randomness.seed=1' in arguments and 'a=split1/x.json' in arguments
    assert tested[1] == str(tmp_path / 'run1/best_EPE_epoch_2.pth') and 'a=split1/x.json' in tested
    repeat.main(['config.py', '--runs', '3', '--work-dir', str(tmp_path), '--last'])
    assert repeat.calls[-1][1][1] == str(tmp_path / 'run2/epoch_9.pth')


def test_finished_runs_are_not_repeated(repeat, tmp_path):
    for _ in range(2):
        repeat.main(['config.py', '--runs', '2', '--work-dir', str(tmp_path)])
    assert len(repeat.calls) == 4


def test_a_failure_names_the_log(load_tool, tmp_path):
    tool = load_tool('repeat')
    with pytest.raises(
        tool.InputError, match=r'train.py failed, see .*train.log: error: config none.py does not exist'
    ):
        tool.run(tool.parse_args(['none.py']), 0, tmp_path)
