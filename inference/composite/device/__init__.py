"""The compositor's work around its networks as ONNX graphs, for devices that pictures should not leave between two networks."""
