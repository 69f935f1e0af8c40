-- What prepared.observation does not show yet: written with the rows, taken away with their
-- cleaning, so that a process killed in between leaves nothing stale for good.
CREATE TABLE prepared.stale (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unique_id text COLLATE "C" NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at)
);

-- A refused message as it came (bounded), so that it can be read again by a corrected mapping.
ALTER TABLE dead_letter
    ADD COLUMN payload bytea,
    ADD COLUMN payload_bytes bigint,
    ADD COLUMN arrived_at timestamptz,
    ADD COLUMN replayed_as bigint REFERENCES ingest_batch;

-- Readings without a time of their own carry the time of their arrival; how many did.
ALTER TABLE ingest_batch ADD COLUMN stamped bigint NOT NULL DEFAULT 0;
