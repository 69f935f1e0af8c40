-- Loaded is enough to create it; CREATE EXTENSION without the preloaded library ends the session.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
       AND current_setting('timescaledb.disable_load', true) IS NOT NULL THEN
        CREATE EXTENSION timescaledb;
    END IF;
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        EXECUTE $run$
            SELECT create_hypertable('observation', 'ds', chunk_time_interval => interval '90 days',
                                     create_default_indexes => false),
                   create_hypertable('forecast', 'ds', chunk_time_interval => interval '30 days',
                                     create_default_indexes => false)
        $run$;
    END IF;
END $$;
