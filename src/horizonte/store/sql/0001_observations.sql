-- Text keys compare by bytes (collation "C"): smaller, faster, and ordered as Python orders them.
CREATE TABLE series (
    unique_id text COLLATE "C" PRIMARY KEY,
    freq text NOT NULL,
    unit text NOT NULL,
    zone text NOT NULL,
    role text NOT NULL CHECK (role IN ('target', 'covariate')),
    known_ahead_hours double precision NOT NULL CHECK (known_ahead_hours >= 0),
    publication_lag_seconds double precision NOT NULL CHECK (publication_lag_seconds >= 0),
    lower double precision,
    upper double precision,
    covariates text[] NOT NULL,
    holidays text,
    source text COLLATE "C" NOT NULL
);

CREATE TABLE ingest_batch (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('file', 'request', 'stream')),
    name text NOT NULL,
    sha256 text,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'loaded', 'refused')),
    rows_read bigint NOT NULL DEFAULT 0,
    accepted bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    corrected bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    newest_available_at timestamptz,
    opened_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz
);
-- One content of one source is loaded once; a refused one may be tried again.
CREATE UNIQUE INDEX ingest_batch_content ON ingest_batch (source, sha256) WHERE status <> 'refused';
CREATE INDEX ingest_batch_clock ON ingest_batch (source, newest_available_at DESC NULLS LAST);

CREATE TABLE dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ingest_batch_id bigint NOT NULL REFERENCES ingest_batch,
    file text,
    sheet text,
    "row" bigint,
    "column" text,
    topic text,
    value text,
    reason text NOT NULL,
    fix text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dead_letter_batch ON dead_letter (ingest_batch_id);

-- No foreign keys: a check per row would double the cost of a load; append() vouches for both.
CREATE TABLE observation (
    unique_id text COLLATE "C" NOT NULL,
    ds timestamptz NOT NULL,
    revision integer NOT NULL,
    y double precision NOT NULL CHECK (y > '-Infinity' AND y < 'Infinity'),
    available_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    recorded_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    source text NOT NULL,
    ingest_batch_id bigint NOT NULL,
    delivery_key text
);
-- Newest revision first: "current" and "as of" read the index in order, without a sort.
CREATE UNIQUE INDEX observation_key ON observation (unique_id, ds, revision DESC);

-- Deliveries that changed nothing: were they forgotten, a late redelivery could undo a correction.
CREATE TABLE delivery (
    unique_id text COLLATE "C" NOT NULL,
    ds timestamptz NOT NULL,
    delivery_key text NOT NULL,
    PRIMARY KEY (unique_id, ds, delivery_key)
);

CREATE TABLE annotation (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unique_id text COLLATE "C" NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    kind text NOT NULL,
    note text NOT NULL,
    available_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    recorded_xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE UNIQUE INDEX annotation_key ON annotation (unique_id, starts_at, ends_at, kind, available_at);

CREATE SCHEMA prepared;
CREATE TABLE prepared.observation (
    unique_id text COLLATE "C" NOT NULL,
    ds timestamptz NOT NULL,
    y double precision,
    y_raw double precision,
    quality text NOT NULL,
    PRIMARY KEY (unique_id, ds)
);

-- The databases that these rows lived in: transaction numbers mean nothing outside their own.
CREATE TABLE store_identity (
    identity text PRIMARY KEY,
    adopted_at timestamptz NOT NULL DEFAULT now()
);
