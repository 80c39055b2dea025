package runlog

import (
	"fmt"
	"strings"
	"testing"

	"trit/internal/testutil"
)

func open(t *testing.T, lines ...string) *Run {
	t.Helper()
	r, err := Open(testutil.RunFolder(t, "r", lines...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOpenReadsOldLogs(t *testing.T) {
	r := open(t, testutil.OldLog...)
	if r.Name != "r" || len(r.Events) != 3 || r.Events[1].Flips != 12 || r.Events[2].BitsPerByte != 2.1 {
		t.Errorf("%+v", r)
	}
}

// Each start of a run keeps its recipe; an extension is a note too, since it bends the curves.
func TestOpenListsStarts(t *testing.T) {
	r := open(t, `{"event":"begin","step":0,"recipe":{"data":"d"}}`, `{"event":"step","step":1}`,
		`{"event":"resume","step":1}`, `{"event":"extend","step":1,"note":"n","recipe":{"data":"e"}}`, "")
	if len(r.Starts) != 3 || string(r.Starts[2].Recipe) != `{"data":"e"}` || len(r.Notes) != 1 ||
		r.Notes[0].Kind != ExtendEvent || len(r.Events) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestOpenTakesWhatStands(t *testing.T) {
	line := func(kind string, step int, loss float64) string {
		return fmt.Sprintf(`{"event":%q,"step":%d,"loss":%g,"note":"n"}`, kind, step, loss)
	}
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"steps done again": {[]string{line("step", 1, 9), line("step", 2, 8), line("eval", 2, 8.5), line("step", 3, 7),
			line("rollback", 3, 0), line("step", 2, 6), line("step", 3, 5)}, "step1:9 step2:6 step3:5"},
		"evaluation of the end": {[]string{line("step", 1, 9), line("eval", 1, 8), line("eval", 1, 7)}, "step1:9 eval1:7"},
		"evaluation of the end, on all data": {[]string{line("step", 1, 9), line("eval", 1, 8), line("eval_all", 1, 7),
			line("resume", 1, 0), line("eval", 1, 6), line("eval_all", 1, 5)}, "step1:9 eval1:6 eval_all1:5"},
		"evaluation after": {[]string{line("step", 1, 9), line("eval", 1, 8), line("step", 2, 7), line("step", 3, 7),
			line("eval", 2, 3)}, "step1:9 eval1:8 step2:7 eval2:3"},
		"a line being written":  {[]string{line("step", 1, 9), `{"event":"step","st`}, "step1:9"},
		"whole but for its end": {[]string{line("step", 1, 9), line("step", 2, 8)}, "step1:9"},
		"an empty line":         {[]string{line("step", 1, 9), " ", line("step", 2, 8), ""}, "step1:9 step2:8"},
	} {
		if name != "a line being written" && name != "whole but for its end" {
			c.lines = append(c.lines, "")
		}
		var got []string
		r := open(t, c.lines...)
		for _, e := range r.Events {
			got = append(got, fmt.Sprintf("%s%d:%g", e.Event, e.Step, e.Loss))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
		if notes := strings.Count(strings.Join(c.lines, ""), "rollback"); len(r.Notes) != notes {
			t.Errorf("%s: notes %+v, want %d", name, r.Notes, notes)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "Run.OutDir") ||
		!strings.Contains(err.Error(), LogFile) {
		t.Errorf("a folder without a log: %v", err)
	}
	if _, err := Open(testutil.RunFolder(t, "r", `{"event":"step"}`, "loss 3", "")); err == nil ||
		!strings.Contains(err.Error(), LogFile+": line 2") {
		t.Errorf("a log with another line: %v", err)
	}
}

// A run judges each of its steps, and its log says what it found: a reader that judged the
// lines again could contradict it. The lines of a log without a judge are judged by the same
// law.
func TestOpenShowsWhatTheRunDecided(t *testing.T) {
	log := func(step string, more ...string) (lines []string) {
		for i := range 40 {
			loss := 2.9 + 0.2*float64(i%2)
			if i == 30 {
				loss = 9
			}
			lines = append(lines, fmt.Sprintf(`{"event":"step","step":%d,"loss":%g,"grad_norm":1%s}`, 10*i, loss, step))
		}
		return append(append(lines, more...), "")
	}
	const spike = `{"event":"spike","step":77,"note":"between two lines"}`
	const layer = `{"event":"warning","step":80,"finding":"no zeros","layer":"w","note":"text"}`
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"judged, nothing found": {log(`,"judged":true`), "[]"},
		"judged, a spike found": {log(`,"judged":true`, spike), "[{spike 77  between two lines}]"},
		"older, a spike found":  {log("", spike), "[{spike 77  between two lines}]"},
		"judged, a layer found": {log(`,"judged":true`, layer), "[{no zeros 80 w text}]"},
		"not judged": {log(""),
			"[{spike 300  the loss is 9, after a mean of 3 with a standard deviation of 0.1 over the last 30 losses}]"},
		"a layer that was not judged": {log(`,"layers":[{"name":"w","scale":1,"flips":1}]`)[:2],
			"[{no zeros 0 w only 0.00 % of the weights are zero}]"},
	} {
		if got := fmt.Sprint(open(t, c.lines...).Notes); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestPosition(t *testing.T) {
	for name, want := range map[string]string{
		"model.layers.12.self_attn.q_proj.weight": "12 q_proj",
		"model.layers.0.mlp.down_proj.weight":     "0 down_proj",
		"lm_head.weight":                          "-1 lm_head",
		"layers.x.weight":                         "-1 x",
		"":                                        "-1 ",
	} {
		layer, projection := LayerStats{Name: name}.Position()
		if got := fmt.Sprint(layer, " ", projection); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
