"""Everything that is examined before a training, in order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import torch
from mmengine.config import Config

from hybridkp.datasets.coco_json import read_annotations, read_detections, read_json
from hybridkp.inspection.crop_checks import check_crops
from hybridkp.inspection.data_part import DataPart, data_parts
from hybridkp.inspection.finding import Finding, fail, failed, ok, warn
from hybridkp.inspection.image_checks import check_images
from hybridkp.inspection.image_list import ImageList
from hybridkp.inspection.label_checks import check_labels
from hybridkp.inspection.label_records import check_records
from hybridkp.inspection.label_table import LabelTable, label_table
from hybridkp.inspection.leakage import check_leakage
from hybridkp.inspection.model_examination import examine_model
from hybridkp.inspection.settings_checks import (
    check_evaluators,
    check_learning_rate,
    check_schedule,
    mirrors,
    num_outputs,
)
from hybridkp.inspection.skeleton_checks import check_pair_names, check_pair_shapes, check_sigmas, check_size


@dataclass
class Examination:
    """Examine the data, the settings and the model of a config; what cannot be read is left out of what follows.

    Args:
        cfg: the config.
        images: how many images of each annotation file are decoded, and looked for among those to train on; None for
            all.
        samples: how many samples of each data set run through its pipeline; 0 to build no model and no data set.
        gpus: how many GPUs will train.
        device: where a training step is made.
        checkpoint: a file that has to fit the model, or None.
    """

    cfg: Config
    images: int | None = 200
    samples: int = 32
    gpus: int = 1
    device: str = 'cpu'
    checkpoint: str | None = None
    tables: dict[tuple[str, ...], LabelTable] = field(default_factory=dict, init=False)
    """The labels of each annotation file that could be read, by its uses."""

    def findings(self) -> Iterator[Finding]:
        """Give all findings, each as soon as it is there."""
        parts = data_parts(self.cfg)
        for part in parts:
            for finding in self._examine_labels(part):
                yield replace(finding, what=f'{part.title}: {finding.what}')
        readable = [part for part in parts if part.uses in self.tables]
        others = [part for part in parts if not part.is_coco]
        yield from self._examine_leakage(readable)
        for part in readable:
            if 'train' in part.uses:
                yield from self._examine_skeleton(part, mirrors(self.cfg, parts))
        yield check_learning_rate(self.cfg, self.gpus)
        yield from check_schedule(self.cfg)
        yield from check_evaluators(self.cfg, readable)
        if self.samples:
            device = torch.device(self.device)
            yield from examine_model(self.cfg, readable + others, self.samples, device, self.checkpoint)

    def _examine_labels(self, part: DataPart) -> Iterator[Finding]:
        """Check one annotation file with its images, and keep its labels."""
        if not part.is_coco:
            kind = part.settings.get('type')
            yield warn(f'{kind} reads no COCO file: its labels are not examined', 'look at some of its samples')
            return
        try:
            names, _, _ = part.skeleton()
            coco = read_json(part.ann_file)
            findings = check_records(coco, names)
            if not failed(findings):
                read_annotations(part.ann_file, len(names), names)
        except FileNotFoundError as error:
            yield fail(str(error), 'put it there (COCO: tools/prepare_coco.py), or correct data_root and ann_file')
            return
        except (ValueError, KeyError, TypeError) as error:
            yield fail(str(error), 'correct what is named')
            return
        yield from findings
        if failed(findings):
            return
        table = self.tables[part.uses] = label_table(coco, len(names))
        yield from check_labels(table, names, 'train' in part.uses)
        yield from _check_detections(part, [image['id'] for image in coco['images']])
        yield from check_images(self._images(part), self.images)
        yield from check_crops(table, part)

    def _images(self, part: DataPart) -> ImageList:
        table = self.tables[part.uses]
        return ImageList(part.uses, part.image_folder, table.files, table.sizes)

    def _examine_leakage(self, parts: list[DataPart]) -> list[Finding]:
        hook = self.cfg.default_hooks.get('checkpoint') or {}
        return check_leakage([self._images(part) for part in parts], self.images, bool(hook.get('save_best')))

    def _examine_skeleton(self, part: DataPart, flips: bool) -> Iterator[Finding]:
        names, pairs, sigmas = part.skeleton()
        yield check_size(names, num_outputs(self.cfg))
        yield check_sigmas(names, sigmas)
        yield from check_pair_names(names, [(names[left], names[right]) for left, right in pairs], flips)
        if flips:
            yield from check_pair_shapes(self.tables[part.uses], names, pairs)


def _check_detections(part: DataPart, image_ids: Iterable[int]) -> Iterator[Finding]:
    for path in part.bbox_files:
        try:
            found = read_detections(path, set(image_ids))
        except (ValueError, OSError) as error:
            yield fail(str(error), 'put the detections there, or set bbox_file to None for annotated boxes')
        else:
            yield ok(f'{len(found)} detected boxes in {path}')
