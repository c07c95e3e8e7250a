"""Holds the mini reader; deformer.bundled_model() says where."""
