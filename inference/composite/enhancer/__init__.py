"""The enhancer: networks that restore a face or a whole frame."""
