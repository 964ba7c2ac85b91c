package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// build fills the PostgreSQL that is measured.
func build(ctx context.Context, conn *pgx.Conn) error {
	statements := []string{"CREATE EXTENSION pg_stat_statements", "CREATE ROLE reader LOGIN", "CREATE SCHEMA mart", "GRANT USAGE ON SCHEMA mart TO reader", "SET timezone = 'UTC'", "SET synchronous_commit = off",
		`CREATE TABLE public.events (event_id bigint NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, user_id bigint, session_id uuid, event_type text NOT NULL, country char(2), amount numeric(12,2), is_test boolean NOT NULL DEFAULT false, note text) PARTITION BY RANGE (created_at)`}
	day := time.Now().UTC().Truncate(24 * time.Hour)
	for i := range *days {
		from := day.AddDate(0, 0, i+1-*days)
		name, start, end := from.Format("20060102"), from.Format(time.DateOnly), from.AddDate(0, 0, 1).Format(time.DateOnly)
		until := fmt.Sprintf("'%s'::timestamptz", end)
		if i == *days-1 {
			until = "now()" // the newest partition is filled up to now
		}
		statements = append(statements,
			fmt.Sprintf("CREATE TABLE public.events_%s PARTITION OF public.events FOR VALUES FROM ('%s') TO ('%s')", name, start, end),
			fmt.Sprintf(`INSERT INTO public.events_%s SELECT %d::bigint * %d + i, t, t, (i::bigint * 7919) %% 1000003, md5((i / 12)::text)::uuid, 'view', 'DE', i %% 100, false, CASE WHEN i %% 10 = 0 THEN 'note ' || i END FROM (SELECT i, '%s'::timestamptz + (i - 1) * ((%s - '%s'::timestamptz) / %d) AS t FROM generate_series(1, %d) i) s`, name, i, *perDay, start, until, start, *perDay, *perDay),
			fmt.Sprintf("CREATE INDEX ON public.events_%s (created_at)", name), fmt.Sprintf("CREATE INDEX ON public.events_%s (updated_at)", name))
	}
	for i := 1; i <= *tables; i++ {
		stale := "5 minutes"
		if i%50 == 0 {
			stale = "3 days"
		}
		statements = append(statements,
			fmt.Sprintf("CREATE TABLE mart.t_%03d (id bigint PRIMARY KEY, customer_id integer, name text NOT NULL, status text, amount numeric(12,2), qty integer NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL)", i),
			fmt.Sprintf("INSERT INTO mart.t_%03d SELECT i, (i * 7919) %% 5003, 'name ' || i, (ARRAY['new','paid','shipped','closed'])[1 + i %% 4], i %% 1000, i %% 13, now() - interval '%s' - (%d - i) * interval '1 minute', now() - interval '%s' - (%d - i) * interval '50 seconds' FROM generate_series(1, %d) i", i, stale, *rows, stale, *rows, *rows))
		if i%2 == 1 {
			statements = append(statements, fmt.Sprintf("CREATE INDEX ON mart.t_%03d (updated_at)", i))
		}
	}
	statements = append(statements, "CREATE SCHEMA other", "CREATE SCHEMA slow", "GRANT USAGE ON SCHEMA slow TO reader")
	for first := 0; first < *others; first += 500 { // every view needs a lock until its transaction ends
		var part strings.Builder
		for i := first; i < min(first+500, *others); i++ {
			fmt.Fprintf(&part, "CREATE VIEW other.v_%05d AS SELECT * FROM mart.t_001;", i)
		}
		statements = append(statements, part.String())
	}
	for i := range slowTables {
		statements = append(statements, fmt.Sprintf("CREATE VIEW slow.b_%02d AS SELECT 1 AS id FROM pg_sleep(1)", i))
	}
	statements = append(statements, "GRANT SELECT ON ALL TABLES IN SCHEMA mart, public, slow TO reader", "VACUUM ANALYZE")
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}
