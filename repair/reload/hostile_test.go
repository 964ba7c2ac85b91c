package reload

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/format"

	"github.com/sentinel-dq/sentinel/repair"
)

// readAll reads a file to its end, and returns the number of its rows.
func readAll(ctx context.Context, path string, columns ...string) (int64, error) {
	f, err := openFile(ctx, path)
	if err != nil {
		return 0, err
	}
	for last := false; !last && err == nil; {
		_, last, err = f.read(columns, 1000)
	}
	return f.rows, errors.Join(err, f.f.Close())
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type wide struct {
	ID   int64  `parquet:"id"`
	Note string `parquet:"note,optional,plain"`
}

type twins struct {
	A int64 `parquet:"ida"`
	B int64 `parquet:"idb"`
}

// parquetOf is a file of rows.
func parquetOf[T any](t testing.TB, rows []T, options ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := parquet.Write(&b, rows, options...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withFooter replaces the metadata of a file.
func withFooter(file []byte, change func(footer []byte) []byte) []byte {
	n := len(file) - 8 - int(binary.LittleEndian.Uint32(file[len(file)-8:]))
	footer := change(bytes.Clone(file[n : len(file)-8]))
	return append(binary.LittleEndian.AppendUint32(append(bytes.Clone(file[:n]), footer...), uint32(len(footer))), "PAR1"...)
}

// Whatever a file holds, it is refused in bounded time and memory, and
// the error says why.
func TestHostileFilesAreRefused(t *testing.T) {
	scale, err := os.ReadFile("testdata/scale.parquet")
	if err != nil {
		t.Fatal(err)
	}
	good := parquetOf(t, []wide{{1, "a"}, {2, "b"}})
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, c := range map[string]struct {
		file string
		data []byte
		want string
	}{
		"a scale of 400 million": {"a.parquet", scale, "decimal(18,400000000): want 1 to 76 digits"},
		"metadata of 4 GB": {"c.parquet", append(bytes.Clone(good[:len(good)-8]), "\xf0\xff\xff\xffPAR1"...),
			"its metadata is cut off"},
		"metadata that is deep": {"d.parquet", withFooter(good, func([]byte) []byte {
			return bytes.Repeat([]byte{0x1c}, 1<<20)
		}), "nested more than 32 deep"},
		"a list of a billion": {"e.parquet", withFooter(good, func([]byte) []byte {
			return []byte{0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x03, 0}
		}), "more than 250000 items"},
		"too short": {"f.parquet", []byte("PAR1"), "too short"},
		"a column twice": {"g.parquet", bytes.ReplaceAll(parquetOf(t, []twins{{1, 2}}), []byte("idb"), []byte("ida")),
			"it has the column ida twice"},
		"a column twice in CSV": {"a.csv", []byte("id,note,id\n1,a,2\n"), `it has the column "id" twice`},
		"an endless line":       {"b.csv", append([]byte("id,note\n1,"), bytes.Repeat([]byte("x"), rowBytes+1)...), "it is longer than"},
		"an endless text": {"c.csv", append([]byte("id,note\n1,\""), bytes.Repeat([]byte("x\n"), rowBytes/2+1)...),
			"it is longer than"},
		"endless columns":       {"d.csv", append([]byte("id,note\n"), bytes.Repeat([]byte(","), 1<<20)...), "more than 10000 columns"},
		"an endless header":     {"e.csv", bytes.Repeat([]byte("c,"), 1<<20), "more than 10000 columns"},
		"more fields":           {"f.csv", []byte("id,note\n1,a,b\n"), "wrong number of fields"},
		"deep JSON":             {"a.jsonl", []byte(`{"id":1,"note":` + nested(20_000) + "}\n"), "exceeded max depth"},
		"deep JSON without end": {"b.jsonl", []byte(`{"id":1,"note":` + strings.Repeat("[", 1<<20)), "exceeded max depth"},
		"endless JSON":          {"c.jsonl", append([]byte(`{"id":1,"note":"`), bytes.Repeat([]byte("x"), rowBytes+1<<20)...), "it is longer than"},
		"a key twice":           {"d.jsonl", []byte(`{"id":1,"note":"a","id":2}`), `it has the key "id" twice`},
		"a list":                {"e.jsonl", []byte(`[1,2]`), "want a JSON object"},
		"many keys":             {"f.jsonl", []byte(manyKeys(20_000)), "more than 10000 keys"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := processorTime(t)
			_, err := readAll(t.Context(), write(t, c.file, c.data), "id", "note")
			runtime.ReadMemStats(&after)
			var refused *repair.RefusedError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if took, used := processorTime(t)-begin, after.TotalAlloc-before.TotalAlloc; took > 20*time.Second || used > 16*rowBytes {
				t.Errorf("took %s and %d MB", took, used>>20)
			}
		})
	}
}

// processorTime returns what the process has used. A busy machine does not change it.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func manyKeys(n int) string {
	var b strings.Builder
	b.WriteString(`{"id":1`)
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	return b.String() + "}"
}

// A page is read only if it has the bytes and the values that its header says.
func TestPagesAreAsTheirHeadersSay(t *testing.T) {
	t.Parallel()
	zeros := make([]byte, 1<<20)
	for codec, c := range map[format.CompressionCodec]compress.Codec{
		format.Gzip: &parquet.Gzip, format.Zstd: &parquet.Zstd, format.Snappy: &parquet.Snappy,
	} {
		packed, err := c.Encode(nil, zeros)
		if err != nil {
			t.Fatal(err)
		}
		for size, fine := range map[int64]bool{1 << 20: true, 1<<20 - 1: false, 1<<20 + 1: false, 10: false, 0: false, -1: false} {
			got, err := unpack(codec, packed, size)
			if (err == nil) != fine || fine && !bytes.Equal(got, zeros) {
				t.Errorf("%s of %d bytes: %v", codec, size, err)
			}
		}
	}
	uvarints := func(numbers ...uint64) (b []byte) {
		for _, n := range numbers {
			b = binary.AppendUvarint(b, n)
		}
		return b
	}
	for name, c := range map[string]struct {
		encoding format.Encoding
		body     []byte
		want     string
	}{
		"a run":           {format.RLEDictionary, append([]byte{1}, uvarints(1000<<1, 1)...), ""},
		"a long run":      {format.RLEDictionary, append([]byte{1}, uvarints(2_000_000_000<<1, 1)...), "more than the 1000 values"},
		"many long runs":  {format.RLEDictionary, append([]byte{1}, bytes.Repeat(uvarints(1000<<1, 1), 50)...), "more than the 1000"},
		"packed values":   {format.RLEDictionary, append([]byte{8}, uvarints(1<<62|1)...), "more than the 1000 values"},
		"wide numbers":    {format.Encoding(2), []byte{200, 2, 1}, "32 bits"},
		"truths":          {format.RLE, append([]byte{0, 0, 0, 0}, uvarints(1<<40, 1)...), "more than the 1000 values"},
		"deltas":          {format.DeltaBinaryPacked, uvarints(128, 4, 1000, 0), ""},
		"too many deltas": {format.DeltaLengthByteArray, uvarints(128, 4, 1<<33, 0), "its encoding says"},
		"large blocks":    {format.DeltaBinaryPacked, uvarints(1<<40, 4, 1000, 0), "its encoding says"},
		"no blocks":       {format.DeltaBinaryPacked, uvarints(128, 0, 1000, 0), "its encoding says"},
		"prefixes":        {format.DeltaByteArray, nil, "is not read"},
	} {
		h := pageHeader{values: 1000, encoding: int64(c.encoding)}
		if err := h.checkValues(c.body); fmt.Sprint(err) != "<nil>" && c.want == "" ||
			!strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for _, h := range []pageHeader{{size: 1 << 40}, {size: -1}, {packed: 101}, {packed: -1}, {values: 1 << 30}, {values: -1}, {levels: 1}} {
		if h.check(100) == nil {
			t.Errorf("%+v", h)
		}
	}
}

// A pipe or a device is no file to read: opening a pipe would wait for its writer.
func TestOtherThanFilesAreRefused(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/dev/zero", t.TempDir()} {
		link := filepath.Join(t.TempDir(), "x.csv")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		if _, err := readAll(t.Context(), link, "id"); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A step that is stopped ends in the middle of a file, also where the file has no more
// rows for long, and the file is not refused for it.
func TestReadingEndsWithItsStep(t *testing.T) {
	t.Parallel()
	var many []wide
	for i := range 20_000 {
		many = append(many, wide{int64(i), "x"})
	}
	for name, data := range map[string][]byte{
		"a.csv":     append([]byte("id,note\n"), bytes.Repeat([]byte("1,x\n"), 100_000)...),
		"b.csv":     append([]byte("id,note\n1,x\n"), bytes.Repeat([]byte("\n"), 8<<20)...),
		"a.jsonl":   bytes.Repeat([]byte(`{"id":1,"note":"x"}`+"\n"), 100_000),
		"b.jsonl":   append([]byte(`{"id":1,"note":"x"}`), bytes.Repeat([]byte(" "), 8<<20)...),
		"a.parquet": parquetOf(t, many, parquet.MaxRowsPerRowGroup(100)),
	} {
		ctx, stop := context.WithCancel(t.Context())
		f, err := openFile(ctx, write(t, name, data))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.read([]string{"id", "note"}, 1); err != nil {
			t.Fatal(err)
		}
		stop()
		_, _, err = f.read([]string{"id", "note"}, 10_000_000)
		if !errors.Is(err, context.Canceled) || f.rows > 5000 {
			t.Errorf("%s: %v after %d rows", name, err, f.rows)
		}
		if err := f.f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Wide rows make a short batch.
func TestBatchesAreBounded(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.WriteString("id,note\n")
	for range 40 {
		b.WriteString("1," + strings.Repeat("x", 2<<20) + "\n")
	}
	f, err := openFile(t.Context(), write(t, "a.csv", b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer f.f.Close()
	total := 0
	for last := false; !last; {
		var rows [][]any
		got, end, err := f.read([]string{"id", "note"}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if last = end; len(got) > 17 {
			t.Errorf("%d rows in a batch: %v", len(got), rows)
		}
		total += len(got)
	}
	if total != 40 {
		t.Errorf("%d rows", total)
	}
}

func fuzzFormat(f *testing.F, name string) {
	f.Fuzz(func(t *testing.T, data []byte) {
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rows, err := readAll(ctx, write(t, name, data), "id", "note")
		runtime.ReadMemStats(&after)
		if ctx.Err() != nil {
			t.Fatalf("%d rows of %d bytes take 10 s: %v", rows, len(data), err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<30 {
			t.Fatalf("%d bytes take %d MB of memory: %v", len(data), used>>20, err)
		}
	})
}

func FuzzParquet(f *testing.F) {
	scale, err := os.ReadFile("testdata/scale.parquet")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(scale)
	rows := []wide{{1, "a"}, {2, strings.Repeat("b", 100)}, {3, ""}}
	for _, o := range []parquet.WriterOption{
		parquet.Compression(&parquet.Uncompressed), parquet.Compression(&parquet.Zstd), parquet.Compression(&parquet.Gzip),
		parquet.Compression(&parquet.Snappy), parquet.DataPageVersion(1), parquet.MaxRowsPerRowGroup(1),
	} {
		f.Add(parquetOf(f, rows, o))
	}
	fuzzFormat(f, "x.parquet")
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"id,note\n1,a\n", "\ufeffid,note\r\n1,\"a\"\"b\nc\"\r\n", "id,id\n1,2\n", ",,\n,,\n", "id\n\"", ""} {
		f.Add([]byte(s))
	}
	fuzzFormat(f, "x.csv")
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"id":1,"note":"a"}` + "\n" + `{"id":1e400}`, `{"id":{"a":[1,{}]},"note":null}`, `{"id":1,"id":2}`, `[[[`, `{"a`, ""} {
		f.Add([]byte(s))
	}
	fuzzFormat(f, "x.jsonl")
}
