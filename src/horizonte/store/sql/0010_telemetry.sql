-- One row per request that was answered, written by the second behind it; kept 90 days.
CREATE TABLE request_log (
    at timestamptz NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    method text NOT NULL,
    route text NOT NULL,
    path text NOT NULL,
    status integer NOT NULL,
    milliseconds double precision NOT NULL,
    bytes bigint NOT NULL,
    series text COLLATE "C",
    series_count integer NOT NULL,
    model_version text,
    origin text,
    degraded text,
    key_id text,
    process text NOT NULL
);
CREATE INDEX request_log_at ON request_log (at);
CREATE INDEX request_log_id ON request_log (request_id, at);

-- What the metrics of a process showed, once a minute; kept 90 days.
CREATE TABLE metric_sample (
    at timestamptz NOT NULL,
    name text COLLATE "C" NOT NULL,
    labels jsonb NOT NULL,
    value double precision NOT NULL,
    process text NOT NULL
);
CREATE INDEX metric_sample_at ON metric_sample (at);
CREATE INDEX metric_sample_name ON metric_sample (name, at);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        EXECUTE $run$
            SELECT create_hypertable(kept, 'at', chunk_time_interval => interval '7 days',
                                     create_default_indexes => false)
            FROM unnest('{request_log,metric_sample}'::regclass[]) AS kept
        $run$;
    END IF;
END $$;
