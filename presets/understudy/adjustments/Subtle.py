"""A calm, held-back performance."""

import bpy

adjustments = bpy.context.scene.understudy.avatar.understudy.adjustments

adjustments.strength = 0.7
adjustments.head = 0.7
adjustments.head_smoothing = 0.15
adjustments.brows.gain = 1.0
adjustments.brows.limit = 0.8
adjustments.brows.smoothing = 0.1
adjustments.eyes.gain = 1.0
adjustments.eyes.limit = 1.0
adjustments.eyes.smoothing = 0.05
adjustments.gaze.gain = 1.0
adjustments.gaze.limit = 1.0
adjustments.gaze.smoothing = 0.05
adjustments.cheeks.gain = 1.0
adjustments.cheeks.limit = 0.8
adjustments.cheeks.smoothing = 0.1
adjustments.jaw.gain = 1.1
adjustments.jaw.limit = 0.8
adjustments.jaw.smoothing = 0.05
adjustments.mouth.gain = 1.0
adjustments.mouth.limit = 0.8
adjustments.mouth.smoothing = 0.05
adjustments.tongue.gain = 1.0
adjustments.tongue.limit = 0.8
adjustments.tongue.smoothing = 0.1
