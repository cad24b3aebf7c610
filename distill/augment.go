package distill

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/internal/similar"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/text/vectors"
)

// Augment says what texts are made of those of the training part, for a teacher to label: the part `distill.augment` of
// xiaoyu.yaml.
type Augment struct {
	Words   int     `yaml:"words" json:"words,omitempty" doc:"copies of each training text in which words are replaced by similar ones (of distill.augment.vectors, else by the teacher's embeddings of tokens), and some swapped or left out" default:"0" min:"0" max:"100"`
	Masked  int     `yaml:"masked" json:"masked,omitempty" doc:"copies in which words are replaced by what a masked language model, distill.augment.model, expects in their place (TinyBERT)" default:"0" min:"0" max:"100"`
	Rate    float64 `yaml:"rate" json:"rate,omitempty" doc:"share of the words that is replaced" default:"0.2" min:"0.01" max:"1"`
	Nearest int     `yaml:"nearest" json:"nearest,omitempty" doc:"how many of the most similar, or of the most expected, words one is drawn from" default:"10" min:"1" max:"1000"`
	Swap    float64 `yaml:"swap" json:"swap,omitempty" doc:"share of neighbouring words that change places, in copies of distill.augment.words" default:"0.03" min:"0" max:"1"`
	Drop    float64 `yaml:"drop" json:"drop,omitempty" doc:"share of words that is left out, in copies of distill.augment.words" default:"0.03" min:"0" max:"1"`
	Model   string  `yaml:"model" json:"model,omitempty" doc:"masked language model: a folder that xiaoyu pretrain has written, a checkpoint with such a head, or a reference (hf://…)" default:""`
	Vectors string  `yaml:"vectors" json:"vectors,omitempty" doc:"file of word vectors (word2vec, GloVe or fastText) whose nearest words replace others" default:""`
}

// piece is a part of a text that may be replaced: a word, or a token that is one in its surroundings.
type piece struct {
	from, to int
	id       int    // among those that the replacer knows; -1 for none
	word     string // as it stands in the text
}

// Replacer proposes what may stand in the place of words. It may be used by many goroutines.
type Replacer interface {
	// pieces cuts a text.
	pieces(s string) []piece
	// propose returns for each chosen piece, by its place among them, what may stand there; "" where nothing is known.
	propose(s string, all []piece, chosen []int, draw *rand.Rand) ([]string, error)
	// moves tells whether pieces may be swapped and left out too.
	moves() bool
}

// Copies makes up to n other texts of each text. They follow from seed and text alone, and none of them is a text already.
// progress, which may be nil, is told how many texts are done.
func (a *Augment) Copies(ctx context.Context, texts []string, n int, r Replacer, seed uint64, progress func(done int)) ([]string, error) {
	made := make([][]string, len(texts))
	const together = 64
	for at := 0; at < len(texts); at += together {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part := texts[at:min(at+together, len(texts))]
		workers := min(runtime.GOMAXPROCS(0), len(part))
		errs := make([]error, workers)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := w; i < len(part) && errs[w] == nil; i += workers {
					made[at+i], errs[w] = a.copiesOf(part[i], n, r, seed)
				}
			})
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				return nil, err
			}
		}
		if progress != nil {
			progress(at + len(part))
		}
	}
	seen := map[string]bool{}
	for _, s := range texts {
		seen[s] = true
	}
	var out []string
	for _, s := range slices.Concat(made...) {
		if !seen[s] && strings.TrimSpace(s) != "" {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out, nil
}

func (a *Augment) copiesOf(s string, n int, r Replacer, seed uint64) ([]string, error) {
	sum := sha256.Sum256([]byte(s))
	draw := rand.New(rand.NewPCG(seed, binary.LittleEndian.Uint64(sum[:])))
	all := r.pieces(s)
	var known []int
	for i, p := range all {
		if p.id >= 0 {
			known = append(known, i)
		}
	}
	var out []string
	for range n {
		var chosen []int
		for _, i := range known {
			if draw.Float64() < a.Rate {
				chosen = append(chosen, i)
			}
		}
		if len(chosen) == 0 && len(known) > 0 {
			chosen = append(chosen, known[draw.IntN(len(known))]) // of a short text at least one
		}
		words, err := r.propose(s, all, chosen, draw)
		if err != nil {
			return nil, err
		}
		changed := slices.Clone(all)
		for k, i := range chosen {
			if words[k] != "" {
				changed[i].word = words[k]
			}
		}
		if r.moves() {
			a.move(changed, known, draw)
		}
		out = append(out, rebuild(s, all, changed))
	}
	return out, nil
}

// move swaps some neighbours and empties some words, as Wei & Zou 2019 ("EDA") do.
func (a *Augment) move(changed []piece, known []int, draw *rand.Rand) {
	for k, i := range known {
		if k+1 < len(known) && draw.Float64() < a.Swap {
			j := known[k+1]
			changed[i].word, changed[j].word = changed[j].word, changed[i].word
		}
	}
	for _, i := range known {
		if draw.Float64() < a.Drop {
			changed[i].word = ""
		}
	}
}

// rebuild puts the words of changed in the places of all in s.
func rebuild(s string, all, changed []piece) string {
	var b strings.Builder
	at := 0
	for i, p := range all {
		b.WriteString(s[at:p.from])
		b.WriteString(changed[i].word)
		at = p.to
	}
	b.WriteString(s[at:])
	return b.String()
}

// tokenPieces cuts a text into the tokens of a tokenizer. Those are words, and have an id, that stand in the text as they
// stand in the vocabulary, but for case and the mark of a beginning or of a continuation, and are made of letters.
func tokenPieces(tok *text.Tokenizer, s string) []piece {
	e := tok.Encode(s)
	var out []piece
	at := 0
	for i, id := range e.IDs {
		span := e.Spans[i]
		for span.Start < span.End && s[span.Start] == ' ' { // which belongs to the token's mark
			span.Start++
		}
		if span.Start < at || span.Start >= span.End {
			continue // several tokens of one character
		}
		p := piece{from: span.Start, to: span.End, id: -1, word: s[span.Start:span.End]}
		if _, word := surface(tok.Token(id)); isWord(word) && strings.EqualFold(word, p.word) {
			p.id = int(id)
		}
		out = append(out, p)
		at = p.to
	}
	return out
}

// surface parts a token from the mark that says how it stands in its surroundings: that a word begins (▁, Ġ), or goes
// on (##).
func surface(token string) (mark, word string) {
	for _, m := range []string{"▁", "Ġ", "##"} {
		if rest, ok := strings.CutPrefix(token, m); ok {
			return m, rest
		}
	}
	return "", token
}

func isWord(s string) bool {
	for _, r := range s {
		if !unicode.IsLetter(r) {
			return false
		}
	}
	return s != ""
}

// chinese tells whether a word is written in Chinese characters: one replaces only its like.
func chinese(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// nearby replaces words by those whose vectors are near.
type nearby struct {
	cut  func(s string) []piece
	near map[int][]string // by id
}

func (r *nearby) pieces(s string) []piece {
	all := r.cut(s)
	for i := range all {
		if len(r.near[all[i].id]) == 0 {
			all[i].id = -1
		}
	}
	return all
}

func (r *nearby) propose(_ string, all []piece, chosen []int, draw *rand.Rand) ([]string, error) {
	out := make([]string, len(chosen))
	for k, i := range chosen {
		near := r.near[all[i].id]
		out[k] = near[draw.IntN(len(near))]
	}
	return out, nil
}

func (r *nearby) moves() bool { return true }

// NearTokens is a replacer by the embeddings of a model's tokens. Candidates are tokens of texts, which are those that
// will be changed.
func (a *Augment) NearTokens(m *model.Model, texts []string) (Replacer, error) {
	table, width := m.TokenEmbeddings()
	if table == nil {
		return nil, hint.Errorf("name word vectors in distill.augment.vectors", "distill.augment.words: a teacher of family %s has no embeddings of words", m.Config.Family)
	}
	used := map[int]bool{}
	for _, s := range texts {
		for _, p := range tokenPieces(m.Tokenizer, s) {
			if p.id >= 0 {
				used[p.id] = true
			}
		}
	}
	var ids []int
	for id := range used {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	rows, marks, words := make([]float32, 0, len(ids)*width), make([]string, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		rows = append(rows, table[id*width:(id+1)*width]...)
		marks[i], words[i] = surface(m.Tokenizer.Token(int32(id)))
	}
	near := a.neighbours(rows, width, ids, words, func(i, j int) bool { return marks[i] == marks[j] })
	return &nearby{func(s string) []piece { return tokenPieces(m.Tokenizer, s) }, near}, nil
}

// neighbours finds for each word the nearest others that alike lets stand in its place, by the cosine.
func (a *Augment) neighbours(rows []float32, width int, ids []int, words []string, alike func(i, j int) bool) map[int][]string {
	han := make([]bool, len(words))
	for i, w := range words {
		han[i] = chinese(w)
		similar.Unit(rows[i*width : (i+1)*width])
	}
	pool := parallel.New(0)
	defer pool.Close()
	found := make([][]string, len(ids))
	similar.Each(pool, rows, rows, width, func(i int, scores []float32) {
		for _, j := range similar.Best(scores, a.Nearest, func(j int) bool {
			return j != i && han[i] == han[j] && alike(i, j) && !strings.EqualFold(words[i], words[j])
		}) {
			found[i] = append(found[i], words[j])
		}
	})
	near := map[int][]string{}
	for i, id := range ids {
		near[id] = found[i]
	}
	return near
}

// NearWords is a replacer by a file of word vectors, of which it reads the words of texts. Where the file does not know a
// Chinese word, it may know its characters.
func (a *Augment) NearWords(ctx context.Context, texts []string, progress func(done, total int64)) (Replacer, error) {
	segmenter, err := text.NewSegmenter()
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, s := range texts {
		for _, span := range segmenter.Segment(s) {
			word := s[span.Start:span.End]
			if !isWord(word) {
				continue
			}
			wanted[word] = true
			if chinese(word) {
				for _, r := range word {
					wanted[string(r)] = true
				}
			}
		}
	}
	set, err := vectors.Read(ctx, a.Vectors, vectors.Options{Keep: func(w string) bool { return wanted[w] }, Progress: progress})
	if err != nil {
		return nil, err
	}
	if set.Len() < 2 {
		return nil, hint.Errorf("take vectors of the language of the texts", "distill.augment.vectors: %s has %d of the words of the texts", a.Vectors, set.Len())
	}
	ids, index := make([]int, set.Len()), map[string]int{}
	for i, w := range set.Words {
		ids[i], index[w] = i, i
	}
	near := a.neighbours(slices.Clone(set.Values), set.Dim, ids, set.Words, func(int, int) bool { return true })
	cut := func(s string) []piece {
		var out []piece
		add := func(from, to int) {
			p := piece{from: from, to: to, id: -1, word: s[from:to]}
			if id, ok := index[p.word]; ok {
				p.id = id
			}
			out = append(out, p)
		}
		for _, span := range segmenter.Segment(s) {
			word := s[span.Start:span.End]
			if _, ok := index[word]; ok || !isWord(word) || !chinese(word) {
				add(span.Start, span.End)
				continue
			}
			for i, r := range word {
				add(span.Start+i, span.Start+i+len(string(r)))
			}
		}
		return out
	}
	return &nearby{cut, near}, nil
}

// expected replaces words by what a masked language model expects (Jiao et al. 2020, "TinyBERT", without its recourse to
// word vectors: the tokens of the model are what is replaced).
type expected struct {
	*model.Model
	mask    string
	nearest int
}

// Expected is a replacer by a masked language model, which stays the caller's.
func (a *Augment) Expected(m *model.Model, name string) (Replacer, error) {
	if m.Config.Head != model.MaskedHead {
		return nil, hint.Errorf("name one that `xiaoyu pretrain` has written", "distill.augment.model: %s is no masked language model", name)
	}
	id, ok := m.Tokenizer.MaskID()
	if !ok {
		return nil, hint.Errorf("name another", "distill.augment.model: the tokenizer of %s has no token that hides a word", name)
	}
	return &expected{m, m.Tokenizer.Token(id), a.Nearest}, nil
}

// pieces leaves those alone that the model would not read: its texts are cut.
func (r *expected) pieces(s string) []piece {
	all := tokenPieces(r.Tokenizer, s)
	for i := max(r.Config.MaxTokens-8, 1); i < len(all); i++ { // room for special tokens, and for tokens that are no pieces
		all[i].id = -1
	}
	return all
}

func (r *expected) moves() bool { return false }

func (r *expected) propose(s string, all []piece, chosen []int, draw *rand.Rand) ([]string, error) {
	out := make([]string, len(chosen))
	if len(chosen) == 0 {
		return out, nil
	}
	hidden := slices.Clone(all)
	for _, i := range chosen {
		hidden[i].word = r.mask
	}
	scores, err := r.MaskScores(rebuild(s, all, hidden), nil)
	if err != nil {
		return nil, err
	}
	if len(scores) != len(chosen) { // a text with a mask of its own, or one that was cut
		return out, nil
	}
	for k, i := range chosen {
		mark, word := surface(r.Tokenizer.Token(int32(all[i].id)))
		best := similar.Best(scores[k], r.nearest, func(id int) bool {
			m, w := surface(r.Tokenizer.Token(int32(id)))
			return m == mark && isWord(w) && !strings.EqualFold(w, word) && chinese(w) == chinese(word)
		})
		if at := drawOf(scores[k], best, draw); at >= 0 {
			_, out[k] = surface(r.Tokenizer.Token(int32(at)))
		}
	}
	return out, nil
}

// drawOf draws one of some places by their log-probabilities; -1 where there are none.
func drawOf(logs []float32, places []int, draw *rand.Rand) int {
	if len(places) == 0 {
		return -1
	}
	sum := 0.0
	for _, p := range places {
		sum += math.Exp(float64(logs[p] - logs[places[0]]))
	}
	at := draw.Float64() * sum
	for _, p := range places {
		if at -= math.Exp(float64(logs[p] - logs[places[0]])); at < 0 {
			return p
		}
	}
	return places[len(places)-1]
}
