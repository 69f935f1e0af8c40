-- Now, on a wall clock, goes on when readings stop; a recording's now is its newest available_at.
CREATE TABLE source (
    name text COLLATE "C" PRIMARY KEY,
    clock text NOT NULL CHECK (clock IN ('wall', 'recorded')),
    step_seconds double precision NOT NULL CHECK (step_seconds > 0)
);
