"""The section about covariances says whether they are too small, too large or right."""

import numpy as np
import pytest

from hybridkp.inference.report_covariances import covariance_section

GENERATOR = np.random.default_rng(0)
SHAPE = (150, 6)


def section(factor=1.0, vectors=None, covariances=None):
    """Make the section of Gaussian errors under covariances of another size than theirs."""
    scale = GENERATOR.uniform(0.5, 3, SHAPE)
    vectors = GENERATOR.normal(0, 1, (*SHAPE, 2)) * scale[..., None] if vectors is None else vectors
    if covariances is None:
        covariances = factor * np.square(scale)[..., None, None] * np.eye(2)
    return covariance_section(vectors, covariances, 1 / scale, 'mm', 'More.')


@pytest.mark.parametrize('factor, verdict', [(1, 'perfect covariances would do'), (0.3, 'too small'), (4, 'too large')])
def test_the_verdict(factor, verdict):
    made = section(factor)
    reliability, risk, table = made['blocks']
    assert verdict in reliability['text'] and made['text'].endswith('More.')
    assert f'{150 * 6} keypoints' in made['text']
    assert [row[0] for row in table['rows']] == ['as predicted', 'made circles of the same size']
    assert len(table['head']) == len(table['rows'][0]) and table['head'][-1] == 'mean area (mm²)'


def test_heavy_tails():
    vectors = GENERATOR.standard_t(1.5, (*SHAPE, 2))
    text = section(vectors=vectors, covariances=np.broadcast_to(9 * np.eye(2), (*SHAPE, 2, 2)))['blocks'][0]['text']
    assert 'too large for the usual errors and too small for the large ones' in text


def test_light_tails():
    turns = GENERATOR.uniform(0, 2 * np.pi, SHAPE)
    vectors = 1.6 * np.stack((np.cos(turns), np.sin(turns)), axis=-1)
    text = section(vectors=vectors, covariances=np.broadcast_to(np.eye(2), (*SHAPE, 2, 2)))['blocks'][0]['text']
    assert 'too small for the usual errors and large enough for the large ones' in text


def test_an_order_that_knows_the_errors(heads):
    vectors = GENERATOR.normal(0, 1, (*SHAPE, 2))
    covariances = (vectors**2).sum(axis=-1)[..., None, None] * np.eye(2)
    text = section(vectors=vectors, covariances=covariances)['blocks'][1]['text']
    assert '100 % of what the best order would give' in text and 'seen earlier than by the score' in text


def test_nothing_to_say():
    nothing = np.full((*SHAPE, 2, 2), np.nan)
    assert section(covariances=nothing) is None and section(covariances=0 * nothing) is None
    assert section(covariances=np.zeros((*SHAPE, 2, 2))) is None
    assert section(vectors=np.full((*SHAPE, 2), np.nan)) is None


def test_one_instance_is_no_verdict(recwarn):
    one = covariance_section(np.ones((1, 3, 2)), np.stack([[np.eye(2)] * 3]), np.ones((1, 3)), 'px')
    assert 'too few to say' in one['blocks'][0]['text'] and not recwarn.list
