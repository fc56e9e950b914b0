"""The stabiliser: neighbours in time, along the plate's optical flow, steady what a single frame says."""
