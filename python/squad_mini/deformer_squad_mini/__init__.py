"""Holds squad-mini; deformer.bundled_model() says where."""
