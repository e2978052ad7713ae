"""Training the reader: questions in SQuAD's format -> windows to learn from -> weights -> ONNX."""
