package data

import (
	"errors"
	"fmt"
	"io"

	"trit/setting"
)

// LoaderOptions say which rows a Loader returns.
type LoaderOptions struct {
	Split          string // Train: endless; Heldout: once, in order
	BatchSize      int    // rows of a batch, B
	Rank, Ranks    int    // return batch Rank of every Ranks batches, counted from 0; Ranks 0 is 1
	SequenceLength int    // tokens of a row, T
	Seed           uint64 // of the order of documents
	Shuffle        bool   // a new order of the documents each epoch; Train only
}

// Batch is B rows of T tokens, each slice [B*T] row by row.
type Batch struct {
	Tokens []int32
	// Targets holds the token that follows each token. If a document goes on in the next row,
	// the target of a row's last token is the first token of that row. It is -1 if nothing is
	// predicted: at the end of a document, before what is not learned, and in padding.
	Targets []int32
	// Starts holds the first position of the row that each token may attend to, so
	// that documents do not see each other.
	Starts []int32
	// Bytes is the length of the text that the targets stand for: a document's bytes are
	// spread evenly over its targets. The sum of the losses over Bytes is bits per byte
	// (in nats, over ln 2).
	Bytes float64
}

// Loader packs the documents of a split into rows: texts, [BOS] ids [EOS], one after another;
// conversations as whole ones, as many as a row holds; of pairs the chosen conversation as row 2i of a
// batch and the rejected one as row 2i+1. It is not safe for concurrent use.
type Loader struct {
	options LoaderOptions
	corpus  *corpus
	dataset string
	epoch   uint64
	next    int    // index of the document in the order of the epoch
	offset  int    // number of the document's tokens that were returned already
	order   order  // of documents, or conversations and pairs; nil: as prepared
	keyed   bool   // the order is computed, and not held
	whole   *whole // of conversations and pairs; nil: of texts
}

// State is the position of a Loader. It holds for any batch size and number of ranks, of texts for any
// row length too. Of conversations and pairs, Document is where a window of those that are packed
// together begins, and Offset the number of its rows that were returned already.
type State struct {
	Dataset  string `json:"dataset"` // Manifest.Fingerprint
	Split    string `json:"split"`
	Seed     uint64 `json:"seed"`
	Shuffle  bool   `json:"shuffle"`
	Epoch    uint64 `json:"epoch"`
	Document int    `json:"document"`         // index in the order of the epoch
	Offset   int    `json:"offset"`           // number of the document's tokens that were returned already
	Length   int    `json:"length,omitempty"` // of rows of whole conversations
}

// OpenLoader opens the data set in dir. Each shard that it will read is checked whole, unless it was before and has not
// changed since; Check checks all anew.
func OpenLoader(dir string, o LoaderOptions) (*Loader, error) {
	if o.BatchSize < 1 || o.SequenceLength < 1 {
		return nil, fmt.Errorf("batch size %d and sequence length %d: want 1 or more", o.BatchSize, o.SequenceLength)
	}
	o.Ranks = max(o.Ranks, 1)
	if o.Rank < 0 || o.Rank >= o.Ranks {
		return nil, fmt.Errorf("rank %d of %d: want one from 0 to %d", o.Rank, o.Ranks, o.Ranks-1)
	}
	if o.Split == Heldout && o.Shuffle {
		return nil, setting.Needs("data.LoaderOptions.Shuffle", "the held-out split is read in order",
			"set {data.LoaderOptions.Shuffle} for the training split only")
	}
	m, err := OpenManifest(dir)
	if err != nil {
		return nil, err
	}
	c, err := openCorpus(dir, m, o.Split)
	if err != nil {
		return nil, err
	}
	l := &Loader{options: o, corpus: c, dataset: m.Fingerprint(), keyed: m.Order == keyedOrder}
	if m.Kind != Texts {
		if l.whole, err = newWhole(dir, m, c, o); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	l.begin(0)
	return l, nil
}

// Close unmaps the shards.
func (l *Loader) Close() error { return l.corpus.close() }

// Next fills b with the next rows; its slices are reused if they are large enough. At the end of
// the held-out split it returns io.EOF and does not change b. Loaders of several ranks return
// io.EOF together: the last batch of a rank may be padding alone.
func (l *Loader) Next(b *Batch) error {
	if l.ended() {
		return io.EOF
	}
	n := l.options.BatchSize * l.options.SequenceLength
	b.Tokens, b.Targets, b.Starts = resize(b.Tokens, n), resize(b.Targets, n), resize(b.Starts, n)
	b.Bytes = 0
	l.skip(l.options.BatchSize * l.options.Rank)
	for lo := 0; lo < n; lo += l.options.SequenceLength {
		hi := lo + l.options.SequenceLength
		b.Bytes += l.fill(b.Tokens[lo:hi], b.Targets[lo:hi], b.Starts[lo:hi])
	}
	l.skip(l.options.BatchSize * (l.options.Ranks - 1 - l.options.Rank))
	return errors.Join(l.corpus.checkIDs(b.Tokens), l.corpus.checkIDs(b.Targets))
}

// skip goes past the rows of other ranks.
func (l *Loader) skip(rows int) {
	if l.whole != nil {
		for ; rows > 0 && !l.ended(); rows-- {
			l.takeRow()
		}
		return
	}
	for tokens := rows * l.options.SequenceLength; tokens > 0 && !l.ended(); {
		length := l.sequence().len()
		n := min(tokens, length-l.offset)
		l.offset, tokens = l.offset+n, tokens-n
		if l.offset == length {
			l.advance()
		}
	}
}

func resize(s []int32, n int) []int32 {
	if cap(s) < n {
		return make([]int32, n)
	}
	return s[:n]
}

// fill writes one row and returns the bytes of text that its targets stand for.
func (l *Loader) fill(tokens, targets, starts []int32) (bytes float64) {
	if l.whole != nil {
		return l.fillWhole(tokens, targets, starts)
	}
	for pos := 0; pos < len(tokens); {
		if l.ended() {
			pad(tokens, targets, starts, pos)
			return bytes
		}
		q := l.sequence()
		length := q.len()
		first, scored := pos, 0
		for ; pos < len(tokens) && l.offset < length; pos++ {
			tokens[pos], targets[pos], starts[pos] = q.token(l.offset), -1, int32(first)
			if l.offset++; l.offset < length {
				targets[pos] = q.token(l.offset)
				scored++
			}
		}
		bytes += float64(q.bytes) * float64(scored) / float64(max(length-1, 1))
		if l.offset == length {
			l.advance()
		}
	}
	return bytes
}

// pad fills the rest of a row, which is neither scored nor attended to.
func pad(tokens, targets, starts []int32, from int) {
	for i := from; i < len(tokens); i++ {
		tokens[i], targets[i], starts[i] = 0, -1, int32(from)
	}
}

func (l *Loader) ended() bool { return l.next == l.units() }

// units is the number of documents, or pairs, of an epoch.
func (l *Loader) units() int {
	if l.whole != nil {
		return l.whole.units - len(l.whole.dropped)
	}
	return l.corpus.documents
}

func (l *Loader) sequence() sequence {
	if l.order != nil {
		return l.corpus.sequence(l.order.at(l.next))
	}
	return l.corpus.sequence(l.next)
}

func (l *Loader) advance() {
	l.next, l.offset = l.next+1, 0
	if l.ended() && l.options.Split == Train {
		l.begin(l.epoch + 1)
	}
}

// begin goes to the first document of an epoch and shuffles its documents.
func (l *Loader) begin(epoch uint64) {
	l.epoch, l.next, l.offset = epoch, 0, 0
	switch {
	case !l.options.Shuffle:
	case l.keyed:
		l.order = newKeyed(l.units(), l.options.Seed, epoch)
	default:
		l.order = shuffled(l.units(), l.options.Seed, epoch, l.order)
	}
	l.plan()
}

// Rewind goes back to the beginning of the first epoch.
func (l *Loader) Rewind() { l.begin(0) }

// Epoch is the number of times that the loader has gone through all documents.
func (l *Loader) Epoch() uint64 { return l.epoch }

// State returns the position of the next batch.
func (l *Loader) State() State {
	s := State{l.dataset, l.options.Split, l.options.Seed, l.options.Shuffle, l.epoch, l.next, l.offset, 0}
	if l.whole != nil {
		s.Length = l.options.SequenceLength
	}
	return s
}

// Restore goes to a position that State returned, on the same data in the same order.
func (l *Loader) Restore(s State) error {
	here := l.State()
	switch {
	case s.Dataset != here.Dataset:
		return fmt.Errorf("loader state: it belongs to data set %.12s, this is %.12s: resume with the data it was made with",
			s.Dataset, here.Dataset)
	case s.Split != here.Split || s.Seed != here.Seed || s.Shuffle != here.Shuffle:
		return fmt.Errorf("loader state: split %q, seed %d, shuffle %v: this loader has %q, %d, %v: resume with the same",
			s.Split, s.Seed, s.Shuffle, here.Split, here.Seed, here.Shuffle)
	case s.Length != here.Length:
		return fmt.Errorf("loader state: rows of %d tokens, and here of %d: the place in whole conversations is another: "+
			"resume with the same sequence_length", s.Length, here.Length)
	case s.Document < 0 || s.Document > l.units() || s.Document == l.units() && s.Split == Train:
		return damagedState("document %d of %d", s.Document, l.units())
	}
	l.begin(s.Epoch)
	l.next = s.Document
	l.plan()
	if s.Offset < 0 || l.ended() && s.Offset != 0 || !l.ended() && s.Offset >= l.length() || l.isInPair(s.Offset) {
		l.begin(0)
		return damagedState("offset %d is past the end of document %d", s.Offset, s.Document)
	}
	l.offset = s.Offset
	return nil
}

// isInPair reports whether a row is the second of a pair.
func (l *Loader) isInPair(row int) bool { return l.whole != nil && l.whole.pairs && row%2 != 0 }

// length is what Offset stays below, where the loader is now.
func (l *Loader) length() int {
	if l.whole != nil {
		return len(l.whole.rows)
	}
	return l.sequence().len()
}

func damagedState(found string, args ...any) error {
	return fmt.Errorf("loader state: %s: the file it was read from is damaged", fmt.Sprintf(found, args...))
}
