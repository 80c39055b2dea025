package setting

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func flag(field string) string {
	return "--" + strings.ToLower(field[strings.LastIndex(field, ".")+1:])
}

func TestTextNamesOptions(t *testing.T) {
	invalid := Invalid("convert.Options.Type", "x", "bf16", "f16", "f32")
	exists := Needs("convert.Options.Overwrite", "a.gguf exists", "{convert.Options.Overwrite} replaces it")
	nested := &Error{Problem: "b.gguf", Err: invalid}
	for _, c := range []struct {
		err         error
		plain, text string
	}{
		{invalid, `Options.Type is "x": want bf16, f16 or f32`, `--type is "x": want bf16, f16 or f32`},
		{exists, "a.gguf exists: Options.Overwrite replaces it", "a.gguf exists: --overwrite replaces it"},
		{fmt.Errorf("model: %w", invalid), `model: Options.Type is "x": want bf16, f16 or f32`, `model: --type is "x": want bf16, f16 or f32`},
		{errors.Join(invalid, exists), invalid.Error() + "\n" + exists.Error(), "--type is \"x\": want bf16, f16 or f32\na.gguf exists: --overwrite replaces it"},
		{nested, `b.gguf: Options.Type is "x": want bf16, f16 or f32`, `b.gguf: --type is "x": want bf16, f16 or f32`},
		{fs.ErrNotExist, fs.ErrNotExist.Error(), fs.ErrNotExist.Error()},
		{&Error{Field: "a.B", Found: "3", Wanted: "at most 2"}, "B is 3: want at most 2", "--b is 3: want at most 2"},
		{&Error{Field: "a.B", Found: "3", Choices: []string{"2"}}, "B is 3: want 2", "--b is 3: want 2"},
	} {
		if got := c.err.Error(); got != c.plain {
			t.Errorf("Error() is %q, want %q", got, c.plain)
		}
		if got := Text(c.err, flag); got != c.text {
			t.Errorf("Text is %q, want %q", got, c.text)
		}
	}
}

func TestCausesStayVisible(t *testing.T) {
	e := &Error{Problem: "p", Remedy: "r", Err: fs.ErrNotExist}
	if wrapped := fmt.Errorf("w: %w", e); !errors.Is(wrapped, fs.ErrNotExist) || As(wrapped) != e {
		t.Errorf("the cause or the error is lost in %v", wrapped)
	}
	if As(fs.ErrNotExist) != nil {
		t.Error("an error of another package was taken for one of a setting")
	}
}
