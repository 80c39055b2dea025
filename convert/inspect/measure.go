package inspect

import (
	"fmt"
	"math"
	"strings"

	"trit/convert/source"
	"trit/model"
)

// LayerView is the ternary weights of a block.
type LayerView struct {
	Layer int                `json:"layer"`
	Zeros map[string]float64 `json:"zeros"` // share of zeros by projection, such as q_proj
	Scale map[string]float64 `json:"scale"`
}

// Bin counts the scales from Low to below High. The last bin holds its High too.
type Bin struct {
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Count int     `json:"count"`
}

// projections are the names of a block's ternary weights in Layers, in the order of charts.
var projections = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

// measure opens the model as a conversion does, and reads the ternary weights: shares of
// zeros, and scales.
func (r *Inspection) measure(o Options) error {
	m, err := source.Open(r.Path, o.Options)
	if err != nil {
		return err
	}
	defer m.Close()
	r.Form, r.Notes = m.Form, m.Notes
	r.Warnings = append(r.Warnings, m.Warnings...)
	if r.Format != "gguf" { // of such a file, ggufWarnings tells more
		r.Warnings = append(r.Warnings, rowWarnings(&m.Config.Config)...)
	}
	if o.HeadersOnly {
		return nil
	}
	views := map[string]*TensorView{}
	for i := range r.Tensors {
		views[r.Tensors[i].Name] = &r.Tensors[i]
	}
	var scales []float64
	err = m.EachTernary(func(spec model.TensorSpec, t *source.Tensor) error {
		rows, err := t.Nonzeros()
		if err != nil {
			return fmt.Errorf("%s: %w", spec.Name, err)
		}
		n := int64(0)
		for _, c := range rows {
			n += c
		}
		zeros, scale := 1-float64(n)/float64(spec.Elements()), t.Scale
		scales = append(scales, float64(scale))
		r.addLayer(spec.Layer, strings.TrimSuffix(spec.Name, ".weight"), zeros, float64(scale))
		if v := views[m.Name(spec)]; v != nil {
			v.Zeros, v.Scale = &zeros, &scale
		}
		return nil
	})
	r.Scales = histogram(scales)
	return err
}

func (r *Inspection) addLayer(layer int, name string, zeros, scale float64) {
	if layer >= len(r.Layers) {
		r.Layers = append(r.Layers, LayerView{Layer: layer, Zeros: map[string]float64{}, Scale: map[string]float64{}})
	}
	projection := name[strings.LastIndex(name, ".")+1:]
	l := &r.Layers[len(r.Layers)-1]
	l.Zeros[projection], l.Scale[projection] = zeros, scale
}

// bins is the most bins of a histogram.
const bins = 16

// histogram counts scales in bins of equal ratio.
func histogram(scales []float64) []Bin {
	if len(scales) == 0 {
		return nil
	}
	low, high := math.Inf(1), 0.0
	for _, s := range scales {
		low, high = min(low, s), max(high, s)
	}
	if low == high {
		return []Bin{{low, high, len(scales)}}
	}
	out := make([]Bin, min(bins, len(scales)))
	step := math.Log(high/low) / float64(len(out))
	for i := range out {
		out[i].Low, out[i].High = low*math.Exp(step*float64(i)), low*math.Exp(step*float64(i+1))
	}
	for _, s := range scales {
		out[min(len(out)-1, int(math.Log(s/low)/step))].Count++
	}
	return out
}
