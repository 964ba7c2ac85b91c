package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// columnsBench prints what column checks cost, beside one query a check and a hand-written floor.
type columnsBench struct {
	conn        *pgx.Conn // sees the counts of the server
	binary, dir string
	dsn         string // of the user whose statements are counted
}

// spent is what statements cost the server. catalog are the blocks of those that read no table of
// the warehouse, which count for nothing else.
type spent struct {
	statements, blocks, temp, catalog float64
	took, cpu                         time.Duration // cpu is of the process that asked, 0 if it is this one
}

func (s spent) all() float64 { return s.blocks + s.temp }

func (b *columnsBench) run(ctx context.Context) error {
	start := time.Now()
	if err := buildOrders(ctx, b.conn, *columnRows); err != nil {
		return err
	}
	fmt.Printf("column checks of %d rows, built in %s\n\n", *columnRows, time.Since(start).Round(time.Second))
	fmt.Printf("%-44s %18s %12s %12s  %s\n", "measure", "one query a check", "floor", "sentinel", "target")
	for _, part := range []func(context.Context) ([]line, error){b.scans, b.timeout, b.mart, b.ticks, b.failures} {
		lines, err := part(ctx)
		if err != nil {
			return err
		}
		for _, l := range lines {
			l.print()
		}
	}
	return nil
}

// line is one measure. A negative number is not measured.
type line struct {
	what                string
	single, floor, ours float64
	most                float64 // that ours may be; negative: it depends on the machine
	target              string  // in place of most
}

// ofFloor returns a measure that may be so many times the floor.
func ofFloor(what string, single, floor, ours, times float64) line {
	return line{what: what, single: single, floor: floor, ours: ours, most: times * floor,
		target: fmt.Sprintf("%.3fx of <= %.2fx the floor", ours/floor, times)}
}

func (l line) print() {
	target := l.target
	if target == "" {
		target = "<= " + number(l.most)
	}
	if l.most >= 0 && l.ours > l.most {
		target += ": missed"
	}
	fmt.Printf("%-44s %18s %12s %12s  %s\n", l.what, number(l.single), number(l.floor), number(l.ours), target)
}

func number(n float64) string {
	switch {
	case n < 0:
		return "-"
	case n < 100 && n != float64(int(n)):
		return strconv.FormatFloat(n, 'f', 2, 64)
	}
	return strconv.FormatFloat(n, 'f', 0, 64)
}

// scans measures the checks of one table.
func (b *columnsBench) scans(ctx context.Context) ([]line, error) {
	scalars := scalarQuestions()
	all := append(slices.Clone(scalars), keyQuestions()...)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	yesterday := fmt.Sprintf("created_at >= '%s' AND created_at < '%s'",
		today.AddDate(0, 0, -1).Format(time.RFC3339), today.Format(time.RFC3339))
	var single, floor, ours [3]spent
	for i, questions := range [][]question{scalars, all, all} {
		where, more := "", ""
		if i == 2 {
			where, more = yesterday, ", bucket: day"
		}
		var failed [3]error
		if i < 2 {
			single[i], failed[0] = b.ask(ctx, asDBT(questions))
		}
		floor[i], failed[1] = b.ask(ctx, byHand(questions, where))
		ours[i], failed[2] = b.check(ctx, fmt.Sprint("orders", i), more, questions)
		if err := errors.Join(failed[:]...); err != nil {
			return nil, err
		}
	}
	return []line{
		{"statements, 17 scalars", single[0].statements, floor[0].statements, ours[0].statements, 1, ""},
		ofFloor("blocks, 17 scalars", single[0].blocks, floor[0].blocks, ours[0].blocks, 1.01),
		{"statements, 20 checks", single[1].statements, floor[1].statements, ours[1].statements, 3, ""},
		ofFloor("blocks + temp, 20 checks", single[1].all(), floor[1].all(), ours[1].all(), 1.02),
		{"blocks of the catalog", -1, -1, ours[1].catalog, -1, "-"},
		{"seconds, 20 checks", single[1].took.Seconds(), floor[1].took.Seconds(), ours[1].took.Seconds(), -1, "-"},
		ofFloor("blocks + temp, 20 checks, bucket: day", -1, floor[2].all(), ours[2].all(), 1.02),
	}, nil
}

// ask sends statements one after the other. Those that take too long are left.
func (b *columnsBench) ask(ctx context.Context, statements []string, settings ...string) (spent, error) {
	conn, err := pgx.Connect(ctx, b.dsn)
	if err != nil {
		return spent{}, err
	}
	defer conn.Close(ctx)
	for _, s := range settings {
		if _, err := conn.Exec(ctx, s); err != nil {
			return spent{}, err
		}
	}
	return b.spend(ctx, func() (time.Duration, error) {
		for _, s := range statements {
			var failed *pgconn.PgError
			if _, err := conn.Exec(ctx, s); errors.As(err, &failed) && failed.Code == "57014" {
				continue
			} else if err != nil {
				return 0, fmt.Errorf("%s: %w", s, err)
			}
		}
		return 0, nil
	})
}

// check runs `sentinel check` for some questions to the table orders.
func (b *columnsBench) check(ctx context.Context, name, more string, questions []question) (spent, error) {
	return b.checkFile(ctx, name, ordersConfig(b.dsn, b.state(name), more, questions))
}

// state returns where a configuration keeps its state.
func (b *columnsBench) state(name string) string {
	return "sqlite:" + filepath.Join(b.dir, name+"-columns.db")
}

func (b *columnsBench) checkFile(ctx context.Context, name, text string) (spent, error) {
	file := filepath.Join(b.dir, name+".yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return spent{}, err
	}
	return b.spend(ctx, func() (time.Duration, error) {
		cmd := exec.CommandContext(ctx, b.binary, "check", "-c", file)
		out, err := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); err != nil && code != 1 && code != 3 { // data failed, or was not judged
			return 0, fmt.Errorf("%s: %w\n%s", cmd, err, out)
		}
		usage, known := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		if !known {
			return 0, errors.New("the system does not say what a process used")
		}
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
	})
}

// ofTables are the statements that read tables of the warehouse.
const ofTables = `query ~* '\mfrom\M' AND query !~ '\mpg_'`

const spentQuery = `SELECT coalesce(sum(calls) FILTER (WHERE ` + ofTables + `), 0)::float8,
	coalesce(sum(shared_blks_hit + shared_blks_read) FILTER (WHERE ` + ofTables + `), 0)::float8,
	coalesce(sum(temp_blks_read + temp_blks_written), 0)::float8,
	coalesce(sum(shared_blks_hit + shared_blks_read) FILTER (WHERE NOT (` + ofTables + `)), 0)::float8
	FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname = 'reader'`

// spend measures what do asks of the server. do returns the processor's time that it took.
func (b *columnsBench) spend(ctx context.Context, do func() (time.Duration, error)) (s spent, err error) {
	if _, err := b.conn.Exec(ctx, "SELECT pg_stat_statements_reset()"); err != nil {
		return s, err
	}
	start := time.Now()
	if s.cpu, err = do(); err != nil {
		return s, err
	}
	s.took = time.Since(start)
	err = b.conn.QueryRow(ctx, spentQuery).Scan(&s.statements, &s.blocks, &s.temp, &s.catalog)
	return s, err
}
