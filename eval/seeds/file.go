package seeds

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"trit/internal/atomicfile"
	"trit/internal/jsonfile"
)

// FileName is the file of the spreads beside the results of the first seed.
const FileName = "seeds.json"

// File is what the file holds.
type File struct {
	Spreads []Spread `json:"spreads"`
}

// Write writes spreads to a folder of results, beside those there of other tasks.
func Write(dir string, list []Spread) error {
	there, err := Read(dir)
	if err != nil {
		return err
	}
	for _, s := range there {
		if !slices.ContainsFunc(list, s.same) {
			list = append(list, s)
		}
	}
	b, err := json.MarshalIndent(File{list}, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, FileName), append(b, '\n'))
}

// Read reads the spreads in a folder of results, or beside a results file; there may be none.
func Read(results string) ([]Spread, error) {
	dir := results
	if info, err := os.Stat(results); err == nil && !info.IsDir() {
		dir = filepath.Dir(results)
	}
	path := filepath.Join(dir, FileName)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var f File
	if err := jsonfile.Decode(b, &f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i, s := range f.Spreads {
		if s.Task == "" || s.Metric == "" || len(s.Seeds) < 2 || len(s.Scores) != len(s.Seeds) {
			return nil, fmt.Errorf("%s: entry %d of \"spreads\" has %d seeds and %d scores: want task, metric, and a score "+
				"for each of at least two seeds", path, i, len(s.Seeds), len(s.Scores))
		}
	}
	return f.Spreads, nil
}

// same reports whether two spreads are of the same metric of the same task.
func (s Spread) same(o Spread) bool { return s.Task == o.Task && s.Metric == o.Metric }
