"""The loop: watch, decide, ask for a retraining, and see whether it helped."""
