"""Checks of a folder with COCO 2017, part by part."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybridkp.datasets.coco_json import read_annotations, read_detections
from hybridkp.errors import InputError
from hybridkp.inspection.finding import Finding, fail, listed, ok, warn
from hybridkp.inspection.image_checks import check_images
from hybridkp.inspection.image_list import ImageList

COUNTS = {'train2017': 118287, 'val2017': 5000}
"""Images of COCO 2017 by their folder; each is listed in the keypoint annotations."""

DETECTIONS = 'person_detection_results/COCO_val2017_detections_AP_H_56_person.json'
"""The people that a detector found in val2017, on whose boxes published numbers were measured."""


@dataclass(frozen=True)
class CocoFolder:
    """COCO in its usual layout.

    Args:
        root: the folder.
        names: the keypoints of a person.
        samples: how many images of a folder are decoded; None for all.
    """

    root: Path
    names: Sequence[str]
    samples: int | None = 200

    def annotation_file(self, images: str) -> Path:
        """Give the keypoint annotations of a folder of images."""
        return self.root / f'annotations/person_keypoints_{images}.json'

    def check_annotations(self) -> Iterator[Finding]:
        """Check both annotation files."""
        for images, count in COUNTS.items():
            path = self.annotation_file(images)
            try:
                coco = read_annotations(str(path), len(self.names), self.names)
            except (InputError, FileNotFoundError) as error:
                yield fail(str(error), 'get annotations/annotations_trainval2017.zip (--download)')
                continue
            text = f'{path}: {len(coco["images"])} images, {len(coco["annotations"])} annotations'
            if len(coco['images']) == count:
                yield ok(text)
            else:
                yield warn(f'{text}; COCO has {count} images', 'nothing, if this is a part of it that you made')

    def check_images(self, images: str) -> Iterator[Finding]:
        """Check a folder of images against its annotations."""
        mend = f'get zips/{images}.zip (--download)'
        folder, path = self.root / images, self.annotation_file(images)
        if not folder.is_dir():
            yield fail(f'{folder}: there is no such folder', mend)
            return
        try:
            coco = read_annotations(str(path), len(self.names), self.names)
        except (InputError, FileNotFoundError):
            yield warn(f'{folder} cannot be checked without its annotations', f'get {path.name} first')
            return
        files = [image['file_name'] for image in coco['images']]
        sizes = np.array([[image['width'], image['height']] for image in coco['images']]).reshape(-1, 2)
        for finding in check_images(ImageList((images,), str(folder), files, sizes), self.samples):
            say = finding if finding.level == 'ok' else Finding(finding.level, finding.what, mend)
            yield Finding(say.level, f'{folder}: {say.what}', say.mend)
        unknown = sorted({entry.name for entry in folder.iterdir()} - set(files))
        if unknown:
            yield warn(
                f'{folder}: {len(unknown)} files are in no annotation: {listed(unknown)}', 'nothing, if you know them'
            )

    def check_detections(self) -> Finding:
        """Check the detected people, which are needed for published numbers only."""
        path = self.root / DETECTIONS
        if not path.is_file():
            return warn(
                f'{path}: there is no such file',
                'needed for configs whose names end in _detections, _official or _mmpose; its authors share it with '
                'their HRNet code. Without it set test_dataloader.dataset.bbox_file=None',
            )
        try:
            coco = read_annotations(str(self.annotation_file('val2017')), len(self.names), self.names)
            found = read_detections(str(path), {image['id'] for image in coco['images']})
        except (InputError, FileNotFoundError) as error:
            return fail(str(error), 'get the file again')
        return ok(f'{path}: {len(found)} boxes')
