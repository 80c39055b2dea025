package model

import (
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"trit/setting"
)

// Effect is what a key of a model's files does to the results of the model.
type Effect int

// Effects of a Key.
const (
	Computed Effect = iota // the model is computed with it
	Harmless               // no result depends on it
	OfRotary               // of the rotary embedding, whose reader judges it
	Refused                // results depend on it in a way that is not supported, unless its value is neutral
)

// Key is what is known of a key.
type Key struct {
	Effect  Effect
	Neutral func(v any, c *Config) bool // reports whether a value of a Refused key changes nothing; null never does
	Changes string                      // what other values do, as the end of "KEY is VALUE, which ..."
}

// Keys is a table of the keys of a kind of file.
type Keys map[string]Key

// Check judges the keys of a file. It returns an error for each that is refused, and the names
// of those that the table does not have.
func (k Keys) Check(found iter.Seq2[string, any], c *Config) (unknown []string, errs []error) {
	for name, v := range found {
		key, known := k[name]
		switch {
		case !known:
			unknown = append(unknown, name)
		case key.Effect == Refused && v != nil && !key.Neutral(v, c):
			errs = append(errs, fmt.Errorf("%s is %s, which %s: this is not supported, so only models without it can be used",
				name, shown(v), key.Changes))
		}
	}
	slices.Sort(unknown)
	return unknown, errs
}

// UnknownKeys is the warning that names all keys of a file that no table has; it is empty where
// there are none.
func UnknownKeys(file string, keys []string) []setting.Note {
	if len(keys) == 0 {
		return nil
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = plain(k)
	}
	const text = "%s has %d keys that are not known here and were left out of the computation: %s"
	if len(keys) == 1 {
		return []setting.Note{setting.Note(fmt.Sprintf("%s has a key that is not known here and was left out of the "+
			"computation: %s", file, names[0]))}
	}
	return []setting.Note{setting.Note(fmt.Sprintf(text, file, len(keys), strings.Join(names, ", ")))}
}

// maxShown is how many bytes of a name or a value are shown.
const maxShown = 100

// plain is a name that a terminal can show, and that Note takes for no field of an option.
func plain(name string) string {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || r == '{' || r == '}' || r == '"' }
	if len(name) <= maxShown && !strings.ContainsFunc(name, odd) {
		return name
	}
	return strings.NewReplacer("{", "(", "}", ")").Replace(strconv.Quote(name[:min(len(name), maxShown)]))
}

// shown is a value as JSON has it, cut where it is long.
func shown(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		b = fmt.Append(nil, v)
	}
	if len(b) > maxShown {
		return strings.ToValidUTF8(string(b[:maxShown]), "") + "..."
	}
	return string(b)
}

// RefusedUnless is a key that is refused unless neutral reports that its value changes nothing.
func RefusedUnless(neutral func(v any, c *Config) bool, changes string) Key {
	return Key{Refused, neutral, changes}
}

// Off reports whether a value is one of those that switch a feature off: false, 0, an empty text,
// list or object, or "none".
func Off(v any, _ *Config) bool {
	switch rv := reflect.ValueOf(v); rv.Kind() {
	case reflect.Slice, reflect.Map:
		return rv.Len() == 0
	default:
		return rv.IsZero() || v == "none"
	}
}

// On reports whether a value is true.
func On(v any, _ *Config) bool { return v == true }

// One reports whether a value is the factor 1.
func One(v any, _ *Config) bool { return isNumber(v, 1) }

// OffOr makes a test for values that switch a feature off, or that neutral accepts.
func OffOr(neutral func(v any, c *Config) bool) func(v any, c *Config) bool {
	return func(v any, c *Config) bool { return Off(v, c) || neutral(v, c) }
}

// Equals makes a test for the number that a configuration implies.
func Equals(implied func(c *Config) float64) func(v any, c *Config) bool {
	return func(v any, c *Config) bool { return isNumber(v, implied(c)) }
}

// Word makes a test for texts that change nothing.
func Word(words ...string) func(v any, c *Config) bool {
	return func(v any, _ *Config) bool {
		s, ok := v.(string)
		return ok && slices.Contains(words, s)
	}
}

// ScoreScale is the factor of the scores of attention, 1/sqrt(head_dim).
func ScoreScale(c *Config) float64 { return 1 / math.Sqrt(float64(c.HeadDim)) }

// WideWindow reports whether a window of attention is none, or at least as long as the context.
func WideWindow(v any, c *Config) bool {
	n, ok := number(v)
	return ok && (n <= 0 || n >= float64(c.MaxPositionEmbeddings))
}

// isNumber reports whether a value is a number, but for the rounding of float32.
func isNumber(v any, want float64) bool {
	n, ok := number(v)
	return ok && math.Abs(n-want) <= 1e-6*math.Abs(want)
}

func number(v any) (float64, bool) {
	switch rv := reflect.ValueOf(v); {
	case rv.CanInt():
		return float64(rv.Int()), true
	case rv.CanUint():
		return float64(rv.Uint()), true
	case rv.CanFloat():
		return rv.Float(), true
	}
	return 0, false
}
