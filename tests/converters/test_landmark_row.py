from hybridkp.converters.landmark_row import LandmarkRow


def test_nobody_has_to_say_the_pixel_spacing():
    row = LandmarkRow('a.csv: row 2', 'a.png', [(1.0, 2.0), None])
    assert row.pixel_spacing is None and row.points[1] is None
