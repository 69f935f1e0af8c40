-- What was recorded since an instant. Rows are only appended, so a block of the table is a stretch of
-- time: the index is a few pages for millions of rows, and a load hardly notices it.
CREATE INDEX observation_recorded ON observation USING brin (recorded_at) WITH (autosummarize = on);
