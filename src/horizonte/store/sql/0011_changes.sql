-- How many readings and corrections each series has brought: written with the rows, so that
-- whoever forecasts can tell, series by series, whether anything new is known.
CREATE TABLE series_change (
    unique_id text COLLATE "C" PRIMARY KEY,
    changes bigint NOT NULL
) WITH (fillfactor = 50);

-- What a vintage was made from: the changes of its series, covariates and their annotations.
ALTER TABLE vintage ADD COLUMN changes bigint;
