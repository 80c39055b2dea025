package datasets

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"trit/cmd/trit/cmdline"
	"trit/data"
	"trit/tokenizer"
)

// shownByDefault is how many documents or rows are shown.
const shownByDefault = 3

func showCommand() *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "print what a model will see of a data set, token by token", ArgsUsage: "[N]",
		Description: "What is learned is green on a terminal, and between [[ and ]] elsewhere; special tokens are inverse, " +
			"or between « and ».\n" +
			cmdline.Examples("trit data show --data data", "trit data show --data data --split heldout --from 10 1",
				"trit data show --data data --rows 512"),
		Flags: []cli.Flag{
			dataFlag(),
			cmdline.OneOfFlag("split", "the part of the data", data.Train, data.Heldout),
			&cli.IntFlag{Name: "from", Usage: "begin with document, pair or row `N`, counted from 1", Value: 1},
			&cli.IntFlag{Name: "rows", Usage: "show rows of `LENGTH` tokens as they are packed for training, in the order of the data, with the borders of documents"},
			cmdline.JSONFlag("print an object a line"),
		},
		Action: showAction,
	}
}

func showAction(c *cli.Context) error {
	n, err := count(c)
	if err != nil {
		return err
	}
	dir := c.String("data")
	m, err := data.OpenManifest(dir)
	if err != nil {
		return err
	}
	tok, err := tokenizer.Load(dir)
	if err != nil {
		return err
	}
	s := &show{
		out: c.App.Writer, tok: tok, names: tok.Vocab().Tokens, manifest: m, split: c.String("split"), json: c.Bool("json"),
	}
	if f, ok := c.App.Writer.(*os.File); ok {
		s.colour = term.IsTerminal(int(f.Fd()))
	}
	if length := c.Int("rows"); length > 0 {
		return s.rows(dir, length, c.Int("from"), n)
	}
	return s.documents(dir, c.Int("from"), n)
}

// count is the number of documents or rows to show.
func count(c *cli.Context) (int, error) {
	if c.Int("from") < 1 || c.Int("rows") < 0 {
		return 0, cmdline.Usagef("--from %d, --rows %d: want 1 or more", c.Int("from"), c.Int("rows"))
	}
	if !c.Args().Present() {
		return shownByDefault, nil
	}
	n, err := strconv.Atoi(c.Args().First())
	if err != nil || n < 1 || c.NArg() > 1 {
		return 0, cmdline.Usagef("%q: want one number of documents or rows, 1 or more", c.Args().Slice())
	}
	return n, nil
}

// token is a token as it is shown.
type token struct {
	ID      int32  `json:"id"`
	Text    string `json:"text"`
	Special bool   `json:"special,omitempty"`
	Learned bool   `json:"learned"`
}

// show prints documents or rows.
type show struct {
	out      io.Writer
	tok      *tokenizer.Tokenizer
	names    []string // of tokens, by id
	manifest *data.Manifest
	split    string
	json     bool
	colour   bool
}

// part is what is shown at once: a document, one of a pair, or a row.
type part struct {
	Title  string  `json:"what"`
	Bytes  float64 `json:"learned_bytes"`
	Tokens []token `json:"tokens"`
	// Borders are the tokens before which another document begins in a row.
	Borders []int `json:"borders,omitempty"`
	Padding int   `json:"padding,omitempty"` // tokens behind the last document of a row
}

// documents shows documents as they are stored, with what a loader puts around.
func (s *show) documents(dir string, from, n int) error {
	each := 1
	if s.manifest.Kind == data.Preferences {
		each = 2
	}
	i := 0
	for d, err := range data.Documents(dir, s.split) {
		if err != nil {
			return err
		}
		if i/each >= from-1+n {
			return nil
		}
		if i/each >= from-1 {
			p := part{Title: s.title(i), Bytes: float64(d.Bytes), Tokens: s.tokens(d)}
			if err := s.print(p); err != nil {
				return err
			}
		}
		i++
	}
	return s.ended(i/each, from)
}

// ended is the error of a place behind the end.
func (s *show) ended(there, from int) error {
	if from > there {
		return fmt.Errorf("the %s split ends with number %d", s.split, there)
	}
	return nil
}

func (s *show) title(i int) string {
	switch s.manifest.Kind {
	case data.Chat:
		return fmt.Sprintf("conversation %d", i+1)
	case data.Preferences:
		return fmt.Sprintf("pair %d, %s", i/2+1, [2]string{"chosen", "rejected"}[i%2])
	}
	return fmt.Sprintf("document %d", i+1)
}

// tokens are those of a document. The first is never learned, since nothing predicts it.
func (s *show) tokens(d data.Document) (tokens []token) {
	m := s.manifest
	if m.Kind == data.Texts && m.BOS >= 0 {
		tokens = append(tokens, s.token(m.BOS, false))
	}
	for k, id := range d.IDs {
		tokens = append(tokens, s.token(id, len(tokens) > 0 && (d.Learn == nil || d.Learn[k])))
	}
	if m.Kind == data.Texts && m.EOS >= 0 {
		tokens = append(tokens, s.token(m.EOS, true))
	}
	return tokens
}

func (s *show) token(id int32, learned bool) token {
	if text := s.tok.TokenBytes(id); text != nil {
		if !utf8.Valid(text) { // a part of a character
			return token{id, visible(string(text), "\n"), false, learned}
		}
		return token{id, string(text), false, learned}
	}
	return token{id, s.names[id], true, learned}
}

// rows shows rows as a loader packs them.
func (s *show) rows(dir string, length, from, n int) error {
	o := data.LoaderOptions{Split: s.split, BatchSize: 1, SequenceLength: length}
	if s.manifest.Kind == data.Preferences {
		o.BatchSize = 2
	}
	l, err := data.OpenLoader(dir, o)
	if err != nil {
		return err
	}
	defer l.Close()
	if note := l.LongNote(); note != "" {
		fmt.Fprintln(s.out, note)
	}
	var b data.Batch
	for i := range from - 1 + n {
		if l.Epoch() > 0 { // the training split begins anew
			return s.ended(i, from)
		}
		err := l.Next(&b)
		if errors.Is(err, io.EOF) {
			return s.ended(i, from)
		}
		if err != nil {
			return err
		}
		if i < from-1 {
			continue
		}
		for r := range o.BatchSize {
			if err := s.print(s.row(&b, i, r, length)); err != nil {
				return err
			}
		}
	}
	return nil
}

// row is row r of a batch.
func (s *show) row(b *data.Batch, batch, r, length int) part {
	p := part{Title: fmt.Sprintf("row %d", batch+1), Bytes: b.Bytes}
	if s.manifest.Kind == data.Preferences {
		p.Title = fmt.Sprintf("pair %d, %s", batch+1, [2]string{"chosen", "rejected"}[r])
	}
	lo := r * length
	tokens, targets, starts := b.Tokens[lo:lo+length], b.Targets[lo:lo+length], b.Starts[lo:lo+length]
	end := length
	if last := int(starts[length-1]); isPadding(tokens[last:], targets[last:]) {
		end = last
	}
	p.Padding = length - end
	for k := range end {
		if k > 0 && starts[k] != starts[k-1] {
			p.Borders = append(p.Borders, k)
		}
		p.Tokens = append(p.Tokens, s.token(tokens[k], k > 0 && targets[k-1] >= 0))
	}
	return p
}

// isPadding reports whether the rest of a row stands for nothing.
func isPadding(tokens, targets []int32) bool {
	return !slices.ContainsFunc(tokens, func(id int32) bool { return id != 0 }) &&
		!slices.ContainsFunc(targets, func(id int32) bool { return id >= 0 })
}

func (s *show) print(p part) error {
	if s.json {
		enc := json.NewEncoder(s.out)
		enc.SetEscapeHTML(false)
		return enc.Encode(p)
	}
	_, err := io.WriteString(s.out, s.text(p))
	return err
}
