package models

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"trit/internal/hub"
)

// hubModel reads OWNER/NAME, with a revision or a file.
func hubModel(name string) (repo hub.Repo, file string, ok bool) {
	parts := strings.SplitN(name, "/", 3)
	if len(parts) == 3 && strings.HasSuffix(name, ".gguf") {
		file, name = parts[2], parts[0]+"/"+parts[1]
	}
	repo, err := hub.ParseRepo(hub.Model, name)
	return repo, file, err == nil && strings.Count(repo.ID, "/") == 1
}

// modelChoice chooses the files to fetch of a model's repository.
type modelChoice struct {
	named string // the GGUF file that the user named, or ""
	file  string // the GGUF file that was chosen, or "" for a folder of weights
	err   error  // set if the user must name one of several files
}

// choose returns the files that convert reads if there are weights among them, else the GGUF
// file.
func (m *modelChoice) choose(paths []string) []string {
	m.err, m.file = nil, m.named
	if m.named != "" {
		return []string{m.named}
	}
	isWeights := func(name string) bool { return strings.HasSuffix(name, ".safetensors") }
	if slices.ContainsFunc(paths, isWeights) {
		return slices.DeleteFunc(slices.Clone(paths), func(name string) bool { return !hub.ModelPatterns().Match(name) })
	}
	files := slices.DeleteFunc(slices.Clone(paths), func(name string) bool { return !strings.HasSuffix(name, ".gguf") })
	if len(files) > 1 {
		m.err = fmt.Errorf("it holds several GGUF files, name one of them: %s", strings.Join(files, ", "))
		return nil
	}
	if len(files) == 1 {
		m.file = files[0]
	}
	return files
}

// found is dir, or the chosen file in it.
func (m *modelChoice) found(dir string) found {
	if m.file == "" {
		return found{path: dir}
	}
	path := filepath.Join(dir, filepath.FromSlash(m.file))
	return found{path, path}
}
