package vectors

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Neighbour is a word and the cosine of the angle between its vector and what was asked for.
type Neighbour struct {
	Word       string  `json:"word"`
	Similarity float32 `json:"similarity"`
}

// Nearest returns the n words nearest to a word, nearest first, without the word itself.
func (s *Set) Nearest(word string, n int) ([]Neighbour, error) {
	id, err := s.lookup(word)
	if err != nil {
		return nil, err
	}
	return s.near(s.unit(id), n, id), nil
}

// Analogy returns the n words nearest to b − a + c, nearest first: a is to b as c is to the answer (3CosAdd, Levy and
// Goldberg 2014). The three words themselves are left out.
func (s *Set) Analogy(a, b, c string, n int) ([]Neighbour, error) {
	var ids []int
	for _, w := range []string{a, b, c} {
		id, err := s.lookup(w)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	target := s.unit(ids[1])
	kernel.Axpy(-1, s.unit(ids[0]), target)
	kernel.Axpy(1, s.unit(ids[2]), target)
	scaleToUnit(target)
	return s.near(target, n, ids...), nil
}

// Similarity returns the cosine of the angle between the vectors of two words.
func (s *Set) Similarity(a, b string) (float32, error) {
	x, err := s.lookup(a)
	if err != nil {
		return 0, err
	}
	y, err := s.lookup(b)
	if err != nil {
		return 0, err
	}
	return kernel.Dot(s.unit(x), s.unit(y)), nil
}

// lookup returns the number of a word, as it is spelled or in lower case; the error of an unknown one names the known
// word that is spelled most like it.
func (s *Set) lookup(word string) (int, error) {
	if id, ok := s.ID(word); ok {
		return id, nil
	}
	if id, ok := s.ID(strings.ToLower(word)); ok {
		return id, nil
	}
	way := "try another word"
	if near := s.spelledLike(word); near != "" {
		way = fmt.Sprintf("did you mean %q?", near)
	}
	return 0, hint.Errorf(way, "there is no vector of %q", word)
}

// spelledLike returns the known word nearest to a misspelled one, the most frequent of equally near ones.
func (s *Set) spelledLike(word string) string {
	// Words that share no character and those of very different lengths cannot be meant; the rest is few.
	var near []string
	length := len([]rune(word))
	for _, w := range s.Words {
		if d := len([]rune(w)) - length; d >= -2 && d <= 2 && strings.ContainsAny(w, word) {
			near = append(near, w)
		}
	}
	if best := hint.Nearest(strings.ToLower(word), near); best != "" {
		return best
	}
	for _, w := range near { // for Chinese: words of which one is part of the other
		if strings.Contains(w, word) || strings.Contains(word, w) && length > 1 && len([]rune(w)) > 1 {
			return w
		}
	}
	return ""
}

// unit returns a copy of a word's vector of length 1.
func (s *Set) unit(id int) []float32 {
	v := slices.Clone(s.Row(id))
	scaleToUnit(v)
	return v
}

func scaleToUnit(v []float32) {
	if n := kernel.SumSquares(v); n > 0 {
		kernel.Scale(float32(1/math.Sqrt(n)), v)
	}
}

// near returns the n words whose vectors point most in the direction of target, a vector of length 1.
func (s *Set) near(target []float32, n int, without ...int) []Neighbour {
	var best []Neighbour
	for id, w := range s.Words {
		if slices.Contains(without, id) {
			continue
		}
		row := s.Row(id)
		length := math.Sqrt(kernel.SumSquares(row))
		if length == 0 {
			continue
		}
		found := Neighbour{w, float32(float64(kernel.Dot(target, row)) / length)}
		if len(best) == n && (n == 0 || found.Similarity <= best[n-1].Similarity) {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, found, func(a, b Neighbour) int { return cmp.Or(cmp.Compare(b.Similarity, a.Similarity), -1) })
		best = slices.Insert(best, at, found)
		best = best[:min(len(best), n)]
	}
	return best
}
