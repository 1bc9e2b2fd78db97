# The 19 landmarks of a lateral cephalogram in the ISBI 2015 challenge, in its order. LI, UI: lower and upper incisor;
# LL, UL: lips; SPog: soft-tissue pogonion. Landmarks are measured in mm; no number here uses the OKS sigmas.
# Measures: SNA, SNB, ANB, SN to GoGn (Steiner 1953); mandibular plane to Frankfort (FMA, Tweed 1946), facial angle and
# y axis (Downs 1948); gonial angle and face heights (Jarabak & Fizzell 1972); the lips in front of the line from Sn to
# SPog (Burstone 1967), positive in front where the face looks to the right.
# Groups for closer looks: the skull's base and the jaw's angle, the upper face, the lips and the chin.
# fmt: off
skeleton = dict(
    name='ceph19',
    keypoints=[
        'S', 'N', 'Or', 'Po', 'A', 'B', 'Pog', 'Me', 'Gn', 'Go', 'LI', 'UI', 'UL', 'LL', 'Sn', 'SPog', 'PNS', 'ANS',
        'Ar'],
    flip_pairs=[],
    links=[
        ('S', 'N'), ('N', 'A'), ('N', 'B'), ('Po', 'Or'), ('PNS', 'ANS'), ('Ar', 'Go'), ('Go', 'Me'), ('S', 'Ar'),
        ('B', 'Pog'), ('Pog', 'Gn'), ('Gn', 'Me'), ('Sn', 'UL'), ('UL', 'LL'), ('LL', 'SPog')],
    sigmas=[0.01] * 19,
    measures=dict(
        SNA=('angle', 'S', 'N', 'A'), SNB=('angle', 'S', 'N', 'B'), ANB=('difference', 'SNA', 'SNB'),
        SN_GoGn=('line_angle', 'S', 'N', 'Go', 'Gn'), FMA=('line_angle', 'Po', 'Or', 'Go', 'Me'),
        facial=('line_angle', 'Or', 'Po', 'N', 'Pog'), y_axis=('line_angle', 'Po', 'Or', 'S', 'Gn'),
        gonial=('angle', 'Ar', 'Go', 'Me'), N_Me=('distance', 'N', 'Me'), ANS_Me=('distance', 'ANS', 'Me'),
        S_Go=('distance', 'S', 'Go'), UL_B=('point_to_line', 'UL', 'SPog', 'Sn'),
        LL_B=('point_to_line', 'LL', 'SPog', 'Sn')))
groups = [
    ['S', 'Po', 'Ar', 'Go', 'PNS'], ['N', 'Or', 'ANS', 'A', 'Sn'],
    ['UI', 'LI', 'UL', 'LL', 'B', 'Pog', 'Gn', 'Me', 'SPog']]
