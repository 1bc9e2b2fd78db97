_base_ = 'hrnet_w32_coco_256x192.py'
test_dataloader = dict(dataset=dict(bbox_file='person_detection_results/COCO_val2017_detections_AP_H_56_person.json'))
