package graph

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"trit/bitlinear"
	"trit/model"
)

// fixedTeacher says the same of each batch.
type fixedTeacher struct {
	vocab  int
	logits []float32
	states *States
	failed error
}

func (f *fixedTeacher) Logits(dst []float32, lo, hi int) error {
	copy(dst, f.logits[lo*f.vocab:hi*f.vocab])
	return f.failed
}

func (f *fixedTeacher) States() *States { return f.states }

// logSoftmax64 is the reference, in float64.
func logSoftmax64(x []float32, temperature float64) []float64 {
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) / temperature)
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)/temperature - math.Log(sum)
	}
	return out
}

func divergence64(p, q []float64) (kl float64) {
	for i := range p {
		kl += math.Exp(p[i]) * (p[i] - q[i])
	}
	return kl
}

// The loss and its gradient by differences, against the definition in float64: two chunks, of which
// the second is a remainder, a position without a target, and parts of a row (the vocabulary is
// longer than one).
func TestDistilledHead(t *testing.T) {
	const rows, width, vocab, alpha, temperature = 6, 8, 300, 0.7, 2.0
	r := rand.New(rand.NewPCG(5, 5))
	c := model.Config{HiddenSize: width, IntermediateSize: 8, NumAttentionHeads: 1, VocabSize: vocab}
	ws := testWorkspace(c, 1, rows, make([]int32, rows))
	teacher, targets := &fixedTeacher{vocab: vocab, logits: normals(r, rows*vocab)}, []int32{3, -1, 0, 299, 2, 2}
	o := Options{Backward: true, Distill: &Distillation{Teacher: teacher, Alpha: alpha, Temperature: temperature}}
	learning := newDistilling(ws, vocab, o, crossEntropy{targets: targets})
	head := newLossHead(ws, vocab, learning, targets, true)
	head.chunk = 4
	f := head.fn(make([]float32, vocab*width))
	forward := f.Forward
	f.Forward = func(in [][]float32, out []float32) {
		forward(in, out)
		var ce, kl float64
		for i, target := range targets {
			if target < 0 {
				continue
			}
			logits := make([]float32, vocab)
			head.makeLogits(logits, i, i+1)
			theirs := teacher.logits[i*vocab:][:vocab]
			ce -= logSoftmax64(logits, 1)[target]
			kl += temperature * temperature * divergence64(logSoftmax64(theirs, temperature), logSoftmax64(logits, temperature))
		}
		d := Decoder{head: head, distilling: learning}
		if got, _ := d.Distilled(); math.Abs(got-kl/5) > 1e-4 || math.Abs(float64(out[0])-ce/5) > 1e-4 {
			t.Fatalf("kl %g and ce %g, want %g and %g", got, out[0], kl/5, ce/5)
		}
		out[0] = float32(((1-alpha)*ce + alpha*kl) / rows) // gradients are of the sum over M
	}
	checkDifferences(t, "head", f, [][]float32{normals(r, rows*width), normals(r, vocab*width)})
}

// relations64 is the definition of the relations, in float64: the sum over the scored positions.
func relations64(r *relations, qkv []float32) (sum float64) {
	scores := func(s *States, values []float32, first, columns, i int, d document) []float64 {
		x := make([]float32, 0, d.hi-d.lo)
		for j := d.lo; j < d.hi; j++ {
			dot := 0.0
			for k := first; k < first+columns; k++ {
				dot += float64(values[i*s.width()+k]) * float64(values[j*s.width()+k])
			}
			x = append(x, float32(dot))
		}
		return logSoftmax64(x, math.Sqrt(float64(columns)))
	}
	for _, d := range r.docs {
		for kind := queryHead; kind <= valueHead; kind++ {
			for h := range r.heads {
				first, n := r.student.columns(kind, h, r.heads)
				theirFirst, theirN := r.teacher.columns(kind, h, r.heads)
				for i := d.lo; i < d.hi; i++ {
					if r.targets[i] >= 0 {
						p := scores(r.teacher, r.teacher.Values, theirFirst, theirN, i, d)
						sum += divergence64(p, scores(r.student, qkv, first, n, i, d)) / float64(r.heads)
					}
				}
			}
		}
	}
	return sum
}

// testRelations are of a student with 4 heads, of which 2 are key heads, to a wider teacher with 2
// key heads, over documents of which one is longer than a tile.
func testRelations(r *rand.Rand, ws *workspace, starts []int32, length int) *relations {
	targets := make([]int32, ws.rows)
	targets[1], targets[ws.rows-1] = -1, -1
	theirs := model.Config{HiddenSize: 24, NumAttentionHeads: 4, NumKeyValueHeads: 2, IntermediateSize: 8}
	theirs.Resolve()
	states := newStates(&theirs, ws.rows)
	copy(states.Values, normals(r, len(states.Values)))
	return newRelations(ws, &Distillation{Teacher: &fixedTeacher{states: states}, Relations: 0.5}, targets, starts, length)
}

func relationModel() model.Config {
	return model.Config{HiddenSize: 16, NumAttentionHeads: 4, NumKeyValueHeads: 2, IntermediateSize: 8, VocabSize: 8,
		NumHiddenLayers: 1, SubNorms: true, RMSNormEps: 1e-5, RopeTheta: 1e4}
}

func TestRelations(t *testing.T) {
	const batch, length = 2, 80
	r := rand.New(rand.NewPCG(6, 6))
	starts := make([]int32, batch*length)
	for i := 70; i < length; i++ {
		starts[i] = 70
	}
	ws := testWorkspace(relationModel(), batch, length, starts)
	rel := testRelations(r, ws, starts, length)
	qkv := normals(r, ws.rows*rel.student.width())
	rel.compare(qkv)
	if len(rel.docs) != 3 || rel.heads != 2 {
		t.Fatalf("documents %v, %d heads", rel.docs, rel.heads)
	}
	if want := relations64(rel, qkv); math.Abs(rel.loss/want-1) > 1e-4 {
		t.Errorf("loss %g, want %g", rel.loss, want)
	}
	grad := append([]float32(nil), rel.grad...)
	var difference, norm float64
	for range 200 { // of the 5120
		i := r.IntN(len(qkv))
		saved := qkv[i]
		qkv[i] = saved + 1.0/256
		up := relations64(rel, qkv)
		qkv[i] = saved - 1.0/256
		want := (up - relations64(rel, qkv)) * 128 * rel.weight / float64(ws.rows)
		qkv[i] = saved
		difference += (want - float64(grad[i])) * (want - float64(grad[i]))
		norm += want * want
	}
	if e := math.Sqrt(difference / norm); !(e < 1e-3) {
		t.Errorf("the gradient differs by %.3g", e)
	}
}

// What a document's states say about another one is nothing.
func TestRelationsStayInADocument(t *testing.T) {
	const length = 20
	r := rand.New(rand.NewPCG(7, 7))
	starts := make([]int32, length)
	for i := 12; i < length; i++ {
		starts[i] = 12
	}
	ws := testWorkspace(relationModel(), 1, length, starts)
	rel := testRelations(r, ws, starts, length)
	width := rel.student.width()
	qkv := normals(r, length*width)
	rel.compare(qkv)
	before := append([]float32(nil), rel.grad...)
	copy(qkv[:12*width], normals(r, 12*width))
	rel.compare(qkv)
	for i := 12 * width; i < length*width; i++ {
		if rel.grad[i] != before[i] {
			t.Fatalf("the gradient of the second document moved with the first")
		}
	}
}

// The gradient of the relations goes through the layer's projections and its norm.
func TestBlockWithRelations(t *testing.T) {
	const length = 6
	r := rand.New(rand.NewPCG(8, 9))
	c, starts := relationModel(), make([]int32, length)
	ws := testWorkspace(c, 1, length, starts)
	b := newBlock(ws, 0, &Params{})
	b.relations = testRelations(r, ws, starts, length)
	ws.config.Resolve()
	in, grads := [][]float32{normals(r, length*c.HiddenSize)}, [][]float32{ws.stream}
	specs := map[string]int{}
	for _, s := range ws.config.Tensors() {
		specs[s.Name] = s.Elements()
	}
	for _, name := range b.names {
		in, grads = append(in, normals(r, specs[name])), append(grads, make([]float32, specs[name]))
	}
	y := make([]float32, length*c.HiddenSize)
	f := bitlinear.Func{Grads: grads[:4],
		Forward: func(part [][]float32, out []float32) {
			b.forward(append(part, in[4:]...), y)
			out[0] = float32(b.relations.weight * b.relations.loss / length)
		},
		Backward: func(part [][]float32, _ []float32, _ [][]float32) {
			clear(ws.stream)
			b.backward(append(part, in[4:]...), ws.stream, grads)
		}}
	checkDifferences(t, "x, norm, q_proj and k_proj", f, in[:4:4])
}

func TestBadDistillation(t *testing.T) {
	c := relationModel()
	c.MaxPositionEmbeddings, c.HiddenAct = 8, model.SiLU
	c.Resolve()
	teacher := &fixedTeacher{vocab: 8, logits: make([]float32, 64)}
	for want, d := range map[string]Distillation{
		"alpha 1.5":        {Teacher: teacher, Alpha: 1.5, Temperature: 1},
		"temperature 0":    {Teacher: teacher, Alpha: 0.5},
		"distill_layer":    {Teacher: teacher, Temperature: 1, Layer: 2},
		"tells its logits": {Teacher: teacher, Temperature: 1, Relations: 1},
	} {
		_, err := New(NewParams(c, 1), Options{Batch: 1, SequenceLength: 8, Backward: true, Distill: &d})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	teacher.failed = errors.New("the disk is gone")
	d, err := New(NewParams(c, 1), Options{Batch: 1, SequenceLength: 8, Backward: true,
		Distill: &Distillation{Teacher: teacher, Alpha: 0.5, Temperature: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Run(); err == nil || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("%v", err)
	}
	if _, err := d.Evaluate(); err != nil { // which asks no teacher
		t.Error(err)
	}
}
