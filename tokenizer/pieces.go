package tokenizer

import (
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// pieceModel is the content of a tokenizer.model of SentencePiece, a protocol buffer of the
// message ModelProto. sentencepiece_model.proto has the numbers of its fields.
type pieceModel struct {
	tokens        []string
	scores        []float32
	types         []int32
	modelType     uint64
	charsMap      bool // a table of characters to replace
	dummyPrefix   bool // a space before every text
	removeSpaces  bool
	escapeSpaces  bool
	spaceAsSuffix bool
	specials      settings
}

// Kinds of model in TrainerSpec.
var modelTypes = map[uint64]string{1: "unigram", 2: "BPE", 3: "word", 4: "character"}

const modelTypeBPE = 2

// badPieces makes the FormatError of a field of a tokenizer.model.
func badPieces(field, format string, args ...any) error {
	return &FormatError{pieceFile, field, fmt.Sprintf(format, args...)}
}

// parsePieceModel reads a tokenizer.model. It returns an error if a BPE tokenizer.json or a GGUF
// file could not hold the same tokenizer.
func parsePieceModel(b []byte) (*pieceModel, error) {
	m := &pieceModel{
		modelType: 1, dummyPrefix: true, removeSpaces: true, escapeSpaces: true, // proto2's defaults
		specials: settings{bos: 1, eos: 2, unk: 0, pad: -1},
	}
	err := eachField("ModelProto", b, func(f field) error {
		switch f.number {
		case 1:
			return m.addPiece(f.bytes)
		case 2:
			return eachField("trainer_spec", f.bytes, m.trainerField)
		case 3:
			return eachField("normalizer_spec", f.bytes, m.normalizerField)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, m.check()
}

// field is a field of a message: number for varints and fixed numbers, bytes for strings
// and messages.
type field struct {
	number protowire.Number
	value  uint64
	bytes  []byte
}

// eachField visits the fields of a message.
func eachField(message string, b []byte, visit func(field) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return badPieces(message, "%v", protowire.ParseError(n))
		}
		b = b[n:]
		f := field{number: number}
		var fixed uint32
		switch kind {
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			fixed, n = protowire.ConsumeFixed32(b)
			f.value = uint64(fixed)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return badPieces(message, "field %d: %v", number, protowire.ParseError(n))
		}
		b = b[n:]
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// addPiece reads a SentencePiece: its text, score and type.
func (m *pieceModel) addPiece(b []byte) error {
	id := len(m.tokens)
	if id == maxTokens {
		return badPieces("pieces", "there are more than %d", maxTokens)
	}
	piece, score, kind := "", float32(0), uint64(typeNormal)
	err := eachField("pieces", b, func(f field) error {
		switch f.number {
		case 1:
			piece = string(f.bytes)
		case 2:
			score = math.Float32frombits(uint32(f.value))
		case 3:
			kind = f.value
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case piece == "" || len(piece) > maxTokenBytes || !utf8.ValidString(piece):
		return badPieces("pieces", "piece %d is %.40q: want UTF-8 of 1 to %d bytes", id, piece, maxTokenBytes)
	case kind == typeNormal && len(piece) > maxPieceBytes:
		return badPieces("pieces", "piece %d has %d bytes: want at most %d of one that is made of others",
			id, len(piece), maxPieceBytes)
	case kind < typeNormal || kind > typeByte:
		return badPieces("pieces", "piece %d, %.40q, has type %d: want %d to %d", id, piece, kind, typeNormal, typeByte)
	case math.IsNaN(float64(score)) || math.IsInf(float64(score), 0):
		return badPieces("pieces", "piece %d, %.40q, has score %v: want a number", id, piece, score)
	}
	m.tokens, m.scores, m.types = append(m.tokens, piece), append(m.scores, score), append(m.types, int32(kind))
	return nil
}

func (m *pieceModel) trainerField(f field) error {
	switch f.number {
	case 3:
		m.modelType = f.value
	case 24:
		m.spaceAsSuffix = f.value != 0
	case 40:
		m.specials.unk = max(int32(f.value), -1)
	case 41:
		m.specials.bos = max(int32(f.value), -1)
	case 42:
		m.specials.eos = max(int32(f.value), -1)
	case 43:
		m.specials.pad = max(int32(f.value), -1)
	}
	return nil
}

func (m *pieceModel) normalizerField(f field) error {
	switch f.number {
	case 2:
		m.charsMap = len(f.bytes) > 0
	case 3:
		m.dummyPrefix = f.value != 0
	case 4:
		m.removeSpaces = f.value != 0
	case 5:
		m.escapeSpaces = f.value != 0
	}
	return nil
}

// check returns an error for a model whose results in this package would differ from those of
// SentencePiece.
func (m *pieceModel) check() error {
	const wayOut = "take a folder with a tokenizer.json"
	switch {
	case len(m.tokens) == 0:
		return badPieces("pieces", "there are none")
	case m.modelType != modelTypeBPE:
		return badPieces("trainer_spec.model_type", "%d (%s): want %d (BPE): %s",
			m.modelType, modelTypes[m.modelType], modelTypeBPE, wayOut)
	case m.spaceAsSuffix:
		return badPieces("trainer_spec.treat_whitespace_as_suffix", "it is true: want false: %s", wayOut)
	case m.charsMap:
		return badPieces("normalizer_spec.precompiled_charsmap", "it replaces characters: want an empty one: %s", wayOut)
	case m.removeSpaces:
		return badPieces("normalizer_spec.remove_extra_whitespaces", "it is true: want false: %s", wayOut)
	case !m.escapeSpaces:
		return badPieces("normalizer_spec.escape_whitespaces", "it is false: want true: %s", wayOut)
	}
	return m.checkPieces()
}

func (m *pieceModel) checkPieces() error {
	seen, unknown := make(map[string]int, len(m.tokens)), -1
	for id, piece := range m.tokens {
		if other, twice := seen[piece]; twice {
			return badPieces("pieces", "pieces %d and %d are both %.40q", other, id, piece)
		}
		seen[piece] = id
		if m.types[id] != typeUnknown {
			continue
		}
		if unknown >= 0 {
			return badPieces("pieces", "pieces %d and %d are both of type unknown: want one", unknown, id)
		}
		unknown = id
	}
	if unknown < 0 {
		return badPieces("pieces", "none is of type unknown (%d): want one", typeUnknown)
	}
	for name, id := range map[string]int32{"bos_id": m.specials.bos, "eos_id": m.specials.eos, "pad_id": m.specials.pad} {
		if int(id) >= len(m.tokens) {
			return badPieces("trainer_spec."+name, "%d is not one of the %d pieces", id, len(m.tokens))
		}
	}
	m.specials.unk = int32(unknown)
	return m.checkUnused(seen)
}

// checkUnused returns an error if two pieces together are an unused piece. SentencePiece merges
// the two and splits the result again, so that they are not merged with their neighbours in
// between; this package does not.
func (m *pieceModel) checkUnused(ids map[string]int) error {
	for id, piece := range m.tokens {
		if m.types[id] != typeUnused || len(piece) > maxPieceBytes {
			continue
		}
		for i := range piece {
			_, left := ids[piece[:i]]
			_, right := ids[piece[i:]]
			if left && right {
				return badPieces("pieces", "piece %d, %.40q, is unused (%d) but made of others: want it to be used",
					id, piece, typeUnused)
			}
		}
	}
	return nil
}
