package model

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Counts are those of a map, over growth and over what is forgotten.
func TestGramCounts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	counts, want := newGramCounts(), map[uint64]int32{}
	for text := int32(1); text <= 400; text++ {
		seen := map[uint64]bool{}
		for range 3 {
			hashes := make([]uint64, rng.IntN(lookups+1))
			for i := range hashes {
				h := rng.Uint64N(1 << 15) // few of them, and neighbours
				if rng.IntN(2) == 0 {
					h = h * h * h * 0x9e3779b97f4a7c15
				}
				hashes[i] = h<<featureBits | rng.Uint64N(1<<featureBits) // the lower bits count nothing
				seen[hashes[i]>>featureBits] = true
			}
			counts.add(hashes, text)
		}
		for h := range seen {
			want[h]++
		}
		if text == 100 {
			counts.rebuild(len(counts.slots), 1)
			for h, n := range want {
				if n == 1 {
					delete(want, h)
				}
			}
		}
	}
	if counts.taken != len(want) || counts.taken < 10_000 {
		t.Errorf("%d n-grams are counted, want %d", counts.taken, len(want))
	}
	for _, c := range counts.slots {
		if n := want[c.hash()>>featureBits]; c.key != 0 && c.texts != n {
			t.Fatalf("n-gram %x is in %d texts, want %d", c.hash(), c.texts, n)
		}
	}
}

// Numbers are sorted, few and many, small and large.
func TestInOrder(t *testing.T) {
	rng, tape := rand.New(rand.NewPCG(3, 4)), nn.NewTape(nil)
	for _, limit := range []int{1, 2, 2047, 2048, 2049, 30_000, 1 << 20, 1<<22 - 1, 1<<22 + 1, 1<<featureBits - 2} {
		for _, n := range []int{0, 1, fewToSort - 1, fewToSort, 1000, 5000} {
			tape.Begin(nn.Inference, 0, 0)
			ids := make([]int32, n)
			for i := range ids {
				ids[i] = int32(rng.IntN(limit))
			}
			given, got := slices.Clone(ids), inOrder(tape, ids, limit)
			if !slices.Equal(ids, given) {
				t.Fatalf("%d numbers below %d: those that were given have changed", n, limit)
			}
			if slices.Sort(ids); !slices.Equal(got, ids) {
				t.Fatalf("%d numbers below %d are not in order", n, limit)
			}
		}
	}
}

// Features are found in either table where they are, and nothing else in the exact one.
func TestTablesFindAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	hashes := make([]uint64, 5000)
	table := make(slots, 8<<14)
	upper := make([]uint64, len(hashes))
	for i := range hashes {
		hashes[i] = rng.Uint64()
		table.insert(hashes[i], i)
		upper[i] = hashes[i] >> featureBits
	}
	prints, places, err := newFingerprints(upper, 16)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(hashes); at += lookups {
		some := slices.Clone(hashes[at:min(at+lookups, len(hashes))])
		for i := range some {
			if i%3 == 0 {
				some[i] = rng.Uint64() // no feature
			}
		}
		var want []int32
		for i := range some {
			if i%3 != 0 {
				want = append(want, int32(at+i))
			}
		}
		if got := table.findAll(nil, some); !slices.Equal(got, want) {
			t.Fatalf("found %v, want %v", got, want)
		}
		var among []int32
		for _, place := range prints.findAll(nil, some) {
			among = append(among, places[place])
		}
		for _, f := range want {
			if !slices.Contains(among, f) {
				t.Fatalf("by fingerprints, %v are found; %d is missing", among, f)
			}
		}
	}
	if got := slots(nil).findAll(nil, hashes[:1]); len(got) > 0 {
		t.Errorf("a table without slots finds %v", got)
	}
}
