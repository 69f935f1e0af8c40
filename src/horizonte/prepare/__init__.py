"""From revisions to what models read: as-of, cleaning, panels, calendars and folds, all pure."""
