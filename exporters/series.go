package exporters

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/sentinel-dq/sentinel"
)

// seriesSet holds the current samples of checks, or of datasets. It is safe for
// concurrent use.
//
// It replaces a prometheus.Collector of const metrics. With 20,000 checks the registry
// needs about a second to gather and check those, which is ten times what a scrape may
// take. BenchmarkScrape measures it.
type seriesSet struct {
	metrics []Metric       // all metrics, in the order of /metrics
	index   map[string]int // name of a metric to its index in metrics

	mu     sync.Mutex
	groups map[string]group // id of a check, or key of a dataset, to its samples
	ids    []string         // keys of groups, sorted by labels; nil after a group was added or removed
	count  int              // number of samples in all groups
}

// group holds the samples of one check or dataset. Neither its labels nor its samples
// change in place. An update replaces them, so that a scrape can read them without a lock.
type group struct {
	*shared
	samples []sample // samples sorted by metric
}

// shared are the labels that all samples of a group have.
type shared struct {
	labels []string // their values
	text   string   // in the text format: warehouse="shop",dataset="public.orders"
}

// sample is one value of one metric.
type sample struct {
	metric int      // index in the set's metrics
	labels []string // values of the labels that the group does not have
	value  sentinel.Number
}

func newSeriesSet(metrics []Metric) *seriesSet {
	s := &seriesSet{metrics: metrics, index: map[string]int{}, groups: map[string]group{}}
	for i, m := range metrics {
		s.index[m.Name] = i
	}
	return s
}

// labelsOf returns the values of the labels of a group. last are those that it has, if any:
// labelsOf returns them if they are still right.
type labelsOf func(last []string) []string

// update replaces the samples of a group by those that change returns. change must not
// modify its argument. update removes a group without samples.
func (s *seriesSet) update(id string, of labelsOf, change func(last []sample) []sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, known := s.groups[id]
	if !known {
		last.shared = &shared{}
	}
	next := group{last.shared, change(last.samples)}
	s.count += len(next.samples) - len(last.samples)
	if labels := of(last.labels); !slices.Equal(labels, last.labels) {
		s.ids = nil
		next.shared = &shared{labels, labelText(s.metrics[0].Labels, labels)}
	}
	if len(next.samples) > 0 {
		s.groups[id] = next
		return
	}
	delete(s.groups, id)
	s.ids = nil
}

// set replaces the value of one sample by the result of change. change receives an
// absent value if there is no such sample. An absent result removes the sample.
func (s *seriesSet) set(
	m Metric, id string, of labelsOf, labels []string, change func(sentinel.Number) sentinel.Number,
) {
	metric := s.index[m.Name]
	s.update(id, of, func(last []sample) []sample {
		at, found := slices.BinarySearchFunc(last, labels, func(v sample, labels []string) int {
			return cmp.Or(cmp.Compare(v.metric, metric), slices.Compare(v.labels, labels))
		})
		next := sample{metric: metric, labels: labels}
		if found {
			next.value = last[at].value
		}
		next.value = change(next.value)
		before, after := last[:at], last[at:]
		if found {
			after = after[1:]
		}
		if next.value.Absent() {
			return slices.Concat(before, after)
		}
		return slices.Concat(before, []sample{next}, after)
	})
}

// keep removes the groups for which stays is false.
func (s *seriesSet) keep(stays func(id string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.groups, func(id string, g group) bool {
		if stays(id) {
			return false
		}
		s.count -= len(g.samples)
		s.ids = nil
		return true
	})
}

// series is one line of /metrics.
type series struct {
	group  *shared
	sample *sample
}

// snapshot returns the series of each metric by its index, sorted by the labels of
// their groups. It returns at most limit series, and counts the others in dropped.
func (s *seriesSet) snapshot(limit int) (byMetric [][]series, dropped int) {
	s.mu.Lock()
	if s.ids == nil {
		s.ids = slices.SortedFunc(maps.Keys(s.groups), func(a, b string) int {
			return slices.Compare(s.groups[a].labels, s.groups[b].labels)
		})
	}
	groups := make([]group, len(s.ids))
	for i, id := range s.ids {
		groups[i] = s.groups[id]
	}
	dropped = max(0, s.count-limit)
	s.mu.Unlock()

	byMetric = make([][]series, len(s.metrics))
	for _, g := range groups {
		for i := range g.samples {
			if limit--; limit < 0 {
				return byMetric, dropped
			}
			v := &g.samples[i]
			if byMetric[v.metric] == nil {
				byMetric[v.metric] = make([]series, 0, len(groups))
			}
			byMetric[v.metric] = append(byMetric[v.metric], series{g.shared, v})
		}
	}
	return byMetric, dropped
}
