-- What a keyed request was answered, written with its rows: a retry is told the same, bit for bit.
CREATE TABLE request_answer (
    route text COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    body_sha256 text NOT NULL,
    answer bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (route, idempotency_key)
);
CREATE INDEX request_answer_age ON request_answer (recorded_at);

-- How far an endpoint was read: its validators are written with the rows that they vouch
-- for, and a pull that was cut off between pages begins again where it began.
CREATE TABLE pull_state (
    source text COLLATE "C" PRIMARY KEY,
    url text NOT NULL,
    etag text,
    last_modified text,
    unfinished_after timestamptz,
    pulled_at timestamptz NOT NULL DEFAULT now()
);
