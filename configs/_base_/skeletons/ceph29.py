# The 29 landmarks of a lateral cephalogram in Aariz (CEPHA29), by its symbols and in its order; ` marks soft tissue.
# Landmarks are measured in mm; no number here uses the OKS sigmas.
# Measures: SNA, SNB, ANB, SN to GoGn, upper incisor to NA and lower one to NB (Steiner 1953); mandibular plane to
# Frankfort and to the lower incisor (FMA, IMPA, Tweed 1946, 1954), facial angle, y axis and interincisal angle (Downs
# 1948); gonial angle and face heights (Jarabak & Fizzell 1972); the lips in front of the E-line from Pn to Pog`
# (Ricketts 1968), positive in front where the face looks to the right.
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
    sigmas=[0.01] * 29,
    measures=dict(
        SNA=('angle', 'S', 'N', 'A'), SNB=('angle', 'S', 'N', 'B'), ANB=('difference', 'SNA', 'SNB'),
        SN_GoGn=('line_angle', 'S', 'N', 'Go', 'Gn'), FMA=('line_angle', 'Po', 'Or', 'Go', 'Me'),
        facial=('line_angle', 'Or', 'Po', 'N', 'Pog'), y_axis=('line_angle', 'Po', 'Or', 'S', 'Gn'),
        gonial=('angle', 'Ar', 'Go', 'Me'), U1_NA=('line_angle', 'N', 'A', 'UIA', 'UIT'),
        L1_NB=('line_angle', 'B', 'N', 'LIA', 'LIT'), interincisal=('line_angle', 'UIA', 'UIT', 'LIA', 'LIT'),
        IMPA=('line_angle', 'Me', 'Go', 'LIA', 'LIT'), N_Me=('distance', 'N', 'Me'), ANS_Me=('distance', 'ANS', 'Me'),
        S_Go=('distance', 'S', 'Go'), UL_E=('point_to_line', 'Ls', 'Pog`', 'Pn'),
        LL_E=('point_to_line', 'Li', 'Pog`', 'Pn')))
