package world

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"

	"trit/internal/atomicfile"
)

// Options say what Generate makes.
type Options struct {
	Seed      uint64
	Documents int // of the training text; one for each subject comes on top
	Questions int // of each kind
}

// Default returns the options of the quickstart: about 1.5 MB of text.
func Default() Options { return Options{Seed: 1, Documents: 10000, Questions: 240} }

// World is a training text and held-out questions. The text states all that the questions ask
// for. It never asks for the fact of a four-way question in the same words, and never asks for
// the claim of a yes/no question at all.
type World struct {
	Texts   []string
	YesNo   []YesNo
	FourWay []FourWay
}

// Generate makes a world. Equal options give equal worlds.
func Generate(o Options) *World {
	r := rand.New(rand.NewPCG(o.Seed, 7))
	asked, heldOut := makeClaims(r)
	g := &grammar{r: r, facts: makeFacts(r), claims: slices.Concat(asked, heldOut), asked: asked}
	w := &World{}
	for _, s := range subjects {
		w.Texts = append(w.Texts, g.traitsOf(s))
	}
	for range o.Documents {
		w.Texts = append(w.Texts, g.document())
	}
	order := r.Perm(len(g.facts))
	for i := range o.Questions {
		f := g.facts[order[i%len(order)]]
		q := makeYesNo(pickClaim(r, heldOut), r, g.facts)
		q.Index = i
		w.YesNo = append(w.YesNo, q)
		w.FourWay = append(w.FourWay, makeFourWay(f, r))
	}
	return w
}

// Names of the files that Write makes. The two of tasks are declarations that package eval
// reads.
const (
	TextFile    = "train.parquet"
	YesNoTask   = "yes_no.json"
	FourWayTask = "four_way.json"
)

// rowGroup is the number of rows in a group, which a parquet reader holds at a time.
const rowGroup = 2000

// Write puts the world into a folder: the text as parquet, the questions as JSON lines,
// and the declarations of their tasks.
func (w *World) Write(dir string) error {
	if err := atomicfile.Write(filepath.Join(dir, TextFile), w.writeText); err != nil {
		return err
	}
	if err := writeLines(filepath.Join(dir, "yes_no.jsonl"), w.YesNo); err != nil {
		return err
	}
	if err := writeLines(filepath.Join(dir, "four_way.jsonl"), w.FourWay); err != nil {
		return err
	}
	for name, task := range map[string]map[string]any{
		YesNoTask:   {"name": "yes_no", "data": "yes_no.jsonl", "context": "{passage}\nQuestion: {question}?\nAnswer:", "choices": []string{"no", "yes"}, "gold": "label", "metrics": []string{"acc"}},
		FourWayTask: {"name": "four_way", "data": "four_way.jsonl", "context": "Question: {question}\nAnswer:", "choices": "choices", "gold": "gold"},
	} {
		if err := writeTask(filepath.Join(dir, name), task); err != nil {
			return err
		}
	}
	return nil
}

func writeTask(path string, task map[string]any) error {
	b, err := json.MarshalIndent(task, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, append(b, '\n'))
}

type row struct {
	Text string `parquet:"text"`
}

func (w *World) writeText(out io.Writer) error {
	p := parquet.NewGenericWriter[row](out, parquet.MaxRowsPerRowGroup(rowGroup), parquet.Compression(&parquet.Snappy))
	for _, t := range w.Texts {
		if _, err := p.Write([]row{{t}}); err != nil {
			return err
		}
	}
	return p.Close()
}

func writeLines[T any](path string, values []T) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		for _, v := range values {
			if err := enc.Encode(v); err != nil {
				return err
			}
		}
		return nil
	})
}
