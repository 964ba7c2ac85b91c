// Command drift-history applies a project's migrations to a real server, one at a time,
// and compares what Sentinel's schema comparison reports after each with an independent
// comparison of the catalog: postgres.sql and mysql.sql.
//
//	go run -C tools ./drift-history -dialect postgres DIR
//
// DIR holds SQL files, which are applied in the order of their paths without hyphens, as
// Diesel orders them; what ends in down.sql is left out. It starts a throw-away server,
// prints a table by kind, and ends with code 1 if something was missed or reported without
// a reason.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	dialect := flag.String("dialect", "postgres", "postgres or mysql")
	verbose := flag.Bool("v", false, "print each step's differences that are missed or spurious")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	wrong, err := run(context.Background(), *dialect, flag.Arg(0), *verbose, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "drift-history:", err)
		os.Exit(2)
	}
	if wrong > 0 {
		os.Exit(1)
	}
}

// run compares after each migration. It returns how many differences were missed or
// spurious.
func run(ctx context.Context, dialect, dir string, verbose bool, out io.Writer) (wrong int, err error) {
	e, ok := engines[dialect]
	if !ok {
		return 0, fmt.Errorf("the dialect %q is not one of postgres and mysql", dialect)
	}
	files, err := migrations(dir)
	if err != nil {
		return 0, err
	}
	server, err := e.start()
	if err != nil {
		return 0, err
	}
	defer server.Stop()
	h, err := open(ctx, dialect, server)
	if err != nil {
		return 0, err
	}
	defer h.close()
	var total tally
	failed := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		name := strings.TrimPrefix(file, dir)
		step, err := h.step(ctx, string(text))
		if err != nil {
			failed++
			fmt.Fprintf(out, "%s: not applied: %v\n", name, err)
			continue
		}
		if verbose {
			step.print(out, name)
		}
		total.add(step)
	}
	fmt.Fprintf(out, "%d migrations, %d not applied\n", len(files), failed)
	total.table(out)
	return total.wrong(), nil
}

// migrations lists the SQL files of a folder.
func migrations(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".sql") && !strings.HasSuffix(path, "down.sql") {
			files = append(files, path)
		}
		return err
	})
	slices.SortFunc(files, func(a, b string) int {
		return cmp.Compare(strings.ReplaceAll(a, "-", ""), strings.ReplaceAll(b, "-", ""))
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s has no SQL files", dir)
	}
	return files, err
}

// difference is one difference, in words that both comparisons have.
type difference struct{ kind, table, object string }

// tally sorts differences by who found them.
type tally struct{ both, missed, spurious []difference }

func compare(sentinel, reference map[difference]bool) tally {
	var t tally
	for d := range reference {
		if sentinel[d] {
			t.both = append(t.both, d)
		} else {
			t.missed = append(t.missed, d)
		}
	}
	for d := range sentinel {
		if !reference[d] {
			t.spurious = append(t.spurious, d)
		}
	}
	return t
}

func (t *tally) add(o tally) {
	t.both, t.missed = append(t.both, o.both...), append(t.missed, o.missed...)
	t.spurious = append(t.spurious, o.spurious...)
}

func (t *tally) wrong() int { return len(t.missed) + len(t.spurious) }

func (t *tally) print(out io.Writer, step string) {
	for _, d := range t.missed {
		fmt.Fprintf(out, "%s: missed %s %s %s\n", step, d.kind, d.table, d.object)
	}
	for _, d := range t.spurious {
		fmt.Fprintf(out, "%s: spurious %s %s %s\n", step, d.kind, d.table, d.object)
	}
}

// table prints the numbers by kind.
func (t *tally) table(out io.Writer) {
	counts := map[string]*[3]int{}
	for i, list := range [][]difference{t.both, t.missed, t.spurious} {
		for _, d := range list {
			if counts[d.kind] == nil {
				counts[d.kind] = &[3]int{}
			}
			counts[d.kind][i]++
		}
	}
	fmt.Fprintf(out, "%-22s %8s %8s %8s\n", "kind", "true", "missed", "spurious")
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		n := counts[kind]
		fmt.Fprintf(out, "%-22s %8d %8d %8d\n", kind, n[0], n[1], n[2])
	}
	fmt.Fprintf(out, "%-22s %8d %8d %8d\n", "all", len(t.both), len(t.missed), len(t.spurious))
}
