package convert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trit/format/gguf"
	"trit/format/safetensors"
	"trit/internal/atomicfile"
	"trit/internal/float16"
	"trit/model"
	"trit/tokenizer"
	"trit/train/checkpoint"
)

// typePacked is the type of projections of a folder that holds 2-bit codes.
const typePacked = "packed"

// folderWriter is one conversion to a Hugging Face folder.
type folderWriter struct {
	conversion
	packed        bool
	rule          model.Storage // of the scales, where packed
	weightType    gguf.Type     // of masters
	embeddingType gguf.Type
}

func (r *Report) toFolder(ctx context.Context, s *Source, o Options) error {
	f := &folderWriter{conversion: r.conversion(ctx, s, o)}
	if err := f.chooseTypes(o); err != nil {
		return err
	}
	out := filepath.Clean(r.Out)
	tmp, release, err := atomicfile.TempDir(out)
	if err != nil {
		return err
	}
	defer release()
	defer os.RemoveAll(tmp)
	if err := f.write(tmp); err != nil {
		return err
	}
	if err := r.verify(ctx, s, tmp, o); err != nil {
		return err
	}
	f.finish()
	if r.Bytes, err = folderBytes(tmp); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	return atomicfile.ReplaceDir(tmp, out)
}

func folderBytes(dir string) (n int64, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
	}
	return n, err
}

// chooseTypes takes the types that were asked for, or the usual ones.
func (f *folderWriter) chooseTypes(o Options) error {
	if o.Pad {
		return errors.New("--pad is for the types of GGUF files: a folder holds rows of any size")
	}
	weight, embedding := strings.ToLower(o.Type), o.EmbeddingType
	if weight == "" {
		if weight = "bf16"; f.source.Config.Ternary && !f.source.hasMasters() {
			weight = typePacked
		} else if f.source.Config.Sign {
			weight = "f32"
		}
	}
	if embedding == "" {
		if embedding = weight; weight == typePacked {
			embedding = "bf16"
		}
	}
	if f.packed = weight == typePacked; f.packed {
		if !f.source.Config.Ternary {
			return fmt.Errorf("--type packed is for models with ternary weights: this one is in full precision; want bf16, f16 or f32")
		}
		f.rule = model.PackedMultiply
		if !f.source.Config.SubNorms {
			f.rule = model.PackedDivide // as all published packed Llamas have it
		}
		weight = "f32"
	}
	if f.source.Config.Sign && !f.packed && weight != "f32" {
		return errors.New("b1's weights are signs around their mean, which rounding moves: --type f32 or packed keeps them")
	}
	types := []gguf.Type{gguf.BF16, gguf.F16, gguf.F32}
	var errWeight, errEmbedding error
	f.weightType, errWeight = oneOf(weight, types, "--type for a folder (packed, for ternary weights, or latent weights in a floating-point type)")
	f.embeddingType, errEmbedding = oneOf(embedding, types, "--embedding-type for a folder")
	return errors.Join(errWeight, errEmbedding)
}

// hasMasters tells whether a source holds latent weights.
func (s *Source) hasMasters() bool {
	switch st := s.store.(type) {
	case *folder:
		return st.storage == model.Masters && st.masters.weights != WeightsTernary
	case *ggufFile:
		return st.masters.weights == WeightsMasters
	}
	return false
}

// write fills a folder.
func (f *folderWriter) write(dir string) error {
	config := f.config()
	f.report.Architecture = config.Architectures[0]
	sources, err := f.sources()
	if err != nil {
		return err
	}
	f.report.Tensors = len(sources)
	err = f.run(func() error {
		return safetensors.WriteFile(filepath.Join(dir, checkpoint.WeightsFile), map[string]string{"format": "pt"}, sources)
	})
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(filepath.Join(dir, checkpoint.ConfigFile), append(b, '\n')); err != nil {
		return err
	}
	if err := f.writeTokenizer(dir); err != nil {
		return err
	}
	return f.writeCard(dir)
}

// config is the config.json of the folder.
func (f *folderWriter) config() *model.HFConfig {
	c := model.ForTraining(f.source.Config.Config, -1, -1)
	c.BOSTokenID, c.EOSTokenID = f.source.Config.BOSTokenID, f.source.Config.EOSTokenID
	c.TorchDType = map[gguf.Type]string{gguf.BF16: "bfloat16", gguf.F16: "float16", gguf.F32: "float32"}[f.embeddingType]
	switch {
	case f.packed && f.rule == model.PackedMultiply:
		c.QuantizationConfig.QuantizationMode = "offline"
	case f.packed:
		c.QuantizationConfig.LinearClass, c.QuantizationConfig.QuantizationMode = "", ""
	}
	if f.packed {
		c.Sign = false // which says how masters are rounded
	}
	return c
}

// sources are the tensors to write.
func (f *folderWriter) sources() ([]safetensors.Source, error) {
	var out []safetensors.Source
	var errs []error
	for _, spec := range f.source.Config.Tensors() {
		switch {
		case !spec.Ternary || !f.packed:
			typ := f.typeOf(spec)
			out = append(out, source(spec.Name, typ.String(), spec.Shape, f.add(spec, func() (*output, error) { return f.dense(spec, typ) })))
		case spec.Shape[0]%4 != 0:
			errs = append(errs, fmt.Errorf("%s has %d rows: packed folders hold four in a byte; --type bf16 writes latent weights", spec.Name, spec.Shape[0]))
		default:
			pair, err := f.packedSources(spec)
			if err != nil {
				return nil, err
			}
			out = append(out, pair...)
		}
	}
	for _, s := range out {
		f.report.total += int64(s.Bytes())
	}
	return out, firstFew(errs)
}

func source(name, dtype string, shape []int, write func(io.Writer) error) safetensors.Source {
	return safetensors.Source{TensorInfo: safetensors.TensorInfo{Name: name, DType: dtype, Shape: shape}, Write: write}
}

func (f *folderWriter) typeOf(spec model.TensorSpec) gguf.Type {
	if spec.Layer >= 0 && len(spec.Shape) == 2 {
		return f.weightType
	}
	return f.embeddingType
}

// packedSources are the codes and the scale of a weight. The scale is read for them already,
// since its type depends on it.
func (f *folderWriter) packedSources(spec model.TensorSpec) ([]safetensors.Source, error) {
	t, err := f.source.store.open(spec)
	if err != nil {
		return nil, err
	}
	t.release(0, t.rows)
	value, dtype := storedScale(t.scale, f.rule)
	if err := checkScale(spec.Name, value); err != nil {
		return nil, fmt.Errorf("the scale %g has no inverse in float32, which a packed folder of this family holds: %w", t.scale, err)
	}
	return []safetensors.Source{
		source(spec.Name, "U8", []int{spec.Shape[0] / 4, spec.Shape[1]}, f.add(spec, func() (*output, error) { return f.pack(spec) })),
		source(spec.Name+scaleSuffix, dtype.String(), []int{1}, f.add(spec, func() (*output, error) { return small(dtype, value) })),
	}, nil
}

// storedScale is what a packed folder holds for a scale, and its type: BF16, as published
// folders have it, where that loses nothing, else F32.
func storedScale(scale float32, rule model.Storage) (float32, gguf.Type) {
	if rule == model.PackedMultiply {
		if float16.BFromBits(float16.BBits(scale)) == scale {
			return scale, gguf.BF16
		}
		return scale, gguf.F32
	}
	inverse := 1 / scale
	if rounded := float16.BFromBits(float16.BBits(inverse)); 1/rounded == scale {
		return rounded, gguf.BF16
	}
	for _, v := range []float32{inverse, math.Nextafter32(inverse, 0), math.Nextafter32(inverse, math.MaxFloat32)} {
		if 1/v == scale {
			return v, gguf.F32
		}
	}
	return inverse, gguf.F32
}

// pack is the codes of a weight, four rows that are a quarter apart in each byte.
func (f *folderWriter) pack(spec model.TensorSpec) (*output, error) {
	t, err := f.source.store.open(spec)
	if err != nil {
		return nil, err
	}
	quarter := t.rows / 4
	f.codes.Add(int64(t.rows * t.k))
	fill := func(dst []byte, row, n int) error {
		var rows [4][]byte
		for i := range rows {
			rows[i] = make([]byte, t.k)
		}
		for i := range n {
			for part := range rows {
				if err := t.codes(rows[part], part*quarter+row+i); err != nil {
					return err
				}
				f.zeros.Add(countZeros(rows[part]))
			}
			packRow(dst[i*t.k:][:t.k], &rows)
		}
		return nil
	}
	return &output{rows: quarter, rowBytes: t.k, fill: fill, written: func(row, n int) {
		if row+n == quarter {
			t.release(0, t.rows)
		}
		f.advance(n * t.k)
	}}, nil
}

// dense is a weight as numbers; a ternary one as latent weights.
func (f *folderWriter) dense(spec model.TensorSpec, typ gguf.Type) (*output, error) {
	t, err := f.latent(spec, typ)
	if err != nil {
		return nil, err
	}
	return f.encoded(&encoder{t: t, typ: typ}), nil
}

// latent is a weight as numbers.
func (f *folderWriter) latent(spec model.TensorSpec, typ gguf.Type) (*tensor, error) {
	t, err := f.source.store.open(spec)
	if err != nil || !t.ternary() {
		return t, err
	}
	if f.source.hasMasters() {
		return f.source.store.(mastered).latent(spec, t, typ)
	}
	return synthetic(t, typ)
}

func (f *folderWriter) writeTokenizer(dir string) error {
	files, err := f.source.tokenizerFiles()
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			return err
		}
		if err := atomicfile.WriteBytes(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	return nil
}

// besides are the files of a folder that belong to a model, beside weights and tokenizer.
var besides = []string{"vocab.json", "merges.txt", "generation_config.json", "LICENSE", "README.md", "modules.json", "1_Pooling/config.json"}

// maxBesideBytes is how large each of them may be: tokenizers have up to 64 MB.
const maxBesideBytes = 64 << 20

// tokenizerFiles are the files of the tokenizer, and those that a folder has besides.
func (s *Source) tokenizerFiles() (map[string][]byte, error) {
	files := map[string][]byte{}
	if f, ok := s.folder(); ok {
		for _, name := range slices.Concat(besides, tokenizer.FileNames()) {
			b, err := atomicfile.Read(filepath.Join(f.model.Dir, name), maxBesideBytes)
			if err == nil {
				files[name] = b
			} else if !errors.Is(err, os.ErrNotExist) {
				return nil, err
			}
		}
		return files, nil
	}
	v, err := s.store.vocab()
	if err != nil || len(v.Tokens) == 0 {
		return nil, err
	}
	tok, err := tokenizer.FromVocab(v)
	if err != nil {
		return nil, err
	}
	return tok.Files()
}

func (f *folderWriter) writeCard(dir string) error {
	path := filepath.Join(dir, "README.md")
	if _, err := os.Stat(path); err == nil {
		return nil // the folder's own
	}
	b, err := f.source.Card.readme(f.source.Form)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, b)
}
