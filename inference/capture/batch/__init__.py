"""Faces of many frames at once, for devices that are fast only at much work in one go.

Tracking uses all of it on devices with memory of their own (`capture.shot`: `BatchTracker`, and by it `read_ahead` and
`BatchReader`), but for two arguments of `BatchReader` which only `benchmarks/gpu_capture.py` and the tests give: ``form``, as
tracking takes the form that was chosen with the device, and ``replayed``, networks recorded as CUDA graphs
(`networks.bound.FixedRun`). Both are kept because that benchmark tells by them, on a card, whether half precision and recorded
runs gain anything; until it was measured there tracking records nothing.
"""
