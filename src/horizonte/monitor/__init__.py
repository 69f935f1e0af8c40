"""Watching what was said beside what came: live accuracy of every model version."""
