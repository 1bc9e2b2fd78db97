"""What a report is about: a result file, the annotations that it is compared with, and the images."""

from functools import cached_property
from pathlib import Path

import numpy as np

from hybridkp.datasets.landmark_json import check_pixel_spacings, check_readers, pixel_spacing
from hybridkp.datasets.read_image import ReadImage
from hybridkp.datasets.skeleton import skeleton_metainfo
from hybridkp.errors import InputError
from hybridkp.evaluation.coco_results import CocoResults, read_coco_results
from hybridkp.evaluation.coco_truth import CocoTruth, arrange, read_records
from hybridkp.evaluation.protocol import annotation_file, read_protocol
from hybridkp.evaluation.result_skeleton import ResultSkeleton, from_metainfo, from_protocol

FOLDERS = ('', 'images', 'img')
"""Where images are looked for, beside the annotation file and one folder above it."""


class ReportSource:
    """A result file with its annotations.

    Args:
        path: the result file.
        ann_file: the annotations; None for those that the file's protocol names, if they are unchanged.
        img_root: the folder that file names are relative to; None to look for it near the annotations.
        skeleton: a config's, with names, links, flip pairs and sigmas; None for what the protocol and the annotations
            say.
        usual: a skeleton for files without any, if the annotations have its names.

    Raises:
        FileNotFoundError: a file or the folder is not there.
        InputError: a file or a record is wrong; the message names it.
    """

    def __init__(
        self,
        path: str,
        ann_file: str | None = None,
        img_root: str | None = None,
        skeleton: dict | None = None,
        usual: dict | None = None,
    ):
        self.path = path
        self.protocol = read_protocol(path)
        self.ann_file = ann_file or self._stamped_annotations()
        self.records = read_records(self.ann_file)
        self.truth: CocoTruth = arrange(self.records, self.ann_file)
        if self.truth.ignored.all():
            raise InputError(f'{self.ann_file}: expected labelled keypoints to compare with, got none')
        self.num_keypoints = self.truth.keypoints.shape[1]
        check_pixel_spacings(self.ann_file, self.records)
        check_readers(self.ann_file, self.records['annotations'], self.num_keypoints)
        self.images: dict = {image['id']: image for image in self.records['images']}
        self.results: CocoResults = read_coco_results(path, self.truth)
        self.meta, self.skeleton = self._described(skeleton, usual)
        self.folder = self._folder(img_root)

    @property
    def nouns(self) -> tuple[str, str]:
        """Return what the instances are called, one of them and several."""
        categories = [category.get('name') for category in self.records.get('categories') or []]
        return ('person', 'people') if categories == ['person'] else ('instance', 'instances')

    @property
    def names(self) -> list[str]:
        """Return the names of the keypoints."""
        return [self.meta['keypoint_id2name'][i] for i in range(self.num_keypoints)]

    @cached_property
    def is_landmark_set(self) -> bool:
        """Say whether radial errors are the measure, not the average precision.

        They are where no image has more than one labelled instance and either every image with one has a pixel
        spacing, of its own or of the whole set, or an annotation has the points of several readers.
        """
        labelled = self.truth.units[~self.truth.ignored]
        alone = len(np.unique(labelled % len(self.truth.images))) == len(labelled)
        return alone and (self.unit == 'mm' or any(one.get('readers') for one in self.records['annotations']))

    @cached_property
    def unit(self) -> str:
        """Return the unit of radial errors: mm if a pixel's size is known wherever there is an instance, else px."""
        used = np.unique(self.truth.units[~self.truth.ignored] % len(self.truth.images))
        return 'px' if any(self.spacing(self.truth.images[i]) is None for i in used) else 'mm'

    def spacing(self, image: int) -> tuple[float, float] | None:
        """Return mm per px along x and y of an image, by its id, or None where nobody knows."""
        return pixel_spacing(self.images[image], self.records)

    def picture(self, image: int) -> np.ndarray:
        """Read an image, by its id, as (h, w, 3), uint8, BGR; ask only where there is a folder.

        Raises:
            FileNotFoundError: it is not there.
            InputError: it is no image, or does not have the size that the annotations say.
        """
        record = self.images[image]
        sample = dict(img_path=str(self.folder / self.image_name(image)))
        if {'width', 'height'} <= set(record):
            sample['ann_size'] = (record['height'], record['width'])
        return ReadImage().transform(sample)['img']

    def image_name(self, image: int) -> str:
        """Return what an image, by its id, is called."""
        return str(self.images[image].get('file_name', image))

    def sigmas(self) -> ResultSkeleton:
        """Return names, sigmas and flip indices of the keypoints.

        Raises:
            InputError: nothing says what they are.
        """
        if self.skeleton is None:
            raise InputError(
                f'{self.path}: expected a protocol that says the OKS sigmas and what is mirrored, got none; '
                'name a config with such a skeleton (--skeleton)'
            )
        return self.skeleton

    def _stamped_annotations(self) -> str:
        stamped = (self.protocol or {}).get('annotations')
        found = annotation_file(self.protocol) if self.protocol else None
        if found is None:
            got = f'{stamped}, which is not there or has changed' if stamped else 'none'
            raise InputError(f'{self.path}: expected a protocol that names the annotations, got {got}; give --ann-file')
        return found

    def _described(self, skeleton: dict | None, usual: dict | None) -> tuple[dict, ResultSkeleton | None]:
        """Return meta information for drawing, and names, sigmas and flip indices where they are known."""
        if skeleton is None and usual is not None and from_protocol(self.protocol) is None:
            skeleton = usual if self._category.get('keypoints') == usual['keypoints'] else None
        if skeleton is not None:
            meta = skeleton_metainfo(skeleton)
            known = from_metainfo(meta)
            where = f'the skeleton {skeleton["name"]}'
        else:
            known, where = from_protocol(self.protocol), f"{self.path}: the protocol's skeleton"
            meta = skeleton_metainfo(self._plain_skeleton(known))
        if known is not None and len(known.names) != self.num_keypoints:
            raise InputError(
                f'{where}: expected {self.num_keypoints} keypoints as in {self.ann_file}, got {len(known.names)}'
            )
        return meta, known

    @property
    def _category(self) -> dict:
        return next((one for one in self.records.get('categories') or [] if one.get('keypoints')), {})

    def _plain_skeleton(self, known: ResultSkeleton | None) -> dict:
        """Return a skeleton with what the protocol and the annotations' category say."""
        names = list(known.names) if known is not None else self._category.get('keypoints')
        if names is None or (known is None and len(names) != self.num_keypoints) or len(set(names)) < len(names):
            names = [f'keypoint {i}' for i in range(self.num_keypoints)]
        mirrored = [] if known is None else enumerate(map(int, known.flip_indices))
        links = [tuple(end - 1 for end in link) for link in self._category.get('skeleton') or []]
        whole = range(len(names))
        return dict(
            name='of the annotations',
            keypoints=names,
            flip_pairs=[(names[i], names[j]) for i, j in mirrored if i < j],
            links=[(names[i], names[j]) for i, j in links if i != j and i in whole and j in whole],
            sigmas=[1.0] * len(names),
        )

    def _folder(self, img_root: str | None) -> Path | None:
        """Return the folder of the images: the one that was given, or the first that has the first image."""
        if img_root is not None:
            if not Path(img_root).is_dir():
                raise FileNotFoundError(f'--img-root {img_root}: there is no such folder')
            return Path(img_root)
        first = self.truth.images[int(self.truth.units[0]) % len(self.truth.images)]
        name = self.images[first].get('file_name')
        last_word = Path(self.ann_file).stem.rpartition('_')[2]  # as in person_keypoints_val2017.json
        beside = Path(self.ann_file).parent
        places = [folder / inner for folder in (beside, beside.parent) for inner in (*FOLDERS, last_word)]
        return next((place for place in places if name and (place / name).is_file()), None)
