package watch

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"trit/train/runlog"
)

func float(v float32) *float32 { return &v }

// The events of testdata/make_events.py.
var goldenEvents = []runlog.Event{
	{
		Event: "step", Time: 1700000001.25, Step: 10, Tokens: 20480, Loss: 2.5, LR: 0.003, GradNorm: 0.75, TokensPerSecond: 1234.5, MFU: 0.4, Zeros: 0.31, Flips: 17,
		Layers: []runlog.LayerStats{
			{Name: "model.layers.3.self_attn.q_proj.weight", Minus: 0.25, Zero: 0.5, Plus: 0.25, Scale: 0.02, Flips: 4, AbsMax: float(3.5)},
			{Name: "head.weight", Zero: 1, Scale: 1},
		},
	},
	{Event: "rollback", Step: 11, Note: "not a scalar"},
	{Event: "eval", Step: 300, Loss: 2.25, Perplexity: 9.5, BitsPerByte: 1.125},
}

func TestEventFileIsTensorBoards(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	f, err := createEventFile(dir, 8, time.UnixMilli(1700000000500))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range goldenEvents {
		if err := f.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/events.golden")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "events.out.tfevents.1700000000.trit"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the file differs from TensorBoard's:\n%v\nwant\n%v", parse(t, got), parse(t, want))
	}
}

// The figures of pairs have tags of their own.
func TestScalarsOfPreferences(t *testing.T) {
	p := &runlog.Preference{Chosen: 0.5, Rejected: -1, Margin: 1.5, Accuracy: 0.75}
	for event, prefix := range map[string]string{"step": "train", "eval": "eval", "eval_all": "eval_all"} {
		got := map[string]float64{}
		for _, s := range scalars(runlog.Event{Event: event, Loss: 0.6, Preference: p}) {
			got[s.tag] = s.value
		}
		if got[prefix+"/loss"] != 0.6 || got[prefix+"/reward_chosen"] != 0.5 || got[prefix+"/reward_rejected"] != -1 ||
			got[prefix+"/margin"] != 1.5 || got[prefix+"/accuracy"] != 0.75 || got["eval/perplexity"] != 0 {
			t.Errorf("%s: %v", event, got)
		}
		if _, found := got[prefix+"/bits_per_byte"]; found {
			t.Errorf("%s has bits per byte", event)
		}
	}
}

// messages describes TensorBoard's messages as far as they are used, from its .proto files.
const messages = `
name: "event.proto" package: "tensorboard" syntax: "proto3"
message_type { name: "Event"
  field { name: "wall_time" number: 1 type: TYPE_DOUBLE label: LABEL_OPTIONAL }
  field { name: "step" number: 2 type: TYPE_INT64 label: LABEL_OPTIONAL }
  field { name: "file_version" number: 3 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0 }
  field { name: "summary" number: 5 type: TYPE_MESSAGE type_name: ".tensorboard.Summary" label: LABEL_OPTIONAL oneof_index: 0 }
  field { name: "session_log" number: 7 type: TYPE_MESSAGE type_name: ".tensorboard.SessionLog" label: LABEL_OPTIONAL oneof_index: 0 }
  field { name: "source_metadata" number: 10 type: TYPE_MESSAGE type_name: ".tensorboard.SourceMetadata" label: LABEL_OPTIONAL }
  oneof_decl { name: "what" } }
message_type { name: "SourceMetadata" field { name: "writer" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL } }
message_type { name: "SessionLog" field { name: "status" number: 1 type: TYPE_ENUM type_name: ".tensorboard.Status" label: LABEL_OPTIONAL } }
message_type { name: "Summary" field { name: "value" number: 1 type: TYPE_MESSAGE type_name: ".tensorboard.Value" label: LABEL_REPEATED } }
message_type { name: "Value"
  field { name: "tag" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "simple_value" number: 2 type: TYPE_FLOAT label: LABEL_OPTIONAL oneof_index: 0 }
  oneof_decl { name: "value" } }
enum_type { name: "Status" value { name: "STATUS_UNSPECIFIED" number: 0 } value { name: "START" number: 1 } }
`

func descriptor(t *testing.T) protoreflect.MessageDescriptor {
	t.Helper()
	var file descriptorpb.FileDescriptorProto
	if err := prototext.Unmarshal([]byte(messages), &file); err != nil {
		t.Fatal(err)
	}
	f, err := protodesc.NewFile(&file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f.Messages().ByName("Event")
}

// records splits a file of records and checks what it can, with a checksum of its own.
func records(t *testing.T, b []byte) [][]byte {
	t.Helper()
	var out [][]byte
	for len(b) > 0 {
		n := binary.LittleEndian.Uint64(b)
		if crc := binary.LittleEndian.Uint32(b[8:]); crc != slowMaskedCRC(b[:8]) {
			t.Fatalf("record %d: the checksum of the length is wrong", len(out))
		}
		data := b[12 : 12+n]
		if crc := binary.LittleEndian.Uint32(b[12+n:]); crc != slowMaskedCRC(data) {
			t.Fatalf("record %d: the checksum of the data is wrong", len(out))
		}
		out, b = append(out, data), b[16+n:]
	}
	return out
}

// slowMaskedCRC is the checksum bit by bit, from the polynomial.
func slowMaskedCRC(b []byte) uint32 {
	crc := ^uint32(0)
	for _, v := range b {
		crc ^= uint32(v)
		for range 8 {
			low := crc & 1
			crc >>= 1
			if low == 1 {
				crc ^= 0x82f63b78
			}
		}
	}
	crc = ^crc
	return (crc>>15 | crc<<17) + 0xa282ead8
}

// read is an event as TensorBoard would see it.
type read struct {
	step    int
	start   bool
	version string
	scalars map[string]float32
}

func parse(t *testing.T, b []byte) []read {
	t.Helper()
	d := descriptor(t)
	var out []read
	for _, data := range records(t, b) {
		m := dynamicpb.NewMessage(d)
		if err := (proto.UnmarshalOptions{}).Unmarshal(data, m); err != nil {
			t.Fatal(err)
		}
		if len(m.GetUnknown()) > 0 {
			t.Errorf("unknown fields % x", m.GetUnknown())
		}
		field := func(name protoreflect.Name) protoreflect.Value { return m.Get(d.Fields().ByName(name)) }
		e := read{step: int(field("step").Int()), version: field("file_version").String(), scalars: map[string]float32{}}
		session := field("session_log").Message()
		e.start = session.Get(session.Descriptor().Fields().ByName("status")).Enum() == 1
		summary := field("summary").Message()
		values := summary.Get(summary.Descriptor().Fields().ByName("value")).List()
		for i := range values.Len() {
			v := values.Get(i).Message()
			fields := v.Descriptor().Fields()
			e.scalars[v.Get(fields.ByName("tag")).String()] = float32(v.Get(fields.ByName("simple_value")).Float())
		}
		out = append(out, e)
	}
	return out
}

// shown is what TensorBoard shows of a folder for one tag: files by name, and a start of a
// session drops what is of its step and later.
func shown(t *testing.T, dir, tag string) map[int]float32 {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*tfevents*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	points := map[int]float32{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range parse(t, b) {
			if (i == 0) != (e.version == "brain.Event:2") || (i == 1) != e.start {
				t.Errorf("%s: event %d is %+v: want the version first, then the start", path, i, e)
			}
			for step := range points {
				if e.start && step >= e.step {
					delete(points, step)
				}
			}
			if v, ok := e.scalars[tag]; ok {
				points[e.step] = v
			}
		}
	}
	return points
}

func TestMaskedCRC(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 8, 31, 1000} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if got, want := maskedCRC(b), slowMaskedCRC(b); got != want {
			t.Errorf("%d bytes: %08x, want %08x", n, got, want)
		}
	}
}

// runOf is a run with these losses of steps 1, 2, ...
func runOf(losses ...float64) *Run {
	r := &Run{}
	for i, l := range losses {
		r.Events = append(r.Events, runlog.Event{Event: "step", Step: i + 1, Loss: l})
	}
	return r
}

func TestExportFollowsARun(t *testing.T) {
	dir := t.TempDir()
	x := NewExport(dir)
	for i, c := range []struct {
		losses []float64
		files  int
	}{
		{[]float64{9, 8}, 1},
		{[]float64{9, 8, 7, 6}, 1},    // more of the same
		{[]float64{9, 8}, 2},          // killed, and back at its checkpoint
		{[]float64{9, 8, 7.5}, 2},     // goes on
		{[]float64{9, 5, 4, 3, 2}, 3}, // back and on between two looks
		{nil, 4},                      // begun again
		{[]float64{1}, 4},
	} {
		if err := x.Update(runOf(c.losses...)); err != nil {
			t.Fatal(err)
		}
		check(t, i, dir, c.losses, c.files)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	again := NewExport(dir)
	defer again.Close()
	if err := again.Update(runOf(3, 2, 1)); err != nil {
		t.Fatal(err)
	}
	check(t, -1, dir, []float64{3, 2, 1}, 5)
}

func check(t *testing.T, round int, dir string, losses []float64, files int) {
	t.Helper()
	got := shown(t, dir, "train/loss")
	if len(got) != len(losses) {
		t.Errorf("round %d: %v is shown, want %v", round, got, losses)
	}
	for i, l := range losses {
		if got[i+1] != float32(l) {
			t.Errorf("round %d: step %d has %g, want %g", round, i+1, got[i+1], l)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != files {
		t.Errorf("round %d: %d files, want %d", round, len(entries), files)
	}
}

// An evaluation at the step of a checkpoint stands when the steps after it come again.
func TestExportKeepsTheEvaluationOfACheckpoint(t *testing.T) {
	dir := t.TempDir()
	x := NewExport(dir)
	defer x.Close()
	r := runOf(3, 2)
	r.Events = append(r.Events, runlog.Event{Event: "eval", Step: 2, Loss: 4}, runlog.Event{Event: "eval_all", Step: 2, Loss: 5})
	for _, last := range []float64{1, 0.5} {
		more := &Run{Run: runlog.Run{Events: append(slices.Clone(r.Events), runlog.Event{Event: "step", Step: 3, Loss: last})}}
		if err := x.Update(more); err != nil {
			t.Fatal(err)
		}
	}
	if got := shown(t, dir, "eval/loss"); len(got) != 1 || got[2] != 4 {
		t.Errorf("evaluations %v, want 4 at step 2", got)
	}
	if got := shown(t, dir, "eval_all/loss"); len(got) != 1 || got[2] != 5 {
		t.Errorf("evaluations on all data %v, want 5 at step 2", got)
	}
	if got := shown(t, dir, "train/loss"); len(got) != 3 || got[3] != 0.5 {
		t.Errorf("losses %v, want three with 0.5 at step 3", got)
	}
}

func TestEventFileErrorsNameTheFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := CreateEventFile(file, 0); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file for a folder: %v", err)
	}
}
