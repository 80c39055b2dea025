package source

import (
	"encoding/json"
	"maps"

	"trit/format/ggufmeta"
	"trit/format/hffolder"
	"trit/model"
	"trit/tokenizer"
)

// vocab reads the tokenizer and refuses one whose lists do not fit each other.
func (g *ggufFile) vocab() (tokenizer.Vocab, error) {
	v := ggufmeta.ReadVocab(&g.file.Metadata)
	if len(v.Tokens) == 0 {
		return v, nil
	}
	return v, v.Check()
}

// nameTokens enters the ids that a config.json holds, and what is assumed of the tokenizer.
func (g *ggufFile) nameTokens(m *Model) {
	v, err := g.vocab()
	if v.BOS >= 0 {
		id := int(v.BOS)
		m.Config.BOSTokenID = &id
	}
	m.Config.EOSTokenID = endsOf(&v)
	if err != nil || v.Model != "gpt2" || v.Pre != "" && v.Pre != "default" && v.HuggingFace == "" {
		return
	}
	if tok, err := tokenizer.FromVocab(v); err == nil {
		m.Notes = append(m.Notes, tok.Notes()...)
	}
}

// endsOf are the ids that end a text, EOS first.
func endsOf(v *tokenizer.Vocab) (ids model.EOSIDs) {
	if v.EOS >= 0 {
		ids = append(ids, int(v.EOS))
	}
	for _, id := range v.Ends {
		ids = append(ids, int(id))
	}
	return ids
}

// files are those of the tokenizer, as its lists in the file make them, and a
// generation_config.json where several ids end a text or the file advises how to choose tokens.
func (g *ggufFile) files() (map[string][]byte, error) {
	v, err := g.vocab()
	if err != nil || len(v.Tokens) == 0 {
		return nil, err
	}
	tok, err := tokenizer.FromVocab(v)
	if err != nil {
		return nil, err
	}
	files, err := tok.Files()
	if err != nil {
		return nil, err
	}
	maps.Copy(files, hffolder.PoolingFiles(g.pooling()))
	advice, err := g.sampling()
	generation := advice.Keys()
	if err != nil || len(generation) == 0 && len(v.Ends) == 0 {
		return files, err
	}
	generation["eos_token_id"] = endsOf(&v)
	if v.BOS >= 0 {
		generation["bos_token_id"] = v.BOS
	}
	files[model.GenerationFile], err = json.MarshalIndent(generation, "", "  ")
	return files, err
}
