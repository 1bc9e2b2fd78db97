# The 29 landmarks of a lateral cephalogram in Aariz (CEPHA29), by its symbols and in its order; ` marks soft tissue.
# Landmarks are measured in mm; no number here uses the OKS sigmas.
# fmt: off
skeleton = dict(
    name='ceph29',
    keypoints=[
        'A', 'ANS', 'B', 'Me', 'N', 'Or', 'Pog', 'PNS', 'Pn', 'R', 'S', 'Ar', 'Co', 'Gn', 'Go', 'Po', 'LPM', 'LIT',
        'LMT', 'UPM', 'UIA', 'UIT', 'UMT', 'LIA', 'Li', 'Ls', 'N`', 'Pog`', 'Sn'],
    flip_pairs=[],
    links=[
        ('S', 'N'), ('N', 'A'), ('N', 'B'), ('Po', 'Or'), ('PNS', 'ANS'), ('Co', 'Ar'), ('Ar', 'Go'), ('Go', 'Me'),
        ('S', 'Ar'), ('B', 'Pog'), ('Pog', 'Gn'), ('Gn', 'Me'), ('UIA', 'UIT'), ('LIA', 'LIT'), ('N`', 'Pn'),
        ('Pn', 'Sn'), ('Sn', 'Ls'), ('Ls', 'Li'), ('Li', 'Pog`')],
    sigmas=[0.01] * 29)
