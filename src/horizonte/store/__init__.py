"""The time-series database, the prepared database and the ledger, behind one connection."""
