"""Colours of people in pictures that follow one another."""

import numpy as np

from hybridkp.inference.person_colours import PersonColours

LEFT, MIDDLE, RIGHT = (np.array([x, 0, x + 10, 20]) for x in (0, 20, 40))


def test_people_have_colours_of_their_own():
    assert PersonColours(5).assign([LEFT, MIDDLE, RIGHT]).tolist() == [0, 1, 2]
    assert PersonColours(2).assign([LEFT, MIDDLE, RIGHT]).tolist() == [0, 1, 0]
    assert PersonColours(2).assign(np.zeros((0, 4))).tolist() == []


def test_people_keep_their_colours():
    colours = PersonColours(5)
    colours.assign([LEFT, MIDDLE, RIGHT])
    assert colours.assign([RIGHT + 1, LEFT + 2]).tolist() == [2, 0]
    assert colours.assign([MIDDLE, LEFT + 1, RIGHT]).tolist() == [1, 0, 2]
    assert colours.assign([LEFT + 100]).tolist() == [0]


def test_the_box_that_overlaps_more_has_the_colour():
    colours = PersonColours(5)
    colours.assign([MIDDLE, LEFT])
    assert colours.assign([LEFT + 4, LEFT + 1]).tolist() == [0, 1]
