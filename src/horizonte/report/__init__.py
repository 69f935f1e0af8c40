"""What people read: tables, figures, drift, the model card and the index of the reports."""
