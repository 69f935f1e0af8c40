"""Retraining: gate, publication and the worker that runs them."""
