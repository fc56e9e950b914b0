"""Networks: what there is (`registry`), opening them (`sessions`), devices (`providers`), fetching them (`store`).

`registry` imports nothing heavy; `sessions` and `providers` import onnxruntime.
"""
