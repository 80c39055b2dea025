package tokenizer

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"trit/setting"
)

// SentencePiece itself, which takes special tokens in a text for mere text, and the Rust
// tokenizers, with a tokenizer.json made elsewhere, are the judges.
func TestPieceModelEncodesAsSentencePiece(t *testing.T) {
	tok, err := Load("testdata/pieces.model")
	if err != nil {
		t.Fatal(err)
	}
	vectors := readVectors(t)
	for i, text := range vectors.Strings {
		if got := tok.EncodeOrdinary(text); !slices.Equal(got, vectors.SentencePiece[i]) {
			t.Errorf("%q: got %v, want %v", text, got, vectors.SentencePiece[i])
		}
	}
	vectors.wrong(t, tok, "pieces")
}

// pieceMessage is one piece of a tokenizer.model.
func pieceMessage(text string, score float32, kind uint64) []byte {
	b := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), text)
	b = protowire.AppendFixed32(protowire.AppendTag(b, 2, protowire.Fixed32Type), math.Float32bits(score))
	return protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), kind)
}

func submessage(b []byte, number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), content)
}

// numbers is a message of varints.
func numbers(values map[protowire.Number]uint64) []byte {
	var b []byte
	for number, value := range values {
		b = protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), value)
	}
	return b
}

type varints = map[protowire.Number]uint64

// smallPieces are a vocabulary with a user-defined and an unused token.
var smallPieces = [][]byte{
	pieceMessage("<unk>", 0, 2), pieceMessage("<s>", 0, 3), pieceMessage("</s>", 0, 3), pieceMessage("<0x0A>", 0, 6),
	pieceMessage("▁a", -0.5, 1), pieceMessage("ab", -1.5, 1), pieceMessage("▁", -2, 1), pieceMessage("a", -3, 1), pieceMessage("b", -4, 1),
	pieceMessage("▁▁b", 0, 4), pieceMessage("zz", 0, 5),
}

func modelFile(pieces [][]byte, trainer, normalizer varints) []byte {
	var b []byte
	for _, p := range pieces {
		b = submessage(b, 1, p)
	}
	return submessage(submessage(b, 2, numbers(trainer)), 3, numbers(normalizer))
}

func smallModel() []byte { return modelFile(smallPieces, varints{3: 2}, varints{4: 0}) }

func TestPieceModelKeepsScoresAndTypes(t *testing.T) {
	dir := t.TempDir()
	writeFolder(t, dir, map[string][]byte{
		"tokenizer.model":         smallModel(),
		"added_tokens.json":       []byte(`{"<pad>": 11, "<tool>": 13}`),
		"special_tokens_map.json": []byte(`{"additional_special_tokens": ["<x>"], "pad_token": {"content": "<pad>"}}`),
		"tokenizer_config.json":   []byte(`{"add_eos_token": true, "added_tokens_decoder": {"1": {"content": "<s>", "special": true}, "12": {"content": "<y>", "special": true, "lstrip": true}}}`),
	})
	tok, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	v := tok.Vocab()
	if !strings.Contains(v.HuggingFace, `"lstrip": true`) { // which the other fields cannot hold
		t.Errorf("the token that takes the space before it is lost: %.200q", v.HuggingFace)
	}
	v.HuggingFace = ""
	sameVocab(t, v, Vocab{
		Model: "llama", Pre: "default",
		Tokens: []string{"<unk>", "<s>", "</s>", "<0x0A>", "▁a", "ab", "▁", "a", "b", "  b", "zz", "<pad>", "<y>", "<tool>"},
		Scores: []float32{0, 0, 0, 0, -0.5, -1.5, -2, -3, -4, 0, 0, 0, 0, 0},
		Types:  []int32{2, 3, 3, 6, 1, 1, 1, 1, 1, 4, 5, 3, 3, 4},
		BOS:    1, EOS: 2, UNK: 0, PAD: 11, AddBOS: true, AddEOS: true, AddSpacePrefix: true,
	})
	// By hand: ▁a before ab; the user-defined token whole; <y> takes the space.
	if got, want := tok.Encode("ab  b\nbb <y>", true), []int32{1, 4, 8, 9, 6, 3, 8, 8, 12, 2}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	files, err := tok.Files()
	if err != nil {
		t.Fatal(err)
	}
	writeFolder(t, dir, files) // now with a tokenizer.json, which goes first
	again, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"ab  b\nbb <y>", "", " a", "<tool>aab", "é<s>"} {
		if got, want := again.Encode(text, true), tok.Encode(text, true); !slices.Equal(got, want) {
			t.Errorf("%q: the written tokenizer.json gives %v, want %v", text, got, want)
		}
	}
	if again.BOS() != 1 || again.EOS() != 2 || string(files["tokenizer.model"]) != string(smallModel()) {
		t.Errorf("BOS %d, EOS %d, tokenizer.model of %d bytes", again.BOS(), again.EOS(), len(files["tokenizer.model"]))
	}
}

func TestFolderWithoutAVocabulary(t *testing.T) {
	_, err := Load(t.TempDir())
	if e := setting.As(err); e == nil || e.Field != "tokenizer.Train" || !strings.Contains(err.Error(), "tokenizer.json and no tokenizer.model") {
		t.Errorf("got %v", err)
	}
}

func TestPieceModelRejects(t *testing.T) {
	with := func(more ...[]byte) [][]byte { return append(slices.Clone(smallPieces), more...) }
	bpe, plain := varints{3: 2}, varints{4: 0}
	for _, c := range []struct {
		name string
		file []byte
		says string
	}{
		{"empty", nil, "there are none"},
		{"not protobuf", []byte("version https://git-lfs"), "ModelProto"},
		{"cut", smallModel()[:40], "ModelProto: field 1"},
		{"cut piece", submessage(nil, 1, []byte{10, 200}), "pieces: field 1"},
		{"unigram", modelFile(smallPieces, varints{3: 1}, plain), "1 (unigram)"},
		{"no model type", modelFile(smallPieces, nil, plain), "1 (unigram)"},
		{"characters replaced", submessage(smallModel(), 3, submessage(nil, 2, []byte("map"))), "precompiled_charsmap"},
		{"spaces removed", modelFile(smallPieces, bpe, nil), "remove_extra_whitespaces"},
		{"spaces kept", modelFile(smallPieces, bpe, varints{4: 0, 5: 0}), "escape_whitespaces"},
		{"spaces behind", modelFile(smallPieces, varints{3: 2, 24: 1}, plain), "treat_whitespace_as_suffix"},
		{"twice", modelFile(with(pieceMessage("ab", 0, 1)), bpe, plain), "pieces 5 and 11"},
		{"unused but made", modelFile(with(pieceMessage("bb", 0, 5)), bpe, plain), "unused (5) but made"},
		{"two unknown", modelFile(with(pieceMessage("u", 0, 2)), bpe, plain), "0 and 11 are both of type unknown"},
		{"none unknown", modelFile(smallPieces[1:], bpe, plain), "none is of type unknown"},
		{"type 7", modelFile(with(pieceMessage("u", 0, 7)), bpe, plain), "type 7"},
		{"no text", modelFile(with(pieceMessage("", 0, 1)), bpe, plain), "piece 11"},
		{"not UTF-8", modelFile(with(pieceMessage("a\xff", 0, 1)), bpe, plain), "UTF-8"},
		{"not a number", modelFile(with(pieceMessage("u", float32(math.NaN()), 1)), bpe, plain), "score NaN"},
		{"long", modelFile(with(pieceMessage(strings.Repeat("a", maxTokenBytes+1), 0, 4)), bpe, plain), "1 to 16384 bytes"},
		{"long and merged", modelFile(with(pieceMessage(strings.Repeat("a", maxPieceBytes+1), 0, 1)), bpe, plain), "at most 1024"},
		{"BOS outside", modelFile(smallPieces, varints{3: 2, 41: 99}, plain), "bos_id"},
	} {
		_, err := parsePieceFiles(map[string][]byte{pieceFile: c.file})
		var format *FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.says)
		}
	}
}

func TestAddedToPieceModelRejects(t *testing.T) {
	for _, c := range []struct{ file, content, says string }{
		{addedFile, `[]`, "JSON"},
		{addedFile, `{"x": 5}`, `but "ab" has it too`},
		{addedFile, `{"x": -1}`, "id -1"},
		{addedFile, `{"x": 99999}`, "id 99999"},
		{addedFile, `{"": 11}`, "1 to 16384 bytes"},
		{addedFile, `{"x": 11, "y": 11}`, "both have id 11"},
		{configFileName, `{"added_tokens_decoder": {"one": {"content": "x"}}}`, `"one" is not an id`},
		{configFileName, `{"added_tokens_decoder": {"0": {"content": "x"}}}`, `but "<unk>" has it too`},
		{specialMapFile, `{"bos_token": 7}`, "JSON"},
	} {
		_, err := parsePieceFiles(map[string][]byte{pieceFile: smallModel(), c.file: []byte(c.content)})
		var format *FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.content, err, c.says)
		}
	}
}

func FuzzPieceModel(f *testing.F) {
	f.Add(smallModel(), "ab  b\n")
	f.Add(submessage(smallModel(), 3, numbers(varints{3: 0})), " a bab")
	f.Fuzz(func(t *testing.T, file []byte, text string) {
		tok, err := parsePieceFiles(map[string][]byte{pieceFile: file})
		if err != nil {
			return
		}
		ids := tok.Encode(text, true)
		tok.Decode(ids)
		if _, err := FromVocab(tok.Vocab()); err != nil {
			t.Fatalf("its own vocabulary is refused: %v", err)
		}
		files, err := tok.Files()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseFiles(files)
		if err != nil {
			t.Fatalf("its own files are refused: %v", err)
		}
		if got := again.Encode(text, true); !slices.Equal(got, ids) {
			t.Fatalf("%q: the written tokenizer.json gives %v, want %v", text, got, ids)
		}
	})
}
