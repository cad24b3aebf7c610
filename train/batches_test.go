package train

import (
	"slices"
	"testing"
)

func TestBatchesByLengthHoldEveryTextOnce(t *testing.T) {
	for _, n := range []int{1, 7, 32, 33, 1000, 5000} {
		tr := &Trainer{config: Config{BatchSize: 8, Seed: 3, GroupByLength: true}, train: &Set{n: n}}
		for i := range n {
			tr.train.Input.Tokens.Append(make([]int32, i*i%97))
		}
		tr.order = permutation(nil, n, 3, 0)
		tr.groupByLength()
		if want := (n + 7) / 8; len(tr.ends) != want {
			t.Errorf("%d texts: %d batches, want %d", n, len(tr.ends), want)
		}
		sorted := slices.Sorted(slices.Values(tr.order))
		for i, v := range sorted {
			if int(v) != i {
				t.Fatalf("%d texts: text %d is missing", n, i)
			}
		}
		length := func(i int32) int { return len(tr.train.Input.Tokens.Sequence(int(i))) }
		most, spread, begin, total := 0, 0, 0, 0
		for _, end := range tr.ends {
			if end <= begin {
				t.Fatalf("%d texts: an empty batch", n)
			}
			tokens, lengths := 0, []int{}
			for _, i := range tr.order[begin:end] {
				tokens += length(i)
				lengths = append(lengths, length(i))
			}
			total += tokens
			most = max(most, tokens)
			spread += slices.Max(lengths) - slices.Min(lengths)
			begin = end
		}
		if n >= 1000 && (most > 2*total/len(tr.ends) || spread/len(tr.ends) > 97/4) {
			t.Errorf("%d texts: %d tokens in one batch of %d on average, lengths %d apart", n, most, total/len(tr.ends), spread/len(tr.ends))
		}
	}
}
