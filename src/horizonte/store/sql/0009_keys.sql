-- A key's secret is never stored, only its hash. A key is made once and revoked once.
CREATE TABLE api_key (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[0-9a-f]{12}$'),
    sha256 bytea NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
    scopes text[] NOT NULL
        CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write', 'admin']),
    note text NOT NULL CHECK (note <> ''),
    expires_at timestamptz,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_key_revocation (
    api_key_id text COLLATE "C" PRIMARY KEY REFERENCES api_key,
    why text NOT NULL CHECK (why <> ''),
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON api_key
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON api_key_revocation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
