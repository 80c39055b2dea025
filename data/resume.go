package data

import (
	"encoding/json"
	"os"
	"path/filepath"

	"trit/data/dedup"
	"trit/data/filter"
)

// workFolder is where a data set is made that gets the name out.
func workFolder(out string) string {
	out = filepath.Clean(out)
	return filepath.Join(filepath.Dir(out), "."+filepath.Base(out)+".preparing")
}

// Unfinished reports whether a preparation of out was stopped after a shard, so that Prepare goes on there.
func Unfinished(out string) bool {
	_, err := os.Stat(filepath.Join(workFolder(out), journalName))
	return err == nil
}

// optionsHash stands for all that decides the shards.
func (o *PrepareOptions) optionsHash(sets []*set, tokenizer string) string {
	type files struct {
		Info         *SetInfo
		Sizes, Times []int64
	}
	all := struct {
		Sets                        []files
		Column, Documents, Tokens   string
		Holdout                     float64
		Seed                        uint64
		Shard, Passes, Most, Memory int64
		Filters                     filter.Options
		Duplicates                  dedup.Mode
	}{nil, o.Column, o.Documents, tokenizer, o.Holdout, o.Seed, int64(o.shardTokens()), int64(o.Passes), o.Tokens,
		o.Memory, o.Filters, o.Duplicates}
	for _, s := range sets {
		sizes, times := s.texts.Sizes()
		info := &SetInfo{Name: s.info.Name, Weight: s.info.Weight, Column: s.info.Column, Files: s.texts.Files()}
		all.Sets = append(all.Sets, files{info, sizes, times})
	}
	raw, err := json.Marshal(all)
	if err != nil {
		panic(err) // numbers and texts
	}
	return hexSHA256(raw)
}
