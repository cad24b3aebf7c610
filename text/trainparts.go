package text

import (
	"context"
	"runtime"

	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
)

// longestWord is the longest word, in characters, that WordPiece cuts.
const longestWord = 100

// alphabetShare is the part of a vocabulary that single characters may take.
const alphabetShare = 0.75

// learnWordPiece makes t's algorithm a WordPiece one of the counted words.
func (t *Tokenizer) learnWordPiece(ctx context.Context, counts *counter, c Config, observe func(stage string, done, total int64)) error {
	pieces, n := counts.all()
	alphabet := mostFrequent(characterCounts(pieces, n, "##"), int64(c.MinFrequency), int(alphabetShare*float64(c.VocabSize)))
	m := mergeTrainer{prefix: "##", tokens: []string{Pad, Unknown}}
	err := m.train(ctx, pieces, n, alphabet, c.MinFrequency, c.VocabSize, func(done int64) { observe(StageMerging, done, int64(c.VocabSize)) })
	t.algorithm = newWordPiece(newVocab(m.tokens), 1, "##", longestWord)
	return err
}

// learnBPE makes t's algorithm a byte-level BPE one of the counted pieces. All bytes are in the vocabulary, however
// small it was meant to be.
func (t *Tokenizer) learnBPE(ctx context.Context, counts *counter, c Config, observe func(stage string, done, total int64)) error {
	pieces, n := counts.all()
	for i, p := range pieces {
		pieces[i] = visible(p)
	}
	var alphabet []string
	for _, r := range byteRunes {
		alphabet = append(alphabet, string(r))
	}
	m := mergeTrainer{tokens: []string{Pad, Unknown}}
	err := m.train(ctx, pieces, n, alphabet, c.MinFrequency, c.VocabSize, func(done int64) { observe(StageMerging, done, int64(c.VocabSize)) })
	if err != nil {
		return err
	}
	unknown := Unknown
	t.algorithm, err = newBPE(newVocab(m.tokens), m.merges, bpeConfig{Unknown: &unknown}, true)
	return err
}

// learnUnigram makes t's algorithm a Unigram one of the counted pieces.
func (t *Tokenizer) learnUnigram(ctx context.Context, counts *counter, c Config, observe func(stage string, done, total int64)) error {
	pieces, n := counts.all()
	characters := mostFrequent(characterCounts(pieces, n, ""), int64(c.MinFrequency), int(alphabetShare*float64(c.VocabSize)))
	u := unigramTrainer{pieces: pieces, counts: n, size: c.VocabSize - 2, pool: parallel.New(runtime.GOMAXPROCS(0))}
	defer u.pool.Close()
	tokens, scores, err := u.train(ctx, characters, int64(c.MinFrequency), func(done int64) { observe(StagePruning, done, 0) })
	if err != nil {
		return err
	}
	for i := range scores {
		scores[i] = sixDecimals(scores[i])
	}
	t.algorithm = newUnigram(append([]string{Pad, Unknown}, tokens...), append([]float64{0, 0}, scores...), 1)
	return nil
}
