package harness

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"trit/eval"
)

// dataFiles are the files of data_files by their splits.
type dataFiles struct{ splits []split }

type split struct{ name, file string }

// localFormats are the values of dataset_path that mean files on this machine, and whether their
// format is read.
var localFormats = map[string]bool{
	"json": true, "parquet": true, "csv": false, "text": false, "arrow": false, "pandas": false, "xml": false,
	"webdataset": false, "imagefolder": false, "audiofolder": false,
}

func (c *config) setDataArguments(key string, v any) error {
	m, ok := v.(*mapping)
	if !ok {
		return wrong(key, v, "a mapping")
	}
	if err := m.only(key, "trust_remote_code", "data_files"); err != nil {
		return err
	}
	files, ok := m.get("data_files")
	if !ok {
		return nil
	}
	const name = "dataset_kwargs.data_files"
	splits, ok := files.(*mapping)
	if !ok {
		splits = &mapping{[]pair{{"train", files}}}
	}
	for _, p := range splits.pairs {
		list, err := oneOrMore(name, p.value)
		if err != nil {
			return err
		}
		splitName, _ := p.key.(string)
		switch {
		case splitName == "":
			return fmt.Errorf("%s: the key %v is no name of a split", name, p.key)
		case len(list) != 1 || strings.ContainsAny(list[0], "*?["):
			return fmt.Errorf("%s: %s: want one file for each split", name, splitName)
		case strings.Contains(list[0], "://"):
			return fmt.Errorf("%s: %.60s is an address: fetch the file and name it here", name, list[0])
		}
		c.data.splits = append(c.data.splits, split{splitName, list[0]})
	}
	return nil
}

// source is a split of the data set; dir is the folder of the task's file.
func (c *config) source(dir, key, name string) (eval.Source, error) {
	if strings.ContainsAny(name, "[]+*?/ ") {
		return eval.Source{}, fmt.Errorf("%s: %q is no name of a split", key, name)
	}
	isRead, isLocal := localFormats[c.path]
	switch {
	case isLocal && !isRead:
		return eval.Source{}, fmt.Errorf("dataset_path: files of the kind %s are not read here: want json or parquet",
			c.path)
	case isLocal && c.name != "":
		return eval.Source{}, fmt.Errorf("dataset_name: %s has no configurations", c.path)
	case isLocal:
		return c.localSource(dir, key, name)
	case c.data.splits != nil:
		return eval.Source{}, fmt.Errorf("dataset_kwargs.data_files: want dataset_path json or parquet beside it, not %s",
			c.path)
	case !isHubName(c.path):
		return eval.Source{}, fmt.Errorf("dataset_path: %q is no set of the Hugging Face Hub; "+
			"name local files with dataset_path json and dataset_kwargs.data_files", c.path)
	}
	return eval.Source{Hub: c.path, Config: c.name, Split: name, HubColumns: []string{}}, nil
}

func (c *config) localSource(dir, key, name string) (eval.Source, error) {
	i := slices.IndexFunc(c.data.splits, func(s split) bool { return s.name == name })
	if i < 0 {
		return eval.Source{}, fmt.Errorf("%s: dataset_kwargs.data_files names no file of the split %q", key, name)
	}
	file := c.data.splits[i].file
	isJSON := strings.Contains(path.Base(file), ".json")
	if isJSON != (c.path == "json") || !isJSON && !strings.HasSuffix(file, ".parquet") {
		return eval.Source{}, fmt.Errorf("dataset_kwargs.data_files: the file %s has not the ending of %s", file, c.path)
	}
	return eval.Source{Files: []string{eval.BesideFile(dir, file)}, Columns: []string{}}, nil
}

// isHubName reports whether a name may be that of a set on the Hub, with an owner or without.
func isHubName(s string) bool {
	owner, name, both := strings.Cut(s, "/")
	for _, part := range []string{owner, name} {
		bad := strings.ContainsFunc(part, func(r rune) bool {
			return !(r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
		})
		if bad || strings.HasPrefix(part, ".") || part == "" && (both || s == "") {
			return false
		}
	}
	return !strings.HasSuffix(s, ".py")
}
