# A mouse in an open field seen from above: DeepLabCut's example project.
# The sigmas are a choice: OKS falls to 0.5 at 2.355 * sigma * sqrt(area), here 4.7 % of sqrt(area).
# fmt: off
skeleton = dict(
    name='openfield4',
    keypoints=['snout', 'leftear', 'rightear', 'tailbase'],
    flip_pairs=[('leftear', 'rightear')],
    links=[
        ('snout', 'leftear'), ('snout', 'rightear'), ('leftear', 'rightear'), ('leftear', 'tailbase'),
        ('rightear', 'tailbase')],
    sigmas=[0.02] * 4)
