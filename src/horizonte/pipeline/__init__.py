"""The stages of ``dvc.yaml``: one module each, the shell around the pure core."""
