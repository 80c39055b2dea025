package watch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"trit/train/runlog"
)

// Fields of TensorBoard's messages (tensorboard/compat/proto/event.proto and
// summary.proto).
const (
	eventWallTime    = 1 // double, seconds since 1970
	eventStep        = 2
	eventFileVersion = 3
	eventSummary     = 5
	eventSessionLog  = 7
	eventSource      = 10
	sessionStatus    = 1
	sessionStart     = 1 // the value START
	sourceWriter     = 1
	summaryValue     = 1
	valueTag         = 1
	valueSimple      = 2 // float
)

// eventFilePrefix begins the name of an event file; the time of its making, in seconds,
// follows.
const eventFilePrefix = "events.out.tfevents."

// EventFile is an event file of TensorBoard that is being written. Each event is a record, which
// is written at once, so that TensorBoard sees it.
type EventFile struct {
	file *os.File
	now  float64
}

// CreateEventFile begins a new event file in a folder, which it makes if necessary. TensorBoard
// reads all event files of a folder as one run, in the order of their names. The new file makes
// it drop the events of earlier files from step first on: 0 for a new run, the step after the
// checkpoint for a resumed one.
func CreateEventFile(dir string, first int) (*EventFile, error) {
	return createEventFile(dir, first, time.Now())
}

func createEventFile(dir string, first int, now time.Time) (*EventFile, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	path, err := nextEventFile(dir, now.Unix())
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	f := &EventFile{file, float64(now.UnixMilli()) / 1e3}
	if err := errors.Join(f.write(f.header()), f.write(f.start(first))); err != nil {
		file.Close()
		return nil, err
	}
	return f, nil
}

// nextEventFile makes a name that sorts after the names of all event files in the folder.
func nextEventFile(dir string, second int64) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), eventFilePrefix)
		digits, _, _ := strings.Cut(rest, ".")
		if n, err := strconv.ParseInt(digits, 10, 64); ok && err == nil {
			second = max(second, n+1)
		}
	}
	return filepath.Join(dir, fmt.Sprintf("%s%010d.trit", eventFilePrefix, second)), nil
}

// Write adds the figures of a step or an evaluation, as scalars such as train/loss,
// eval/bits_per_byte, eval_all/bits_per_byte (all held-out data) and layers/00/q_proj/zeros. Other events are left out.
func (f *EventFile) Write(e runlog.Event) error {
	list := scalars(e)
	if len(list) == 0 {
		return nil
	}
	var summary []byte
	for _, s := range list {
		var value []byte
		value = protowire.AppendTag(value, valueTag, protowire.BytesType)
		value = protowire.AppendString(value, s.tag)
		value = protowire.AppendTag(value, valueSimple, protowire.Fixed32Type)
		value = protowire.AppendFixed32(value, math.Float32bits(float32(s.value)))
		summary = appendMessage(summary, summaryValue, value)
	}
	at := e.Time
	if at == 0 {
		at = f.now // of an older log, which has no times
	}
	return f.write(appendMessage(eventAt(at, e.Step), eventSummary, summary))
}

// Close closes the file.
func (f *EventFile) Close() error { return f.file.Close() }

func (f *EventFile) header() []byte {
	b := appendMessage(eventAt(f.now, 0), eventFileVersion, []byte("brain.Event:2"))
	return appendMessage(b, eventSource, appendMessage(nil, sourceWriter, []byte("trit")))
}

// start is the event that makes TensorBoard drop the events from step first on.
func (f *EventFile) start(first int) []byte {
	status := protowire.AppendVarint(protowire.AppendTag(nil, sessionStatus, protowire.VarintType), sessionStart)
	return appendMessage(eventAt(f.now, first), eventSessionLog, status)
}

// eventAt begins an event. A step of 0 is not written, as proto3 has it.
func eventAt(seconds float64, step int) []byte {
	b := protowire.AppendTag(nil, eventWallTime, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, math.Float64bits(seconds))
	if step != 0 {
		b = protowire.AppendTag(b, eventStep, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(step))
	}
	return b
}

// appendMessage adds a field of bytes: a string or a message.
func appendMessage(b []byte, field protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), content)
}

// write frames a record as TFRecord does: length, its checksum, data, its checksum, all
// little-endian.
func (f *EventFile) write(data []byte) error {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(b, maskedCRC(b))
	b = append(b, data...)
	b = binary.LittleEndian.AppendUint32(b, maskedCRC(data))
	_, err := f.file.Write(b)
	return err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC is TFRecord's checksum: CRC-32C, turned by 15 bits and shifted by a constant, so
// that the checksum of data with checksums in it is not weak.
func maskedCRC(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

type scalar struct {
	tag   string
	value float64
}

// scalars are the figures of an event under their tags.
func scalars(e runlog.Event) []scalar {
	switch e.Event {
	case runlog.EvalEvent, runlog.EvalAllEvent:
		if e.Preference != nil {
			return append([]scalar{{e.Event + "/loss", e.Loss}}, preferenceScalars(e.Event, e.Preference)...)
		}
		return []scalar{{e.Event + "/loss", e.Loss}, {e.Event + "/perplexity", e.Perplexity},
			{e.Event + "/bits_per_byte", e.BitsPerByte}}
	case runlog.StepEvent:
	default:
		return nil
	}
	list := []scalar{
		{"train/loss", e.Loss}, {"train/learning_rate", e.LR}, {"train/weight_decay", e.WeightDecay},
		{"train/gradient_norm", e.GradNorm}, {"train/tokens", float64(e.Tokens)},
		{"train/tokens_per_second", e.TokensPerSecond},
		{"train/zeros", e.Zeros}, {"train/flips", float64(e.Flips)},
	}
	if e.MFU != 0 {
		list = append(list, scalar{"train/mfu", e.MFU})
	}
	if e.Preference != nil {
		list = append(list, preferenceScalars("train", e.Preference)...)
	}
	if e.KL != 0 {
		list = append(list, scalar{"train/ce", e.CE}, scalar{"train/kl", e.KL}, scalar{"train/relations", e.Relations})
	}
	for _, l := range e.Layers {
		list = append(list, layerScalars(l)...)
	}
	return list
}

func preferenceScalars(prefix string, p *runlog.Preference) []scalar {
	return []scalar{{prefix + "/reward_chosen", p.Chosen}, {prefix + "/reward_rejected", p.Rejected},
		{prefix + "/margin", p.Margin}, {prefix + "/accuracy", p.Accuracy}}
}

func layerScalars(l runlog.LayerStats) []scalar {
	layer, projection := l.Position()
	prefix := fmt.Sprintf("layers/%02d/%s/", layer, projection)
	if layer < 0 {
		prefix = "layers/" + projection + "/"
	}
	list := []scalar{
		{prefix + "minus", l.Minus}, {prefix + "zeros", l.Zero}, {prefix + "plus", l.Plus},
		{prefix + "scale", float64(l.Scale)}, {prefix + "flips", float64(l.Flips)},
	}
	if l.AbsMax != nil {
		list = append(list, scalar{prefix + "absmax", float64(*l.AbsMax)})
	}
	return list
}

// Export copies the log of a run, while it grows, into event files in a folder.
type Export struct {
	dir     string
	file    *EventFile
	written []runlog.Event
}

// NewExport makes an Export for this folder. Its first Update makes TensorBoard drop the events of
// earlier Exports to the folder.
func NewExport(dir string) *Export { return &Export{dir: dir} }

// Update writes the events that are new in the run. If steps were done again since the last
// call, it begins another file with the first of them.
func (x *Export) Update(r *Run) error {
	same := 0
	for same < len(x.written) && same < len(r.Events) && sameLine(x.written[same], r.Events[same]) {
		same++
	}
	if x.file == nil || same < len(x.written) {
		first := 0
		if same > 0 && same < len(r.Events) {
			first = r.Events[same].Step
		} else if same > 0 {
			first = r.Events[same-1].Step + 1
		}
		for same > 0 && r.Events[same-1].Step >= first {
			same--
		}
		if err := x.begin(first); err != nil {
			return err
		}
	}
	for _, e := range r.Events[same:] {
		if err := x.file.Write(e); err != nil {
			return err
		}
	}
	x.written = r.Events
	return nil
}

func sameLine(a, b runlog.Event) bool {
	return a.Event == b.Event && a.Step == b.Step && a.Loss == b.Loss && a.Time == b.Time
}

func (x *Export) begin(first int) (err error) {
	if err := x.Close(); err != nil {
		return err
	}
	x.file, err = CreateEventFile(x.dir, first)
	return err
}

// Close closes the file that is being written.
func (x *Export) Close() error {
	if x.file == nil {
		return nil
	}
	f := x.file
	x.file = nil
	return f.Close()
}
