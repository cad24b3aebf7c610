package corpus

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Options say how texts become sequences.
type Options struct {
	// Encode appends the tokens of a text. It is called by several goroutines at once.
	Encode     func(dst []Token, text string) []Token
	Begin, End []int32 // special tokens around each sequence, such as [CLS] and [SEP]; those of End also stand between texts that are laid together
	MaxTokens  int     // of a sequence, with Begin and End
}

// Build reads the texts of a source and writes their tokens to files in the folder dir, which it makes; an older corpus
// there is replaced. Texts longer than a sequence are cut into several.
func Build(ctx context.Context, dir string, s *Source, o Options) (*Store, error) {
	if o.MaxTokens <= len(o.Begin)+len(o.End) {
		return nil, fmt.Errorf("building a corpus: sequences of %d tokens have no room for text", o.MaxTokens)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, hint.Wrap(err, "choose a folder that you may write to", "keeping the corpus as tokens")
	}
	if err := os.Remove(filepath.Join(dir, indexFile)); err != nil && !os.IsNotExist(err) {
		return nil, hint.Wrap(err, "choose a folder that you may write to", "keeping the corpus as tokens")
	}
	var parts [2]*writer
	for i, name := range partFiles {
		w, err := newWriter(filepath.Join(dir, name), &o, s.Config.Join)
		if err != nil {
			return nil, err
		}
		defer w.file.Close()
		parts[i] = w
	}
	if err := encodeAll(ctx, s, &o, parts); err != nil {
		return nil, err
	}
	x := index{Report: s.Report}
	for i, w := range parts {
		if err := w.finish(); err != nil {
			return nil, err
		}
		x.Parts[i] = w.index
	}
	if x.Parts[0].Sequences == 0 {
		return nil, hint.Errorf("check the files, pretrain.column and pretrain.exclude", "reading the corpus: no text is left of %d (%d doubles, %d too short, %d excluded)",
			x.Report.Texts, x.Report.Doubles, x.Report.Short, x.Report.Excluded)
	}
	content, err := json.Marshal(x)
	if err == nil {
		err = atomicfile.WriteFile(filepath.Join(dir, indexFile), content, 0o644)
	}
	if err != nil {
		return nil, hint.Wrap(err, "free some space", "keeping the corpus as tokens")
	}
	return Open(dir)
}

// round is how many texts are encoded at a time, by all processors.
const round = 2048

// encodeAll sends each text to its part.
func encodeAll(ctx context.Context, s *Source, o *Options, parts [2]*writer) error {
	var texts []string
	tokens := make([][]Token, round)
	limit := uint64(math.MaxUint64 * s.Config.HeldOut)
	flush := func() error {
		workers := runtime.GOMAXPROCS(0)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := w; i < len(texts); i += workers {
					tokens[i] = o.Encode(tokens[i][:0], texts[i])
				}
			})
		}
		wg.Wait()
		for i, t := range texts {
			part := parts[0]
			if digest(t) < limit {
				part = parts[1]
			}
			if err := part.text(tokens[i]); err != nil {
				return err
			}
		}
		texts = texts[:0]
		return nil
	}
	for t, err := range s.All(ctx) {
		if err != nil {
			return err
		}
		if texts = append(texts, t); len(texts) == round {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// writer writes the sequences of one part.
type writer struct {
	options *Options
	join    bool
	file    *os.File
	out     *bufio.Writer
	sum     hash.Hash
	index   partIndex
	room    int     // for tokens of texts in a sequence
	waiting []Token // of the sequence that texts are laid into
}

func newWriter(path string, o *Options, join bool) (*writer, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, hint.Wrap(err, "choose a folder that you may write to", "keeping the corpus as tokens")
	}
	return &writer{options: o, join: join, file: file, out: bufio.NewWriterSize(file, 1<<18), sum: sha256.New(), room: o.MaxTokens - len(o.Begin) - len(o.End)}, nil
}

// text writes the tokens of a text.
func (w *writer) text(tokens []Token) error {
	if len(tokens) == 0 {
		return nil
	}
	if !w.join {
		for len(tokens) > w.room {
			if err := w.sequence(tokens[:w.room]); err != nil {
				return err
			}
			tokens = tokens[w.room:]
		}
		return w.sequence(tokens)
	}
	if len(w.waiting) > 0 {
		for _, id := range w.options.End {
			w.waiting = append(w.waiting, Token{id, true})
		}
	}
	w.waiting = append(w.waiting, tokens...)
	for len(w.waiting) >= w.room {
		if err := w.sequence(w.waiting[:w.room]); err != nil {
			return err
		}
		w.waiting = w.waiting[:copy(w.waiting, w.waiting[w.room:])]
	}
	return nil
}

// sequence writes one, between the special tokens.
func (w *writer) sequence(tokens []Token) error {
	w.index.begin()
	first := true
	put := func(t Token) {
		v := uint32(t.ID) << 2
		if t.Word || first {
			v |= beginsWord
		}
		if first {
			v |= beginsSequence
		}
		var raw [4]byte
		binary.LittleEndian.PutUint32(raw[:], v)
		w.out.Write(raw[:]) // errors stay until Flush
		w.sum.Write(raw[:])
		w.index.Tokens++
		first = false
	}
	for _, id := range w.options.Begin {
		put(Token{id, true})
	}
	for i, t := range tokens {
		put(Token{t.ID, t.Word || i == 0})
	}
	for _, id := range w.options.End {
		put(Token{id, true})
	}
	if w.index.Sequences%4096 == 0 { // a full disk is noticed before the end
		return w.flush()
	}
	return nil
}

func (w *writer) flush() error {
	if err := w.out.Flush(); err != nil {
		return hint.Wrap(err, "free some space", "keeping the corpus as tokens")
	}
	return nil
}

func (w *writer) finish() error {
	if len(w.waiting) > 0 {
		if err := w.sequence(w.waiting); err != nil {
			return err
		}
	}
	w.index.Digest = hex.EncodeToString(w.sum.Sum(nil))
	return w.flush()
}
