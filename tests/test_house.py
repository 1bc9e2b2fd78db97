"""The rules of the house, each with an example that breaks it: a rule that nothing can break is no rule."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = ('hybridkp', 'tools', 'tests', 'configs')
Rule = Callable[[str, str], Iterator[str]]  # (path from the root, text of the file) -> what breaks the rule


def hold(rule: Rule, folders: tuple[str, ...], breaks: dict[str, str], suffixes: tuple[str, ...] = ('.py',)) -> None:
    """Check that each example breaks the rule and that no file does."""
    for path, text in breaks.items():
        assert list(rule(path, text)), f'the rule does not see what is wrong with {path}: {text}'
    wrong = []
    for folder in folders:
        for file in sorted(ROOT.glob('*') if folder == '.' else (ROOT / folder).rglob('*')):
            path = file.relative_to(ROOT).as_posix()
            if file.is_file() and file.suffix in suffixes:
                wrong += [f'{path}: {what}' for what in rule(path, file.read_text(encoding='utf-8'))]
    assert not wrong, '\n' + '\n'.join(wrong)


def imports(path: str, text: str) -> Iterator[str]:
    """Give the full dotted name of everything that a file imports."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.removesuffix('.py').split('/')[: -node.level] if node.level else []
            source = '.'.join([*package, *filter(None, [node.module])])
            yield from (f'{source}.{alias.name}' for alias in node.names)


def functions(text: str) -> Iterator[ast.FunctionDef]:
    """Give every function and method, however deep."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_layers_import_downwards():
    free = {'ops', 'codecs', 'models', 'datasets', 'evaluation', 'engine', 'errors'}
    allowed = {
        'ops': {'ops'},
        'codecs': {'ops', 'codecs', 'errors'},
        'models': {'ops', 'codecs', 'models', 'errors'},
        'datasets': {'ops', 'datasets', 'errors'},
        'evaluation': {'ops', 'evaluation', 'errors'},
        'engine': {'ops', 'engine', 'errors'},
        'converters': {*free, 'converters'},
        'inspection': {'codecs', 'datasets', 'engine', 'errors', 'inspection'},
        'deploy': {*free, 'deploy', 'stack', 'plugin'},
        'inference': {*free, 'inference', 'stack', 'plugin'},
        'plugin': {*free, 'stack'},
    }

    def rule(path: str, text: str) -> Iterator[str]:
        part = path.removesuffix('.py').split('/')[1]
        for name in imports(path, text):
            package, _, inner = name.partition('.')
            if package == 'hybridkp' and inner.split('.')[0] not in allowed.get(part, set()):
                yield f'{part} imports {name}'
            if package in ('tools', 'tests', 'configs'):
                yield f'imports {name}'

    breaks = {
        'hybridkp/ops/a.py': 'from hybridkp.codecs import base',
        'hybridkp/codecs/a.py': 'from ..models.heads import Head',
        'hybridkp/models/heads/a.py': 'from hybridkp import datasets',
        'hybridkp/datasets/a.py': 'def f():\n    import hybridkp.evaluation',
        'hybridkp/inference/a.py': 'import hybridkp.deploy.onnx_export',
        'hybridkp/engine/a.py': 'from tools.train import main',
    }
    hold(rule, ('hybridkp',), breaks)


def test_only_registries_and_structures_of_mmpose_are_imported():
    def rule(path: str, text: str) -> Iterator[str]:
        for name in imports(path, text):
            if re.match(r'mmpose\b(?!\.(registry|structures)\b)', name):
                yield f'imports {name}'

    hold(
        rule,
        ('hybridkp',),
        {'hybridkp/a.py': 'from mmpose.models import heads', 'hybridkp/b.py': 'import mmpose'},
    )


def test_ops_import_with_torch_alone():
    blocked = 'numpy cv2 scipy matplotlib torchvision mmengine mmcv mmpose mmpretrain mmdet xtcocotools pycocotools'
    program = f"""
import sys, warnings
warnings.simplefilter('ignore')
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {blocked.split()}:
            raise ModuleNotFoundError(name + ' is blocked', name=name)
sys.meta_path.insert(0, Blocker())
"""
    run = [sys.executable, '-c']
    assert subprocess.run([*run, program + 'import mmengine'], cwd=ROOT, capture_output=True).returncode
    every = ''.join(f'import hybridkp.ops.{file.stem}\n' for file in (ROOT / 'hybridkp/ops').glob('[!_]*.py'))
    done = subprocess.run([*run, f'{program}import hybridkp.ops\n{every}'], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_one_public_class_a_file_named_after_it():
    named_for_a_role = ('hybridkp/codecs/base.py', 'hybridkp/errors.py')

    def rule(path: str, text: str) -> Iterator[str]:
        classes = [n.name for n in ast.parse(text).body if isinstance(n, ast.ClassDef) and n.name[0] != '_']
        if len(classes) > 1:
            yield f'has {len(classes)} public classes: {", ".join(classes)}'
        elif classes and path not in named_for_a_role:
            if classes[0].lower() != Path(path).stem.replace('_', ''):
                yield f'is not named after its class {classes[0]}'

    breaks = {'hybridkp/a.py': 'class A: ...\nclass B: ...', 'hybridkp/codec.py': 'class HeatmapCodec: ...'}
    hold(rule, ('hybridkp',), breaks)


def test_no_file_is_over_300_lines():
    def rule(path: str, text: str) -> Iterator[str]:
        if (lines := len(text.splitlines())) > 300:
            yield f'{lines} lines'

    hold(rule, CODE, {'hybridkp/a.py': '\n' * 301}, ('.py', '.sh'))


def test_names_say_something():
    def rule(path: str, text: str) -> Iterator[str]:
        if found := {'util', 'utils', 'misc', 'helper', 'helpers', 'common'} & set(re.split(r'[/.]', path)):
            yield f'{found} says nothing'
        if path.endswith('.py') and path.startswith('hybridkp/'):
            if Path(path).name.startswith('base') and path != 'hybridkp/codecs/base.py':
                yield 'only the codecs have a base'
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ClassDef) and node.name.startswith('Base'):
                    yield f'class {node.name}'

    breaks = {
        'hybridkp/utils/a.py': '',
        'tests/helpers.py': '',
        'hybridkp/models/base_head.py': '',
        'hybridkp/a.py': 'class BaseHead: ...',
    }
    hold(rule, CODE, breaks, ('.py', '.sh'))


def test_public_things_have_a_docstring_that_begins_with_a_sentence():
    def rule(path: str, text: str) -> Iterator[str]:
        tree = ast.parse(text)
        nodes = [
            tree,
            *tree.body,
            *(n for c in tree.body if isinstance(c, ast.ClassDef) and c.name[0] != '_' for n in c.body),
        ]
        for node in nodes:
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            name = getattr(node, 'name', 'the module')
            setter = any(getattr(d, 'attr', '') == 'setter' for d in getattr(node, 'decorator_list', []))
            first = (ast.get_docstring(node) or '').split('\n')[0]
            if name[0] != '_' and not setter and text and not re.fullmatch(r'([A-Z0-9`]|mm).* .*\.', first):
                yield f'{name}: {first or "no docstring"}'

    doc = '"""What it is."""\n'
    breaks = {
        'hybridkp/a.py': 'import torch',
        'hybridkp/b.py': f'{doc}def f(): ...',
        'hybridkp/c.py': f'{doc}class C:\n    """A class."""\n    def m(self):\n        """no sentence"""',
        'hybridkp/d.py': f'{doc}class C: ...',
    }
    hold(rule, ('hybridkp',), breaks)


def test_signatures_are_short_and_closed():
    stands_in_for_another = 'hybridkp/stack.py'

    def rule(path: str, text: str) -> Iterator[str]:
        for node in functions(text):
            named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            count = sum(argument.arg not in ('self', 'cls') for argument in named) + bool(node.args.vararg)
            if count > 8:
                yield f'{node.name} has {count} arguments'
            if node.args.kwarg and path != stands_in_for_another:
                yield f'{node.name} takes **{node.args.kwarg.arg}'

    breaks = {
        'hybridkp/a.py': 'def f(a, b, c, d, /, e, f, *, g, h, i): ...',
        'hybridkp/b.py': 'def f(**kwargs): ...',
    }
    hold(rule, ('hybridkp', 'tools'), breaks)


def test_no_assert_for_a_mistake_of_the_user():
    def rule(path: str, text: str) -> Iterator[str]:
        yield from (f'line {n.lineno}' for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Assert))

    hold(rule, ('hybridkp', 'tools'), {'hybridkp/a.py': 'def f(x):\n    assert x > 0'})


def test_training_steps_stay_on_the_device():
    def rule(path: str, text: str) -> Iterator[str]:
        whole = path.startswith(('hybridkp/ops/', 'hybridkp/models/losses/'))
        steps = [n for n in functions(text) if re.match(r'_?(loss|forward)', n.name)]
        for step in [ast.parse(text)] if whole else steps:
            for node in ast.walk(step):
                if isinstance(node, ast.Attribute) and node.attr in ('cpu', 'item', 'numpy'):
                    yield f'line {node.lineno}: .{node.attr}'

    breaks = {
        'hybridkp/ops/a.py': 'x.max().item()',
        'hybridkp/models/heads/a.py': 'def loss(x):\n    return x.cpu()',
    }
    hold(rule, ('hybridkp/ops', 'hybridkp/codecs', 'hybridkp/models'), breaks)


def test_tests_mirror_the_package():
    tested_by_every_config = 'hybridkp/plugin.py'

    def rule(path: str, text: str) -> Iterator[str]:
        source = Path(path)
        if source.name != '__init__.py' and path != tested_by_every_config:
            test = Path('tests', *source.parts[1:-1], f'test_{source.name}')
            if not (ROOT / test).exists():
                yield f'has no {test.as_posix()}'

    of_many_files = {
        'test_bad_input.py',
        'test_landmarks.py',
        'test_coco_ap.py',
        'test_distributed.py',
        'test_detector.py',
        'test_pretrain.py',
        'test_resume.py',
    }

    def backwards(path: str, text: str) -> Iterator[str]:
        _, *folders, name = Path(path).parts
        source = Path(*folders, name.removeprefix('test_'))
        if folders and name.startswith('test_') and name not in of_many_files:
            if not any((ROOT / top / source).exists() for top in ('hybridkp', '.')):
                yield 'tests no file'

    hold(rule, ('hybridkp',), {'hybridkp/ops/not_there.py': ''})
    hold(backwards, ('tests',), {'tests/ops/test_not_there.py': ''})


def test_facts_are_written_once():
    places = {
        'input_size': 'configs/_base_/datasets/',
        **dict.fromkeys(('flip_pairs', 'links', 'sigmas', 'keypoint_info'), 'configs/_base_/skeletons/'),
    }

    def rule(path: str, text: str) -> Iterator[str]:
        for node in ast.walk(ast.parse(text)):
            pairs = []
            if isinstance(node, ast.keyword):
                pairs = [(node.arg, node.value)]
            elif isinstance(node, ast.Assign):
                pairs = [(getattr(target, 'id', ''), node.value) for target in node.targets]
            elif isinstance(node, ast.Dict):
                pairs = [(getattr(k, 'value', ''), v) for k, v in zip(node.keys, node.values, strict=True)]
            for key, value in pairs:
                facts = isinstance(value, ast.List | ast.Tuple | ast.Dict | ast.Constant | ast.Call)
                if facts and key in places and not path.startswith(places[key]):
                    yield f'line {value.lineno}: {key} belongs into {places[key]}'

    breaks = {
        'configs/body/a.py': 'codec = dict(input_size=(256, 192))',
        'configs/_base_/datasets/a.py': 'links = [("nose", "eye")]',
        'configs/animal/a.py': '{"sigmas": [0.1]}',
    }
    hold(rule, ('configs',), breaks)


def test_nothing_is_left_to_do_and_no_machine_is_named():
    machines = r'(?<![\w.~-])/(root|home|work|shared|opt|mnt|Users|scratch)/|pypi\.|pythonhosted\.|/\.library'
    words = re.compile(rf'\bTO[D]O\b|\bFIX[M]E\b|{machines}')

    def rule(path: str, text: str) -> Iterator[str]:
        for number, line in enumerate(text.splitlines(), 1):
            if found := words.search(line):
                yield f'line {number}: {found[0]}'

    breaks = {
        'a.py': '# TO' + 'DO: later',
        'b.md': 'see /' + 'home/me/data',
        'c.toml': 'url = "py' + 'pi.org"',
    }
    hold(rule, ('.', *CODE, 'docs', 'requirements', '.ci'), breaks, ('.py', '.sh', '.md', '.toml', '.txt', ''))
