package exporters

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("statsd", func() Exporter { return &StatsD{} }) }

// StatsD sends gauges with DogStatsD tags by UDP, or over a Unix datagram socket.
type StatsD struct {
	Address string            `yaml:"address" default:"127.0.0.1:8125" doc:"host:port, or unix:///PATH."`
	Prefix  string            `yaml:"prefix" default:"sentinel." doc:"Start of every metric name."`
	Tags    map[string]string `yaml:"tags" doc:"Tags to add to every gauge."`

	mu   sync.Mutex
	conn net.Conn
}

// datagram is the largest packet in bytes, which fits into an Ethernet frame.
const datagram = 1432

// Validate implements Exporter.
func (s *StatsD) Validate() error {
	if err := settings.Complete(s); err != nil {
		return err
	}
	if !strings.HasPrefix(s.Address, "unix://") {
		if _, _, err := net.SplitHostPort(s.Address); err != nil {
			return settings.Wrong("address", "want host:port or unix:///path: %v", err)
		}
	}
	return nil
}

// Export implements Exporter.
func (s *StatsD) Export(ctx context.Context, results []sentinel.Result) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		network, address := "udp", s.Address
		if path, ok := strings.CutPrefix(s.Address, "unix://"); ok {
			network, address = "unixgram", path
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return fmt.Errorf("statsd: %w", err)
		}
		s.conn = conn
	}
	var packet []byte
	var failed error
	flush := func() {
		if len(packet) > 0 {
			if _, err := s.conn.Write(packet); err != nil {
				failed = errors.Join(failed, err)
			}
			packet = packet[:0]
		}
	}
	for _, r := range results {
		for _, line := range s.gauges(r) {
			if len(packet) > 0 && len(packet)+1+len(line) > datagram {
				flush()
			}
			if len(packet) > 0 {
				packet = append(packet, '\n')
			}
			packet = append(packet, line...)
		}
	}
	flush()
	if failed != nil { // the next call dials again, because the socket may have been replaced
		failed = errors.Join(failed, s.conn.Close())
		s.conn = nil
		return fmt.Errorf("statsd: %w", failed)
	}
	return nil
}

// gauges returns the lines of a result: its status and its values.
func (s *StatsD) gauges(r sentinel.Result) []string {
	tags := []string{"warehouse:" + tagValue(r.Table.Warehouse), "dataset:" + tagValue(DatasetLabel(r.Table)),
		"check:" + tagValue(r.Check), "kind:" + tagValue(r.Kind)}
	for _, k := range sortedKeys(s.Tags) {
		tags = append(tags, tagValue(k)+":"+tagValue(s.Tags[k]))
	}
	base := strings.Join(tags, ",")
	out := []string{s.Prefix + "check.status:" + strconv.Itoa(int(r.Status)) + "|g|#" + base}
	for _, o := range r.Observations {
		if !o.Value.Finite() {
			continue
		}
		line := s.Prefix + o.Metric + ":" + o.Value.String() + "|g|#" + base
		if o.Segment != "" {
			line += ",segment:" + tagValue(o.Segment)
		}
		out = append(out, line)
	}
	for _, v := range r.Scores {
		out = append(out, s.Prefix+"anomaly_score:"+formatFloat(v.Score)+"|g|#"+base+",segment:"+tagValue(v.Segment))
	}
	return out
}

// tagValue replaces the characters that the protocol reserves.
func tagValue(s string) string {
	return strings.NewReplacer(",", "_", "|", "_", "#", "_", "\n", "_", ":", "_").Replace(s)
}

// Close implements Exporter.
func (s *StatsD) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}
