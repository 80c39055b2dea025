package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"trit/internal/atomicfile"
	"trit/internal/jsonfile"
	"trit/model"
)

// State is state.json: the step that a checkpoint was saved at, and what the run needs to go on
// from there beside its tensors.
type State struct {
	Step    int               `json:"step"`
	Tokens  int64             `json:"tokens"`
	Options json.RawMessage   `json:"options"` // as resolved by the run
	Loader  json.RawMessage   `json:"loader"`
	Loop    json.RawMessage   `json:"loop,omitempty"` // memory of the loop: best result, guard, rollbacks
	SHA256  map[string]string `json:"sha256"`         // of the other files
	// Model is the model beneath adapters, and Base where its weights are; nil without adapters.
	Model    *model.Config `json:"model,omitempty"`
	Base     *Base         `json:"base,omitempty"`
	Checksum string        `json:"checksum,omitempty"` // of this file's other keys
}

// Base is the weights beneath adapters, which a checkpoint does not hold.
type Base struct {
	Path        string `json:"path"`
	Fingerprint string `json:"fingerprint"` // see graph.Base
}

// encode is the text of state.json.
func (s State) encode() ([]byte, error) {
	s.Checksum = ""
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	if s.Checksum, err = checksum(b); err != nil {
		return nil, err
	}
	b, err = json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// checksum is the sha256 of a JSON object without its key "checksum", in a form that
// does not depend on spaces and order, so that it holds for keys of other versions.
func checksum(b []byte) (string, error) {
	var keys map[string]json.RawMessage
	if err := jsonfile.Decode(b, &keys); err != nil {
		return "", err
	}
	delete(keys, "checksum")
	plain, err := json.Marshal(keys)
	sum := sha256.Sum256(plain)
	return hex.EncodeToString(sum[:]), err
}

// ReadState reads and verifies the state of a checkpoint, without its tensors. The error is
// fs.ErrNotExist if the folder is a model and no checkpoint.
func ReadState(dir string) (State, error) {
	var s State
	path := filepath.Join(dir, stateFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return s, fmt.Errorf("%w: the folder is a model, not a checkpoint that can be resumed", err)
	}
	if err := jsonfile.Decode(b, &s); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	sum, err := checksum(b)
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	if s.Checksum != "" && s.Checksum != sum {
		return s, fmt.Errorf("%s: its checksum is not the one that it names", path)
	}
	return s, nil
}

// UpdateState changes the state of the checkpoint of a step, whole or not at all; its
// other files stay.
func UpdateState(run string, step int, change func(*State)) error {
	dir := stepDir(run, step)
	s, err := ReadState(dir)
	if err != nil {
		return err
	}
	change(&s)
	b, err := s.encode()
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, stateFile), b)
}
