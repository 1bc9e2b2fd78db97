# YOLOv7-w6-pose as published: 80,238,452 parameters with one class and 17 keypoints. Anchors are (width, height) in px.
anchors = [
    [(19, 27), (44, 40), (38, 94)],
    [(96, 68), (86, 152), (180, 137)],
    [(140, 301), (303, 264), (238, 542)],
    [(436, 615), (739, 380), (925, 792)],
]
stages, widths = [(128, 64), (256, 128), (512, 256), (768, 384), (1024, 512)], (256, 512, 768, 1024)
model = dict(
    type='SingleStageEstimator',
    data_preprocessor=dict(type='PoseDataPreprocessor', mean=[0] * 3, std=[255] * 3, bgr_to_rgb=True),
    backbone=dict(type='ElanNet', stem=64, stages=stages, depth=4),
    neck=dict(
        type='ElanPyramid', in_channels=widths, channels=[width // 2 for width in widths], out_channels=widths, depth=4
    ),
    head=dict(
        type='YoloPoseHead',
        in_channels=widths,
        anchors=anchors,
        loss=dict(
            type='AnchorPoseLoss', gains=dict(box=0.05, objectness=0.7, classes=0.3, keypoints=0.1, visibility=0.05)
        ),
    ),
    test_cfg=dict(score_threshold=0.001, iou_threshold=0.65, max_people=300),
)
