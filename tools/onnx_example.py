"""Find keypoints by a file of tools/export_onnx.py, with onnxruntime, OpenCV and numpy alone: copy it and change it.

All that is to be known about the network is in its file. One image is shown at a time here; the graph takes any number.
"""

import argparse
import json

import cv2
import numpy as np
import onnxruntime


def load(path):
    """Open a file and read what it says about itself."""
    session = onnxruntime.InferenceSession(path, providers=onnxruntime.get_available_providers())
    return session, json.loads(session.get_modelmeta().custom_metadata_map['hybridkp'])


def crop(image, about, box=None):
    """Cut a box (left, top, width, height) out of an image, padded and filled up to the input's aspect.

    Without a box it is the part of the image that the network was trained on, or all of it. Gives the input, and the
    scale (2,) and corner (2,) that bring what is found in it back: point * scale + corner.
    """
    how, size = about['preparation'], np.array([about['input']['width'], about['input']['height']], np.float64)
    shape = np.array(image.shape[1::-1], np.float64)
    if box is None:
        left, top, right, bottom = how['region'] or (0, 0, 1, 1)
        box = [*(np.array([left, top]) * shape), *(np.array([right - left, bottom - top]) * shape)]
    corner, shown = np.array(box[:2], np.float64), np.array(box[2:], np.float64)
    centre = corner + shown / 2
    shown = size * (how['padding'] * shown / size).max()
    factor = (shown / size).max()
    if how['smooth'] and factor > 1:
        image = cv2.GaussianBlur(image, (0, 0), 0.5 * np.sqrt(factor**2 - 1))
    scale, corner = shown / size, centre - shown / 2
    zoom = (size - 1) / shown if how['udp'] else 1 / scale
    matrix = np.array([[zoom[0], 0, -corner[0] * zoom[0]], [0, zoom[1], -corner[1] * zoom[1]]])
    return cv2.warpAffine(image, matrix, size.astype(int).tolist(), flags=cv2.INTER_LINEAR), scale, corner


def letterbox(image, about):
    """Resize an image as a whole and add equal grey borders; gives what `crop` gives."""
    how, size = about['preparation'], (about['input']['width'], about['input']['height'])
    height, width = image.shape[:2]
    ratio = min(size[0] / width, size[1] / height)
    ratio = ratio if how['enlarge'] else min(ratio, 1)
    resized = [max(1, round(side * ratio)) for side in (width, height)]
    if resized != [width, height]:
        area = how['smooth'] and resized[0] < width
        image = cv2.resize(image, resized, interpolation=cv2.INTER_AREA if area else cv2.INTER_LINEAR)
    borders = [whole - part for whole, part in zip(size, resized, strict=True)]
    left, top = (round(border / 2 - 0.1) for border in borders)
    ends = (top, borders[1] - top, left, borders[0] - left)
    image = cv2.copyMakeBorder(image, *ends, cv2.BORDER_CONSTANT, value=(how['border'],) * 3)
    scale = np.array([width, height]) / resized
    return image, scale, -np.array([left, top]) * scale


def resize(image, about):
    """Resize an image as a whole, whatever its aspect; gives what `crop` gives."""
    size = (about['input']['width'], about['input']['height'])
    scale = np.array(image.shape[1::-1]) / size
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scale, 0.5 * scale - 0.5


def keep_people(found, suppression):
    """Choose people by non-maximum suppression, where the graph does not, and drop empty places."""
    if suppression['inside']:
        kept = found['scores'] > 0
    else:
        boxes, settings = found['boxes'], (suppression['score_threshold'], suppression['iou_threshold'])
        corners = np.concatenate((boxes[:, :2], boxes[:, 2:] - boxes[:, :2]), axis=1)
        kept = cv2.dnn.NMSBoxesBatched(corners.tolist(), found['scores'].tolist(), found['labels'].tolist(), *settings)
        kept = np.array(kept, int).ravel()
        kept = kept[np.argsort(-found['scores'][kept], kind='stable')][: suppression['max_people']]
    return {name: values[kept] for name, values in found.items()}


def predict(session, about, image, box=None):
    """Find what is in an image as it is read: points in px of the image, scores, covariances in px^2, perhaps boxes.

    For people the points' first axis is that of the people; in every other case it is that of the keypoints.
    """
    kind = about['preparation']['kind']
    if kind not in ('crop', 'letterbox', 'resize'):
        raise SystemExit(f'this network takes images prepared by {about["preparation"]["steps"]}: write that here')
    prepare = dict(letterbox=letterbox, resize=resize).get(kind)
    patch, scale, corner = prepare(image, about) if prepare else crop(image, about, box)
    patch = patch[None, None] if patch.ndim == 2 else patch.transpose(2, 0, 1)[None]
    names = list(about['outputs'])
    found = dict(zip(names, session.run(names, {'images': np.ascontiguousarray(patch)}), strict=True))
    found = {name: values[0] for name, values in found.items()}
    if about['task'] == 'people':
        found = keep_people(found, about['suppression'])
        found['boxes'] = found['boxes'] * np.tile(scale, 2) + np.tile(corner, 2)
        border = np.array(image.shape[1::-1])
        found['boxes'] = found['boxes'].clip(0, np.tile(border, 2))
    found['keypoints'] = found['keypoints'] * scale + corner
    if about['task'] == 'people':
        found['keypoints'] = found['keypoints'].clip(0, border)
    found['covariances'] = found['covariances'] * np.outer(scale, scale)
    return found


def draw(image, about, found, min_score):
    """Draw boxes, links, points and the ellipses of one standard deviation."""
    image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image.copy()
    people = about['task'] == 'people'
    shift = 0.5 if people else 0.0  # of people's positions the first pixel's centre is at 0.5
    colors = about['keypoint_colors'] or [(0, 255, 255)] * found['keypoints'].shape[-2]
    fields = [found[name] for name in ('keypoints', 'keypoint_scores' if people else 'scores', 'covariances')]
    for index, (points, scores, covariances) in enumerate(
        zip(*(fields if people else [f[None] for f in fields]), strict=True)
    ):
        if people and found['scores'][index] < min_score:
            continue
        places = [fixed(point - shift) for point in points]
        if people:
            ends = found['boxes'][index] - shift
            cv2.rectangle(image, fixed(ends[:2]), fixed(ends[2:]), (255, 255, 255), 1, cv2.LINE_AA, 4)
        for (a, b), color in zip(about['links'], about['link_colors'], strict=True):
            if min(scores[a], scores[b]) >= min_score:
                cv2.line(image, places[a], places[b], color[::-1], 2, cv2.LINE_AA, 4)
        for place, score, covariance, color in zip(places, scores, covariances, colors, strict=True):
            if score >= min_score:
                values, vectors = np.linalg.eigh(covariance)
                angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
                axes = fixed(np.sqrt(values[::-1].clip(0)))
                cv2.ellipse(image, place, axes, angle, 0, 360, (255, 255, 255), 1, cv2.LINE_AA, 4)
                cv2.circle(image, place, 40, color[::-1], -1, cv2.LINE_AA, 4)
    return image


def fixed(point):
    """Turn a point (2,) into the sixteenths of a pixel that OpenCV draws at."""
    return [round(float(value) * 16) for value in point]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('model', help='the .onnx file')
    parser.add_argument('image')
    parser.add_argument('--box', nargs=4, type=float, metavar=('LEFT', 'TOP', 'WIDTH', 'HEIGHT'), help='in px')
    parser.add_argument('--min-score', type=float, default=0.3, help='draw no points below (default %(default)s)')
    parser.add_argument('--out', default='picture.png', help='the picture to write (default %(default)s)')
    parser.add_argument('--json', help='write what is found to this file')
    args = parser.parse_args()
    session, about = load(args.model)
    grey = about['input']['channels'] == 'grey'
    image = cv2.imread(args.image, cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR)
    if image is None:
        raise SystemExit(f'{args.image}: expected an image')
    found = predict(session, about, image, args.box)
    cv2.imwrite(args.out, draw(image, about, found, args.min_score))
    if args.json:
        with open(args.json, 'w') as file:
            json.dump({name: values.tolist() for name, values in found.items()}, file)
    count, what = (found['scores'] >= args.min_score).sum(), 'people' if about['task'] == 'people' else 'points'
    print(f'{args.image}: {count} {what} with a score of at least {args.min_score:g}; {args.out}')


if __name__ == '__main__':
    main()
