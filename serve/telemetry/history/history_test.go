package history

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const noon = 1_800_000_000 / 3600 * 3600

// busy is a record that holds something everywhere.
func busy(at int64, n uint64) Record {
	r := Record{
		Time: at, Requests: n, Failed: 1, Refused: 2, Answers: n, PromptTokens: 100 * n, CachedTokens: 50 * n,
		AnswerTokens: 10 * n, Drafted: 4, Accepted: 3, DecodeSeconds: float64(n) / 2,
	}
	for i, d := range r.dists() {
		d.Add(float64(i+1) / 10)
	}
	return r
}

func open(t *testing.T, path string) *Ring {
	t.Helper()
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func put(t *testing.T, r *Ring, records ...Record) {
	t.Helper()
	for _, record := range records {
		if err := r.Put(record); err != nil {
			t.Fatal(err)
		}
	}
}

func at(unix int64) time.Time { return time.Unix(unix, 0) }

// TestPercentiles compares with values in order.
func TestPercentiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var d Dist
	var values []float64
	for range 5000 {
		v := math.Exp(rng.NormFloat64()*2 - 2)
		d.Add(v)
		values = append(values, v)
	}
	slices.Sort(values)
	for _, q := range []float64{.01, .5, .95, .99, 1} {
		want := values[int(math.Ceil(q*5000))-1]
		if got := d.Percentile(q); math.Abs(got/want-1) > .1 {
			t.Errorf("percentile %v is %v, want %v", q, got, want)
		}
	}
	if d.Highest() != values[4999] {
		t.Errorf("the peak is %v, want %v", d.Highest(), values[4999])
	}
	var none Dist
	if !math.IsNaN(none.Mean()) || !math.IsNaN(none.Percentile(.5)) || !math.IsNaN(none.Highest()) {
		t.Error("no values have an average, a percentile or a peak")
	}
	none.Add(0)
	if none.Percentile(.99) != 0 {
		t.Errorf("the percentile of nothing but 0 is %v", none.Percentile(.99))
	}
}

func TestHistorySurvivesReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	r := open(t, path)
	put(t, r, busy(noon, 1), busy(noon+60, 2))
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("a second server opened the file: %v", err)
	}
	r.Close()
	r = open(t, path)
	put(t, r, busy(noon+60, 3))
	got := r.Between(at(noon), at(noon+120))
	sum := busy(noon+60, 2)
	later := busy(noon+60, 3)
	sum.Merge(&later)
	if want := []Record{busy(noon, 1), sum}; !slices.Equal(got, want) || r.Damaged() != 0 {
		t.Errorf("read %+v with %d damaged, want %+v", got, r.Damaged(), want)
	}
}

func TestRingWraps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	r := open(t, path)
	for i := range int64(Minutes + 10) {
		put(t, r, Record{Time: noon + 60*i, Requests: uint64(i)})
	}
	end := noon + 60*int64(Minutes+10)
	for range 2 {
		got := r.Between(at(0), at(end))
		if len(got) != Minutes || got[0].Requests != 10 || got[Minutes-1].Requests != Minutes+9 {
			t.Errorf("%d records from %d to %d", len(got), got[0].Requests, got[len(got)-1].Requests)
		}
		r.Close()
		r = open(t, path)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != fileSize {
		t.Errorf("the file has %d bytes, want %d (%v)", info.Size(), fileSize, err)
	}
	if got := r.Between(at(noon), at(noon+600)); len(got) != 0 {
		t.Errorf("%d records of the day before", len(got))
	}
}

// TestDamage changes bytes of one record of three, and cuts the file.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	r := open(t, path)
	put(t, r, busy(noon, 1), busy(noon+60, 2), busy(noon+120, 3))
	r.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	middle := len(header) + slotOf(noon+60)*slotSize
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		left   []uint64
	}{
		"payload":  {func(b []byte) []byte { b[middle+100] ^= 1; return b }, []uint64{1, 3}},
		"checksum": {func(b []byte) []byte { b[middle] ^= 1; return b }, []uint64{1, 3}},
		"half":     {func(b []byte) []byte { clear(b[middle+slotSize/2 : middle+slotSize]); return b }, []uint64{1, 3}},
		"moved":    {func(b []byte) []byte { copy(b[middle:], b[middle+slotSize:]); return b[:middle+slotSize] }, []uint64{1}},
		"cut":      {func(b []byte) []byte { return b[:len(b)-7] }, []uint64{1, 2}},
	} {
		if err := os.WriteFile(path, c.change(bytes.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		r := open(t, path)
		var left []uint64
		for _, record := range r.Between(at(noon), at(noon+180)) {
			left = append(left, record.Requests)
		}
		if !slices.Equal(left, c.left) || r.Damaged() != 1 {
			t.Errorf("%s: left are %v, want %v; %d damaged, want 1", name, left, c.left, r.Damaged())
		}
		put(t, r, busy(noon+60, 7))
		r.Close()
		if r = open(t, path); name != "cut" && r.Damaged() != 0 {
			t.Errorf("%s: still damaged after writing", name)
		}
		r.Close()
	}
}

func TestOtherFilesAreNotTaken(t *testing.T) {
	for name, content := range map[string][]byte{
		"text": []byte("my thesis"), "empty": nil, "long": append(slices.Clone(header), make([]byte, fileSize)...),
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("%s was opened: %v", name, err)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(after, content) {
			t.Errorf("%s was changed", name)
		}
	}
}

func TestExportsParse(t *testing.T) {
	records := Steps([]Record{busy(noon, 1), busy(noon+60, 2), {Time: noon + 300}}, 5*time.Minute)
	if len(records) != 2 || records[0].Requests != 3 || records[1].Time != noon+300 {
		t.Fatalf("steps are %+v", records)
	}
	var j, c bytes.Buffer
	if err := WriteJSON(&j, records); err != nil {
		t.Fatal(err)
	}
	if err := WriteCSV(&c, records); err != nil {
		t.Fatal(err)
	}
	var objects []map[string]any
	if err := json.Unmarshal(j.Bytes(), &objects); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&c).ReadAll()
	if err != nil || len(rows) != 3 || len(rows[0]) != len(objects[0]) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	cell := func(row int, name string) string { return rows[row][slices.Index(rows[0], name)] }
	if got := cell(1, "time"); got != at(noon).UTC().Format(time.RFC3339) || objects[0]["time"] != got {
		t.Errorf("the time is %s and %v", got, objects[0]["time"])
	}
	if cell(1, "requests") != "3" || objects[0]["requests"] != 3. {
		t.Errorf("requests are %s and %v, want 3", cell(1, "requests"), objects[0]["requests"])
	}
	if cell(1, "tokens_per_second") != "20" || cell(2, "tokens_per_second") != "" || objects[1]["tokens_per_second"] != nil {
		t.Errorf("speeds are %s and %s", cell(1, "tokens_per_second"), cell(2, "tokens_per_second"))
	}
	if want := .8 * (1 << 30); objects[0]["memory_bytes_peak"] != want {
		t.Errorf("memory is %v, want %v", objects[0]["memory_bytes_peak"], want)
	}
}

// FuzzFile opens any bytes as a file: it is refused, or what it holds can be exported. With sum,
// the checksum of the first slot is right.
func FuzzFile(f *testing.F) {
	full := busy(Minutes*60*1000, 5)
	slot, err := encode(&full)
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]byte{slot, slot[:200], nil} {
		f.Add(append(slices.Clone(header), b...), true)
	}
	f.Add([]byte("trit"), false)
	f.Fuzz(func(t *testing.T, b []byte, sum bool) {
		b = slices.Clone(b) // the fuzzer keeps its own
		if sum && len(b) >= len(header)+slotSize {
			first := b[len(header):][:slotSize]
			binary.LittleEndian.PutUint32(first, crc32.Checksum(first[4:], table))
		}
		r := &Ring{slots: make([]*Record, Minutes)}
		if r.parse(b) != nil {
			return
		}
		for i, record := range r.slots {
			if record == nil {
				continue
			}
			if slotOf(record.Time) != i {
				t.Errorf("slot %d holds time %d", i, record.Time)
			}
			if err := WriteJSON(new(bytes.Buffer), []Record{*record}); err != nil {
				t.Error(err)
			}
		}
	})
}
