# A running mouse seen from the side (top) and in a mirror from below (bot): lightning-pose's mirror-mouse
# example. The sigmas are a choice: OKS falls to 0.5 at 2.355 * sigma * sqrt(area), here 4.7 % of sqrt(area).
# fmt: off
skeleton = dict(
    name='mirror_mouse17',
    keypoints=[
        'paw1LH_top', 'paw2LF_top', 'paw3RF_top', 'paw4RH_top', 'tailBase_top', 'tailMid_top', 'nose_top',
        'obs_top', 'paw1LH_bot', 'paw2LF_bot', 'paw3RF_bot', 'paw4RH_bot', 'tailBase_bot', 'tailMid_bot',
        'nose_bot', 'obsHigh_bot', 'obsLow_bot'],
    flip_pairs=[
        ('paw1LH_top', 'paw4RH_top'), ('paw2LF_top', 'paw3RF_top'), ('paw1LH_bot', 'paw4RH_bot'),
        ('paw2LF_bot', 'paw3RF_bot')],
    links=[
        ('tailMid_top', 'tailBase_top'), ('tailBase_top', 'nose_top'), ('tailBase_top', 'paw1LH_top'),
        ('tailBase_top', 'paw4RH_top'), ('nose_top', 'paw2LF_top'), ('nose_top', 'paw3RF_top'),
        ('tailMid_bot', 'tailBase_bot'), ('tailBase_bot', 'nose_bot'), ('tailBase_bot', 'paw1LH_bot'),
        ('tailBase_bot', 'paw4RH_bot'), ('nose_bot', 'paw2LF_bot'), ('nose_bot', 'paw3RF_bot'),
        ('obsHigh_bot', 'obsLow_bot')],
    sigmas=[0.02] * 17)
