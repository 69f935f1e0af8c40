"""The forecast service: one function behind every answer, one champion, one error shape."""
