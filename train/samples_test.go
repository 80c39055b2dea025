package train

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"trit/lm"
	"trit/tokenizer"
	"trit/train/checkpoint"
	"trit/train/runlog"
)

// A run that writes samples ends with the weights of one that does not. Without temperature they are what
// its best model says.
func TestSamplesAreTheModels(t *testing.T) {
	dataDir := prepared(t)
	plain := smallRun(dataDir, t.TempDir())
	plain.Options.MaxSteps = 20
	mustTrain(t, plain)
	r := plain
	r.OutDir = t.TempDir()
	r.Options.SamplePrompts, r.Options.SampleTokens, r.Options.SampleTemperature = "The capital\n\nA", 8, 0
	r.Model.MaxPositionEmbeddings = 64
	if best := mustTrain(t, r).Best; best.Step != 20 {
		t.Fatalf("the best model is %+v, want the last", best)
	}
	checkSameWeights(t, lastTensors(t, r.OutDir), lastTensors(t, plain.OutDir))
	log, err := runlog.Open(r.OutDir)
	if err != nil || len(log.Samples) != 4 || log.Samples[0].Step != 15 || log.Samples[3].Step != 20 {
		t.Fatalf("%+v, %v, want 2 at each of 2 evaluations", log.Samples, err)
	}
	tok, err := tokenizer.Load(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := LoadScorer(filepath.Join(r.OutDir, checkpoint.BestDir), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, prompt := range []string{"The capital", "A"} {
		ends := func(ids []int32) bool { return len(ids) > 0 && strings.Contains(tok.Decode(ids[len(ids)-1:]), "<|") }
		want, err := s.Continue(context.Background(), []lm.ContinueRequest{{Prompt: tok.EncodePrompt(prompt), MaxTokens: 8, Stop: ends}})
		if err != nil {
			t.Fatal(err)
		}
		if e := log.Samples[2+i]; e.Prompt != prompt || e.Text != tok.Decode(want[0]) {
			t.Errorf("sample %+v, want %q", e, tok.Decode(want[0]))
		}
	}
	r.OutDir, r.Options.SampleTokens = t.TempDir(), 100
	if _, err := Train(context.Background(), r); err == nil || !strings.Contains(err.Error(), "positions for 64") {
		t.Errorf("too many tokens: %v", err)
	}
}

// lastTensors are the tensors of the newest checkpoint.
func lastTensors(t *testing.T, run string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for name, b := range weights(t, run) {
		if !strings.HasPrefix(name, "best/") {
			all[name] = b
		}
	}
	return all
}
