package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"trit/internal/atomicfile"
	"trit/train/graph"
)

// Event is a line of metrics.jsonl: "step" with the figures of a step, "eval" with those
// of the held-out data, or what happened to the run, with a Note: "early_stop",
// "spike", "rollback", "warning".
type Event struct {
	Event           string  `json:"event"`
	Step            int     `json:"step"`
	Tokens          int64   `json:"tokens"`
	Loss            float64 `json:"loss"` // nats a token
	LR              float64 `json:"lr,omitempty"`
	WeightDecay     float64 `json:"weight_decay,omitempty"`
	GradNorm        float64 `json:"grad_norm,omitempty"`
	TokensPerSecond float64 `json:"tokens_per_second,omitempty"`
	Zeros           float64 `json:"zeros,omitempty"` // share of ternary weights that are 0
	Flips           int     `json:"flips,omitempty"` // ternary weights changed since the last line
	Perplexity      float64 `json:"perplexity,omitempty"`
	BitsPerByte     float64 `json:"bits_per_byte,omitempty"`
	Note            string  `json:"note,omitempty"` // for people: what happened, in an event of another kind
	MaxSteps        int     `json:"-"`              // of the run, for who shows progress
}

// metrics is the log of a run.
type metrics struct {
	file    *os.File
	onEvent func(Event)
}

// openMetrics opens the log and drops what a killed run wrote after the checkpoint of
// this step, since those steps come again.
func openMetrics(path string, step int, onEvent func(Event)) (*metrics, error) {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var kept bytes.Buffer
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		var e Event
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Step <= step {
			kept.Write(append(lines.Bytes(), '\n'))
		}
	}
	if kept.Len() != len(b) {
		if err := atomicfile.WriteBytes(path, kept.Bytes()); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	return &metrics{f, onEvent}, err
}

func (m *metrics) write(e Event) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := m.file.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("metrics.jsonl: %w", err)
	}
	if m.onEvent != nil {
		m.onEvent(e)
	}
	return nil
}

func (m *metrics) close() { m.file.Close() }

// ternaryStats watches the ternary weights from line to line.
type ternaryStats struct{ last map[string][]int8 }

// update returns the share of zeros and how many weights changed since the last call.
func (s *ternaryStats) update(d *graph.Decoder) (zeros float64, flips int) {
	first := s.last == nil
	if first {
		s.last = map[string][]int8{}
	}
	total, zero := 0, 0
	d.Codes(func(name string, codes []float32, _ float32) {
		last, known := s.last[name]
		if !known {
			last = make([]int8, len(codes))
			s.last[name] = last
		}
		for i, c := range codes {
			q := int8(c)
			if q == 0 {
				zero++
			}
			if q != last[i] && !first {
				flips++
			}
			last[i] = q
		}
		total += len(codes)
	})
	return float64(zero) / float64(max(total, 1)), flips
}
