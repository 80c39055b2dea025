package repro

import (
	"errors"
	"fmt"
	"strings"

	"trit/data"
	"trit/infer"
	"trit/internal/atomicfile"
	"trit/setting"
	"trit/tokenizer"
	"trit/train"
	"trit/train/distill"
	"trit/train/graph"
)

// engineTeacher is a model on the engine that a run learns from.
type engineTeacher struct {
	model       *infer.Model
	session     *infer.Session
	length      int // of a row
	fingerprint string
	batch       *data.Batch
}

// EngineTeacher opens a GGUF file as the teacher of a run. The data must have been encoded with its
// tokenizer.
func EngineTeacher(r *train.Run, path string, o infer.Options) (t distill.Teacher, err error) {
	m, tok, err := LoadGGUF(path, o)
	if err != nil {
		return nil, fmt.Errorf("the teacher: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	if err := sameTokenizer(path, tok, r.DataDir); err != nil {
		return nil, err
	}
	e := &engineTeacher{model: m, length: r.Options.SequenceLength}
	if e.session, err = m.NewSession(e.length); err != nil {
		return nil, fmt.Errorf("the teacher: %w", err)
	}
	if e.fingerprint, err = atomicfile.SHA256(path); err != nil {
		return nil, err
	}
	return e, nil
}

// sameTokenizer refuses a teacher whose tokenizer is not the one of the data.
func sameTokenizer(path string, tok *tokenizer.Tokenizer, dataDir string) error {
	theirs, err := tokenizer.Load(dataDir)
	if err != nil {
		return err
	}
	problem := "it has no tokenizer to compare with that of the data"
	if tok != nil {
		differences := tokenizer.Differences(tok, theirs)
		if tok.VocabSize() != theirs.VocabSize() {
			differences = append(differences, fmt.Sprintf("%d and %d tokens", tok.VocabSize(), theirs.VocabSize()))
		}
		for id := int32(0); id < int32(theirs.VocabSize()) && len(differences) == 0; id++ {
			if a, b := tok.TokenBytes(id), theirs.TokenBytes(id); string(a) != string(b) {
				differences = append(differences, fmt.Sprintf("token %d is %q and %q", id, a, b))
			}
		}
		if len(differences) == 0 {
			return nil
		}
		problem = "it has another tokenizer than the data: " + strings.Join(differences, ", ")
	}
	return setting.Needs("data.PrepareOptions.Tokenizer", path+": "+problem,
		fmt.Sprintf("{data.PrepareOptions.Tokenizer} %s makes data that fit", path))
}

// Read implements distill.Teacher.
func (t *engineTeacher) Read(b *data.Batch) error {
	t.batch = b
	t.session.Truncate(0)
	return nil
}

// Logits implements graph.Teacher. Each document of a row is a sequence of its own.
func (t *engineTeacher) Logits(dst []float32, lo, hi int) error {
	vocab := t.VocabSize()
	for at := lo; at < hi; {
		first := at // of the document
		for first%t.length > 0 && t.batch.Starts[first] == t.batch.Starts[first-1] {
			first--
		}
		end := at + 1
		for end < hi && end%t.length > 0 && t.batch.Starts[end] == t.batch.Starts[end-1] {
			end++
		}
		t.session.Truncate(0)
		if err := t.session.Forward(t.batch.Tokens[first:end], dst[(at-lo)*vocab:(end-lo)*vocab], at-first); err != nil {
			return fmt.Errorf("the teacher: %w", err)
		}
		at = end
	}
	return nil
}

// States implements graph.Teacher: the engine tells none.
func (t *engineTeacher) States() *graph.States { return nil }

// VocabSize implements distill.Teacher.
func (t *engineTeacher) VocabSize() int { return t.model.Config().VocabSize }

// Fingerprint implements distill.Teacher.
func (t *engineTeacher) Fingerprint() string { return t.fingerprint }

// Close implements distill.Teacher.
func (t *engineTeacher) Close() error { return t.model.Close() }
