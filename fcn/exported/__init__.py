"""Networks as ONNX graphs: written, checked, and run in the place of what they were made from."""
