package history

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"time"
)

// column is a number of a record in an export.
type column struct {
	name  string
	value func(*Record) float64 // NaN: there is none
}

// columns are those of an export, after the time.
var columns = join(
	count("requests", func(r *Record) uint64 { return r.Requests }),
	count("failed", func(r *Record) uint64 { return r.Failed }),
	count("refused", func(r *Record) uint64 { return r.Refused }),
	count("answers", func(r *Record) uint64 { return r.Answers }),
	count("prompt_tokens", func(r *Record) uint64 { return r.PromptTokens }),
	count("cached_tokens", func(r *Record) uint64 { return r.CachedTokens }),
	count("answer_tokens", func(r *Record) uint64 { return r.AnswerTokens }),
	count("drafted_tokens", func(r *Record) uint64 { return r.Drafted }),
	count("accepted_tokens", func(r *Record) uint64 { return r.Accepted }),
	[]column{{"tokens_per_second", (*Record).Speed}},
	dist("request_seconds", 1, func(r *Record) *Dist { return &r.RequestTime }),
	dist("queue_seconds", 1, func(r *Record) *Dist { return &r.QueueTime }),
	dist("first_token_seconds", 1, func(r *Record) *Dist { return &r.FirstToken }),
	dist("token_seconds", 1, func(r *Record) *Dist { return &r.TokenTime }),
	dist("running", 1, func(r *Record) *Dist { return &r.Running }),
	dist("waiting", 1, func(r *Record) *Dist { return &r.Waiting }),
	dist("connections", 1, func(r *Record) *Dist { return &r.Connections }),
	dist("memory_bytes", 1<<30, func(r *Record) *Dist { return &r.Memory }),
	dist("cache_bytes", 1<<30, func(r *Record) *Dist { return &r.Cache }),
	dist("processors", 1, func(r *Record) *Dist { return &r.Processor }),
)

func join(groups ...[]column) (all []column) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

func count(name string, of func(*Record) uint64) []column {
	return []column{{name, func(r *Record) float64 { return float64(of(r)) }}}
}

// dist are the average, percentiles and the peak of a distribution, in units that it is times of.
func dist(name string, unit float64, of func(*Record) *Dist) []column {
	percentile := func(q float64) func(*Record) float64 {
		return func(r *Record) float64 { return unit * of(r).Percentile(q) }
	}
	return []column{
		{name + "_mean", func(r *Record) float64 { return unit * of(r).Mean() }},
		{name + "_p50", percentile(.5)},
		{name + "_p95", percentile(.95)},
		{name + "_p99", percentile(.99)},
		{name + "_peak", func(r *Record) float64 { return unit * of(r).Highest() }},
	}
}

func timeOf(r *Record) string { return time.Unix(r.Time, 0).UTC().Format(time.RFC3339) }

// WriteCSV writes records as CSV with a head; what there is no number for is empty.
func WriteCSV(w io.Writer, records []Record) error {
	out := csv.NewWriter(w)
	row := []string{"time"}
	for _, c := range columns {
		row = append(row, c.name)
	}
	for i := range records {
		if err := out.Write(row); err != nil {
			return err
		}
		row = append(row[:0], timeOf(&records[i]))
		for _, c := range columns {
			cell := ""
			if v := c.value(&records[i]); !math.IsNaN(v) {
				cell = strconv.FormatFloat(v, 'f', -1, 64)
			}
			row = append(row, cell)
		}
	}
	if err := out.Write(row); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// WriteJSON writes records as an array of objects with the columns of WriteCSV; what there is no
// number for is null.
func WriteJSON(w io.Writer, records []Record) error {
	list := make([]map[string]any, len(records))
	for i := range records {
		object := map[string]any{"time": timeOf(&records[i])}
		for _, c := range columns {
			object[c.name] = nil
			if v := c.value(&records[i]); !math.IsNaN(v) {
				object[c.name] = v
			}
		}
		list[i] = object
	}
	return json.NewEncoder(w).Encode(list)
}
