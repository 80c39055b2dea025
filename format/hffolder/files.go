package hffolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"trit/format/safetensors"
	"trit/internal/atomicfile"
	"trit/model"
	"trit/tokenizer"
)

// companions are the files of a folder that belong to a model, beside configuration, weights
// and tokenizer.
var companions = []string{
	"vocab.json", "merges.txt", model.GenerationFile, "LICENSE", CardFile, "modules.json", "1_Pooling/config.json",
}

// maxFileBytes is the largest size of each of them: tokenizers have up to 64 MB.
const maxFileBytes = 64 << 20

// Files returns the contents of the files that are copied along with the weights, by their names:
// tokenizer, generation_config.json, card and licence, and the pooling of embeddings.
func (f *Folder) Files() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range slices.Concat(companions, tokenizer.FileNames(f.Dir)) {
		b, err := atomicfile.Read(filepath.Join(f.Dir, name), maxFileBytes)
		if err == nil {
			files[name] = b
		} else if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return files, nil
}

// Vocab reads the tokenizer. Without one in the folder, the Vocab has no Tokens.
func (f *Folder) Vocab() (tokenizer.Vocab, error) {
	tok, err := tokenizer.Load(f.Dir)
	if err == nil {
		return tok.Vocab(), nil
	}
	if absent(f.Dir, "tokenizer.json") && absent(f.Dir, "tokenizer.model") {
		return tokenizer.Vocab{}, nil
	}
	return tokenizer.Vocab{}, err
}

func absent(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return errors.Is(err, os.ErrNotExist)
}

// Sampling is the advice of generation_config.json, none without the file.
func (f *Folder) Sampling() (model.Sampling, error) {
	b, err := atomicfile.Read(filepath.Join(f.Dir, model.GenerationFile), maxFileBytes)
	if errors.Is(err, os.ErrNotExist) {
		return model.Sampling{}, nil
	}
	if err != nil {
		return model.Sampling{}, err
	}
	s, err := model.ParseSampling(b)
	if err != nil {
		err = fmt.Errorf("%s: %w", f.Dir, err)
	}
	return s, err
}

// EncodeConfig is the text of a config.json.
func EncodeConfig(c *model.HFConfig) ([]byte, error) {
	b, err := json.MarshalIndent(c, "", "  ")
	return append(b, '\n'), err
}

// metadata is the free text that Hugging Face's loaders want in the header of weights.
func metadata() map[string]string { return map[string]string{"format": "pt"} }

// EncodeWeights writes tensors as a file of weights.
func EncodeWeights(w io.Writer, tensors []safetensors.Source) error {
	return safetensors.Encode(w, metadata(), tensors)
}

// WriteFiles writes files, given by their names in the folder dir, and makes the folders that
// they lie in.
func WriteFiles(dir string, files map[string][]byte) error {
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := atomicfile.WriteBytes(path, content); err != nil {
			return err
		}
	}
	return nil
}

// WeightsWriter writes the weights of a folder tensor after tensor.
type WeightsWriter struct {
	*safetensors.Writer
	file *atomicfile.File
}

// CreateWeights begins the file of weights of the folder dir. The caller must call Discard in
// the end; the file is there after Close.
func CreateWeights(dir string, tensors []safetensors.TensorInfo) (*WeightsWriter, error) {
	file, err := atomicfile.Create(filepath.Join(dir, WeightsFile))
	if err != nil {
		return nil, err
	}
	w, err := safetensors.NewWriter(file, metadata(), tensors)
	if err != nil {
		file.Discard()
		return nil, err
	}
	return &WeightsWriter{w, file}, nil
}

// Close gives the file its name, if all tensors were written.
func (w *WeightsWriter) Close() error {
	err := w.Writer.Close()
	if err == nil {
		err = w.file.Finish()
	}
	if err == nil {
		err = w.file.Commit()
	}
	return err
}

// Discard removes a file that was not closed.
func (w *WeightsWriter) Discard() { w.file.Discard() }
