CREATE TABLE model_version (
    sha256 text PRIMARY KEY,
    uri text NOT NULL,
    card jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE promotion (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256 text NOT NULL REFERENCES model_version,
    previous text REFERENCES model_version,
    kind text NOT NULL CHECK (kind IN ('promote', 'rollback')),
    why text NOT NULL,
    promoted_by text NOT NULL,
    evidence jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE forecast_run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    purpose text NOT NULL CHECK (purpose IN ('live', 'what_if', 'replay', 'shadow', 'backtest')),
    model_version text NOT NULL,
    as_of timestamptz NOT NULL,
    issued_at timestamptz NOT NULL,
    code_revision text,
    request_id text,
    timings jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

-- One vintage: one series of one run. first_ds and last_ds let a hypertable skip chunks.
CREATE TABLE vintage (
    run_id bigint NOT NULL REFERENCES forecast_run,
    unique_id text COLLATE "C" NOT NULL,
    purpose text NOT NULL,
    cutoff timestamptz NOT NULL,
    issued_at timestamptz NOT NULL,
    first_ds timestamptz NOT NULL,
    last_ds timestamptz NOT NULL,
    degraded text,
    PRIMARY KEY (unique_id, run_id)
);
CREATE INDEX vintage_newest ON vintage (unique_id, purpose, issued_at DESC, run_id DESC);

CREATE TABLE forecast (
    unique_id text COLLATE "C" NOT NULL,
    ds timestamptz NOT NULL,
    run_id bigint NOT NULL,
    mean double precision NOT NULL,
    q05 double precision NOT NULL,
    q10 double precision NOT NULL,
    q25 double precision NOT NULL,
    q50 double precision NOT NULL,
    q75 double precision NOT NULL,
    q90 double precision NOT NULL,
    q95 double precision NOT NULL
);
CREATE UNIQUE INDEX forecast_key ON forecast (unique_id, run_id, ds);

CREATE TABLE evaluation (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_version text NOT NULL,
    model text NOT NULL,
    unique_id text COLLATE "C" NOT NULL,
    bucket text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    rows bigint NOT NULL,
    mase double precision,
    rmsse double precision,
    wape double precision,
    bias double precision,
    sql double precision,
    coverage_80 double precision,
    coverage_90 double precision,
    width_80 double precision,
    width_90 double precision,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX evaluation_key ON evaluation (model_version, unique_id, bucket, recorded_at);
