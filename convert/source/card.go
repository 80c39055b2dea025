package source

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"trit/format/gguf"
	"trit/format/hffolder"
	"trit/internal/atomicfile"
)

// Card says where a model comes from: the front matter of a Hugging Face folder's README.md, or
// the general keys of a GGUF file.
type Card struct {
	Name        string
	License     string // an SPDX-like identifier, such as mit
	LicenseName string // if License is "other"
	LicenseLink string
	Repository  string // OWNER/NAME on the Hugging Face Hub
	URL         string // where the model is published
	BaseModels  []string
	Tags        []string
	Languages   []string
	Datasets    []string
}

// maxCardBytes is the most bytes of a README.md that are read.
const maxCardBytes = 1 << 20

// readCard reads a folder's README.md. If it lacks the repository, the path of the folder in a
// cache of the Hub gives it; if it lacks the name, the repository or the path called, which the
// user typed, gives it. A card that cannot be read is no error.
func readCard(dir, called string) Card {
	var c Card
	if front := frontMatter(filepath.Join(dir, "README.md")); front != nil {
		c = Card{
			Name: text(front, "model_name"), BaseModels: list(front, "base_model"), Tags: list(front, "tags"),
			Languages: list(front, "language"), Datasets: list(front, "datasets"),
			License: text(front, "license"), LicenseName: text(front, "license_name"), LicenseLink: text(front, "license_link"),
		}
	}
	c.Repository = repositoryOf(dir)
	if c.Repository != "" {
		c.URL = hubURL + c.Repository
	}
	if c.Name == "" {
		c.Name = hffolder.NameOf(absolute(called))
		if _, name, ok := strings.Cut(c.Repository, "/"); ok {
			c.Name = name
		}
	}
	return c
}

// frontMatter is the YAML between the first two lines of dashes.
func frontMatter(path string) map[string]any {
	b, err := atomicfile.Read(path, maxCardBytes)
	if err != nil {
		return nil
	}
	body, ok := strings.CutPrefix(strings.ReplaceAll(string(b), "\r\n", "\n"), "---\n")
	if !ok {
		return nil
	}
	front, _, ok := strings.Cut(body, "\n---")
	m := map[string]any{}
	if !ok || yaml.Unmarshal([]byte(front), &m) != nil {
		return nil
	}
	return m
}

func text(front map[string]any, key string) string {
	s, _ := front[key].(string)
	return s
}

// list reads a value that may be one text or several.
func list(front map[string]any, key string) []string {
	switch v := front[key].(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

var cachedRepository = regexp.MustCompile(`models--([^/\\]+)--([^/\\]+)[/\\]snapshots[/\\]`)

// repositoryOf is the repository that the path of a folder in a cache of the Hub names, or "".
func repositoryOf(dir string) string {
	if m := cachedRepository.FindStringSubmatch(absolute(dir)); m != nil {
		return m[1] + "/" + m[2]
	}
	return ""
}

// absolute is the absolute path, or path itself if the system knows no current folder.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// general are the keys of a card in GGUF, without "general.".
var general = []struct {
	key  string
	text func(*Card) *string
	list func(*Card) *[]string
}{
	{key: "name", text: func(c *Card) *string { return &c.Name }},
	{key: "license", text: func(c *Card) *string { return &c.License }},
	{key: "license.name", text: func(c *Card) *string { return &c.LicenseName }},
	{key: "license.link", text: func(c *Card) *string { return &c.LicenseLink }},
	{key: "source.url", text: func(c *Card) *string { return &c.URL }},
	{key: "source.huggingface.repository", text: func(c *Card) *string { return &c.Repository }},
	{key: "tags", list: func(c *Card) *[]string { return &c.Tags }},
	{key: "languages", list: func(c *Card) *[]string { return &c.Languages }},
	{key: "datasets", list: func(c *Card) *[]string { return &c.Datasets }},
}

// cardOf reads a card from a GGUF file.
func cardOf(m *gguf.Metadata) Card {
	var c Card
	for _, g := range general {
		if g.list != nil {
			*g.list(&c), _ = m.Strings("general." + g.key)
		} else {
			*g.text(&c), _ = m.String("general." + g.key)
		}
	}
	n, _ := m.Uint("general.base_model.count")
	for i := range min(n, maxBaseModels) {
		key := fmt.Sprintf("general.base_model.%d.", i)
		if url, ok := m.String(key + "repo_url"); ok {
			c.BaseModels = append(c.BaseModels, strings.TrimPrefix(url, hubURL))
		} else if name, ok := m.String(key + "name"); ok {
			c.BaseModels = append(c.BaseModels, name)
		}
	}
	return c
}

const (
	maxBaseModels = 64
	hubURL        = "https://huggingface.co/"
)

// WriteGGUF writes the card to a GGUF file's metadata.
func (c *Card) WriteGGUF(m *gguf.Metadata) {
	for _, g := range general {
		if g.list != nil {
			if v := *g.list(c); len(v) > 0 {
				m.Set("general."+g.key, v)
			}
		} else if v := *g.text(c); v != "" {
			m.Set("general."+g.key, v)
		}
	}
	if len(c.BaseModels) > 0 {
		m.Set("general.base_model.count", uint32(len(c.BaseModels)))
	}
	for i, base := range c.BaseModels {
		key := fmt.Sprintf("general.base_model.%d.", i)
		m.Set(key+"name", base[strings.LastIndex(base, "/")+1:])
		m.Set(key+"repo_url", hubURL+base)
	}
}

// Readme is the README.md of a folder, with the card as its front matter. form says what the
// model was converted from (see Model.Form).
func (c *Card) Readme(form string) ([]byte, error) {
	front := map[string]any{"library_name": "transformers"}
	texts := map[string]string{"license": c.License, "license_name": c.LicenseName, "license_link": c.LicenseLink}
	for key, v := range texts {
		if v != "" {
			front[key] = v
		}
	}
	lists := map[string][]string{"base_model": c.BaseModels, "tags": c.Tags, "language": c.Languages,
		"datasets": c.Datasets}
	for key, v := range lists {
		if len(v) > 0 {
			front[key] = v
		}
	}
	b, err := yaml.Marshal(front)
	if err != nil {
		return nil, err
	}
	body := fmt.Sprintf("# %s\n\nA BitNet b1.58 model, converted from %s.\n", c.Name, form)
	if c.URL != "" {
		body += "Published at " + c.URL + ".\n"
	}
	return fmt.Appendf(nil, "---\n%s---\n\n%s", b, body), nil
}
