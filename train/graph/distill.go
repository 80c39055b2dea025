package graph

import (
	"errors"
	"fmt"
	"sync"

	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
	"trit/model"
)

// Distillation is what a student learns from a teacher. At each position with a target the loss is
//
//	(1-Alpha)*CE + Alpha*Temperature^2*KL(teacher || student) + Relations*(what relations says)
//
// where KL compares the softmax of both models' logits over Temperature. The square keeps the size
// of the gradient while the temperature grows.
type Distillation struct {
	Teacher     Teacher
	Alpha       float64 // from 0 to 1
	Temperature float64
	Relations   float64 // weight of the attention relations; 0: none
	Layer       int     // whose relations are compared, counted from 1; 0: the last
}

// Teacher tells about the batch that the graph of its student runs.
type Teacher interface {
	// Logits writes the logits after the tokens [lo,hi) of the batch to dst, [hi-lo,V].
	Logits(dst []float32, lo, hi int) error
	// States are the queries, keys and values of the layer of the relations. They are nil if the
	// teacher does not know them; their values may change from batch to batch, nothing else.
	States() *States
}

func (t *Distillation) check(c *model.Config) error {
	if t == nil {
		return nil
	}
	var errs []error
	if t.Teacher == nil || !(t.Alpha >= 0 && t.Alpha <= 1) || !(t.Temperature > 0) || !(t.Relations >= 0) {
		errs = append(errs, fmt.Errorf("a teacher with alpha %g, temperature %g, weight of relations %g: want alpha from 0 "+
			"to 1, a temperature above 0, a weight of at least 0", t.Alpha, t.Temperature, t.Relations))
	}
	if err := checkLayer(c, t.Layer); err != nil {
		errs = append(errs, err)
	}
	if t.Relations > 0 && t.Teacher != nil && t.Teacher.States() == nil {
		errs = append(errs, errors.New("this teacher tells its logits alone, and no states to compare attention by: "+
			"set distill_relations to 0, or name the folder of the teacher"))
	}
	return errors.Join(errs...)
}

func checkLayer(c *model.Config, layer int) error {
	if layer < 0 || layer > c.NumHiddenLayers {
		return fmt.Errorf("distill_layer is %d, but the model has %d layers: want one from 1 on, or 0 for the last",
			layer, c.NumHiddenLayers)
	}
	return nil
}

// layer is the index of the layer of the relations.
func (t *Distillation) layer(c *model.Config) int { return layerIndex(c, t.Layer) }

func layerIndex(c *model.Config, layer int) int {
	if layer == 0 {
		layer = c.NumHiddenLayers
	}
	return layer - 1
}

// memory is what the distillation takes beside the teacher, for m rows and a number of threads.
func (t *Distillation) memory(c *model.Config, o Options, m, chunk int64) int64 {
	total := 4 * (chunk*int64(c.VocabSize) + m)
	if t.Relations > 0 {
		thread := 4 * int64(o.SequenceLength) * int64(2*queryTile+c.QDim()/c.NumKeyValueHeads)
		total += 4*m*int64(c.QDim()+2*c.KVDim()) + int64(parallel.New(o.Threads).Threads())*thread
	}
	return total
}

// distilling is the objective of a student. The teacher's logits are in memory for a chunk of tokens at
// a time, as the student's are.
type distilling struct {
	crossEntropy
	Distillation
	scratches *sync.Pool // of *rowScratch
	vocab     int
	first     int       // token of the chunk
	theirs    []float32 // [chunk,V], the teacher's logits
	kl        []float32 // [M], Temperature^2*KL in the last pass with gradients
	failed    error     // of the teacher, in the last pass with gradients
}

func newDistilling(ws *workspace, vocab int, o Options, c crossEntropy) *distilling {
	return &distilling{crossEntropy: c, Distillation: *o.Distill, scratches: &ws.scratches, vocab: vocab,
		theirs: make([]float32, headChunk(ws.rows, vocab)*vocab), kl: make([]float32, ws.rows)}
}

// begin gets the teacher's logits of the tokens [lo,hi).
func (o *distilling) begin(lo, hi int) {
	if o.first = lo; lo == 0 {
		o.failed = nil
		clear(o.kl)
	}
	if o.failed == nil {
		o.failed = o.Teacher.Logits(o.theirs[:(hi-lo)*o.vocab], lo, hi)
	}
}

// gradient is (1-Alpha)*(softmax*(1 + 2*zLoss*lse) - onehot) + Alpha*Temperature*(q - p), where p and q
// are the softmax of the teacher's and of these logits over Temperature. It sets kl of the token.
func (o *distilling) gradient(token int, dst, row []float32, lse float64, share float32) {
	s := o.scratches.Get().(*rowScratch)
	defer o.scratches.Put(s)
	theirs, cold := o.theirs[(token-o.first)*o.vocab:][:o.vocab], float32(1/o.Temperature)
	lseP, lseQ := logSumExp(theirs, cold, vector.Max(theirs)), logSumExp(row, cold, vector.Max(row))
	hard, soft := share*float32(1-o.Alpha), share*float32(o.Alpha*o.Temperature)
	difference := 0.0 // sum of p*(theirs - row)
	for lo := 0; lo < len(row); lo += sumPart {
		part := dst[lo:min(lo+sumPart, len(row))]
		copy(part, row[lo:])
		p := s.teacher[:copy(s.teacher[:], theirs[lo:])]
		vector.ExpScaled(p, cold, float32(lseP*o.Temperature))
		difference += float64(vector.Dot(p, theirs[lo:][:len(p)])) - float64(vector.Dot(p, part))
		q := s.part[:copy(s.part[:], part)]
		vector.ExpScaled(q, cold, float32(lseQ*o.Temperature))
		vector.ExpScaled(part, 1, float32(lse))
		vector.Scale(hard*(1+2*o.zLoss*float32(lse)), part)
		vector.Axpy(soft, q, part)
		vector.Axpy(-soft, p, part)
	}
	dst[o.targets[token]] -= hard
	o.kl[token] = float32(o.Temperature * o.Temperature * (difference/o.Temperature - lseP + lseQ))
}

// Distilled are the parts of the last Run's loss that a teacher adds, as means over the targets:
// Temperature^2*KL, and the relations, both before they are weighed. They are 0 without a teacher.
func (d *Decoder) Distilled() (kl, relations float64) {
	if o := d.distilling; o != nil {
		for _, v := range o.kl {
			kl += float64(v)
		}
		kl /= float64(max(d.head.scored, 1))
	}
	if d.relations != nil {
		relations = d.relations.loss / float64(max(d.head.scored, 1))
	}
	return kl, relations
}
