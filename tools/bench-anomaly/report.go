package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/anomaly/backtest"
)

// Set is a group of labelled series. Its labels are in NAME_windows.json, and its file
// names are relative to a folder beside that file.
type Set struct {
	Name    string
	Dir     string
	Labels  backtest.Labels
	Neutral backtest.Labels
	Kinds   map[string][][3]string // by file: start, end and kind of each injected incident; nil if unknown
	labels  string
}

// ReadSets finds the sets of a data folder, one for each *_windows.json except
// neutral_windows.json. The files of a set are in that folder, or in one with the name
// of the set.
func ReadSets(data string) (sets []Set, err error) {
	neutral, err := backtest.ReadLabels(filepath.Join(data, "neutral_windows.json"))
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(data, "*_windows.json"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), "_windows.json")
		if name == "neutral" {
			continue
		}
		s := Set{Name: name, Dir: data, Neutral: neutral, labels: f}
		if s.Labels, err = backtest.ReadLabels(f); err != nil {
			return nil, err
		}
		for file := range s.Labels {
			if _, err := os.Stat(filepath.Join(data, file)); err != nil {
				s.Dir = filepath.Join(data, name)
			}
		}
		if s.Kinds, err = readKinds(filepath.Join(data, name+"_kinds.json")); err != nil {
			return nil, err
		}
		sets = append(sets, s)
	}
	return sets, nil
}

func readKinds(path string) (kinds map[string][][3]string, err error) {
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &kinds); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return kinds, nil
}

// powerSeries is the number of series that are drawn of each family.
const powerSeries = 100

// plotted is the number of points of a series in a plot.
const plotted = 1500

// WriteReport runs every detector on every set. It writes anomaly-benchmark.md and its
// plots into out.
func WriteReport(sets []Set, out string) (err error) {
	work, err := os.MkdirTemp("", "sentinel-bench-anomaly-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var b bytes.Buffer
	fmt.Fprint(&b, reportIntro)
	if err := writePower(&b, powerSeries); err != nil {
		return err
	}
	if err := writeCalibration(&b, powerSeries, out); err != nil {
		return err
	}
	for _, s := range sets {
		fmt.Fprintf(&b, "\n## %s: %d series\n\n", s.Name, len(s.Labels))
		fmt.Fprint(&b, "| detector | NAB standard | NAB low FP | found | false | precision | recall | F1 | false a series-week | median delay, points | NAB standard without any one file |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
		for _, d := range anomaly.Names() {
			if err := s.row(&b, d, filepath.Join(work, s.Name, d)); err != nil {
				return err
			}
		}
		if err := s.writeKinds(&b, filepath.Join(work, s.Name)); err != nil {
			return err
		}
		if err := s.plots(&b, out); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(out, "anomaly-benchmark.md"), b.Bytes(), 0o644)
}

const reportIntro = `# Anomaly benchmark

This page is for those who want to know how well [anomaly detection](anomaly.md) works. It compares ` + "`profile`" + `,
the detector of Sentinel, with textbook detectors on labelled series.
` + "`make bench-anomaly DATA=DIR`" + ` writes it; do not edit it.

- Every detector runs online with its defaults, the same for all series. Only the scorer reads the labels.
- An alarm is the onset of an episode. An alarm inside a neutral window does not count.
- The score and the windows follow NAB v1.1. The thresholds are fixed at 0.5, not searched.
- The first 15 % of a series, at most 750 points, are not scored.
- The last column is the lowest and the highest score of the set with any one file left out. It shows how much
  depends on one file.
- What is found is counted within the labelled windows: the incident is missed if it is found later.
- The few constants of ` + "`profile`" + ` were compared on these same series. Other series may score lower.
`

func (s Set) row(b *bytes.Buffer, detector, dir string) error {
	if _, err := backtest.WriteFolder(s.Dir, s.labels, dir, anomaly.Config{Detector: detector}); err != nil {
		return err
	}
	r, err := Score(dir, s.Labels, s.neutral(), 0.5)
	if err != nil {
		return err
	}
	low, high, err := s.jackknife(dir)
	if err != nil {
		return err
	}
	name := detector
	if detector == "profile" {
		name = "**profile**"
	}
	delay := "-"
	if len(r.Delays) > 0 {
		delay = fmt.Sprint(r.Delays[len(r.Delays)/2])
	}
	_, err = fmt.Fprintf(b, "| %s | %.1f | %.1f | %d of %d | %d | %.2f | %.2f | %.2f | %.3f | %s | %.1f to %.1f |\n", name,
		r.NAB["standard"], r.NAB["reward_low_FP_rate"], r.Detected, r.Windows, r.FalseEpisodes, r.Precision, r.Recall, r.F1, r.FalsePerWeek, delay, low, high)
	return err
}

// neutral returns the neutral windows of a set. NAB's own files have none, as its
// authors score them.
func (s Set) neutral() backtest.Labels {
	if s.Name == "nab" {
		return nil
	}
	return s.Neutral
}

// jackknife returns the lowest and the highest standard score with one file left out.
func (s Set) jackknife(dir string) (low, high float64, err error) {
	low, high = 1000, -1000
	for file := range s.Labels {
		rest := maps.Clone(s.Labels)
		delete(rest, file)
		r, err := Score(dir, rest, s.neutral(), 0.5)
		if err != nil {
			return 0, 0, err
		}
		low, high = min(low, r.NAB["standard"]), max(high, r.NAB["standard"])
	}
	return low, high, nil
}

// writeKinds writes how many incidents of each kind were found, if the kinds are known.
func (s Set) writeKinds(b *bytes.Buffer, results string) error {
	if s.Kinds == nil {
		return nil
	}
	names := anomaly.Names()
	table := map[string]map[string][2]int{} // kind, detector: found, all
	for _, d := range names {
		for file, incidents := range s.Kinds {
			scored, err := readScored(filepath.Join(results, d, file), file, nil)
			if err != nil {
				return err
			}
			for _, i := range s.windowed(file, incidents) {
				if err := scored.count(table, d, i); err != nil {
					return err
				}
			}
		}
	}
	fmt.Fprintf(b, "\nFound by kind, within the labelled windows:\n\n| kind | %s |\n|---|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	for _, kind := range slices.Sorted(maps.Keys(table)) {
		fmt.Fprintf(b, "| %s |", kind)
		for _, d := range names {
			n := table[kind][d]
			fmt.Fprintf(b, " %d of %d |", n[0], n[1])
		}
		fmt.Fprintln(b)
	}
	return s.writeDelays(b, filepath.Join(results, "profile"))
}

// windowed ends each incident where the labelled window of its start ends. So the tables by
// kind count what the score counts: an incident that is found after its window is missed.
func (s Set) windowed(file string, incidents [][3]string) (out [][3]string) {
	for _, i := range incidents {
		for _, w := range s.Labels[file] {
			if w[0] == i[0] {
				i[1] = w[1]
				out = append(out, i)
				break
			}
		}
	}
	return out
}

// writeDelays writes how many points after their onset the default detector finds
// incidents.
func (s Set) writeDelays(b *bytes.Buffer, results string) error {
	delays := map[string][]int{}
	for file, incidents := range s.Kinds {
		scored, err := readScored(filepath.Join(results, file), file, nil)
		if err != nil {
			return err
		}
		for _, i := range s.windowed(file, incidents) {
			if n, found, err := scored.delay(i); err != nil {
				return err
			} else if found {
				delays[i[2]] = append(delays[i[2]], n)
			}
		}
	}
	fmt.Fprintf(b, "\nDelay of `profile` in points, from the onset of the incidents that it found:\n\n| kind | found | median | 90th percentile |\n|---|---|---|---|\n")
	for _, kind := range slices.Sorted(maps.Keys(delays)) {
		d := delays[kind]
		slices.Sort(d)
		fmt.Fprintf(b, "| %s | %d | %d | %d |\n", kind, len(d), d[len(d)/2], d[min(len(d)-1, len(d)*9/10)])
	}
	return nil
}

// delay returns how many points after its onset an incident is found.
func (s *scored) delay(incident [3]string) (points int, found bool, err error) {
	from, to, err := backtest.Window{incident[0], incident[1]}.Times()
	if err != nil {
		return 0, false, err
	}
	for i := s.begin(); i < len(s.times); i++ {
		if s.times[i].Before(from) || s.times[i].After(to) {
			continue
		}
		if s.scores[i] >= 0.5 {
			return points, true, nil
		}
		points++
	}
	return 0, false, nil
}

func (s *scored) count(table map[string]map[string][2]int, detector string, incident [3]string) error {
	from, to, err := backtest.Window{incident[0], incident[1]}.Times()
	if err != nil {
		return err
	}
	first := s.begin()
	if first >= len(s.times) || to.Before(s.times[first]) {
		return nil
	}
	kind := incident[2]
	if table[kind] == nil {
		table[kind] = map[string][2]int{}
	}
	n := table[kind][detector]
	n[1]++
	for i := first; i < len(s.times); i++ {
		if s.scores[i] >= 0.5 && !s.times[i].Before(from) && !s.times[i].After(to) {
			n[0]++
			break
		}
	}
	table[kind][detector] = n
	return nil
}

// plots draws the two series of a set with the most labelled windows.
func (s Set) plots(b *bytes.Buffer, out string) error {
	names := slices.Sorted(maps.Keys(s.Labels))
	slices.SortStableFunc(names, func(a, b string) int { return len(s.Labels[b]) - len(s.Labels[a]) })
	for _, file := range names[:min(2, len(names))] {
		rows, err := backtest.ReadSeries(filepath.Join(s.Dir, file))
		if err != nil {
			return err
		}
		scores, err := backtest.Replay("profile", anomaly.Config{}, rows)
		if err != nil {
			return err
		}
		name := "anomaly-" + strings.NewReplacer("/", "-", ".csv", "").Replace(s.Name+"-"+filepath.Base(file)) + ".svg"
		if err := backtest.Plot(filepath.Join(out, "plots", name), file, scores, s.Labels[file], plotted); err != nil {
			return err
		}
		fmt.Fprintf(b, "\n![%s](plots/%s)\n", file, name)
	}
	return nil
}
