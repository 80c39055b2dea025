package adapter

import (
	"fmt"
	"io"
	"maps"
	"math"

	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/setting"
)

// Keys and names of llama.cpp's adapters: general.type is "adapter", adapter.type "lora"; the
// matrices of a weight NAME are NAME.lora_a and NAME.lora_b. The scale is alpha over the rank of
// the matrices, and 1 if alpha is 0. The rows of B stand as those of the weight do, so in
// architecture llama those of queries and keys are permuted. A chat template has the key that it has in models.
const (
	keyType         = "general.type"
	keyArchitecture = "general.architecture"
	keyKind         = "adapter.type"
	keyAlpha        = "adapter.lora.alpha"
	keyInvocation   = "adapter.alora.invocation_tokens"
	keyBase         = "general.base_model.0.name"
	ggufA, ggufB    = ".lora_a", ".lora_b"
)

// ReadGGUF reads an adapter as llama.cpp's converter writes it.
func ReadGGUF(path string, of Target) (*Adapter, []setting.Note, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	a, err := parseGGUF(f, of)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil, nil
}

func parseGGUF(f *gguf.File, of Target) (*Adapter, error) {
	a, err := readMetadata(&f.Metadata, of)
	if err != nil {
		return nil, err
	}
	specs, names := projections(of.Config), map[string]string{}
	for _, spec := range specs {
		names[spec.GGUF] = spec.Name
	}
	halves := pairing{a: a, specs: specs}
	for _, t := range f.Tensors {
		weight, second, ok := cutEnd(t.Name, [2]string{ggufA, ggufB})
		name, known := names[weight]
		switch {
		case !ok:
			return nil, &FormatError{"tensor " + t.Name, "it is no matrix of an adapter: only low-rank matrices are supported"}
		case !known:
			return nil, a.other("there is a matrix for %s, which is no projection of the model's blocks", weight)
		case len(t.Dims) != 2:
			return nil, &FormatError{"tensor " + t.Name, fmt.Sprintf("dims %v: want two", t.Dims)}
		}
		columns, rows := int(t.Dims[0]), int(t.Dims[1])
		data := make([]float32, rows*columns)
		if err := gguf.Dequantize(t.Type, data, f.Data(t)); err != nil {
			return nil, &FormatError{"tensor " + t.Name, err.Error()}
		}
		if err := halves.add(name, []int{rows, columns}, data, second); err != nil {
			return nil, err
		}
	}
	if err := halves.finish(); err != nil {
		return nil, err
	}
	return a.reordered(of, ggufmeta.HalvedRow), nil
}

// readMetadata reads and judges the keys.
func readMetadata(m *gguf.Metadata, of Target) (*Adapter, error) {
	a := &Adapter{Placement: Beside, Pairs: map[string]Pair{}}
	a.Base, _ = m.String(keyBase)
	if kind, _ := m.String(keyType); kind != "adapter" {
		return nil, &FormatError{"key " + keyType,
			fmt.Sprintf("it is %q: an adapter says \"adapter\"; is the file a model?", kind)}
	}
	if kind, _ := m.String(keyKind); kind != "lora" {
		return nil, &FormatError{"key " + keyKind,
			fmt.Sprintf("it is %q: want lora, the only kind of adapter that is supported", kind)}
	}
	if _, ok := m.Get(keyInvocation); ok {
		return nil, &FormatError{"key " + keyInvocation, "the adapter begins in the middle of a text, which is not supported"}
	}
	if arch, _ := m.String(keyArchitecture); arch != of.architecture() {
		return nil, a.other("its architecture is %q, and the model's %q", arch, of.architecture())
	}
	alpha, ok := m.Float(keyAlpha)
	if !ok || math.IsNaN(alpha) || math.IsInf(alpha, 0) {
		return nil, &FormatError{"key " + keyAlpha, "it is missing or no finite number"}
	}
	if alpha == 0 {
		return nil, &FormatError{"key " + keyAlpha, "it is 0, which llama.cpp takes for a scale of 1 and PEFT for none: " +
			"write the adapter again with the alpha that is meant"}
	}
	a.Alpha = alpha
	a.ChatTemplate, _ = m.String(ggufmeta.TemplateKey)
	return a, nil
}

// Stored is the adapter with the rows of B in the order in which a GGUF file of the model has the
// rows of its weights.
func (a *Adapter) Stored(of Target) *Adapter { return a.reordered(of, ggufmeta.AlternatingRow) }

// reordered is the adapter with the rows of B in another order, where GGUF files have one: row i is
// row from(i).
func (a *Adapter) reordered(of Target, from func(rows, heads, turned int) func(int) int) *Adapter {
	out, specs := *a, projections(of.Config)
	out.Pairs = maps.Clone(a.Pairs)
	for name, p := range a.Pairs {
		heads := ggufmeta.PermutedHeads(of.architecture(), of.Config, specs[name])
		if heads == 0 {
			continue
		}
		row := from(p.Out, heads, of.Config.RotaryDim())
		b := make([]float32, len(p.B))
		for i := range p.Out {
			copy(b[i*p.Rank:][:p.Rank], p.B[row(i)*p.Rank:])
		}
		p.B = b
		out.Pairs[name] = p
	}
	return &out
}

// WriteGGUF writes an adapter for llama.cpp.
func WriteGGUF(path string, a *Adapter, of Target) error {
	switch {
	case a.Placement == Inside:
		return fmt.Errorf("%s: llama.cpp computes adapters beside the layers, and this one stands inside the quantiser: "+
			"merge it into the model, which is exact", path)
	case len(a.Pairs) == 0 || a.Alpha == 0:
		return fmt.Errorf("%s: an adapter without matrices or with alpha 0 has no form in GGUF", path)
	}
	if err := a.Check(of.Config); err != nil {
		return err
	}
	out, specs := a.byRank().Stored(of), projections(of.Config)
	meta := &gguf.Metadata{}
	meta.Set(keyArchitecture, of.architecture())
	meta.Set(keyType, "adapter")
	meta.Set(keyKind, "lora")
	meta.Set(keyAlpha, float32(out.Alpha))
	if a.Base != "" {
		meta.Set("general.base_model.count", uint32(1))
		meta.Set(keyBase, a.Base)
	}
	if a.ChatTemplate != "" {
		meta.Set(ggufmeta.TemplateKey, a.ChatTemplate)
	}
	var list []gguf.Source
	add := func(name string, rows, columns int, data []float32) {
		list = append(list, gguf.Source{Name: name, Type: gguf.F32, Dims: gguf.Dims([]int{rows, columns}),
			Write: func(w io.Writer) error { return writeFloats(w, data) }})
	}
	for _, name := range out.Names() {
		p := out.Pairs[name]
		add(specs[name].GGUF+ggufA, p.Rank, p.In, p.A)
		add(specs[name].GGUF+ggufB, p.Out, p.Rank, p.B)
	}
	return gguf.WriteFile(path, meta, list)
}

func writeFloats(w io.Writer, data []float32) error {
	b := make([]byte, 4*len(data))
	if err := gguf.Quantize(gguf.F32, b, data); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}

// byRank is the adapter with a scale of alpha over the rank, the only rule of llama.cpp. The alpha
// of a rank-stabilized one is that of its largest rank; matrices of other ranks are multiplied by
// what is left.
func (a *Adapter) byRank() *Adapter {
	out := *a
	out.Pairs, out.RankStabilized = map[string]Pair{}, false
	if a.RankStabilized {
		largest := 0
		for _, p := range a.Pairs {
			largest = max(largest, p.Rank)
		}
		out.Alpha = a.Scale(largest) * float64(largest)
	}
	for name, p := range a.Pairs {
		if f := float32(a.Scale(p.Rank) / out.Scale(p.Rank)); f != 1 {
			b := make([]float32, len(p.B))
			for i, v := range p.B {
				b[i] = f * v
			}
			p.B = b
		}
		out.Pairs[name] = p
	}
	return &out
}
