-- What no longer holds is said by a row of its own, from its own available_at on. The newest row of
-- a stretch and kind counts; on a recorded clock two may become known at one instant.
ALTER TABLE annotation ADD COLUMN withdrawn boolean NOT NULL DEFAULT false;
DROP INDEX annotation_key;
CREATE INDEX annotation_key ON annotation (unique_id, starts_at, ends_at, kind, available_at, id);

-- A refused reading of a live message is one letter, however often the message is delivered.
ALTER TABLE dead_letter ADD COLUMN delivery_key text;
CREATE UNIQUE INDEX dead_letter_delivery ON dead_letter (delivery_key);
