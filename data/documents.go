package data

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"sort"

	"trit/setting"
)

// Document is one text of a split as token ids, without BOS and EOS; or a conversation with all of
// its tokens. The two of a pair follow one another, the chosen one first.
type Document struct {
	IDs   []int32
	Learn []bool // of a conversation: which tokens are learned; nil: all
	Bytes int64  // length of the text that is learned, in UTF-8, for bits per byte
}

// Documents yields the documents of a split (Train or Heldout) of the data set in dir, in the
// order in which they were prepared.
func Documents(dir, split string) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		m, err := OpenManifest(dir)
		if err != nil {
			yield(Document{}, err)
			return
		}
		c, err := openCorpus(dir, m, split)
		if err != nil {
			yield(Document{}, err)
			return
		}
		defer c.close()
		for i := range c.documents {
			if d, err := c.document(i); !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// HeldoutDocuments is Documents of the held-out split.
func HeldoutDocuments(dir string) iter.Seq2[Document, error] { return Documents(dir, Heldout) }

// corpus is the open shards of one split, as one list of documents.
type corpus struct {
	dir        string
	vocabulary int
	shards     []*shard
	first      []int // number of each shard's first document
	documents  int
	bos, eos   int32
	marked     bool // the shards say which tokens are learned
}

func openCorpus(dir string, m *Manifest, split string) (*corpus, error) {
	info, err := m.Split(split)
	if err != nil {
		return nil, err
	}
	if info.Documents == 0 {
		return nil, &setting.Error{
			Field: "data.PrepareOptions.Holdout", Problem: fmt.Sprintf("%s: the %s split is empty", dir, split),
			Remedy: "prepare the data with a {data.PrepareOptions.Holdout} above 0 and below 1, such as 0.05",
		}
	}
	c := &corpus{dir: dir, vocabulary: m.VocabSize, bos: m.BOS, eos: m.EOS, marked: m.Kind != Texts}
	if c.marked {
		c.bos, c.eos = -1, -1 // their templates write what stands around
	}
	checked := readChecked(dir)
	before := maps.Clone(checked)
	for _, want := range info.Shards {
		if err := c.add(want, checked); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	checked.write(dir, before)
	if int64(c.documents) != info.Documents {
		manifest := filepath.Join(dir, ManifestName)
		err := shardError(manifest, split+" documents", "%d: its shards hold %d", info.Documents, c.documents)
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *corpus) add(want ShardInfo, checked checkedFiles) error {
	path := filepath.Join(c.dir, want.File)
	s, err := checked.open(path)
	if err != nil {
		return err
	}
	c.first = append(c.first, c.documents)
	c.shards = append(c.shards, s)
	c.documents += s.documents
	if s.vocabulary != c.vocabulary {
		return shardError(path, "vocabulary", "%d: %s states %d", s.vocabulary, ManifestName, c.vocabulary)
	}
	if s.marked != c.marked {
		return shardError(path, "version", "it says which tokens are learned: %v: the kind in %s says %v",
			s.marked, ManifestName, c.marked)
	}
	if int64(s.documents) != want.Documents || int64(s.tokens) != want.Tokens {
		return shardError(path, "documents and tokens", "%d and %d: %s states %d and %d",
			s.documents, s.tokens, ManifestName, want.Documents, want.Tokens)
	}
	return nil
}

func (c *corpus) close() error {
	var errs []error
	for _, s := range c.shards {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// find returns the shard of document i and its number in the shard.
func (c *corpus) find(i int) (*shard, int) {
	k := sort.SearchInts(c.first, i+1) - 1
	return c.shards[k], i - c.first[k]
}

// checkIDs refuses what no tokenizer wrote, in a shard that was damaged after it was checked; -1 stands for none.
func (c *corpus) checkIDs(ids []int32) error {
	for _, id := range ids {
		if id < -1 || int(id) >= c.vocabulary {
			return shardError(c.dir, "ids", "a token is %d, of a vocabulary of %d: a shard was damaged after it was checked",
				id, c.vocabulary)
		}
	}
	return nil
}

func (c *corpus) document(i int) (Document, error) {
	s, n := c.find(i)
	lo, hi, bytes := s.document(n)
	d := Document{IDs: make([]int32, hi-lo), Bytes: bytes}
	if s.marked {
		d.Learn = make([]bool, hi-lo)
	}
	for k := range d.IDs {
		d.IDs[k] = s.id(lo + k)
		if s.marked {
			d.Learn[k] = s.learned(lo + k)
		}
	}
	return d, c.checkIDs(d.IDs)
}

// sequence is the tokens of a document for training: with BOS and EOS, if the data set has them.
type sequence struct {
	shard    *shard
	lo, hi   int
	bos, eos int32
	bytes    int64
}

func (c *corpus) sequence(i int) sequence {
	s, n := c.find(i)
	lo, hi, bytes := s.document(n)
	return sequence{s, lo, hi, c.bos, c.eos, bytes}
}

func (q sequence) len() int {
	n := q.hi - q.lo
	if q.bos >= 0 {
		n++
	}
	if q.eos >= 0 {
		n++
	}
	return n
}

// token returns token k of the sequence.
func (q sequence) token(k int) int32 {
	if q.bos >= 0 {
		if k == 0 {
			return q.bos
		}
		k--
	}
	if k == q.hi-q.lo {
		return q.eos
	}
	return q.shard.id(q.lo + k)
}
