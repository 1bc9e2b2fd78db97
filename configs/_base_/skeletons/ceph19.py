# The 19 landmarks of a lateral cephalogram in the ISBI 2015 challenge, in its order. LI, UI: lower and upper incisor;
# LL, UL: lips; SPog: soft-tissue pogonion. Landmarks are measured in mm; no number here uses the OKS sigmas.
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
    sigmas=[0.01] * 19)
