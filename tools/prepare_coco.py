"""Check a folder with COCO 2017 for keypoints, say what is missing or broken, and get it where that is asked for.

python tools/prepare_coco.py data/coco               # looks only
python tools/prepare_coco.py data/coco --download    # gets what is missing, about 20 GB for all of it
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mmengine.config import Config

from hybridkp.engine.download import download
from hybridkp.engine.launch import run_tool
from hybridkp.engine.unzip import unzip
from hybridkp.inspection.coco_folder import COUNTS, CocoFolder
from hybridkp.inspection.finding import FAIL, Finding

SKELETON = Path(__file__).parents[1] / 'configs/_base_/skeletons/coco17.py'
SOURCE = 'http://images.cocodataset.org'
ARCHIVES = {'annotations': 'annotations/annotations_trainval2017.zip'} | {name: f'zips/{name}.zip' for name in COUNTS}
"""The place of each part at the source, in the order in which they can be checked."""

WANTED = {'annotations': tuple(f'annotations/person_keypoints_{name}.json' for name in COUNTS)} | {
    name: f'{name}/' for name in COUNTS
}
"""How the names of the files begin that are unpacked of each part."""


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', type=Path, help='the folder, usually data/coco')
    parser.add_argument('--parts', nargs='+', choices=list(ARCHIVES), default=list(ARCHIVES), help='default all')
    parser.add_argument('--all', action='store_true', help='decode every image, not 200 of a folder')
    parser.add_argument('--download', action='store_true', help='get what is missing, verify and unpack it')
    parser.add_argument('--source', default=SOURCE, help='a mirror with the same layout; default %(default)s')
    parser.add_argument('--delete-archives', action='store_true', help='delete each archive once its files are right')
    return parser.parse_args(argv)


def progress(name: str, unit: int, what: str) -> Callable[[int, int], None]:
    """Make a function that says on standard error, every few seconds, how far something is."""
    last = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > 5 or done == total:
            last = time.monotonic()
            print(f'      {name}: {done / unit:.0f} of {total / unit:.0f} {what}', file=sys.stderr, flush=True)

    return report


def check(folder: CocoFolder, part: str) -> Iterator[Finding]:
    """Check a part of the folder."""
    return folder.check_annotations() if part == 'annotations' else folder.check_images(part)


def show(findings: Iterator[Finding]) -> bool:
    """Print findings; says whether one is a failure."""
    wrong = False
    for finding in findings:
        print(finding, flush=True)
        wrong |= finding.level == FAIL
    return wrong


def get(root: Path, part: str, source: str) -> Path:
    """Get the archive of a part, unless it is there, and unpack it."""
    archive = root / Path(ARCHIVES[part]).name
    if archive.exists():
        print(f'      {archive} is there')
    else:
        url = f'{source.rstrip("/")}/{ARCHIVES[part]}'
        print(f'      {url}', flush=True)
        download(url, archive, progress(archive.name, 10**6, 'MB'))
    written, kept = unzip(
        archive, root, lambda name: name.startswith(WANTED[part]), progress(archive.name, 1, 'files unpacked')
    )
    print(f'      {archive}: {written} files unpacked, {kept} were there')
    return archive


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    names = Config.fromfile(SKELETON).skeleton.keypoints
    folder, wrong, archives = CocoFolder(args.root, names, None if args.all else 200), [], []
    for part in args.parts:
        failed = show(check(folder, part))
        if failed and args.download:
            archives.append(get(args.root, part, args.source))
            failed = show(check(folder, part))
            if not failed and args.delete_archives:
                archives.pop().unlink()
        wrong += [part] if failed else []
    show([folder.check_detections()])
    for archive in archives:
        print(f'      {archive} is not needed any more ({archive.stat().st_size / 1e9:.1f} GB)')
    if wrong:
        advice = 'the archive does not have them' if args.download else 'run again with --download, or put them there'
        print(f'\n{args.root}: {", ".join(wrong)} missing or broken: {advice}')
        sys.exit(1)
    print(f'\n{args.root}: ready')


if __name__ == '__main__':
    run_tool(main)
