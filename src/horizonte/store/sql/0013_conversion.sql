-- Readings of a stretch that came in another unit: y is factor * reading + offset. A row that takes
-- such a note back carries neither.
ALTER TABLE annotation
    ADD COLUMN factor double precision CHECK (factor > '-Infinity' AND factor < 'Infinity' AND factor <> 0),
    ADD COLUMN "offset" double precision CHECK ("offset" > '-Infinity' AND "offset" < 'Infinity'),
    ADD CHECK ((kind = 'unit_changed' AND NOT withdrawn) = (factor IS NOT NULL)),
    ADD CHECK ((factor IS NULL) = ("offset" IS NULL));
