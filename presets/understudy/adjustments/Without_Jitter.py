"""As acted, with trembling averaged out."""

import bpy

adjustments = bpy.context.scene.understudy.avatar.understudy.adjustments

adjustments.strength = 1.0
adjustments.head = 1.0
adjustments.head_smoothing = 0.15
adjustments.brows.gain = 1.0
adjustments.brows.limit = 1.0
adjustments.brows.smoothing = 0.15
adjustments.eyes.gain = 1.0
adjustments.eyes.limit = 1.0
adjustments.eyes.smoothing = 0.1
adjustments.gaze.gain = 1.0
adjustments.gaze.limit = 1.0
adjustments.gaze.smoothing = 0.1
adjustments.cheeks.gain = 1.0
adjustments.cheeks.limit = 1.0
adjustments.cheeks.smoothing = 0.15
adjustments.jaw.gain = 1.0
adjustments.jaw.limit = 1.0
adjustments.jaw.smoothing = 0.08
adjustments.mouth.gain = 1.0
adjustments.mouth.limit = 1.0
adjustments.mouth.smoothing = 0.08
adjustments.tongue.gain = 1.0
adjustments.tongue.limit = 1.0
adjustments.tongue.smoothing = 0.15
