-- What the monitor saw and decided, what was retrained, what the gate said, and whether it helped.
CREATE TABLE verdict (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_version text NOT NULL,
    as_of timestamptz NOT NULL,
    action text NOT NULL CHECK (action IN ('keep', 'recalibrate', 'retrain')),
    triggers text[] NOT NULL,
    brakes text[] NOT NULL,
    sentence_en text NOT NULL,
    sentence_pt text NOT NULL,
    evidence jsonb NOT NULL,
    policy jsonb NOT NULL,
    report text,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX verdict_model ON verdict (model_version, id);

CREATE TABLE drift_run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    verdict_id bigint NOT NULL REFERENCES verdict,
    unique_id text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('input', 'target', 'residual')),
    status text NOT NULL CHECK (status IN ('drift', 'no drift', 'not testable')),
    reason text NOT NULL,
    against text,
    current_start timestamptz,
    current_end timestamptz,
    reference_start timestamptz,
    reference_end timestamptz,
    rows_current bigint NOT NULL,
    rows_reference bigint NOT NULL,
    distance double precision,
    threshold double precision,
    pairs bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX drift_run_series ON drift_run (unique_id, kind, id);

-- Something named: a feed that is missing, a sensor that is stuck, a unit that changed, …
CREATE TABLE finding (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    verdict_id bigint NOT NULL REFERENCES verdict,
    unique_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    since timestamptz NOT NULL,
    size double precision,
    sentence_en text NOT NULL,
    sentence_pt text NOT NULL,
    evidence jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX finding_series ON finding (unique_id, id);

-- The queue of the retraining worker: a request without a step that ends it is waiting.
CREATE TABLE retrain_run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action text NOT NULL CHECK (action IN ('recalibrate', 'retrain')),
    why text NOT NULL,
    requested_by text NOT NULL,
    verdict_id bigint REFERENCES verdict,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE retrain_step (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id bigint NOT NULL REFERENCES retrain_run,
    step text NOT NULL CHECK (step IN ('started', 'pinned', 'trained', 'gated', 'pushed',
                                       'committed', 'promoted', 'refused', 'failed')),
    detail jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX retrain_step_run ON retrain_step (run_id, id);

CREATE TABLE gate (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id bigint REFERENCES retrain_run,
    champion text NOT NULL,
    challenger text NOT NULL,
    passed boolean NOT NULL,
    reasons text[] NOT NULL,
    evidence jsonb NOT NULL,
    page text,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

-- Did it help? What a promotion gained once actuals came; the last row of a promotion counts.
CREATE TABLE gain (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    promotion_id bigint NOT NULL REFERENCES promotion,
    as_of timestamptz NOT NULL,
    days bigint NOT NULL,
    gain double precision NOT NULL,
    low double precision NOT NULL,
    high double precision NOT NULL,
    said text NOT NULL CHECK (said IN ('helped', 'harmed', 'no difference', 'too early')),
    evidence jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX gain_promotion ON gain (promotion_id, id);

CREATE TABLE alarm (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    thing text NOT NULL,
    state text NOT NULL CHECK (state IN ('raised', 'cleared')),
    sentence_en text NOT NULL,
    sentence_pt text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX alarm_thing ON alarm (name, thing, id);

DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['verdict', 'drift_run', 'finding', 'retrain_run', 'retrain_step',
                                'gate', 'gain', 'alarm'] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
            'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', kept);
    END LOOP;
END $$;
