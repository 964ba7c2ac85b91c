-- A table to check, and the user that reads it. The user needs SELECT only.
CREATE TABLE orders (id bigserial PRIMARY KEY, amount numeric(12, 2) NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
INSERT INTO orders (amount, created_at) SELECT 10 + i % 90, now() - i * interval '1 minute' FROM generate_series(1, 20000) AS i;
CREATE ROLE sentinel_reader LOGIN PASSWORD 'reader';
GRANT USAGE ON SCHEMA public TO sentinel_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO sentinel_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO sentinel_reader;
